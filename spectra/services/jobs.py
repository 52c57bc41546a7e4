"""What a tenant can ask of jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal

import attrs

from spectra.domain import (
    Caller,
    ExportSpec,
    FixedInterval,
    Job,
    JobState,
    Operation,
    Polling,
    Retention,
    Spec,
)
from spectra.domain.text import is_id
from spectra.errors import (
    IdempotencyConflictError,
    JobConflictError,
    JobNotFoundError,
    JobSettlingError,
    OutcomeUnknownError,
    SpectraError,
    TransitionError,
    UploadMissingError,
)
from spectra.ports import Added, Clock, Executor, JobStore, Page, UploadTarget, UploadWriter
from spectra.services.asking import check_listing, check_spec, checked, within
from spectra.services.creating import add
from spectra.services.events import EventLog
from spectra.services.results import ResultLinks, Results
from spectra.services.retrying import input_of_retry, same_input
from spectra.services.uploads import Uploads
from spectra.services.waiting import Waiting, explain, wait

__all__ = ["Created", "JobService"]

TRIES = 5
Created = Added
_EVERY_FIVE_SECONDS = FixedInterval()


@attrs.frozen(kw_only=True)
class JobService:
    """Creates jobs, takes uploads, tells how jobs are, ends them. Holds ports, no state.

    Asking for what has already happened succeeds. Every method raises `JobNotFoundError` for a job
    that is unknown, expired or another tenant's, and the errors of the backends.
    """

    store: JobStore
    uploads: Uploads
    links: ResultLinks
    executor: Executor
    clock: Clock
    new_id: Callable[[], str]
    events: EventLog
    retention: Retention
    tenant_limit: int | None
    check_sql: Callable[[ExportSpec, str], None]

    def create(
        self,
        caller: Caller,
        spec: Spec,
        /,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Created:
        """Make a job: Open for a load, UploadComplete for an export, in one write.

        Raises:
            InvalidSpecError: something the executor cannot do.
            SqlSyntaxError, SqlRefusedError: the export's SQL.
            IdempotencyConflictError: the key belongs to another request.
        """
        check_spec(spec)
        self.executor.check(spec, checked(caller).session)
        if isinstance(spec, ExportSpec):
            self.check_sql(spec, self.executor.dialect)
        job = self._new(caller, spec, idempotency_key=idempotency_key, labels=labels)
        return self._add(job)

    def _new(
        self,
        caller: Caller,
        spec: Spec,
        *,
        idempotency_key: str | None,
        labels: Mapping[str, str] | None,
        retry_of: str | None = None,
    ) -> Job:
        return Job.new(
            tenant_id=caller.tenant_id,
            job_id=self.new_id(),
            spec=spec,
            at=self.clock.now(),
            retention=self.retention,
            actor=caller.actor,
            session=caller.session,
            labels=labels,
            idempotency_key=idempotency_key,
            retry_of=retry_of,
        )

    def _add(self, job: Job, event: str = "job.created") -> Created:
        added = add(self.store, job)
        if not added.replayed:
            self.events.publish(event, added.job)
        return added

    def upload_target(
        self,
        caller: Caller,
        job_id: str,
        /,
        *,
        size: int | None = None,
        expires_in: timedelta | None = None,
    ) -> UploadTarget:
        """Say where the client can send the upload; another one before the close replaces it.

        Raises:
            TransitionError: the job takes no upload, or no longer.
            UploadTooLargeError: *size* is above the limit.
        """
        life = within(expires_in, self.links.life)
        return self.uploads.target(self.get(caller, job_id), size, life)

    @contextmanager
    def open_upload(self, caller: Caller, job_id: str, /) -> Iterator[UploadWriter]:
        """Take the upload through this process; it is there when the context is left without error.

        Raises:
            TransitionError: the job takes no upload, or no longer.
            UploadTooLargeError: more bytes than allowed; what was sent is dropped.
        """
        job = self.get(caller, job_id)
        with self.uploads.writer(job, lambda: self.get(caller, job_id)) as writer:
            yield writer

    def close_upload(self, caller: Caller, job_id: str, /) -> Job:
        """Freeze the upload; the work may begin. Of a job that was closed before, return it as it is.

        Raises:
            UploadMissingError: nothing was uploaded, or it is empty; the job stays Open.
            UploadTooLargeError, UploadChangedError: likewise.
            TransitionError: the job was aborted.
        """
        for _ in range(TRIES):
            job = self.get(caller, job_id)
            if job.state is JobState.ABORTED:
                raise TransitionError(str(job), job.state, "close_upload")
            if job.state is not JobState.OPEN:
                return job
            try:
                upload = self.uploads.freeze(job)
            except UploadMissingError:
                if self.get(caller, job_id).state is JobState.OPEN:
                    raise
                continue  # another closer was faster, and took it
            closed = job.close_upload(
                at=self.clock.now(), retention=self.retention, upload=upload, actor=caller.actor
            )
            try:
                closed = self.store.replace(job, closed)
            except JobConflictError:
                self.uploads.drop(upload)
                continue
            except JobNotFoundError:
                self.uploads.drop(upload)
                raise
            self.events.publish("job.upload_closed", closed, before=job.state, bytes=upload.bytes)
            self.uploads.discard(closed)
            return closed
        raise JobConflictError(job, job.version)

    def get(self, caller: Caller, job_id: str, /) -> Job:
        """Read a job; sees every finished write."""
        if not is_id(job_id):
            raise JobNotFoundError(checked(caller).tenant_id, ascii(job_id)[:128])
        return self.store.get(checked(caller).tenant_id, job_id)

    def find(
        self,
        caller: Caller,
        /,
        *,
        states: Collection[JobState] | None = None,
        operations: Collection[Operation] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        """List the tenant's jobs, newest first, 1 to 1,000 a page.

        Raises:
            InvalidSpecError: *limit* is out of bounds.
            InvalidCursorError: *cursor* is not of this listing.
        """
        check_listing(limit, created_after, created_before)
        return self.store.find(
            checked(caller).tenant_id,
            states=states,
            operations=operations,
            created_after=created_after,
            created_before=created_before,
            limit=limit,
            cursor=cursor,
        )

    def results(self, caller: Caller, job_id: str, /, *, expires_in: timedelta | None = None) -> Results:
        """Links to what an export wrote; may be asked for any number of times.

        Raises:
            ResultsNotReadyError: the job has not ended.
            ResultsExpiredError: its files are gone.
        """
        return self.links.results(self.get(caller, job_id), within(expires_in, self.links.life))

    def failed_records(
        self, caller: Caller, job_id: str, /, *, expires_in: timedelta | None = None
    ) -> Results:
        """Links to the refused records, each with record, line, column, code and reason."""
        return self.links.failed_records(self.get(caller, job_id), within(expires_in, self.links.life))

    def unprocessed_records(
        self, caller: Caller, job_id: str, /, *, expires_in: timedelta | None = None
    ) -> Results:
        """Links to the records that had no effect although nothing was found wrong with them."""
        return self.links.unprocessed_records(self.get(caller, job_id), within(expires_in, self.links.life))

    def abort(self, caller: Caller, job_id: str, /, *, reason: str | None = None) -> Job:
        """End a job. One that was InProgress has the effect pending until a worker has settled it.

        Raises:
            TransitionError: it is JobComplete or Failed.
        """
        for _ in range(TRIES):
            job = self.get(caller, job_id)
            if job.state is JobState.ABORTED:
                return job
            aborted = job.abort(
                at=self.clock.now(), retention=self.retention, reason=reason, actor=caller.actor
            )
            try:
                aborted = self.store.replace(job, aborted)
            except JobConflictError:
                continue
            self.events.publish("job.aborted", aborted, before=job.state, reason=reason)
            return aborted
        raise JobConflictError(job, job.version)

    def retry(
        self,
        caller: Caller,
        job_id: str,
        /,
        *,
        only: Literal["all", "failed"] = "all",
        idempotency_key: str | None = None,
    ) -> Created:
        """Make a new job of an ended one, with its own copy of the input, or of the failed records.

        Raises:
            TransitionError: the job has not ended.
            JobSettlingError: its execution is still being ended.
            AlreadyAppliedError, EffectUnknownError: a load that was, or may have been, applied.
            UploadMissingError: *only* is failed, and no record failed.
            ResultsExpiredError: the input is gone.
        """
        old = self.get(caller, job_id)
        source = input_of_retry(old, only)
        new = self._new(
            caller, old.spec, idempotency_key=idempotency_key, labels=old.labels, retry_of=old.job_id
        )
        if source is not None:
            upload = self.uploads.adopt(source, old, new)
            new = new.close_upload(
                at=self.clock.now(), retention=self.retention, upload=upload, actor=caller.actor
            )
        try:
            added = self._add(new, "job.retried")
        except OutcomeUnknownError:
            raise  # if it was added, it needs its input
        except SpectraError:
            self.uploads.discard_all(new)
            raise
        if added.replayed:
            self.uploads.discard_all(new)
            if not same_input(added.job, new):
                raise IdempotencyConflictError(idempotency_key or "", added.job.job_id)
        return added

    def delete(self, caller: Caller, job_id: str, /) -> None:
        """Forget an ended job at once; a second call raises `JobNotFoundError`.

        Its files go now; a worker removes the ledger row and the item.

        Raises:
            TransitionError: the job has not ended; abort it first.
            JobSettlingError: its execution is still being ended.
        """
        for _ in range(TRIES):
            job = self.get(caller, job_id)
            if job.is_settling:
                raise JobSettlingError(str(job), "its execution is being ended; ask again in some seconds")
            if not job.is_terminal:
                raise TransitionError(str(job), job.state, "delete", ("abort",))
            try:
                gone = self.store.replace(job, job.expired(at=self.clock.now()))
            except JobConflictError:
                continue
            self.events.publish("job.deleted", gone, before=job.state)
            self.uploads.discard_all(job)
            return
        raise JobConflictError(job, job.version)

    def wait(
        self,
        caller: Caller,
        job_id: str,
        /,
        *,
        timeout: timedelta,
        polling: Polling = _EVERY_FIVE_SECONDS,
        on_poll: Callable[[Job], None] | None = None,
    ) -> Job:
        """Return the job once it has ended and settled; Failed and Aborted are returned too.

        Raises:
            WaitTimeoutError: carries the job, which goes on untouched.
        """
        return wait(
            lambda: self.get(caller, job_id), self.clock, timeout=timeout, polling=polling, on_poll=on_poll
        )

    def explain(self, caller: Caller, job_id: str, /) -> Waiting | None:
        """Say why a job waits; None if it does not."""
        return explain(self.get(caller, job_id), self.store, self.clock, self.tenant_limit)
