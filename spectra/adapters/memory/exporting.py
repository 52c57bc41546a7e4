"""Exports and small reads: statements on a copy of the warehouse."""

from __future__ import annotations

import gzip
import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, cast

from spectra.adapters.memory.warehouse import LoadFailed, Warehouse, is_interrupt, job_error
from spectra.adapters.memory.work import Stopped, Work
from spectra.domain import (
    Category,
    Column,
    Compression,
    ContentType,
    Counts,
    ExportSpec,
    Files,
    JobError,
    Part,
)
from spectra.domain.files import distinct
from spectra.errors import InvalidRequestError
from spectra.ports import Execution, ResultStore, Status
from spectra.sql.literals import Bound, place

__all__ = ["columns_of", "export", "failure", "prepared"]

_BLOCK = 1_000


def export(warehouse: Warehouse, results: ResultStore, work: Work) -> Execution:
    """Write what the task's statement gives into one part.

    Raises:
        LoadFailed: the statement is refused or fails; nothing is left behind.
        Stopped: it was cancelled; nothing is left behind.
    """
    task = work.task
    spec = task.spec
    assert isinstance(spec, ExportSpec)
    location = f"{task.results}part-00000{spec.suffix}"
    bound = prepared(spec.query, spec.parameters)
    with warehouse.reading(work.check) as connection:
        work.began(connection)
        try:
            cursor = connection.execute(bound.text)
            first = cursor.fetchone()
            columns = columns_of(cursor, first)
            with results.open_write(location) as writer, ExitStack() as stack:
                target: Any = writer
                if spec.compression is Compression.GZIP:
                    target = stack.enter_context(gzip.GzipFile(fileobj=cast(Any, writer), mode="wb"))
                rows = -int(spec.content_type is ContentType.CSV and spec.header)
                for text in _lines(spec, columns, cursor, first):
                    target.write(text.encode())
                    rows += 1
                    if rows % _BLOCK == 0:
                        work.seen(rows)
                work.seen(rows)
        except sqlite3.Error as exc:
            raise failure(exc, bound) from exc
    info = results.stat(location)
    return Execution(
        status=Status.SUCCEEDED,
        handle=task.label,
        counts=Counts(total=rows, succeeded=rows),
        results=Files(
            (Part(location, info.bytes, rows),),
            columns,
            info.bytes,
            rows,
            spec.content_type,
            spec.compression,
        ),
    )


def prepared(sql: str, parameters: Any) -> Bound:
    """Bind the parameters.

    Raises:
        LoadFailed: they do not fit the statement.
    """
    try:
        return place(sql, parameters, "sqlite")
    except InvalidRequestError as exc:
        raise LoadFailed(JobError.of(exc.code, Category.VALIDATION, str(exc), **exc.details)) from exc


def failure(exc: sqlite3.Error, bound: Bound) -> Exception:
    """What ends the work: it was interrupted, or the statement is wrong."""
    if is_interrupt(exc):
        return Stopped()
    return LoadFailed(job_error(exc, bound.source))


def columns_of(cursor: sqlite3.Cursor, first: tuple[Any, ...] | None) -> tuple[Column, ...]:
    """Names, made different, and types as far as the first row tells: SQLite has none for expressions."""
    names = distinct([name for name, *_ in cursor.description or ()])
    return tuple(Column(name, _type(first[i] if first else None)) for i, name in enumerate(names))


def _type(value: Any) -> str:
    return {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}.get(type(value), "ANY")


def _lines(
    spec: ExportSpec, columns: tuple[Column, ...], cursor: sqlite3.Cursor, first: tuple[Any, ...] | None
) -> Iterator[str]:
    names = [column.name for column in columns]
    if spec.content_type is ContentType.JSON:
        while first is not None:
            yield json.dumps(dict(zip(names, map(_json, first), strict=True)), ensure_ascii=False) + "\n"
            first = cursor.fetchone()
        return
    end = "\r\n" if spec.line_ending == "CRLF" else "\n"
    if spec.header:
        yield spec.delimiter.join(_field(name, spec) for name in names) + end
    while first is not None:
        yield spec.delimiter.join(_field(value, spec) for value in first) + end
        first = cursor.fetchone()


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    # JSON has no word for what is infinite.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _field(value: Any, spec: ExportSpec) -> str:
    token = spec.null_token or ""
    if value is None:
        return token
    text = value.hex() if isinstance(value, bytes) else str(value)
    if text == token or any(letter in text for letter in (spec.delimiter, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text
