"""Driving one job's execution: claim, poll, renew, finish. One non-blocking step at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import attrs

from spectra.domain import Category, Counts, Effect, Files, Job, JobError, JobState, Progress
from spectra.errors import BackendError, SpectraError
from spectra.ports import Area, Execution, Status, Task
from spectra.services.ending import Ender, task_of
from spectra.services.results import write_manifest

__all__ = ["Driver"]

MAX_LEASE: Final = 300.0
FIRST_POLL: Final = 2.0
PROGRESS_EVERY: Final = timedelta(seconds=1)
BACKOFF_CAP: Final = 60.0


@attrs.frozen(kw_only=True)
class Driver:
    """Drives jobs under one worker's name; holds no state of theirs."""

    ender: Ender
    name: str
    lease_seconds: float
    max_attempts: int
    tenant_limit: int | None
    max_poll_seconds: float = 300.0
    uniform: Callable[[], float] = random.random
    fault: Callable[[str], None] = lambda _: None

    def start(self, job: Job) -> Job:
        """Claim an UploadComplete job and begin its work.

        Raises:
            TenantBusyError, JobConflictError, JobNotFoundError: it was not claimed.
        """
        now = self._now()
        claimed = self.ender.replace(
            job,
            job.claim(at=now, worker=self.name, until=self._until(job, now), retention=self.ender.retention),
            limit=self.tenant_limit,
        )
        self.ender.events.publish("job.claimed", claimed, before=job.state, worker=self.name)
        self.fault("after-claim")
        return self._begin(claimed)

    def _begin(self, job: Job) -> Job:
        task = self.task(job)
        try:
            handle = self.ender.executor.start(task)
        except BackendError as exc:
            return self._failed_attempt(job, _lost(str(exc), code=exc.code), Execution(status=Status.LOST))
        if handle in (None, job.handle, task.label):
            return job  # a label is known to whoever polls: it is not worth a write
        if self.detached(job):
            # Whoever polls next may be elsewhere, where a search by label is slow or rationed.
            told = job.report(at=self._now(), progress=job.progress or Progress(0), handle=handle)
            return self._write(job, told, "job.progressed")
        return job.evolved(handle=handle)

    def carry_on(self, job: Job, *, wait: float = 0) -> Job:
        """Take the next step of an InProgress job, unless another worker's lease still holds."""
        now = self._now()
        lease = job.lease
        if lease is not None and lease.worker != self.name and lease.until > now:
            return job
        if job.deadline_at is not None and now >= job.deadline_at:
            return self._time_out(job)
        if lease is None:
            return job if job.due_at is not None and job.due_at > now else self._reclaim(job)
        execution = self.ender.executor.poll(self.task(job), wait=wait)
        match execution.status:
            case Status.RUNNING:
                return self._keep(job, execution)
            case Status.SUCCEEDED:
                return self._complete(job, execution)
            case Status.FAILED:
                error = execution.error or _lost("the executor gave no reason", code="INTERNAL")
                return self._failed_attempt(job, error, execution)
            case Status.CANCELLED | Status.LOST:
                text = f"the execution of attempt {job.attempt} is gone"
                return self._failed_attempt(job, _lost(text), execution)

    def hand_back(self, job: Job) -> Job:
        """End the attempt of attached work because this process stops; another worker begins the next."""
        effect = self.ender.executor.cancel(self.task(job), close_ledger=False)
        if effect is Effect.APPLIED:
            return self.carry_on(job)
        now = self._now()
        due_at = now if effect is not Effect.PENDING else now + timedelta(seconds=FIRST_POLL)
        return self._write(job, job.reschedule(at=now, due_at=due_at), "job.rescheduled")

    def task(self, job: Job) -> Task:
        """The job's present attempt."""
        return task_of(job, self.ender.results, self.ender.group)

    def detached(self, job: Job) -> bool:
        """Whether the job's work outlives this process."""
        return self.ender.executor.detached(self.task(job))

    # ---- what polling said ----------------------------------------------------------------------

    def _keep(self, job: Job, execution: Execution) -> Job:
        now = self._now()
        lease = job.lease
        mine = lease is not None and lease.worker == self.name
        after = job
        if execution.progress is not None or execution.handle not in (None, job.handle):
            progress = execution.progress or job.progress or Progress(0)
            after = job.report(at=now, progress=progress, handle=execution.handle)
        progressed = after.progress != job.progress and now - job.updated_at >= PROGRESS_EVERY
        left = (lease.until - now).total_seconds() if lease is not None else 0.0
        if mine and not progressed and left > self._lease_length(job, now) * 2 / 3:
            return job
        after = after.renew(at=now, worker=self.name, until=self._until(job, now))
        return self._write(job, after, "job.progressed" if mine else "job.adopted")

    def _complete(self, job: Job, execution: Execution) -> Job:
        self.fault("before-manifest")
        counts = execution.counts or Counts(total=0)
        after = job.complete(
            at=self._now(),
            retention=self.ender.retention,
            counts=counts,
            results=self._listed(execution, "results"),
            failed_records=self._listed(execution, "failed_records"),
            rejected_input=execution.rejected_input,
            warnings=execution.warnings,
        )
        self.fault("before-complete")
        done = self._write(job, after, "job.completed", records=counts.total, failed=counts.failed)
        self._clean(done)
        return done

    def _failed_attempt(self, job: Job, error: JobError, execution: Execution) -> Job:
        if not error.retryable:
            return self._fail(job, error, execution)
        if execution.status is not Status.FAILED:
            effect = self._ended_effect(job)
            if effect is Effect.PENDING:
                return self._later(job)
            if effect is Effect.APPLIED:
                return self._complete(job, self.ender.executor.poll(self.task(job)))
        if job.attempt >= self.max_attempts:
            return self._fail(job, error, execution)
        now = self._now()
        delay = min(2.0 ** (job.attempt - 1), BACKOFF_CAP) * (1 - 0.5 * self.uniform())
        after = job.reschedule(at=now, due_at=now + timedelta(seconds=delay), error=error)
        return self._write(job, after, "job.rescheduled", error=error.code)

    def _ended_effect(self, job: Job) -> Effect:
        """Cancel what may be left of the attempt; PENDING while the backend cannot be reached."""
        try:
            return self.ender.executor.cancel(self.task(job), close_ledger=False)
        except BackendError:
            return Effect.PENDING

    def _fail(self, job: Job, error: JobError, execution: Execution) -> Job:
        effect = self.ender.executor.cancel(self.task(job))
        if effect is Effect.PENDING:
            return self._later(job)
        if effect is Effect.APPLIED:
            return self._complete(job, self.ender.executor.poll(self.task(job)))
        after = job.fail(
            at=self._now(),
            retention=self.ender.retention,
            error=error,
            counts=execution.counts,
            effect=effect,
            failed_records=self._listed(execution, "failed_records"),
            unprocessed_records=self._listed(execution, "unprocessed_records"),
            rejected_input=execution.rejected_input,
        )
        failed = self._write(job, after, "job.failed", error=error.code, category=str(error.category))
        self._clean(failed)
        return failed

    def _time_out(self, job: Job) -> Job:
        hours = self.ender.retention.run.total_seconds() / 3600
        text = f"the job was ended after {hours:g} hours; split the work, or raise the job timeout"
        error = JobError("JOB_TIMEOUT", Category.RESOURCE, text)
        return self._fail(job, error, Execution(status=Status.CANCELLED))

    def _reclaim(self, job: Job) -> Job:
        now = self._now()
        after = job.reclaim(at=now, worker=self.name, until=self._until(job, now))
        return self._begin(self._write(job, after, "job.reclaimed", worker=self.name))

    def _later(self, job: Job) -> Job:
        now = self._now()
        until = now + timedelta(seconds=FIRST_POLL)
        return self._write(job, job.renew(at=now, worker=self.name, until=until), "job.progressed")

    # ---- plumbing -------------------------------------------------------------------------------

    def _listed(self, execution: Execution, kind: str) -> Files | None:
        files: Files | None = getattr(execution, kind)
        if files is None or not files.parts:
            return files
        folder = files.parts[0].location.rpartition("/")[0] + "/"
        return write_manifest(self.ender.results, folder, files, kind)

    def _clean(self, job: Job) -> None:
        """Delete what other attempts left; expiry deletes again, so a fault here loses nothing."""
        last = job.attempt if job.state is JobState.FAILED else job.attempt - 1
        with suppress(SpectraError):
            for attempt in range(1, last + 1):
                results = self.ender.results
                results.delete(results.location(job.tenant_id, job.job_id, Area.RESULTS, attempt))

    def _write(self, job: Job, after: Job, event: str, **facts: object) -> Job:
        stored = self.ender.replace(job, after)
        self.ender.events.publish(event, stored, before=job.state, **facts)
        return stored

    def _now(self) -> datetime:
        return self.ender.clock.now()

    def _until(self, job: Job, now: datetime) -> datetime:
        return now + timedelta(seconds=self._lease_length(job, now))

    def _lease_length(self, job: Job, now: datetime) -> float:
        """Attached: a lease that grows with the job's age. Detached: the time to the next poll."""
        age = (now - job.started_at).total_seconds() if job.started_at is not None else 0.0
        if self.detached(job):
            return min(max(FIRST_POLL, age), self.max_poll_seconds)
        return min(max(self.lease_seconds, age), max(MAX_LEASE, self.lease_seconds))


def _lost(text: str, *, code: str = "EXECUTION_LOST") -> JobError:
    return JobError.of(code, Category.TRANSIENT, text)
