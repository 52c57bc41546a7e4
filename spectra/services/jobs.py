"""What a tenant can ask of jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Literal

import attrs

from spectra.domain import (
    Caller,
    Effect,
    ExportSpec,
    FixedInterval,
    Job,
    JobState,
    Operation,
    Polling,
    Retention,
    Spec,
    Upload,
)
from spectra.errors import (
    AlreadyAppliedError,
    EffectUnknownError,
    InvalidSpecError,
    JobConflictError,
    JobNotFoundError,
    JobSettlingError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ResultsExpiredError,
    SpectraError,
    TransitionError,
    UploadMissingError,
    UploadTooLargeError,
)
from spectra.ports import (
    Added,
    Area,
    Clock,
    Executor,
    JobStore,
    Page,
    ResultStore,
    UploadTarget,
    UploadWriter,
)
from spectra.services.events import EventLog
from spectra.services.results import ResultLinks, Results
from spectra.services.waiting import Waiting, explain, wait

__all__ = ["Created", "JobService"]

TRIES = 5
Created = Added
UPLOAD_NAME = "data"
_EVERY_FIVE_SECONDS = FixedInterval()


@attrs.frozen(kw_only=True)
class JobService:
    """Creates jobs, takes uploads, tells how jobs are, ends them. Holds ports, no state.

    Asking for what has already happened succeeds. Every method raises `JobNotFoundError` for a job
    that is unknown, expired or another tenant's, and the errors of the backends.
    """

    store: JobStore
    results_store: ResultStore
    executor: Executor
    clock: Clock
    new_id: Callable[[], str]
    events: EventLog
    retention: Retention
    max_upload_bytes: int
    link_life: timedelta
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
        self.executor.check(spec)
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
        try:
            added = self.store.add(job)
        except OutcomeUnknownError:
            # The id is ours alone: if it is there, the write was done.
            try:
                added = Added(self.store.get(job.tenant_id, job.job_id))
            except JobNotFoundError:
                added = self.store.add(job)
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
        job = self._taking_upload(caller, job_id)
        if size is not None:
            if size <= 0:
                raise InvalidSpecError("size", "must be more than 0 bytes")
            self._check_size(job, size)
        expires_at = self.clock.now() + _within(expires_in, self.link_life)
        if job.deadline_at is not None:
            expires_at = min(expires_at, job.deadline_at)
        return self.results_store.upload_target(
            self._upload(job), max_bytes=self.max_upload_bytes, size=size, expires_at=expires_at
        )

    @contextmanager
    def open_upload(self, caller: Caller, job_id: str, /) -> Iterator[UploadWriter]:
        """Take the upload through this process; it is there when the context is left without error.

        Raises:
            TransitionError: the job takes no upload, or no longer.
            UploadTooLargeError: more bytes than allowed; what was sent is dropped.
        """
        job = self._taking_upload(caller, job_id)
        with self.results_store.open_write(self._upload(job)) as writer:
            yield _BoundedWriter(writer, job, self._check_size)
            self._taking_upload(caller, job_id)

    def _taking_upload(self, caller: Caller, job_id: str) -> Job:
        job = self.get(caller, job_id)
        if job.state is not JobState.OPEN:
            raise TransitionError(str(job), job.state, "upload")
        return job

    def _check_size(self, job: Job, size: int) -> None:
        if size > self.max_upload_bytes:
            raise UploadTooLargeError(
                str(job), f"the upload has {size:,} bytes, at most {self.max_upload_bytes:,}; split the file"
            )

    def _upload(self, job: Job) -> str:
        return self.results_store.location(job.tenant_id, job.job_id, Area.UPLOAD) + UPLOAD_NAME

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
            upload = self._freeze(job)
            closed = job.close_upload(
                at=self.clock.now(), retention=self.retention, upload=upload, actor=caller.actor
            )
            try:
                closed = self.store.replace(job, closed)
            except JobConflictError:
                self.results_store.delete(upload.location)
                continue
            except JobNotFoundError:
                self.results_store.delete(upload.location)
                raise
            self.events.publish("job.upload_closed", closed, before=job.state, bytes=upload.bytes)
            with suppress(SpectraError):
                # The frozen copy is all that is read from now on; expiry removes what stays behind.
                self.results_store.delete(self._upload(closed))
            return closed
        raise JobConflictError(job, job.version)

    def _freeze(self, job: Job) -> Upload:
        source = self._upload(job)
        try:
            info = self.results_store.stat(source)
        except ObjectNotFoundError:
            raise UploadMissingError(str(job), "nothing was uploaded; upload a file, then close") from None
        if info.bytes == 0:
            raise UploadMissingError(str(job), "the upload is empty; upload a file with records, then close")
        self._check_size(job, info.bytes)
        # A name of its own for every try: a slower closer must not replace what a faster one froze.
        folder = self.results_store.location(job.tenant_id, job.job_id, Area.INPUT)
        target = folder + self.new_id()
        copied = self.results_store.copy(source, target, if_etag=info.etag)
        return Upload(target, copied.bytes, copied.etag)

    def get(self, caller: Caller, job_id: str, /) -> Job:
        """Read a job; sees every finished write."""
        return self.store.get(caller.tenant_id, job_id)

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
        if type(limit) is not int or not 1 <= limit <= 1_000:
            raise InvalidSpecError("limit", "must be 1 to 1,000")
        return self.store.find(
            caller.tenant_id,
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
        return self._links.results(self.get(caller, job_id), _within(expires_in, self.link_life))

    def failed_records(
        self, caller: Caller, job_id: str, /, *, expires_in: timedelta | None = None
    ) -> Results:
        """Links to the refused records, each with record, line, column, code and reason."""
        return self._links.failed_records(self.get(caller, job_id), _within(expires_in, self.link_life))

    def unprocessed_records(
        self, caller: Caller, job_id: str, /, *, expires_in: timedelta | None = None
    ) -> Results:
        """Links to the records that had no effect although nothing was found wrong with them."""
        return self._links.unprocessed_records(self.get(caller, job_id), _within(expires_in, self.link_life))

    @property
    def _links(self) -> ResultLinks:
        return ResultLinks(store=self.results_store, clock=self.clock, life=self.link_life)

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
        if only not in ("all", "failed"):
            raise InvalidSpecError("only", "must be all or failed")
        old = self.get(caller, job_id)
        source = self._retriable(old, only)
        new = self._new(
            caller, old.spec, idempotency_key=idempotency_key, labels=old.labels, retry_of=old.job_id
        )
        if source is not None:
            new = self._with_input(new, old, source, caller.actor)
        try:
            added = self._add(new, "job.retried")
        except SpectraError:
            self.results_store.delete(self.results_store.location(new.tenant_id, new.job_id))
            raise
        if added.replayed:
            self.results_store.delete(self.results_store.location(new.tenant_id, new.job_id))
        return added

    def _retriable(self, job: Job, only: str) -> Upload | None:
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

    def _with_input(self, new: Job, old: Job, source: Upload, actor: str | None) -> Job:
        target = self.results_store.location(new.tenant_id, new.job_id, Area.INPUT) + self.new_id()
        try:
            copied = self.results_store.copy(source.location, target, if_etag=source.etag)
        except ObjectNotFoundError:
            raise ResultsExpiredError(str(old), "its input is gone; make a new job") from None
        upload = Upload(target, copied.bytes, copied.etag)
        return new.close_upload(at=self.clock.now(), retention=self.retention, upload=upload, actor=actor)

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
            self.results_store.delete(self.results_store.location(job.tenant_id, job.job_id))
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


@attrs.define
class _BoundedWriter:
    _writer: UploadWriter
    _job: Job
    _check: Callable[[Job, int], None]
    _size: int = 0

    def write(self, data: bytes, /) -> int:
        self._size += len(data)
        self._check(self._job, self._size)
        return self._writer.write(data)


def _within(expires_in: timedelta | None, life: timedelta) -> timedelta:
    if expires_in is not None and expires_in <= timedelta(0):
        raise InvalidSpecError("expires_in", "must be more than 0 seconds")
    return life if expires_in is None else min(expires_in, life)
