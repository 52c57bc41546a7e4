"""Every exception that Spectra raises on purpose.

::

    SpectraError
    ├── InvalidRequestError (ValueError)     the caller's input; nothing was written
    │   ├── InvalidSpecError                 INVALID_SPEC
    │   ├── InvalidCursorError               INVALID_CURSOR
    │   ├── SqlSyntaxError                   INVALID_SQL
    │   └── SqlRefusedError                  SQL_BLOCKED
    ├── JobNotFoundError (LookupError)       JOB_NOT_FOUND
    ├── JobExistsError                       JOB_EXISTS
    ├── RefusedError                         the job's state forbids it; nothing was written
    │   ├── TransitionError                  ILLEGAL_TRANSITION
    │   ├── UploadMissingError               NO_DATA
    │   ├── UploadChangedError               UPLOAD_CHANGED
    │   ├── UploadTooLargeError              UPLOAD_TOO_LARGE
    │   ├── ResultsNotReadyError             RESULTS_NOT_READY
    │   ├── ResultsExpiredError              RESULTS_EXPIRED
    │   ├── EffectUnknownError               EFFECT_UNKNOWN
    │   ├── AlreadyAppliedError              ALREADY_APPLIED
    │   └── JobSettlingError                 JOB_SETTLING
    ├── IdempotencyConflictError             IDEMPOTENCY_CONFLICT
    ├── JobConflictError                     JOB_CONFLICT
    ├── TenantBusyError                      TENANT_BUSY
    ├── ObjectNotFoundError (LookupError)    OBJECT_NOT_FOUND
    ├── LinkRefusedError                     LINK_REFUSED
    ├── ExecutorError                        the code of its job error
    ├── QueryTimeoutError (TimeoutError)     QUERY_TIMEOUT
    ├── WaitTimeoutError (TimeoutError)      WAIT_TIMEOUT
    ├── BackendError                         BACKEND_ERROR
    │   ├── BackendUnavailableError          BACKEND_UNAVAILABLE: not done, may be repeated
    │   ├── OutcomeUnknownError              OUTCOME_UNKNOWN: may have been done
    │   └── WarehouseLockedError             WAREHOUSE_LOCKED: another process holds it
    ├── NewerSchemaError                     NEWER_SCHEMA
    ├── ClosedError                          CLOSED
    └── ConfigurationError                   the host's own set-up
        ├── InvalidSettingsError (ValueError) INVALID_SETTINGS
        ├── NotConfiguredError               NOT_CONFIGURED
        ├── IncompatibleAdaptersError        INCOMPATIBLE_ADAPTERS
        └── MissingExtraError (ImportError)  MISSING_EXTRA

Errors carry fields, build their text in ``__str__`` and survive pickling.
Codes are stable: they are part of the public interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

if TYPE_CHECKING:
    from spectra.domain.failure import JobError
    from spectra.domain.job import Job

__all__ = [
    "AlreadyAppliedError",
    "BackendError",
    "BackendUnavailableError",
    "ClosedError",
    "ConfigurationError",
    "EffectUnknownError",
    "ExecutorError",
    "IdempotencyConflictError",
    "IncompatibleAdaptersError",
    "InvalidCursorError",
    "InvalidRequestError",
    "InvalidSettingsError",
    "InvalidSpecError",
    "JobConflictError",
    "JobExistsError",
    "JobNotFoundError",
    "JobSettlingError",
    "LinkRefusedError",
    "MissingExtraError",
    "NewerSchemaError",
    "NotConfiguredError",
    "ObjectNotFoundError",
    "OutcomeUnknownError",
    "QueryTimeoutError",
    "RefusedError",
    "ResultsExpiredError",
    "ResultsNotReadyError",
    "SpectraError",
    "SqlRefusedError",
    "SqlSyntaxError",
    "TenantBusyError",
    "TransitionError",
    "UploadChangedError",
    "UploadMissingError",
    "UploadTooLargeError",
    "WaitTimeoutError",
    "WarehouseLockedError",
]

_error = attrs.define(eq=False, slots=False)


class SpectraError(Exception):
    """Catch this to catch everything that Spectra raises on purpose."""

    code: ClassVar[str] = "INTERNAL"
    category: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    @property
    def details(self) -> dict[str, object]:
        """Facts for the caller, JSON-ready; never a secret or a row of data."""
        return {}


class InvalidRequestError(SpectraError, ValueError):
    """The caller's input cannot be served; nothing was written."""

    category = "validation"


@_error
class InvalidSpecError(InvalidRequestError):
    """A field of a request is wrong."""

    code = "INVALID_SPEC"
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"

    @property
    def details(self) -> dict[str, object]:
        return {"field": self.field}


