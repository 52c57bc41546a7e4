"""The files that tell of records without effect: which failed and why, and both kinds to load again."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from typing import Any, Final

import attrs

from spectra.adapters.memory.reading import Record, Upload
from spectra.domain import Category, Column, Compression, ContentType, Files, LoadSpec, Part
from spectra.domain import Upload as Input
from spectra.ports import ResultStore, Task

__all__ = ["Failure", "Reports", "write"]

ABOUT: Final = ("record", "line", "column", "value", "code", "category", "retryable", "message")
_QUOTED: Final = re.compile('[",\r\n]')


@attrs.frozen
class Failure:
    """Why one record failed."""

    ordinal: int
    code: str
    message: str
    column: str | None = None
    value: str | None = None
    category: Category = Category.VALIDATION


@attrs.frozen
class Reports:
    """The files that were written."""

    failed_records: Files
    rejected_input: Input
    unprocessed_records: Files | None


def write(
    results: ResultStore,
    task: Task,
    upload: Upload,
    names: Sequence[str],
    failures: Sequence[Failure],
    *,
    unprocessed: bool,
) -> Reports:
    """Write the failed records with their reasons, and in the form of the upload; with *unprocessed* the rest."""
    spec = task.spec
    assert isinstance(spec, LoadSpec)
    failed = {failure.ordinal: failure for failure in failures}
    header = [*names, *(f"spectra_{name}" for name in ABOUT)]
    lines = [header]
    lines += [
        [*_values(record, names), *_about(failed[record.ordinal], record.line)]
        for record in upload.records
        if record.ordinal in failed
    ]
    columns = tuple(Column(name, "VARCHAR") for name in header)
    told = _put(
        results, f"{task.failed}failed-records.csv", "".join(map(_line, lines)).encode("utf-8", "replace")
    )
    rejected = [record for record in upload.records if record.ordinal in failed]
    rest = [record for record in upload.records if record.ordinal not in failed]
    again = _put(results, f"{task.failed}rejected-input{spec.suffix}", _packed(upload, rejected, spec))
    left = None
    if unprocessed:
        part = _put(results, f"{task.failed}unprocessed-records{spec.suffix}", _packed(upload, rest, spec))
        left = _files(part, len(rest), spec.content_type, spec.compression, ())
    return Reports(_files(told, len(rejected), ContentType.CSV, Compression.NONE, columns), again, left)


def _line(values: Sequence[str]) -> str:
    # csv.writer leaves a lone carriage return bare, and then no reader finds the record's end.
    return ",".join('"' + v.replace('"', '""') + '"' if _QUOTED.search(v) else v for v in values) + "\n"


def _put(results: ResultStore, location: str, data: bytes) -> Input:
    with results.open_write(location) as writer:
        writer.write(data)
    info = results.stat(location)
    return Input(location, info.bytes, info.etag)


def _packed(upload: Upload, records: Sequence[Record], spec: LoadSpec) -> bytes:
    pieces = [upload.header, *(record.data for record in records)]
    data = b"".join(piece if piece.endswith(b"\n") or not piece else piece + b"\n" for piece in pieces)
    return gzip.compress(data) if spec.compression is Compression.GZIP else data


def _values(record: Record, names: Sequence[str]) -> list[str]:
    if isinstance(record.content, dict):
        return [_shown(record.content.get(name)) for name in names]
    return (list(record.content or ()) + [""] * len(names))[: len(names)]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _about(failure: Failure, line: int) -> list[str]:
    return [
        str(failure.ordinal),
        str(line),
        failure.column or "",
        failure.value or "",
        failure.code,
        str(failure.category),
        "false",
        failure.message,
    ]


def _files(
    part: Input, rows: int, kind: ContentType, compression: Compression, columns: tuple[Column, ...]
) -> Files:
    return Files((Part(part.location, part.bytes, rows),), columns, part.bytes, rows, kind, compression)
