"""Taking uploads, freezing them, and copying inputs from job to job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import attrs

from spectra.domain import Job, JobState, Upload
from spectra.errors import (
    InvalidSpecError,
    ObjectNotFoundError,
    ResultsExpiredError,
    SpectraError,
    TransitionError,
    UploadMissingError,
    UploadTooLargeError,
)
from spectra.ports import Area, Clock, ResultStore, UploadTarget, UploadWriter

__all__ = ["Uploads"]

NAME = "data"


@attrs.frozen(kw_only=True)
class Uploads:
    """The upload of a job lies at one key until the close freezes a copy of it into the input."""

    store: ResultStore
    clock: Clock
    new_id: Callable[[], str]
    max_bytes: int

    def target(self, job: Job, size: int | None, life: timedelta) -> UploadTarget:
        """Say where the client can send the upload; not longer than the job stays Open."""
        self.check_open(job)
        if size is not None:
            if type(size) is not int or size <= 0:
                raise InvalidSpecError("size", "must be more than 0 bytes")
            self._check_size(job, size)
        expires_at = self.clock.now() + life
        if job.deadline_at is not None:
            expires_at = min(expires_at, job.deadline_at)
        return self.store.upload_target(
            self._location(job), max_bytes=self.max_bytes, size=size, expires_at=expires_at
        )

    @contextmanager
    def writer(self, job: Job, again: Callable[[], Job]) -> Iterator[UploadWriter]:
        """Take the upload through this process; *again* reads the job once more before it is published."""
        self.check_open(job)
        with self.store.open_write(self._location(job)) as writer:
            yield _BoundedWriter(writer, job, self._check_size)
            self.check_open(again())

    def check_open(self, job: Job) -> None:
        """Refuse a job that takes no upload, or no longer."""
        if job.state is not JobState.OPEN:
            raise TransitionError(str(job), job.state, "upload")

    def freeze(self, job: Job) -> Upload:
        """Copy the upload to where no link leads."""
        source = self._location(job)
        try:
            info = self.store.stat(source)
        except ObjectNotFoundError:
            raise UploadMissingError(str(job), "nothing was uploaded; upload a file, then close") from None
        if info.bytes == 0:
            raise UploadMissingError(str(job), "the upload is empty; upload a file with records, then close")
        self._check_size(job, info.bytes)
        try:
            return self._copy(source, info.etag, job)
        except ObjectNotFoundError:
            raise UploadMissingError(str(job), "the upload is gone; upload a file, then close") from None

    def adopt(self, source: Upload, old: Job, job: Job) -> Upload:
        """Copy *source*, the input of *old* or its failed records, to *job*."""
        try:
            return self._copy(source.location, source.etag, job)
        except ObjectNotFoundError:
            raise ResultsExpiredError(
                str(old), "the input is gone; make a new job and upload again"
            ) from None

    def _copy(self, source: str, etag: str, job: Job) -> Upload:
        # A name of its own for every try: a slower closer must not replace what a faster one froze.
        target = self.store.location(job.tenant_id, job.job_id, Area.INPUT) + self.new_id()
        copied = self.store.copy(source, target, if_etag=etag)
        return Upload(target, copied.bytes, copied.etag)

    def drop(self, upload: Upload) -> None:
        """Delete a frozen copy that no job took."""
        with suppress(SpectraError):
            self.store.delete(upload.location)

    def discard(self, job: Job) -> None:
        """Delete the upload of a job that was closed; expiry deletes what stays behind."""
        with suppress(SpectraError):
            self.store.delete(self._location(job))

    def discard_all(self, job: Job) -> None:
        """Delete every file of a job that was never stored, or was deleted."""
        with suppress(SpectraError):
            self.store.delete(self.store.location(job.tenant_id, job.job_id))

    def _location(self, job: Job) -> str:
        return self.store.location(job.tenant_id, job.job_id, Area.UPLOAD) + NAME

    def _check_size(self, job: Job, size: int) -> None:
        if size > self.max_bytes:
            raise UploadTooLargeError(
                str(job), f"the upload has {size:,} bytes or more, at most {self.max_bytes:,}; split the file"
            )


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
