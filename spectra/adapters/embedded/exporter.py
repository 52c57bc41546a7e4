"""Exports: the rows of one statement into one part file.

Uncompressed files, Parquet and zstd are written by DuckDB. Its gzip is slow (one thread, zlib), so
gzip goes through a pipe into isal's threaded igzip. A part appears under its own name only when whole.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spectra.adapters.embedded.failures import WorkError, is_interrupt, job_error
from spectra.adapters.embedded.files import make_folder, path_of, remove, sync, url_of
from spectra.adapters.embedded.statement import Statement, prepare
from spectra.adapters.embedded.warehouse import driver
from spectra.adapters.embedded.work import Stopped, Work
from spectra.domain import Compression, ContentType, Counts, ExportSpec, Files, LineEnding, Part
from spectra.errors import MissingExtraError
from spectra.ports import Execution, Status

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["export", "gzip_through_pipe", "text_options"]

_BLOCK: Final = 1 << 20
_PREFIX: Final = "COPY ("


def export(work: Work, dialect: str) -> Execution:
    """Run the task's statement, which is in *dialect*, into ``part-00000…`` below its location.

    Raises:
        WorkError: the statement is refused or fails; nothing is left behind.
        Stopped: the task was cancelled; nothing is left behind.
    """
    spec = work.task.spec
    assert isinstance(spec, ExportSpec)
    statement = prepare(work.cursor, spec.query, spec.parameters, dialect)
    columns = statement.columns(work.cursor)
    work.check()
    folder = path_of(work.task.results)
    make_folder(folder)
    part = folder / f"part-00000{spec.suffix}"
    partial = folder / f".{part.name}.partial"
    work.phase(0, 99)
    try:
        rows = _copy(work, spec, statement, partial)
        size = sync(partial)
        work.check()
        os.replace(partial, part)
        sync(part)
    except BaseException:
        remove(partial)
        raise
    files = Files((Part(url_of(part), size, rows),), columns, size, rows, spec.content_type, spec.compression)
    return Execution(
        status=Status.SUCCEEDED,
        handle=work.task.label,
        results=files,
        counts=Counts(total=rows, succeeded=rows),
    )


def text_options(spec: Any) -> str:
    """The options of COPY for a file of the spec's format, but for its compression."""
    if spec.content_type is ContentType.PARQUET:
        return "FORMAT parquet"
    if spec.content_type is ContentType.JSON:
        return "FORMAT json"
    ending = r"\r\n" if spec.line_ending is LineEnding.CRLF else r"\n"
    return (
        f"FORMAT csv, HEADER {str(spec.header).lower()}, DELIMITER {_text(spec.delimiter)}, QUOTE '\"',"
        f" ESCAPE '\"', NULLSTR {_text(spec.null_token or '')}, NEW_LINE '{ending}'"
    )


def gzip_through_pipe(run: Callable[[str], int], target: Path, *, seen: Callable[[bytes], None]) -> int:
    """Call *run* with the name of a pipe; compress what it writes there into *target*.

    The reader drains the pipe to its end whatever happens: a writer that waits for room in the pipe
    would not notice an interrupt.
    """
    try:
        from isal import igzip_threaded
    except ModuleNotFoundError as exc:
        raise MissingExtraError("embedded", "isal") from exc
    read, write = os.pipe()
    failed: list[BaseException] = []

    def pump() -> None:
        with os.fdopen(read, "rb", buffering=0) as source:
            try:
                with igzip_threaded.open(  # type: ignore[no-untyped-call]
                    target, "wb", compresslevel=1, threads=1, block_size=_BLOCK
                ) as packed:
                    while block := source.read(_BLOCK):
                        packed.write(block)
                        seen(block)
            except BaseException as exc:  # told to the caller below
                failed.append(exc)
                while source.read(_BLOCK):
                    pass

    reader = threading.Thread(target=pump, name="spectra-gzip", daemon=False)
    reader.start()
    try:
        rows = run(f"/dev/fd/{write}")
    finally:
        os.close(write)
        reader.join()
    if failed:
        raise failed[0]
    return rows


def _copy(work: Work, spec: ExportSpec, statement: Statement, target: Path) -> int:
    options = text_options(spec)
    if spec.compression is Compression.ZSTD:
        options += ", COMPRESSION zstd"

    def run(name: str) -> int:
        sql = f"{_PREFIX}{statement.sql}\n) TO {_text(name)} ({options}, USE_TMP_FILE false)"
        try:
            return int(work.value(sql))
        except driver().Error as exc:
            if is_interrupt(exc) or work.stopping:
                raise Stopped from exc
            raise WorkError(statement.error(exc, _PREFIX)) from exc

    if spec.compression is not Compression.GZIP:
        return run(str(target))
    lines = 0

    def seen(block: bytes) -> None:
        nonlocal lines
        lines += block.count(b"\n")
        work.seen(lines, 0)

    try:
        return gzip_through_pipe(run, target, seen=seen)
    except OSError as exc:
        raise WorkError(job_error(exc)) from exc


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
