"""Work that failed, or took longer than somebody would wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectra.errors.base import SpectraError, error

if TYPE_CHECKING:
    from spectra.domain.failure import JobError
    from spectra.domain.job import Job

__all__ = ["ExecutorError", "QueryBusyError", "QueryTimeoutError", "WaitTimeoutError"]


@error
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


@error
class QueryTimeoutError(SpectraError, TimeoutError):
    """The query was cancelled at its timeout."""

    code = "QUERY_TIMEOUT"
    category = "resource"
    seconds: float

    def __str__(self) -> str:
        return f"the query was cancelled after {self.seconds:g} s; raise the timeout or make it an export"


@error
class QueryBusyError(SpectraError):
    """As many queries run as may; *scope* says of whom: ``tenant`` or ``process``. Nothing was sent."""

    code = "QUERY_BUSY"
    category = "capacity"
    retryable = True
    scope: str
    limit: int

    def __str__(self) -> str:
        whose = "the tenant runs" if self.scope == "tenant" else "this process runs"
        return f"{whose} {self.limit} of {self.limit} queries; try again when one has ended, or make it an export"

    @property
    def details(self) -> dict[str, object]:
        return {"scope": self.scope, "limit": self.limit}


@error
class WaitTimeoutError(SpectraError, TimeoutError):
    """The waiting ended; *job*, as last seen, was left alone."""

    code = "WAIT_TIMEOUT"
    category = "transient"
    retryable = True
    job: Job
    seconds: float

    def __str__(self) -> str:
        return f"job {self.job} is still {self.job.state} after {self.seconds:g} s; it goes on, so wait again"
