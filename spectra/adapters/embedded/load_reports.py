"""The files that tell of records without effect: which failed and why, and both kinds to load again."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import attrs

from spectra.adapters.embedded.files import etag, make_folder, path_of, sync, url_of
from spectra.adapters.embedded.load_source import Record, Source, opened
from spectra.adapters.embedded.load_staging import Staged
from spectra.adapters.embedded.work import Work
from spectra.domain import Category, Column, Compression, ContentType, Files, Part, Upload
from spectra.sql.identifiers import quote

__all__ = ["Failure", "Reports", "write"]

ABOUT: Final = ("record", "line", "column", "value", "code", "category", "retryable", "message")


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
    rejected_input: Upload
    unprocessed_records: Files | None


def write(
    work: Work, source: Source, staged: Staged, failures: Sequence[Failure], *, unprocessed: bool
) -> Reports:
    """Write the failed records with their reasons, and in the form of the upload; with *unprocessed* the rest."""
    folder = path_of(work.task.failed)
    make_folder(folder)
    suffix = source.spec.suffix
    paths = {
        "failed": folder / "failed-records.csv",
        "rejected": folder / f"rejected-input{suffix}",
        "rest": folder / f"unprocessed-records{suffix}",
    }
    spoken = {failure.ordinal: failure for failure in failures}
    with contextlib.ExitStack() as stack:
        if source.spec.content_type is ContentType.PARQUET:
            _parquet(work, source, staged, spoken, paths, stack, unprocessed=unprocessed)
        else:
            _text(work, source, staged, spoken, paths, stack, unprocessed=unprocessed)
    for key in ("failed", "rejected", *(("rest",) if unprocessed else ())):
        partial = _partial(paths[key])
        sync(partial)
        os.replace(partial, paths[key])
        sync(paths[key])
    columns = tuple(Column(name, "VARCHAR") for name in _header(staged))
    rest = staged.total - len(failures)
    return Reports(
        _files(paths["failed"], len(failures), ContentType.CSV, Compression.NONE, columns),
        Upload(url_of(paths["rejected"]), paths["rejected"].stat().st_size, etag(paths["rejected"])),
        _files(paths["rest"], rest, source.spec.content_type, source.spec.compression, ())
        if unprocessed
        else None,
    )


def _text(
    work: Work,
    source: Source,
    staged: Staged,
    failures: Mapping[int, Failure],
    paths: Mapping[str, Path],
    stack: contextlib.ExitStack,
    *,
    unprocessed: bool,
) -> None:
    failed = _writer(stack, paths["failed"], staged)
    rejected = _stream(stack, paths["rejected"], source.spec.compression)
    rest = _stream(stack, paths["rest"], source.spec.compression) if unprocessed else None
    if source.spec.content_type is ContentType.CSV and source.spec.header:
        for stream in filter(None, (rejected, rest)):
            stream.write(_ended(source.first()))
    seen = 0
    for record in source.records():
        work.check()
        failure = failures.get(record.ordinal)
        if failure is not None:
            seen += 1
            failed.writerow(_row(_values(source, staged, record), failure, record.line))
            rejected.write(_ended(record.data))
        elif rest is not None:
            rest.write(_ended(record.data))
        if seen == len(failures) and rest is None:
            break


def _parquet(
    work: Work,
    source: Source,
    staged: Staged,
    failures: Mapping[int, Failure],
    paths: Mapping[str, Path],
    stack: contextlib.ExitStack,
    *,
    unprocessed: bool,
) -> None:
    failed = _writer(stack, paths["failed"], staged)
    path = _literal(str(source.path))
    scan = f"SELECT * FROM read_parquet({path}, file_row_number = true)"
    columns = ", ".join(f"{quote(name)}::VARCHAR" for name in staged.names)
    work.run("CREATE OR REPLACE TEMP TABLE spoken (g BIGINT)")
    work.run("INSERT INTO spoken SELECT unnest($1::BIGINT[])", [sorted(failures)])
    rows = work.run(
        f"SELECT file_row_number + 1, {columns} FROM ({scan}) WHERE file_row_number + 1 IN (SELECT g FROM spoken)"
        " ORDER BY 1"
    )
    for ordinal, *values in rows:
        failed.writerow(_row(["" if v is None else v for v in values], failures[ordinal], None))
    for key, inside in (("rejected", "IN"), *((("rest", "NOT IN"),) if unprocessed else ())):
        target = _literal(str(_partial(paths[key])))
        work.run(
            f"COPY (SELECT * EXCLUDE (file_row_number) FROM ({scan}) WHERE file_row_number + 1 {inside}"
            f" (SELECT g FROM spoken)) TO {target} (FORMAT parquet, USE_TMP_FILE false)"
        )


def _values(source: Source, staged: Staged, record: Record) -> list[str]:
    """The record's values by the upload's columns, as far as it can be read."""
    width = len(staged.names)
    if source.spec.content_type is ContentType.CSV:
        fields = source.fields(record.data)
        return (fields + [""] * width)[:width]
    try:
        facts = json.loads(record.data)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        return [""] * width
    return [_shown(facts.get(name)) for name in staged.names]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(values: Sequence[str], failure: Failure, line: int | None) -> list[Any]:
    return [
        *values,
        failure.ordinal,
        "" if line is None else line,
        failure.column or "",
        failure.value or "",
        failure.code,
        str(failure.category),
        "false",
        failure.message,
    ]


def _header(staged: Staged) -> list[str]:
    return [*staged.names, *(f"spectra_{name}" for name in ABOUT)]


def _writer(stack: contextlib.ExitStack, path: Path, staged: Staged) -> Any:
    file = stack.enter_context(_partial(path).open("w", encoding="utf-8", errors="replace", newline=""))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_header(staged))
    return writer


def _stream(stack: contextlib.ExitStack, path: Path, compression: Compression) -> IO[bytes]:
    packed = stack.enter_context(opened(_partial(path), "wb", compression))
    return stack.enter_context(_buffered(packed))


@contextlib.contextmanager
def _buffered(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Gathers single records into blocks that are worth packing."""
    buffer = io.BytesIO()

    class Gatherer(io.RawIOBase):
        def write(self, data: Any, /) -> int:
            buffer.write(data)
            if buffer.tell() > 1 << 18:
                self.empty()
            return len(data)

        def empty(self) -> None:
            stream.write(buffer.getvalue())
            buffer.seek(0)
            buffer.truncate()

    gatherer: Any = Gatherer()
    yield gatherer
    gatherer.empty()


def _ended(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _files(
    path: Path, rows: int, kind: ContentType, compression: Compression, columns: tuple[Column, ...]
) -> Files:
    size = path.stat().st_size
    return Files((Part(url_of(path), size, rows),), columns, size, rows, kind, compression)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
