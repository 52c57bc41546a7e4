"""Exports: an UNLOAD, and afterwards the list of its parts from its manifest.

The UNLOAD runs in autocommit, so that it goes on when its client dies. What follows it is done by
whoever asks: read the manifest, write the empty file of an export without rows, end lines as asked.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

from spectra.adapters.aws.redshift import evidence
from spectra.adapters.aws.redshift.authorization import authorized
from spectra.adapters.aws.redshift.channel import Channel, Channels
from spectra.adapters.aws.redshift.failures import job_error, sessions_end
from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.adapters.aws.redshift.types import type_name
from spectra.adapters.aws.redshift.unload import MANIFEST, Query, describe, unload
from spectra.adapters.aws.redshift.work import Stopped, Work, WorkError, refusal, told
from spectra.domain import Column, ContentType, Counts, ExportSpec, Files, LineEnding, Part
from spectra.errors import BackendUnavailableError, InvalidSpecError, ObjectNotFoundError, SqlSyntaxError
from spectra.ports import Execution, ResultStore, Status, Task
from spectra.records.unpacking import packer, unpacked

__all__ = ["Exporter", "columns_of", "finish", "statement"]

_BLOCK: Final = 1 << 20


_LOOK: Final = 0.5
_UNSEEN: Final = 5.0
"""Seconds after which a statement that the history does not show never reached the server."""
_UNREACHABLE: Final = 300.0


class Exporter:
    """Runs exports on *connections*, and asks for them over *control*."""

    def __init__(
        self, connections: Channels, control: Channels, results: ResultStore, options: RedshiftOptions
    ) -> None:
        self._connections, self._control = connections, control
        self._results = results
        self._options = options

    def export(self, work: Work) -> Execution:
        """Do the export of *work*, or follow the one that was begun before.

        Raises:
            WorkError: it cannot be done.
            Stopped: it was cancelled.
        """
        task = work.task
        spec = task.spec
        assert isinstance(spec, ExportSpec)
        columns: tuple[Column, ...] | None = None
        try:
            with self._connections.lend(task.label) as connection, work.using(connection):
                begun = next(
                    (one for one in evidence.statements(connection, task) if one.kind == "UNLOAD"), None
                )
                if begun is None:
                    with authorized(connection, task.session):
                        columns = columns_of(connection, spec)
                        sql = statement(task, columns, self._options)
                        work.check()
                        work.begun.set()
                        connection.run(sql)
        except Exception as exc:
            if isinstance(exc, Stopped | WorkError):
                raise
            if not sessions_end(exc):
                if work.stopping:
                    raise Stopped from exc
                raise
            return self._watched(work, exc)
        if begun is not None:
            return self._watched(work, None)
        return self._finished(task, columns)

    def _watched(self, work: Work, cause: BaseException | None) -> Execution:
        """Follow an UNLOAD whose session is not ours any more: it may well go on."""
        since = time.monotonic()
        while True:
            try:
                with self._control.ask("spectra:poll") as connection:
                    found = evidence.statements(connection, work.task)
                    for one in found:
                        if one.live and work.stopping:
                            evidence.cancel_session(connection, one.session_id, terminate=True)
            except BackendUnavailableError:
                if time.monotonic() - since > _UNREACHABLE:
                    raise
                found = []
            last = next((one for one in found if one.kind == "UNLOAD"), None)
            if last is not None and last.status == "success":
                return self._finished(work.task, None)
            if last is not None and not last.live and last.status in ("failed", "canceled", "running"):
                if work.stopping or last.status == "canceled":
                    raise Stopped
                if last.status == "failed" and last.error:
                    return Execution(status=Status.FAILED, error=job_error(last.error))
            if last is None or not last.live:
                if work.stopping and last is None:
                    raise Stopped
                if time.monotonic() - since > _UNSEEN:
                    error = (
                        told(cause, work.task.label)
                        if cause is not None
                        else job_error("server socket closed")
                    )
                    return Execution(status=Status.FAILED, error=error)
            time.sleep(_LOOK)

    def finish(self, work: Work) -> Execution:
        """Tell what a finished UNLOAD of another process has written."""
        return self._finished(work.task, None)

    def _finished(self, task: Task, columns: tuple[Column, ...] | None) -> Execution:
        execution = finish(task, self._results, columns)
        if execution is None:
            assert isinstance(task.spec, ExportSpec)
            with self._connections.lend(task.label) as connection, authorized(connection, task.session):
                columns = columns_of(connection, task.spec)
            execution = finish(task, self._results, columns)
            assert execution is not None
        return execution


def columns_of(connection: Channel, spec: ExportSpec) -> tuple[Column, ...]:
    """The columns of the query of *spec*, without running it."""
    found, _ = connection.described(describe(_query(spec)))
    return tuple(Column(name, type_name(number)) for name, number in found)


def statement(task: Task, columns: Sequence[Column], options: RedshiftOptions) -> str:
    """The UNLOAD of *task*.

    Raises:
        WorkError: it cannot be said.
    """
    spec = task.spec
    assert isinstance(spec, ExportSpec)
    try:
        return unload(spec, _query(spec), columns, task.results, options)
    except (InvalidSpecError, SqlSyntaxError) as exc:
        raise refusal("QUERY_ERROR", str(exc)) from exc


def _query(spec: ExportSpec) -> Query:
    try:
        return Query.of(spec)
    except (InvalidSpecError, SqlSyntaxError) as exc:
        raise refusal("QUERY_ERROR", str(exc)) from exc


def finish(task: Task, results: ResultStore, columns: Sequence[Column] | None) -> Execution | None:
    """What a finished UNLOAD has written; None if that takes *columns*, and they were not given."""
    spec = task.spec
    assert isinstance(spec, ExportSpec)
    manifest = _manifest(results, task.results + MANIFEST)
    if manifest is None:
        if columns is None:
            return None
        parts, told = [], tuple(columns)
    else:
        heads = int(spec.content_type is ContentType.CSV and spec.header)
        told = tuple(Column(one["name"], _base(one)) for one in manifest["schema"]["elements"])
        parts = [
            Part(entry["url"], entry["meta"]["content_length"], max(entry["meta"]["record_count"] - heads, 0))
            for entry in manifest["entries"]
        ]
    if not any(part.rows for part in parts):
        parts = _empty(task, results, told)
    elif spec.content_type is ContentType.CSV and spec.line_ending is LineEnding.CRLF:
        parts = [_with_crlf(spec, results, task.results, part, i) for i, part in enumerate(parts, 1)]
    rows = sum(part.rows for part in parts)
    return Execution(
        status=Status.SUCCEEDED,
        counts=Counts(total=rows, succeeded=rows),
        results=Files(
            parts=tuple(parts),
            columns=told,
            bytes=sum(part.bytes for part in parts),
            rows=rows,
            content_type=spec.content_type,
            compression=spec.compression,
        ),
    )


def _manifest(results: ResultStore, location: str) -> dict[str, Any] | None:
    try:
        with results.open_read(location) as stream:
            found: dict[str, Any] = json.load(stream)
    except ObjectNotFoundError:
        return None
    return found


def _base(element: dict[str, Any]) -> str:
    # Of what else a manifest tells of a type, not even the names are documented.
    return str(element["type"]["base"])


def _empty(task: Task, results: ResultStore, columns: Sequence[Column]) -> list[Part]:
    """The one file of an export without rows: a header, or nothing; a Parquet file has no such form."""
    spec = task.spec
    assert isinstance(spec, ExportSpec)
    if spec.content_type is ContentType.PARQUET:
        return []
    head = io.StringIO(newline="")
    if spec.content_type is ContentType.CSV and spec.header:
        ending = "\r\n" if spec.line_ending is LineEnding.CRLF else "\n"
        csv.writer(head, delimiter=spec.delimiter, lineterminator=ending).writerow([c.name for c in columns])
    location = f"{task.results}part-empty{spec.suffix}"
    with results.open_write(location) as target:
        pack, flush = packer(spec.compression)
        target.write(pack(head.getvalue().encode()) + flush())
    return [Part(location, results.stat(location).bytes, 0)]


def _with_crlf(spec: ExportSpec, results: ResultStore, folder: str, part: Part, number: int) -> Part:
    """The same part, each line ended by CR and LF; written again, since Redshift knows LF only."""
    location = f"{folder}part-crlf-{number:05}{spec.suffix}"
    pack, flush = packer(spec.compression)
    with results.open_read(part.location) as source, results.open_write(location) as target:
        for block in _crlf(unpacked(source, spec.compression)):
            target.write(pack(block))
        target.write(flush())
    return Part(location, results.stat(location).bytes, part.rows)


def _crlf(stream: BinaryIO) -> Iterator[bytes]:
    """*stream* with CR before each LF that is not inside quotes."""
    quoted = False
    while block := stream.read(_BLOCK):
        pieces = block.split(b'"')
        for i, piece in enumerate(pieces):
            if i:
                quoted = not quoted
            if not quoted:
                pieces[i] = piece.replace(b"\n", b"\r\n")
        yield b'"'.join(pieces)