@_error
class InvalidCursorError(InvalidRequestError):
    """A cursor that this store never gave out, or gave to another query."""

    code = "INVALID_CURSOR"
    problem: str = "not a cursor of this listing"

    def __str__(self) -> str:
        return f"cursor: {self.problem}; begin again without a cursor"


@_error
class SqlSyntaxError(InvalidRequestError):
    """The SQL does not parse."""

    code = "INVALID_SQL"
    problem: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line}, column {self.column})" if self.line is not None else ""
        return f"the SQL cannot be read: {self.problem}{where}; correct it and send it again"

    @property
    def details(self) -> dict[str, object]:
        return {"line": self.line, "column": self.column}


@_error
class SqlRefusedError(InvalidRequestError):
    """The SQL parses, and is not something that may run here."""

    code = "SQL_BLOCKED"
    reason: str
    problem: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return f"{self.problem}; send one statement that only reads what the policy allows"

    @property
    def details(self) -> dict[str, object]:
        return {"reason": self.reason, "line": self.line, "column": self.column}


@_error
class JobNotFoundError(SpectraError, LookupError):
    """Unknown, expired, or somebody else's: one answer for all three."""

    code = "JOB_NOT_FOUND"
    category = "resource"
    tenant_id: str
    job_id: str

    def __str__(self) -> str:
        return f"no job {self.tenant_id}/{self.job_id}; check the id, finished jobs expire"

    @property
    def details(self) -> dict[str, object]:
        return {"job_id": self.job_id}


@_error
class JobExistsError(SpectraError):
    """A job of this id is stored already; `add` never overwrites."""

    code = "JOB_EXISTS"
    tenant_id: str
    job_id: str

    def __str__(self) -> str:
        return f"job {self.tenant_id}/{self.job_id} exists already; ids must be new"


class RefusedError(SpectraError):
    """The job as it now is does not allow the request; nothing was written."""

    category = "validation"


@_error
class TransitionError(RefusedError):
    """No edge of the state machine leaves *state* by *event*."""

    code = "ILLEGAL_TRANSITION"
    job: str
    state: str
    event: str
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        may = ", ".join(self.allowed) or "nothing: it has ended"
        return f"job {self.job} is {self.state}, which does not allow {self.event} (allowed: {may})"

    @property
    def details(self) -> dict[str, object]:
        return {"state": self.state, "event": self.event, "allowed": list(self.allowed)}


@_error
class _JobRefusedError(RefusedError):
    job: str
    problem: str

    def __str__(self) -> str:
        return f"job {self.job}: {self.problem}"


class UploadMissingError(_JobRefusedError):
    """There is no upload, or it is empty."""

    code = "NO_DATA"


class UploadChangedError(_JobRefusedError):
    """The upload was replaced while it was being frozen."""

    code = "UPLOAD_CHANGED"


class UploadTooLargeError(_JobRefusedError):
    """The upload has more bytes than allowed."""

    code = "UPLOAD_TOO_LARGE"


class ResultsNotReadyError(_JobRefusedError):
    """The job has not ended yet."""

    code = "RESULTS_NOT_READY"
    retryable = True


class ResultsExpiredError(_JobRefusedError):
    """The files are gone; the job can still be read."""

    code = "RESULTS_EXPIRED"


class EffectUnknownError(_JobRefusedError):
    """Nobody can tell whether the load was applied."""

    code = "EFFECT_UNKNOWN"


class AlreadyAppliedError(_JobRefusedError):
    """The load was applied, so running it again would apply it twice."""

    code = "ALREADY_APPLIED"


class JobSettlingError(_JobRefusedError):
    """An ended job's execution is still being cancelled."""

    code = "JOB_SETTLING"
    retryable = True


@_error
class IdempotencyConflictError(SpectraError):
    """The key was used for another request."""

    code = "IDEMPOTENCY_CONFLICT"
    category = "validation"
    key: str
    job_id: str

    def __str__(self) -> str:
        return f"idempotency key {self.key!r} belongs to another request (job {self.job_id}); use a new key"

    @property
    def details(self) -> dict[str, object]:
        return {"job_id": self.job_id}


@_error
class JobConflictError(SpectraError):
    """Somebody else changed the job first; *job* is the job as it now is."""

    code = "JOB_CONFLICT"
    category = "transient"
    retryable = True
    job: Job
    expected_version: int

    def __str__(self) -> str:
        return (
            f"job {self.job} is at version {self.job.version}, not {self.expected_version}; "
            "read it and decide again"
        )


