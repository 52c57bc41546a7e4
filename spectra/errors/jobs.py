"""What a job's identity, version or state forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra.errors.base import SpectraError, error

if TYPE_CHECKING:
    from spectra.domain.job import Job

__all__ = [
    "AlreadyAppliedError",
    "EffectUnknownError",
    "IdempotencyConflictError",
    "JobConflictError",
    "JobExistsError",
    "JobNotFoundError",
    "JobSettlingError",
    "RefusedError",
    "ResultsExpiredError",
    "ResultsNotReadyError",
    "TenantBusyError",
    "TransitionError",
    "UploadChangedError",
    "UploadMissingError",
    "UploadTooLargeError",
]


@error
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


@error
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


@error
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


@error
class _JobRefusedError(RefusedError):
    """*job* is the text form of the job, ``tenant/job``; *problem* says what is wrong and what to do."""

    job: str
    problem: str

    def __str__(self) -> str:
        return f"job {self.job}: {self.problem}"


class UploadMissingError(_JobRefusedError):
    """There is no upload, or it is empty."""

    code = "NO_DATA"


class UploadChangedError(_JobRefusedError):
    """The upload was replaced while it was being frozen. Its fields: the text form of the job, the problem."""

    code = "UPLOAD_CHANGED"


class UploadTooLargeError(_JobRefusedError):
    """The upload has more bytes than allowed. Its fields: the text form of the job, the problem."""

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


@error
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


@error
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


@error
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
