"""The errors that a call may answer with: real ones, so that code, status and body are what hosts give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from spectra import codec
from spectra.domain import Category, JobError, JobState
from spectra.errors import (
    AlreadyAppliedError,
    BackendError,
    BackendUnavailableError,
    ClosedError,
    CrossOriginError,
    EffectUnknownError,
    ExecutorError,
    IdempotencyConflictError,
    InvalidCursorError,
    InvalidSpecError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    JobSettlingError,
    LinkRefusedError,
    MissingExtraError,
    NewerSchemaError,
    NotConfiguredError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    QueryBusyError,
    QueryTimeoutError,
    RequestTooLargeError,
    ResultsExpiredError,
    ResultsNotReadyError,
    SqlNotSupportedError,
    SqlRefusedError,
    SqlSyntaxError,
    TransitionError,
    UploadChangedError,
    UploadMissingError,
    UploadTooLargeError,
    WaitTimeoutError,
    WarehouseLockedError,
)
from spectra.hosts.http.messages import MAX_BODY
from spectra.hosts.http.openapi.examples import EXPORT, REQUEST_ID
from spectra.hosts.http.openapi.responses import RETRY_AFTER, json
from spectra.hosts.http.openapi.schemas import Schema

__all__ = ["ANYWHERE", "FAILURES", "failures"]

_JOB: Final = str(EXPORT)

ANYWHERE: Final = (
    BackendUnavailableError("the job store cannot be reached"),
    OutcomeUnknownError("the job store did not answer; read before you repeat"),
    BackendError(),
    NewerSchemaError(2, 1),
    ClosedError(),
    MissingExtraError("embedded", "duckdb"),
    RuntimeError(),  # of what Spectra did not raise on purpose nothing is told
)
_FIELD: Final = (InvalidSpecError("limit", "must be 1 to 1,000"),)
_ORIGIN: Final = (CrossOriginError("https://elsewhere.example"),)
_BODY: Final = (RequestTooLargeError(MAX_BODY),)
_SQL: Final = (
    SqlSyntaxError("expected a table after FROM", 1, 14),
    SqlRefusedError("not_a_read", "the statement changes data", 1, 1),
)
_KEY: Final = (IdempotencyConflictError("order-17", EXPORT.job_id),)
_ID: Final = (JobNotFoundError(EXPORT.tenant_id, EXPORT.job_id),)
_NEW: Final = (JobExistsError(EXPORT.tenant_id, EXPORT.job_id),)
_RACE: Final = (JobConflictError(EXPORT, EXPORT.version - 1),)
_STATE: Final = (TransitionError(_JOB, JobState.JOB_COMPLETE, "abort"),)
_SETTLING: Final = (JobSettlingError(_JOB, "its execution is being ended; ask again in some seconds"),)
_NO_DATA: Final = (UploadMissingError(_JOB, "nothing was uploaded; upload a file, then close"),)
_CHANGED: Final = (UploadChangedError(_JOB, "the upload was replaced; close it again"),)
_LARGE: Final = (
    UploadTooLargeError(
        _JOB, "the upload has 150,000,001 bytes or more, at most 150,000,000; split the file"
    ),
)
_EXPIRED: Final = (ResultsExpiredError(_JOB, "its files expired at 2026-02-05 10:05:00Z; run it again"),)
_RESULTS: Final = (
    *_FIELD,
    *_ID,
    ResultsNotReadyError(_JOB, "it is InProgress; wait until it has ended"),
    *_EXPIRED,
)
_LINK: Final = (LinkRefusedError("it has expired"), ObjectNotFoundError("this link"))
_WAREHOUSE: Final = tuple(
    ExecutorError(JobError.of(code, category, message, sql_state=state))
    for code, category, message, state in (
        ("QUERY_ERROR", Category.VALIDATION, "column 'invalid_column' does not exist", "42703"),
        ("PERMISSION_DENIED", Category.PERMISSION, "permission denied for table sales", "42501"),
        ("DISK_FULL", Category.RESOURCE, "the disk of the warehouse is full", "53100"),
        ("TOO_MANY_CONNECTIONS", Category.CAPACITY, "too many connections", "53300"),
        ("SERIALIZATION_CONFLICT", Category.TRANSIENT, "serializable isolation violation", "40001"),
        ("WAREHOUSE_ERROR", Category.INTERNAL, "the warehouse failed", None),
    )
)
_QUERY: Final = (
    QueryTimeoutError(60),
    QueryBusyError("tenant", 5),
    *_WAREHOUSE,
    WaitTimeoutError(EXPORT, 60),
    NotConfiguredError("no query runner was given; pass one to Spectra as query_runner"),
    WarehouseLockedError("the warehouse is locked", 4711),
)

FAILURES: Final[Mapping[str, tuple[Exception, ...]]] = MappingProxyType(
    {
        "create_job": (*_FIELD, *_SQL, *_ORIGIN, *_BODY, *_NEW, *_KEY),
        "list_jobs": (*_FIELD, InvalidCursorError()),
        "read_job": (*_FIELD, *_ID),
        "change_job": (
            *_FIELD,
            *_ORIGIN,
            *_ID,
            *_BODY,
            *_STATE,
            *_NO_DATA,
            *_CHANGED,
            *_LARGE,
            *_RACE,
        ),
        "delete_job": (*_FIELD, *_ORIGIN, *_ID, *_STATE, *_SETTLING, *_RACE),
        "upload_url": (*_FIELD, *_ID, *_STATE, *_LARGE),
        "upload": (*_FIELD, *_ORIGIN, *_ID, *_STATE, *_LARGE),
        "results": _RESULTS,
        "failed_results": _RESULTS,
        "unprocessed_results": (*_RESULTS, *_SETTLING),
        "retry_job": (
            *_FIELD,
            *_ORIGIN,
            *_ID,
            *_BODY,
            *_STATE,
            *_SETTLING,
            *_NO_DATA,
            AlreadyAppliedError(_JOB, "it was applied; retry its failed records, or make a new job"),
            EffectUnknownError(_JOB, "nobody can tell whether it was applied; look at the table"),
            *_EXPIRED,
            *_CHANGED,
            *_NEW,
            *_KEY,
        ),
        "run_query": (
            *_FIELD,
            *_SQL,
            SqlNotSupportedError("the function generate_series is not had here", 1, 8),
            *_ORIGIN,
            *_BODY,
            *_EXPIRED,
            *_NEW,
            *_KEY,
            *_STATE,
            *_QUERY,
        ),
        "download": _LINK,
        "look_at_download": _LINK,
        "upload_by_link": (*_FIELD, *_LINK, *_LARGE),
    }
)
"""What each call may be refused with, beside what may happen anywhere."""


def failures(name: str) -> dict[int, Schema]:
    """The error responses of a call as Response Objects, by status; each code with an example."""
    found: dict[int, list[Exception]] = {}
    for exc in (*FAILURES[name], *ANYWHERE):
        found.setdefault(codec.http_status(exc), []).append(exc)
    return {status: _response(kinds) for status, kinds in sorted(found.items())}


def _response(kinds: Sequence[Exception]) -> Schema:
    bodies = [codec.error(exc, request_id=REQUEST_ID) for exc in kinds]
    examples = {body["error"]["code"]: body for body in bodies}
    retryable = any("Retry-After" in codec.http_headers(exc) for exc in kinds)
    return json(", ".join(examples), "Error", RETRY_AFTER if retryable else None, examples)
