"""Errors on the wire: body, HTTP status, headers; one table for every host."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from spectra import errors as e

__all__ = ["error", "http_headers", "http_status"]

HTTP_STATUS: Final[Mapping[type[e.SpectraError], int]] = MappingProxyType(
    {
        e.InvalidRequestError: 400,
        e.RequestTooLargeError: 413,
        e.CrossOriginError: 403,
        e.JobNotFoundError: 404,
        e.ObjectNotFoundError: 404,
        e.LinkRefusedError: 403,
        e.UploadTooLargeError: 413,
        e.ResultsExpiredError: 410,
        e.RefusedError: 409,
        e.IdempotencyConflictError: 422,
        e.JobExistsError: 409,
        e.JobConflictError: 409,
        e.TenantBusyError: 429,
        e.QueryTimeoutError: 408,
        e.QueryBusyError: 429,
        e.WaitTimeoutError: 504,
        e.BackendUnavailableError: 503,
        e.OutcomeUnknownError: 503,
        e.WarehouseLockedError: 503,
        e.SpectraError: 500,
    }
)
BY_CATEGORY: Final[Mapping[str, int]] = MappingProxyType(
    {
        "validation": 400,
        "permission": 403,
        "resource": 404,
        "capacity": 429,
        "transient": 503,
        "internal": 500,
    }
)
RETRY_AFTER_SECONDS: Final = 5


def http_status(exc: BaseException, /) -> int:
    """The status of *exc*; 500 for what Spectra does not know."""
    if isinstance(exc, e.ExecutorError):
        return BY_CATEGORY[exc.category]
    return next((HTTP_STATUS[kind] for kind in type(exc).__mro__ if kind in HTTP_STATUS), 500)


def http_headers(exc: BaseException, /) -> dict[str, str]:
    """Headers that go with the status: Retry-After where repeating helps."""
    if isinstance(exc, e.SpectraError) and exc.retryable:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return {}


def error(exc: BaseException, /, *, request_id: str | None = None) -> dict[str, Any]:
    """The body of an error; of an exception that is not Spectra's own, nothing is told."""
    problem: dict[str, Any] = {
        "code": "INTERNAL",
        "category": "internal",
        "retryable": False,
        "message": "something went wrong; report it with the request id",
        "details": {},
    }
    if isinstance(exc, e.SpectraError):
        problem = {
            "code": exc.code,
            "category": exc.category,
            "retryable": exc.retryable,
            "message": str(exc),
            "details": exc.details,
        }
    return {"error": problem | {"request_id": request_id}}
