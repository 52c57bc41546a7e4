"""Steps that end things: timeouts before the work begins, settling, expiry. No lease is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import attrs

from spectra.domain import Effect, Job, JobState, Retention
from spectra.errors import BackendError
from spectra.ports import Area, Clock, Executor, JobStore, ResultStore, Status, Task
from spectra.services.events import EventLog

__all__ = ["Ender", "of_job_store", "task_of"]

SETTLE_AGAIN = timedelta(seconds=2)


@contextmanager
def of_job_store() -> Iterator[None]:
    """Mark what fails here as a failure of the job store."""
    try:
        yield
    except BackendError as exc:
        exc.of_job_store = True
        raise


def task_of(job: Job, results: ResultStore, group: str) -> Task:
    """The work of the job's present attempt, or before the claim of its first, as an executor sees it."""
    attempt = max(job.attempt, 1)
    return Task(
        tenant_id=job.tenant_id,
        job_id=job.job_id,
        attempt=attempt,
        spec=job.spec,
        results=results.location(job.tenant_id, job.job_id, Area.RESULTS, attempt),
        failed=results.location(job.tenant_id, job.job_id, Area.FAILED, attempt),
        claimed_at=next(
            (e.at for e in reversed(job.history) if e.event in ("claim", "reclaim")), job.updated_at
        ),
        session=job.session,
        handle=job.handle,
        upload=job.upload,
        group=group,
    )


@attrs.frozen(kw_only=True)
class Ender:
    """Takes such steps; each is idempotent, and a stale image changes nothing."""

    store: JobStore
    executor: Executor
    results: ResultStore
    clock: Clock
    events: EventLog
    retention: Retention
    group: str

    def replace(self, old: Job, new: Job, *, limit: int | None = None) -> Job:
        """`JobStore.replace`; what fails there is marked, so that a host can tell it from other failures."""
        with of_job_store():
            return self.store.replace(old, new, limit=limit)

    def step(self, job: Job) -> Job | None:
        """Take the step that *job* asks for; None if it asks for none of these.

        Raises:
            JobConflictError, JobNotFoundError: the image is stale.
        """
        now = self.clock.now()
        if job.is_terminal:
            if job.is_settling:
                return self._settle(job)
            if job.files_until is not None and now >= job.files_until:
                return self._expire(job)
            return job
        if job.state is not JobState.IN_PROGRESS and job.deadline_at is not None and now >= job.deadline_at:
            return self._time_out(job)
        return job if job.state is JobState.OPEN else None

    def _time_out(self, job: Job) -> Job:
        code = "UPLOAD_TIMEOUT" if job.state is JobState.OPEN else "QUEUE_TIMEOUT"
        aborted = self.replace(
            job, job.abort(at=self.clock.now(), retention=self.retention, code=code, actor="spectra")
        )
        self.events.publish("job.aborted", aborted, before=job.state, reason=code)
        return aborted

    def _settle(self, job: Job) -> Job:
        task = task_of(job, self.results, self.group)
        effect = self.executor.cancel(task)
        now = self.clock.now()
        if effect is Effect.PENDING:
            later = self.replace(job, job.postponed(at=now, due_at=now + SETTLE_AGAIN))
            self.events.publish("job.settling", later, before=job.state, seconds_settling=_since_end(later))
            return later
        counts = None
        if effect is Effect.APPLIED:
            execution = self.executor.poll(task)
            counts = execution.counts if execution.status is Status.SUCCEEDED else None
        self.results.delete(self.results.location(job.tenant_id, job.job_id, Area.RESULTS))
        settled = self.replace(
            job, job.settle(at=now, retention=self.retention, effect=effect, counts=counts)
        )
        seconds = _since_end(settled)
        self.events.publish(
            "job.settled", settled, before=job.state, effect=str(effect), seconds_settling=seconds
        )
        return settled

    def _expire(self, job: Job) -> Job:
        self.results.delete(self.results.location(job.tenant_id, job.job_id))
        now = self.clock.now()
        if job.ttl is not None and now < job.ttl:
            return self.replace(job, job.postponed(at=now, due_at=job.ttl))
        if job.started_at is not None:
            self.executor.forget(job.tenant_id, job.job_id)
        with of_job_store():
            self.store.delete(job.tenant_id, job.job_id)
        self.events.publish("job.expired", job, before=job.state)
        return job


def _since_end(job: Job) -> float:
    return (job.updated_at - (job.completed_at or job.updated_at)).total_seconds()
