"""Adding a new job, where a reply may be lost."""

from __future__ import annotations

from spectra.domain import Job
from spectra.errors import BackendError, JobNotFoundError, OutcomeUnknownError
from spectra.ports import Added, JobStore

__all__ = ["add"]


def add(store: JobStore, job: Job) -> Added:
    """Add *job*; after a lost reply, look whether it was added.

    Raises:
        OutcomeUnknownError: it may have been, and the look failed too.
    """
    try:
        return store.add(job)
    except OutcomeUnknownError as lost:
        # The id is ours alone: if it is there, the write was done.
        try:
            return Added(store.get(job.tenant_id, job.job_id))
        except JobNotFoundError:
            return store.add(job)
        except BackendError:
            raise lost from None
