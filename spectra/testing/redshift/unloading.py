"""UNLOAD: rows of PostgreSQL into files of S3, as Redshift writes them."""

from __future__ import annotations

import bz2
import contextlib
import csv
import io
import json
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

import attrs

from spectra.testing.redshift.backend import Answer, Backend, Field
from spectra.testing.redshift.grammar import Unload
from spectra.testing.redshift.parquet import parquet
from spectra.testing.redshift.storage import Storage
from spectra.testing.redshift.switches import Behaviour
from spectra.testing.redshift.texts import error

__all__ = ["Unloaded", "unload"]

_SUFFIX: Final = {"NONE": "", "GZIP": ".gz", "BZIP2": ".bz2", "ZSTD": ".zst"}
_BOOL: Final = 16
_BASES: Final = {
    16: "boolean", 20: "bigint", 21: "smallint", 23: "integer", 25: "character varying", 700: "real",
    701: "double precision", 1042: "character", 1043: "character varying", 1082: "date", 1083: "time",
    1114: "timestamp without time zone", 1184: "timestamp with time zone", 1700: "numeric",
    114: "super", 3802: "super",
}  # fmt: skip
_TURN: Final = 64 * 1024


@attrs.frozen
class Unloaded:
    """What was written."""

    rows: int
    files: int
    bytes: int


def unload(
    backend: Backend, storage: Storage, statement: Unload, behaviour: Behaviour, folder: str
) -> Unloaded:
    """Run *statement* in the session of *backend*.

    Raises:
        ServerError: it could not be done; files may have been written.
    """
    _check(statement.query)
    if not statement.overwrite and storage.below(statement.target):
        raise error("not empty")
    columns = _columns(backend, statement.query)
    with contextlib.ExitStack() as stack:
        parts = _Parts(statement, behaviour, columns, folder, stack)
        _select(backend, statement, behaviour, columns, parts)
        files = list(parts.finished())
        manifest = (statement.target + "manifest", _manifest(statement, behaviour, columns, files))
        empty = not parts.rows
        wanted = statement.manifest and not (empty and behaviour.zero_rows == "nothing")
        if wanted and behaviour.manifest_first:
            storage.put(*manifest)
        for file in files:
            storage.write(file.name, file.file)
        if wanted and not behaviour.manifest_first:
            storage.put(*manifest)
        return Unloaded(parts.rows, len(files), sum(file.bytes for file in files))


def _check(query: str) -> None:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        (tree,) = sqlglot.parse(query, read="redshift")
    except (SqlglotError, ValueError):
        return  # PostgreSQL will say what is wrong
    if tree is not None and (tree.args.get("limit") or tree.args.get("fetch")):
        raise error("limit in unload")


def _columns(backend: Backend, query: str) -> tuple[Field, ...]:
    return backend.run(f"SELECT * FROM (\n{query}\n) AS unloaded LIMIT 0").columns


def _select(
    backend: Backend, statement: Unload, behaviour: Behaviour, columns: tuple[Field, ...], parts: _Parts
) -> Answer:
    if statement.format == "JSON":
        names = ", ".join(f"c{i}" for i in range(len(columns)))
        pairs = ", ".join(
            f"'{_literal(column.name)}', {_json_value(Field(f'c{i}', column.oid, column.modifier), behaviour)}"
            for i, column in enumerate(columns)
        )
        inner = f"SELECT json_build_object({pairs}) FROM (\n{statement.query}\n) AS q({names})"
        return backend.copy_out(f"COPY ({inner}) TO STDOUT", lambda row: parts.take(_json_line(row)))
    delimiter = statement.delimiter or ("," if statement.format in ("CSV", "PARQUET") else "|")
    null = statement.null or ""
    if statement.format == "TEXT":
        raise error("syntax", near="TO")
    options = f"FORMAT csv, DELIMITER '{_literal(delimiter)}', NULL '{_literal(null)}'"
    if statement.format == "PARQUET":
        options = "FORMAT csv, NULL '\x02'"
    query = statement.query
    names = ", ".join(_identifier(f"c{i}") for i in range(len(columns)))
    if any(column.oid == _BOOL for column in columns):
        values = ", ".join(
            f"CASE WHEN c{i} THEN 't' WHEN NOT c{i} THEN 'f' END" if column.oid == _BOOL else f"c{i}"
            for i, column in enumerate(columns)
        )
        query = f"SELECT {values} FROM (\n{query}\n) AS q({names})"
    plain = statement.format == "CSV" and not null and not behaviour.quoted_empty
    take = (lambda row: parts.take(_unquoted(row, delimiter))) if plain else parts.take
    return backend.copy_out(f"COPY (\n{query}\n) TO STDOUT ({options})", take)


_PLAIN: Final = frozenset({20, 21, 23, 114, 700, 701, 1700, 3802})


def _json_value(column: Field, behaviour: Behaviour) -> str:
    if column.oid == _BOOL and behaviour.quoted_booleans:
        return f"CASE WHEN {column.name} THEN 't' WHEN NOT {column.name} THEN 'f' END"
    return column.name if column.oid in _PLAIN or column.oid == _BOOL else f"{column.name}::text"


def _json_line(row: bytes) -> bytes:
    # COPY's text format doubles backslashes; JSON has no other character that it would escape.
    return row.replace(b"\\\\", b"\\")


def _unquoted(row: bytes, delimiter: str) -> bytes:
    """Texts of no length as PostgreSQL quotes them, written as nothing."""
    if b'""' not in row:
        return row
    fields = (
        next(csv.reader([row.decode().rstrip("\n")], delimiter=delimiter)) if b"\n" not in row[:-1] else None
    )
    if fields is None:
        fields = next(csv.reader(io.StringIO(row.decode(), newline=""), delimiter=delimiter))
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(fields)
    text = line.getvalue()
    return b"\n" if text == '""\n' else text.encode()


