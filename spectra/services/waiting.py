"""Waiting for a job, and why a job waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import attrs

from spectra.domain import Job, JobState, Polling
from spectra.errors import BackendUnavailableError, WaitTimeoutError
from spectra.ports import Clock, JobStore

__all__ = ["Waiting", "explain", "wait"]

FAULTS_IN_A_ROW = 5
LONGEST = timedelta(days=3650)
PAGE = 1_000


@attrs.frozen(kw_only=True)
class Waiting:
    """Why a job is not running: *reason* is a stable word, *text* is for people.

    *position* counts from 1 within the tenant's queue, as far as one page of it tells.
    """

    reason: str
    text: str
    until: datetime | None = None
    position: int | None = None
    running: int | None = None
    limit: int | None = None


def wait(
    read: Callable[[], Job],
    clock: Clock,
    *,
    timeout: timedelta,
    polling: Polling,
    on_poll: Callable[[Job], None] | None,
) -> Job:
    """Read until the job has ended and settled, or raise `WaitTimeoutError`; never changes the job.

    Looks once at once, then after each of *polling*'s delays, and a last time at the deadline. Up to
    four failed looks in a row are borne.
    """
    if not isinstance(timeout, timedelta):
        raise TypeError(f"timeout must be a timedelta, not {type(timeout).__name__}")
    deadline = clock.now() + min(timeout, LONGEST)
    delays = polling.delays()
    faults = 0
    job: Job | None = None
    while True:
        try:
            job = read()
            faults = 0
        except BackendUnavailableError:
            faults += 1
            if faults >= FAULTS_IN_A_ROW:
                raise
        else:
            if on_poll is not None:
                on_poll(job)
            if job.is_terminal and not job.is_settling:
                return job
        left = (deadline - clock.now()).total_seconds()
        if left <= 0:
            if job is None:
                job = read()
            raise WaitTimeoutError(job, timeout.total_seconds())
        clock.sleep(min(next(delays), left))


def explain(job: Job, store: JobStore, clock: Clock, limit: int | None) -> Waiting | None:
    """Say which rule keeps *job* from going on; None if nothing does."""
    now = clock.now()
    if job.state is JobState.OPEN:
        return Waiting(
            reason="upload",
            text=f"nobody has closed the upload; it is given up at {job.deadline_at:%F %T}Z",
            until=job.deadline_at,
        )
    if job.is_settling:
        return Waiting(reason="settling", text="its execution is being ended", until=job.due_at)
    if job.state is JobState.IN_PROGRESS and job.lease is None and job.due_at and job.due_at > now:
        why = f" after {job.last_error.code}: {job.last_error.message}" if job.last_error else ""
        return Waiting(
            reason="rescheduled", text=f"the next step is at {job.due_at:%F %T}Z{why}", until=job.due_at
        )
    if job.state is not JobState.UPLOAD_COMPLETE:
        return None
    _, running = store.backlog(now).by_tenant.get(job.tenant_id, (0, 0))
    queue = [j.job_id for j in _waiting(store, job.tenant_id, now)]
    position = queue.index(job.job_id) + 1 if job.job_id in queue else None
    if limit is not None and running >= limit:
        return Waiting(
            reason="tenant_limit",
            text=f"the tenant runs {running} of {limit} jobs",
            position=position,
            running=running,
            limit=limit,
        )
    seconds = (now - job.updated_at).total_seconds()
    return Waiting(
        reason="no_worker",
        text=f"nobody has tried it for {seconds:.0f} s; is a worker running?",
        position=position,
        running=running,
        limit=limit,
    )


def _waiting(store: JobStore, tenant_id: str, now: datetime) -> list[Job]:
    due = store.due(now, limit=PAGE, per_tenant=PAGE, tenant_id=tenant_id)
    return [job for job in due if job.state is JobState.UPLOAD_COMPLETE]
