"""Every exception that Spectra raises on purpose.

::

    SpectraError
    ├── InvalidRequestError (ValueError)     the caller's input; nothing was written
    │   ├── InvalidSpecError                 INVALID_SPEC
    │   ├── InvalidCursorError               INVALID_CURSOR
    │   ├── SqlSyntaxError                   INVALID_SQL
    │   ├── SqlRefusedError                  SQL_BLOCKED
    │   ├── RequestTooLargeError             REQUEST_TOO_LARGE
    │   └── CrossOriginError                 CROSS_ORIGIN
    │   └── SqlNotSupportedError             SQL_NOT_SUPPORTED
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
    ├── QueryBusyError                       QUERY_BUSY
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

from spectra.errors.backends import (
    BackendError,
    BackendUnavailableError,
    ClosedError,
    LinkRefusedError,
    NewerSchemaError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    WarehouseLockedError,
)
from spectra.errors.base import SpectraError
from spectra.errors.configuration import (
    ConfigurationError,
    IncompatibleAdaptersError,
    InvalidSettingsError,
    MissingExtraError,
    NotConfiguredError,
)
from spectra.errors.execution import ExecutorError, QueryBusyError, QueryTimeoutError, WaitTimeoutError
from spectra.errors.jobs import (
    AlreadyAppliedError,
    EffectUnknownError,
    IdempotencyConflictError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    JobSettlingError,
    RefusedError,
    ResultsExpiredError,
    ResultsNotReadyError,
    TenantBusyError,
    TransitionError,
    UploadChangedError,
    UploadMissingError,
    UploadTooLargeError,
)
from spectra.errors.requests import (
    CrossOriginError,
    InvalidCursorError,
    InvalidRequestError,
    InvalidSpecError,
    RequestTooLargeError,
    SqlNotSupportedError,
    SqlRefusedError,
    SqlSyntaxError,
)

__all__ = [
    "AlreadyAppliedError",
    "BackendError",
    "BackendUnavailableError",
    "ClosedError",
    "ConfigurationError",
    "CrossOriginError",
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
    "QueryBusyError",
    "QueryTimeoutError",
    "RefusedError",
    "RequestTooLargeError",
    "ResultsExpiredError",
    "ResultsNotReadyError",
    "SpectraError",
    "SqlNotSupportedError",
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
