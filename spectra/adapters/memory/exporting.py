"""Exports and small reads: statements on a copy of the warehouse."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, cast

from spectra.adapters.memory.warehouse import LoadFailed, Stopped, Warehouse, job_error
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
from spectra.errors import InvalidRequestError
from spectra.ports import Execution, ResultStore, Status, Task
from spectra.sql.literals import Bound, place

__all__ = ["columns_of", "export", "failure", "prepared"]

_BLOCK = 1_000


def export(
    warehouse: Warehouse,
    results: ResultStore,
    task: Task,
    seen: Callable[[int], None],
    began: Callable[[sqlite3.Connection], None],
) -> Execution:
    """Write what the task's statement gives into one part; *seen* raises `Stopped` to end it.

    Raises:
        LoadFailed: the statement is refused or fails; nothing is left behind.
    """
    spec = task.spec
    assert isinstance(spec, ExportSpec)
    location = f"{task.results}part-00000{spec.suffix}"
    bound = prepared(spec.query, spec.parameters)
    with warehouse.reading() as connection:
        began(connection)
        try:
            cursor = connection.execute(bound.text)
            first = cursor.fetchone()
            columns = columns_of(cursor, first)
            with results.open_write(location) as writer:
                target: Any = writer
                if spec.compression is Compression.GZIP:
                    target = gzip.GzipFile(fileobj=cast(Any, writer), mode="wb")
                rows = -int(spec.content_type is ContentType.CSV and spec.header)
                for text in _lines(spec, columns, cursor, first):
                    target.write(text.encode())
                    rows += 1
                    if rows % _BLOCK == 0:
                        seen(rows)
                seen(rows)
                if target is not writer:
                    target.close()
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
    if "interrupted" in str(exc):
        return Stopped()
    return LoadFailed(job_error(exc, bound.source))


def columns_of(cursor: sqlite3.Cursor, first: tuple[Any, ...] | None) -> tuple[Column, ...]:
    """Names, made different, and types as far as the first row tells: SQLite has none for expressions."""
    taken: dict[str, int] = {}
    columns = []
    for i, (name, *_) in enumerate(cursor.description or ()):
        number = taken.get(name, 0)
        taken[name] = number + 1
        columns.append(Column(f"{name}_{number}" if number else name, _type(first[i] if first else None)))
    return tuple(columns)


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
    return value.hex() if isinstance(value, bytes) else value


def _field(value: Any, spec: ExportSpec) -> str:
    token = spec.null_token or ""
    if value is None:
        return token
    text = value.hex() if isinstance(value, bytes) else str(value)
    if text == token or any(letter in text for letter in (spec.delimiter, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text