@attrs.define
class _File:
    name: str
    file: IO[bytes]
    rows: int = 0
    bytes: int = 0


class _Parts:
    """The files of an UNLOAD: one for each slice, and a new one when it is large enough."""

    def __init__(
        self,
        statement: Unload,
        behaviour: Behaviour,
        columns: tuple[Field, ...],
        folder: str,
        stack: contextlib.ExitStack,
    ) -> None:
        self.rows = 0
        self._statement = statement
        self._columns = columns
        self._folder = folder
        self._stack = stack
        self._files: list[_File] = []
        self._slices: list[_Slice] = []
        count = behaviour.slices if statement.parallel else 1
        self._slices = [_Slice(self, number) for number in range(count)]
        self._at = self._taken = 0
        self._zero = behaviour.zero_rows == "files" and statement.format in ("CSV", "TEXT")

    def take(self, row: bytes) -> None:
        self.rows += 1
        self._slices[self._at].take(row)
        self._taken += len(row)
        if self._taken > _TURN:
            self._taken, self._at = 0, (self._at + 1) % len(self._slices)

    def finished(self) -> Iterator[_File]:
        if not self.rows and self._zero:
            self._slices[0].begin()
        for one in self._slices:
            one.end()
        yield from sorted(self._files, key=lambda file: file.name)

    def add(self, number: int, part: int, file: IO[bytes], rows: int) -> None:
        statement = self._statement
        if statement.format == "PARQUET":
            file = parquet(file, self._columns, self._folder, self._stack)
            suffix = ".parquet"
        else:
            suffix = _SUFFIX[statement.packed]
        suffix = suffix if statement.extension is None else "." + statement.extension
        stem = f"{number:04}_part_{part:02}" if statement.parallel else f"{part:03}"
        file.flush()
        size = file.seek(0, io.SEEK_END)
        self._files.append(_File(statement.target + stem + suffix, file, rows, size))

    def opened(self) -> IO[bytes]:
        return self._stack.enter_context(tempfile.TemporaryFile(dir=self._folder))

    @property
    def limit(self) -> int:
        return self._statement.max_bytes

    def header(self) -> bytes:
        if not self._statement.header or self._statement.format != "CSV":
            return b""
        line = io.StringIO(newline="")
        names = [column.name for column in self._columns]
        csv.writer(line, delimiter=self._statement.delimiter or ",", lineterminator="\n").writerow(names)
        return line.getvalue().encode()

    def packer(self) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
        match self._statement.packed:
            case "GZIP":
                gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
                return gzip.compress, gzip.flush
            case "BZIP2":
                bzip = bz2.BZ2Compressor()
                return bzip.compress, bzip.flush
            case "ZSTD":
                packer = zstd().ZstdCompressor()
                return packer.compress, packer.flush
        return bytes, bytes


class _Slice:
    def __init__(self, parts: _Parts, number: int) -> None:
        self._parts, self._number = parts, number
        self._part = self._rows = self._bytes = 0
        self._file: IO[bytes] | None = None
        self._pending = bytearray()

    def begin(self) -> None:
        self._file = self._parts.opened()
        self._pack, self._flush = self._parts.packer()
        self._rows = self._bytes = 0
        self._pending += self._parts.header()

    def take(self, row: bytes) -> None:
        if self._file is None:
            self.begin()
        self._pending += row
        self._rows += 1
        if len(self._pending) > 1 << 17:
            self._write()
            if self._bytes > self._parts.limit:
                self.end()

    def _write(self) -> None:
        assert self._file is not None
        self._bytes += self._file.write(self._pack(bytes(self._pending)))
        self._pending.clear()

    def end(self) -> None:
        if self._file is None:
            return
        self._write()
        self._file.write(self._flush())
        self._parts.add(self._number, self._part, self._file, self._rows)
        self._part += 1
        self._file = None


def _manifest(
    statement: Unload, behaviour: Behaviour, columns: tuple[Field, ...], files: list[_File]
) -> bytes:
    if not statement.verbose:
        return json.dumps({"entries": [{"url": file.name} for file in files]}).encode()
    heads = 1 if statement.header else 0
    entries = [
        {"url": file.name, "meta": {"content_length": file.bytes, "record_count": file.rows + heads}}
        for file in files
    ]
    told = {
        "entries": entries,
        "schema": {
            "elements": [
                {"name": column.name, "type": _type(column, behaviour.length_key)} for column in columns
            ]
        },
        "meta": {
            "content_length": sum(file.bytes for file in files),
            "record_count": sum(file.rows + heads for file in files),
        },
        "author": {"name": "Amazon Redshift", "version": "1.0.0"},
    }
    return json.dumps(told, indent=2).encode()


def _type(column: Field, length_key: str) -> dict[str, Any]:
    found: dict[str, Any] = {"base": _BASES.get(column.oid, "character varying")}
    if column.oid in (1042, 1043, 25):
        found[length_key] = column.modifier - 4 if column.modifier > 0 else 256
    elif column.oid == 1700 and column.modifier > 0:
        found |= {"precision": (column.modifier - 4) >> 16, "scale": (column.modifier - 4) & 0xFFFF}
    return found


def zstd() -> Any:
    try:
        from compression import zstd as module  # type: ignore[import-not-found,unused-ignore] # Python 3.14
    except ModuleNotFoundError:
        from backports import zstd as module
    return module


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
