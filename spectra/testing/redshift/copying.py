"""COPY: files of S3 into a table of PostgreSQL, as Redshift reads them.

What PostgreSQL's own COPY understands alike goes straight to it, with its ``ON_ERROR ignore``. If it
stumbles over more than a value, the records are cut, checked and given to it one by one.
"""

from __future__ import annotations

import bz2
import contextlib
import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs

from spectra.testing.redshift.backend import Backend
from spectra.testing.redshift.grammar import Copy
from spectra.testing.redshift.protocol import ServerError
from spectra.testing.redshift.records import BadRecord, TableColumn, csv_rows, json_rows, parquet_rows
from spectra.testing.redshift.storage import Storage, StoredObject
from spectra.testing.redshift.texts import error

__all__ = ["Copied", "LoadError", "copy"]

_SKIPPED: Final = re.compile(
    r"skipping row due to data type incompatibility at line (\d+) for column \"(.*)\": (.*)", re.DOTALL
)
_CODES: Final = {
    "integer": (1207, "Invalid digit, Value '{first}', Pos 0, Type: Integer"),
    "bigint": (1207, "Invalid digit, Value '{first}', Pos 0, Type: Long"),
    "smallint": (1207, "Invalid digit, Value '{first}', Pos 0, Type: Short"),
    "numeric": (1209, "Invalid digit, Value '{first}', Pos 0, Type: Decimal"),
    "double": (1208, "Invalid digit, Value '{first}', Pos 0, Type: Double"),
    "real": (1208, "Invalid digit, Value '{first}', Pos 0, Type: Float"),
    "date": (1205, "Invalid Date Format - length must be 10 or more"),
    "timestamp": (1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"),
    "boolean": (1210, "Invalid value for boolean type"),
    "character": (1204, "String length exceeds DDL length"),
}


@attrs.frozen
class LoadError:
    """A record that was not loaded, as ``sys_load_error_detail`` tells of it."""

    file: str
    line: int
    column: str
    type: str
    length: str
    position: int
    code: int
    message: str
    raw: str
    value: str


@attrs.define
class Copied:
    """What a COPY came to."""

    rows: int = 0
    errors: list[LoadError] = attrs.field(factory=list)
    files: int = 0
    bytes: int = 0


class TooManyErrors(Exception):
    """As many records as ``MAXERROR`` allows, or one more, could not be loaded."""


def copy(backend: Backend, storage: Storage, statement: Copy, done: Copied) -> None:
    """Run *statement* in the session of *backend*; what it came to is in *done*, also if it fails.

    Raises:
        ServerError: the file or the table is not as it should be.
        TooManyErrors: too many records.
    """
    columns = table_columns(backend, statement)
    objects = list(_objects(storage, statement))
    own = not backend.in_transaction
    if own:
        backend.run("BEGIN")
    try:
        for one in objects:
            _file(backend, storage, statement, columns, one, done)
            done.files += 1
            done.bytes += one.size
    except BaseException:
        if own:
            with contextlib.suppress(ServerError):
                backend.run("ROLLBACK")
        raise
    if own:
        backend.run("ROLLBACK" if statement.no_load else "COMMIT")


def table_columns(backend: Backend, statement: Copy) -> list[TableColumn]:
    """The columns that the statement fills, in its order."""
    name = statement.table.replace("'", "''")
    try:
        rows = backend.run(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull AND NOT atthasdef AND attidentity = ''"
            f" FROM pg_attribute WHERE attrelid = '{name}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ).rows
    except ServerError as exc:
        if exc.fields.get("C") == "42P01":
            raise error("no table", table=statement.table) from None
        raise
    found = {str(row[0]): TableColumn(str(row[0]), str(row[1]), row[2] == "t") for row in rows}
    if statement.columns is None:
        return list(found.values())
    for wanted in statement.columns:
        if wanted not in found:
            raise ServerError(
                {"C": "42703", "M": f'column "{wanted}" of relation "{statement.table}" does not exist'}
            )
    return [found[wanted] for wanted in statement.columns]


def _objects(storage: Storage, statement: Copy) -> Iterator[StoredObject]:
    import json

    if not statement.manifest:
        found = storage.below(statement.source)
        if not found:
            raise error("no prefix", key=statement.source.partition("://")[2].partition("/")[2])
        yield from found
        return
    manifest = storage.named(statement.source)
    if manifest is None:
        raise error("full path" if storage.below(statement.source) else "no key", key=statement.source)
    for entry in json.loads(b"".join(storage.read(manifest)))["entries"]:
        one = storage.named(entry["url"])
        if one is not None:
            yield one
        elif entry.get("mandatory"):
            raise error("no key", key=entry["url"])


def _file(
    backend: Backend,
    storage: Storage,
    statement: Copy,
    columns: list[TableColumn],
    one: StoredObject,
    done: Copied,
) -> None:

    def blocks() -> Iterator[bytes]:
        return unpacked(storage.read(one), statement.packed, str(one))

    target = f"{statement.table} ({', '.join(_identifier(column.name) for column in columns)})"
    if statement.format == "CSV" and _alike(statement):
        backend.run("SAVEPOINT spectra_copy")
        try:
            rows, errors = _straight(backend, statement, columns, target, blocks(), str(one))
        except ServerError as exc:
            if exc.fields.get("C", "").startswith(("57", "53", "XX")):
                raise
        else:
            backend.run("RELEASE SAVEPOINT spectra_copy")
            done.errors += errors
            done.rows += rows
            _bounded(statement, done)
            return
        backend.run("ROLLBACK TO SAVEPOINT spectra_copy")
    _one_by_one(backend, statement, columns, target, blocks, str(one), done)


def _alike(statement: Copy) -> bool:
    return statement.empty_as_null and not statement.null and statement.ignore_header in (0, 1)


def _straight(
    backend: Backend,
    statement: Copy,
    columns: list[TableColumn],
    target: str,
    blocks: Iterable[bytes],
    name: str,
) -> tuple[int, list[LoadError]]:
    quote = statement.quote.replace("'", "''")
    sql = (
        f"COPY {target} FROM STDIN (FORMAT csv, DELIMITER '{_literal(statement.delimiter or ',')}', QUOTE '{quote}',"
        f" HEADER {'true' if statement.ignore_header else 'false'}, NULL '', FORCE_NULL *,"
        " ON_ERROR ignore, LOG_VERBOSITY verbose)"
    )
    answer = backend.copy_in(sql, blocks)
    kinds = {column.name: column for column in columns}
    errors = []
    for told in answer.notices:
        found = _SKIPPED.match(told.get("M", ""))
        if found is not None:
            value = found[3].removeprefix('"').removesuffix('"')
            errors.append(load_error(name, int(found[1]), kinds.get(found[2]), value))
    return answer.count, errors


def load_error(file: str, line: int, column: TableColumn | None, value: str, raw: str = "") -> LoadError:
    """The error of a *value* that cannot be of its column's type."""
    kind = column.type if column is not None else ""
    word = kind.split("(")[0].split(" ")[0]
    code, message = _CODES.get(word, (1200, "Unknown Parse Error"))
    length = kind.partition("(")[2].rstrip(")")
    return LoadError(
        file=file,
        line=line,
        column=column.name if column is not None else "",
        type={
            "integer": "int4",
            "bigint": "int8",
            "smallint": "int2",
            "character": "varchar",
            "double": "float8",
        }.get(word, word)[:10],
        length=length[:10],
        position=0,
        code=code,
        message=message.format(first=value[:1]),
        raw=raw[:1024],
        value=value[:1024],
    )


def _one_by_one(
    backend: Backend,
    statement: Copy,
    columns: list[TableColumn],
    target: str,
    blocks: Callable[[], Iterable[bytes]],
    name: str,
    done: Copied,
) -> None:
    errors: list[LoadError] = []

    def good() -> Iterator[bytes]:
        rows: Iterator[Any]
        match statement.format:
            case "CSV":
                rows = csv_rows(blocks(), statement, columns)
            case "JSON":
                rows = json_rows(blocks(), statement, columns)
            case "PARQUET":
                rows = parquet_rows(blocks(), columns, name)
            case _:
                raise error("syntax", near="FROM")
        lines: list[int] = []
        for row in rows:
            if isinstance(row, BadRecord):
                errors.append(_torn(name, row))
                _bounded(statement, done, errors)
                continue
            lines.append(row.line)
            numbers.append(row.line)
            yield row.encoded

    # PostgreSQL counts what it is given; these are the lines where that stands in the file.
    numbers: list[int] = []
    sql = f"COPY {target} FROM STDIN (ON_ERROR ignore, LOG_VERBOSITY verbose)"
    try:
        answer = backend.copy_in(sql, _gathered(good()))
    finally:
        done.errors += errors
    kinds = {column.name: column for column in columns}
    for told in answer.notices:
        found = _SKIPPED.match(told.get("M", ""))
        if found is not None:
            value = found[3].removeprefix('"').removesuffix('"')
            done.errors.append(load_error(name, numbers[int(found[1]) - 1], kinds.get(found[2]), value))
    done.rows += answer.count
    _bounded(statement, done)


def _gathered(rows: Iterable[bytes]) -> Iterator[bytes]:
    for some in itertools.batched(rows, 500) if hasattr(itertools, "batched") else _batched(rows, 500):
        yield b"".join(some)


def _batched(rows: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    iterator = iter(rows)
    while some := list(itertools.islice(iterator, size)):
        yield some


def _torn(name: str, bad: BadRecord) -> LoadError:
    return LoadError(name, bad.line, bad.column, "", "", 0, bad.code, bad.message, bad.raw[:1024], "")


def _bounded(statement: Copy, done: Copied, more: list[LoadError] = []) -> None:  # noqa: B006 - only read
    if len(done.errors) + len(more) >= max(statement.max_errors, 1):
        raise TooManyErrors


def unpacked(blocks: Iterable[bytes], packed: str, name: str) -> Iterator[bytes]:
    """The content of a packed file."""
    if packed == "NONE":
        yield from blocks
        return
    made: Any = None
    fresh: Callable[[], Any] = {
        "GZIP": lambda: zlib.decompressobj(31),
        "BZIP2": bz2.BZ2Decompressor,
        "ZSTD": _zstd_decompressor,
    }[packed]
    try:
        for block in blocks:
            data = block
            while data:
                made = made or fresh()
                plain = made.decompress(data)
                if plain:
                    yield plain
                if not made.eof:
                    break
                data, made = made.unused_data, None
    except (OSError, ValueError, EOFError, zlib.error) as exc:
        raise error("bad gzip", key=name, said=str(exc)) from exc
    except Exception as exc:
        if "zstd" not in type(exc).__module__:
            raise
        raise error("bad gzip", key=name, said=str(exc)) from exc
    if made is not None:
        raise error("bad gzip", key=name, said="unexpected end of file")


def _zstd_decompressor() -> Any:
    from spectra.testing.redshift.unloading import zstd

    return zstd().ZstdDecompressor()


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
