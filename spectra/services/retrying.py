"""Which jobs can be retried, and from what input."""

from __future__ import annotations

from spectra.domain import Effect, ExportSpec, Job, JobState, Upload
from spectra.errors import (
    AlreadyAppliedError,
    EffectUnknownError,
    InvalidSpecError,
    JobSettlingError,
    TransitionError,
    UploadMissingError,
)

__all__ = ["input_of_retry", "same_input"]


def input_of_retry(job: Job, only: str) -> Upload | None:
    """The input that a retry of *job* starts from; None for an export, which has none.

    Raises:
        TransitionError, JobSettlingError, AlreadyAppliedError, EffectUnknownError, UploadMissingError:
            the job cannot be retried so.
    """
    if only not in ("all", "failed"):
        raise InvalidSpecError("only", "must be all or failed")
    if not job.is_terminal:
        raise TransitionError(str(job), job.state, "retry", ("abort",))
    if job.is_settling:
        raise JobSettlingError(str(job), "its execution is being ended; ask again in some seconds")
    if isinstance(job.spec, ExportSpec):
        return None
    if only == "failed":
        if job.rejected_input is None:
            raise UploadMissingError(str(job), "it has no failed records to retry")
        return job.rejected_input
    if job.effect is Effect.UNKNOWN:
        raise EffectUnknownError(str(job), "nobody can tell whether it was applied; look at the table")
    if job.state is JobState.JOB_COMPLETE or job.effect is Effect.APPLIED:
        raise AlreadyAppliedError(str(job), "it was applied; retry its failed records, or make a new job")
    if job.upload is None:
        raise UploadMissingError(str(job), "it was never uploaded; make a new job")
    return job.upload


def same_input(first: Job, second: Job) -> bool:
    """Whether two retries of one job are of the same records: all of them, or those that had failed."""
    sizes = [job.upload.bytes if job.upload is not None else None for job in (first, second)]
    return sizes[0] == sizes[1]
