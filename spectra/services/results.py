"""Links to a job's files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import attrs

from spectra.domain import Column, Compression, ContentType, Files, Job, LoadSpec, Part
from spectra.errors import JobSettlingError, ObjectNotFoundError, ResultsExpiredError, ResultsNotReadyError
from spectra.ports import Area, Clock, ResultStore

__all__ = ["ResultLinks", "ResultPart", "Results", "read_manifest", "write_manifest"]

MANIFEST = "manifest.json"


@attrs.frozen(kw_only=True)
class ResultPart:
    """One file to download; *name* is what a browser would save it as."""

    url: str = attrs.field(repr=False)
    name: str
    bytes: int
    rows: int


@attrs.frozen(kw_only=True)
class Results:
    """Files of a job, each with its link; no link outlives *expires_at*."""

    parts: tuple[ResultPart, ...]
    schema: tuple[Column, ...]
    expires_at: datetime
    content_type: ContentType
    compression: Compression
    bytes: int
    rows: int


def write_manifest(store: ResultStore, folder: str, files: Files, name: str) -> Files:
    """Write the list of *files*' parts into *folder*: what it does not list does not exist."""
    location = f"{folder}{name}-{MANIFEST}"
    body = {
        "schema": 1,
        "content_type": str(files.content_type),
        "compression": str(files.compression),
        "bytes": files.bytes,
        "rows": files.rows,
        "columns": [{"name": c.name, "type": c.type} for c in files.columns],
        "parts": [
            {"name": p.location.removeprefix(folder), "bytes": p.bytes, "rows": p.rows} for p in files.parts
        ],
    }
    with store.open_write(location) as writer:
        writer.write(json.dumps(body).encode())
    # The job keeps the sums alone: thousands of parts or columns would not fit into its item, and a few
    # of them may double the price of its writes.
    return attrs.evolve(files, parts=(), columns=(), manifest=location)


def read_manifest(store: ResultStore, files: Files) -> Files:
    """The parts of *files*, from the manifest if there is one."""
    if files.manifest is None:
        return files
    with store.open_read(files.manifest) as stream:
        body = json.load(stream)
    folder = files.manifest.rpartition("/")[0] + "/"
    return attrs.evolve(
        files,
        parts=tuple(Part(folder + p["name"], p["bytes"], p["rows"]) for p in body["parts"]),
        columns=tuple(Column(c["name"], c["type"]) for c in body["columns"]),
    )


@attrs.frozen(kw_only=True)
class ResultLinks:
    """Makes the links of a job's files; each shares the expiry of its job's files."""

    store: ResultStore
    clock: Clock
    life: timedelta

    def results(self, job: Job, expires_in: timedelta | None) -> Results:
        """What an export wrote; no parts where the job ended without results."""
        self._ended(job)
        return self._links(job, job.results, "results", expires_in)

    def failed_records(self, job: Job, expires_in: timedelta | None) -> Results:
        """The records that were refused, each with its reason, in upload order."""
        self._ended(job)
        return self._links(job, job.failed_records, "failed-records", expires_in)

    def unprocessed_records(self, job: Job, expires_in: timedelta | None) -> Results:
        """The records without effect in which nothing was found wrong; the whole input if none was."""
        self._ended(job)
        files = job.unprocessed_records
        if files is None and job.upload is not None and job.error is not None and job.failed_records is None:
            files = self._whole_input(job)
        if files is None and job.upload is not None and job.abort_info is not None:
            if job.is_settling:
                raise JobSettlingError(str(job), "its execution is being ended; ask again in some seconds")
            files = self._whole_input(job) if job.effect == "none" else None
        return self._links(job, files, "unprocessed-records", expires_in)

    def _whole_input(self, job: Job) -> Files | None:
        # No link is ever made into the input area, so the input is copied out of it.
        upload, spec = job.upload, job.spec
        if upload is None or not isinstance(spec, LoadSpec):
            return None
        location = (
            self.store.location(job.tenant_id, job.job_id, Area.FAILED) + "unprocessed-records" + spec.suffix
        )
        try:
            info = self.store.copy(upload.location, location, if_etag=upload.etag)
        except ObjectNotFoundError:
            raise ResultsExpiredError(str(job), "its input is gone; run it again") from None
        return Files(
            parts=(Part(location, info.bytes, job.counts.unprocessed if job.counts else 0),),
            bytes=info.bytes,
            rows=job.counts.unprocessed if job.counts else 0,
            content_type=spec.content_type,
            compression=spec.compression,
        )

    def _ended(self, job: Job) -> None:
        if not job.is_terminal:
            raise ResultsNotReadyError(str(job), f"it is {job.state}; wait until it has ended")
        if job.files_until is not None and self.clock.now() >= job.files_until:
            raise ResultsExpiredError(
                str(job), f"its files expired at {job.files_until:%F %T}Z; run it again"
            )

    def _links(self, job: Job, files: Files | None, stem: str, expires_in: timedelta | None) -> Results:
        expires_at = self.clock.now() + min(expires_in or self.life, self.life)
        if job.files_until is not None:
            expires_at = min(expires_at, job.files_until)
        if files is None:
            files = Files(content_type=job.spec.content_type, compression=job.spec.compression)
        try:
            files = read_manifest(self.store, files)
        except ObjectNotFoundError:
            raise ResultsExpiredError(str(job), "its files are gone; run it again") from None
        parts = []
        for name, part in _named(job, stem, files):
            link = self.store.download_link(part.location, filename=name, expires_at=expires_at)
            expires_at = min(expires_at, link.expires_at)
            parts.append(ResultPart(url=link.url, name=name, bytes=part.bytes, rows=part.rows))
        return Results(
            parts=tuple(parts),
            schema=files.columns,
            expires_at=expires_at,
            content_type=files.content_type,
            compression=files.compression,
            bytes=files.bytes,
            rows=files.rows,
        )


def _named(job: Job, stem: str, files: Files) -> Iterator[tuple[str, Part]]:
    for number, part in enumerate(files.parts):
        suffix = "." + part.location.rsplit("/", 1)[-1].partition(".")[2]
        counter = f"-{number:05d}" if len(files.parts) > 1 else ""
        yield f"{job.job_id}-{stem}{counter}{suffix}", part
