"""Exports: an UNLOAD, and afterwards the list of its parts from its manifest.

The UNLOAD runs in autocommit, so that it goes on when its client dies. What follows it is done by
whoever asks: read the manifest, write the empty file of an export without rows, end lines as asked.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

from spectra.adapters.aws.redshift.connections import Connection
from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.adapters.aws.redshift.types import type_name
from spectra.adapters.aws.redshift.unload import MANIFEST, Query, describe, unload
from spectra.adapters.aws.redshift.work import refusal
from spectra.domain import Column, ContentType, Counts, ExportSpec, Files, LineEnding, Part
from spectra.errors import InvalidSpecError, ObjectNotFoundError, SqlSyntaxError
from spectra.ports import Execution, ResultStore, Status, Task
from spectra.records.unpacking import packer, unpacked

__all__ = ["columns_of", "finish", "statement"]

_BLOCK: Final = 1 << 20


def columns_of(connection: Connection, spec: ExportSpec) -> tuple[Column, ...]:
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
        handle=task.label,
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