@_error
class TenantBusyError(SpectraError):
    """All places of the tenant are taken."""

    code = "TENANT_BUSY"
    category = "capacity"
    retryable = True
    tenant_id: str
    limit: int

    def __str__(self) -> str:
        return f"tenant {self.tenant_id} runs {self.limit} of {self.limit} jobs; try again when one has ended"

    @property
    def details(self) -> dict[str, object]:
        return {"limit": self.limit}


@_error
class ObjectNotFoundError(SpectraError, LookupError):
    """The result store has no object at this location."""

    code = "OBJECT_NOT_FOUND"
    category = "resource"
    location: str

    def __str__(self) -> str:
        return f"no object at {self.location}; it was never written, or has been deleted"


@_error
class LinkRefusedError(SpectraError):
    """A hosted link is altered, of another kind, or past its instant."""

    code = "LINK_REFUSED"
    category = "permission"
    problem: str

    def __str__(self) -> str:
        return f"the link is refused: {self.problem}; ask for a new one"


@_error
class ExecutorError(SpectraError):
    """The warehouse refused or broke off the work; *job_error* says how."""

    job_error: JobError

    @property
    def code(self) -> str:  # type: ignore[override]
        return self.job_error.code

    @property
    def category(self) -> str:  # type: ignore[override]
        return str(self.job_error.category)

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        return self.job_error.retryable

    def __str__(self) -> str:
        return f"{self.job_error.message} ({self.job_error.advice})"

    @property
    def details(self) -> dict[str, object]:
        return dict(self.job_error.details)


@_error
class QueryTimeoutError(SpectraError, TimeoutError):
    """The query was cancelled at its timeout."""

    code = "QUERY_TIMEOUT"
    category = "resource"
    seconds: float

    def __str__(self) -> str:
        return f"the query was cancelled after {self.seconds:g} s; raise the timeout or make it an export"


@_error
class WaitTimeoutError(SpectraError, TimeoutError):
    """The waiting ended; *job*, as last seen, was left alone."""

    code = "WAIT_TIMEOUT"
    category = "transient"
    retryable = True
    job: Job
    seconds: float

    def __str__(self) -> str:
        return f"job {self.job} is still {self.job.state} after {self.seconds:g} s; it goes on, so wait again"


@_error
class BackendError(SpectraError):
    """A backend failed in a way that nothing more is known of; see ``__cause__``."""

    code = "BACKEND_ERROR"
    problem: str = "the backend failed"

    def __str__(self) -> str:
        return self.problem


class BackendUnavailableError(BackendError):
    """Not done; may be repeated."""

    code = "BACKEND_UNAVAILABLE"
    category = "transient"
    retryable = True


class OutcomeUnknownError(BackendError):
    """May have been done: read before repeating."""

    code = "OUTCOME_UNKNOWN"
    category = "transient"


@_error
class WarehouseLockedError(BackendError):
    """Another process holds the embedded warehouse; *pid* if it is known."""

    code = "WAREHOUSE_LOCKED"
    category = "transient"
    retryable = True
    pid: int | None = None

    def __str__(self) -> str:
        who = f"process {self.pid}" if self.pid is not None else "another process"
        return f"{self.problem}: {who} has it open; stop that process, or ask it to do the work"

    @property
    def details(self) -> dict[str, object]:
        return {"pid": self.pid}


@_error
class NewerSchemaError(SpectraError):
    """A document written by a newer Spectra; left alone."""

    code = "NEWER_SCHEMA"
    found: int
    known: int

    def __str__(self) -> str:
        return (
            f"the document has schema {self.found}, this Spectra knows {self.known}; upgrade redshift-spectra"
        )


@_error
class ClosedError(SpectraError):
    """Used after `close`."""

    code = "CLOSED"
    what: str = "Spectra"

    def __str__(self) -> str:
        return f"{self.what} is closed; make a new one"


class ConfigurationError(SpectraError):
    """The host's own set-up is wrong."""

    category = "validation"


@_error
class InvalidSettingsError(ConfigurationError, ValueError):
    """A setting has a wrong value."""

    code = "INVALID_SETTINGS"
    variable: str
    problem: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.problem}"


@_error
class NotConfiguredError(ConfigurationError):
    """Something was asked of a part that was not given."""

    code = "NOT_CONFIGURED"
    problem: str

    def __str__(self) -> str:
        return self.problem


@_error
class IncompatibleAdaptersError(ConfigurationError):
    """The executor cannot read what the result store writes."""

    code = "INCOMPATIBLE_ADAPTERS"
    problem: str

    def __str__(self) -> str:
        return self.problem


@_error
class MissingExtraError(ConfigurationError, ImportError):
    """An optional dependency is not installed."""

    code = "MISSING_EXTRA"
    extra: str
    module: str

    def __str__(self) -> str:
        return f"{self.module} is not installed; run: pip install 'redshift-spectra[{self.extra}]'"
