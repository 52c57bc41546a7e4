"""Records of files as Redshift's COPY cuts them, in the form that PostgreSQL's COPY takes."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

from spectra.testing.redshift.grammar import Copy
from spectra.testing.redshift.texts import error

__all__ = ["BadRecord", "GoodRecord", "TableColumn", "csv_rows", "json_rows", "parquet_rows"]

LONGEST: Final = 4 << 20
_TEXTS: Final = ("character", "text", "varchar")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@attrs.frozen
class TableColumn:
    """A column of the table that is loaded."""

    name: str
    type: str
    required: bool

    @property
    def is_text(self) -> bool:
        """Whether an empty field is a text of no length."""
        return self.type.startswith(_TEXTS)


@attrs.frozen
class GoodRecord:
    """A record that can be given to PostgreSQL, and the line where it ends in the file."""

    line: int
    encoded: bytes


@attrs.frozen
class BadRecord:
    """A record that cannot."""

    line: int
    code: int
    message: str
    raw: str
    column: str = ""


def _encoded(values: Iterable[str | None]) -> bytes:
    fields = ("\\N" if value is None else value.translate(_ESCAPES) for value in values)
    return ("\t".join(fields) + "\n").encode()


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in lines)
    if rest:
        yield rest


def csv_rows(
    blocks: Iterable[bytes], statement: Copy, columns: list[TableColumn]
) -> Iterator[GoodRecord | BadRecord]:
    """The records of a CSV file."""
    delimiter = statement.delimiter or ","
    null = "\\N" if statement.null is None else statement.null
    for number, lines in _csv_records(blocks, statement.quote.encode()):
        first = number - len(lines) + 1
        if first <= statement.ignore_header:
            continue
        data = b"".join(lines)
        if statement.ignore_blank and not data.strip(b"\r\n"):
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError as exc:
            bad = data[exc.start]
            message = f"String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {bad:x} (error 4)"
            yield BadRecord(number, 1220, message, data.decode("latin-1"))
            continue
        if len(data) > LONGEST:
            yield BadRecord(number, 1204, "Row length exceeds the limit of 4194304 bytes", text)
            continue
        if "\0" in text:
            yield BadRecord(
                number, 1216, "Missing newline: Unexpected character 0x0 found", text.replace("\0", "")
            )
            continue
        try:
            rows = list(
                csv.reader(
                    io.StringIO(text, newline=""), delimiter=delimiter, quotechar=statement.quote, strict=True
                )
            )
        except csv.Error:
            yield BadRecord(number, 1216, "Invalid quote formatting for CSV", text)
            continue
        if not rows:
            continue
        fields = rows[0] or [""]
        if len(fields) > len(columns):
            yield BadRecord(number, 1202, "Extra column(s) found", text)
        elif len(fields) < len(columns):
            yield BadRecord(number, 1214, "Delimiter not found", text)
        else:
            values = [
                _value(field, column, statement, null) for field, column in zip(fields, columns, strict=True)
            ]
            yield _checked(number, values, columns, text)


def _value(field: str, column: TableColumn, statement: Copy, null: str) -> str | None:
    if field == null:
        return None
    if field == "" and (statement.empty_as_null or not column.is_text):
        return None
    if statement.blanks_as_null and not field.strip():
        return None
    return field


def _checked(
    number: int, values: list[str | None], columns: list[TableColumn], raw: str
) -> GoodRecord | BadRecord:
    for value, column in zip(values, columns, strict=True):
        if value is None and column.required:
            return BadRecord(number, 1213, "Missing data for not-null field", raw, column.name)
    return GoodRecord(number, _encoded(values))


def _csv_records(blocks: Iterable[bytes], quote: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """The lines of each record, and the number of the last."""
    pending: list[bytes] = []
    open_quote = False
    number = size = 0
    for number, line in enumerate(_lines(blocks), 1):
        data = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if line.count(quote) % 2:
            open_quote = not open_quote
        pending.append(data)
        size += len(data)
        if open_quote and size <= 4 * LONGEST:
            continue
        open_quote, size = False, 0
        yield number, pending
        pending = []
    if pending:
        yield number, pending


def json_rows(
    blocks: Iterable[bytes], statement: Copy, columns: list[TableColumn]
) -> Iterator[GoodRecord | BadRecord]:
    """The records of a file of JSON objects, one a line; of objects over several lines, too."""
    fold = statement.json == "auto ignorecase"
    names = [column.name.lower() if fold else column.name for column in columns]
    for number, line in enumerate(_lines(blocks), 1):
        data = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not data.strip():
            continue
        if len(data) > LONGEST:
            yield BadRecord(number, 1204, "Row length exceeds the limit of 4194304 bytes", "")
            continue
        try:
            text = data.decode()
            facts = json.loads(text, parse_int=str, parse_float=str)
        except UnicodeDecodeError:
            yield BadRecord(number, 1220, "String contains invalid or unsupported UTF8 codepoints.", "")
            continue
        except ValueError as exc:
            yield BadRecord(number, 1216, f"Invalid JSON: {exc}"[:100], data.decode(errors="replace"))
            continue
        if not isinstance(facts, dict):
            yield BadRecord(number, 1216, "Invalid JSONPath format: Member is not an object.", text)
            continue
        if fold:
            facts = {name.lower(): value for name, value in facts.items()}
        values = [_told(facts.get(name)) for name in names]
        if any(value is not None and "\0" in value for value in values):
            yield BadRecord(number, 1220, "String contains a NUL", "")
            continue
        empty = [
            None if value == "" and not column.is_text else value
            for value, column in zip(values, columns, strict=True)
        ]
        yield _checked(number, empty, columns, text)


def _told(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


def parquet_rows(blocks: Iterable[bytes], columns: list[TableColumn], name: str) -> Iterator[GoodRecord]:
    """The records of a Parquet file, whose columns are in the table's order."""
    import duckdb

    with tempfile.NamedTemporaryFile(suffix=".parquet") as file, duckdb.connect() as connection:
        for block in blocks:
            file.write(block)
        file.flush()
        try:
            scan = connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{file.name}')").fetchall()
        except duckdb.Error as exc:
            raise error("parquet", key=name, said="not a Parquet file") from exc
        if len(scan) != len(columns):
            raise error("parquet columns", key=name, table=len(columns), file=len(scan))
        for (_, kind, *_), column in zip(scan, columns, strict=True):
            if (kind == "VARCHAR") != column.is_text and not column.type.startswith("super"):
                said = f"column '{column.name}' is {kind}"
                raise error("parquet", key=name, said=said)
        texts = ", ".join(f"{_identifier(row[0])}::VARCHAR" for row in scan)
        found = connection.execute(f"SELECT {texts} FROM read_parquet('{file.name}')")
        number = 0
        while rows := found.fetchmany(1_000):
            for row in rows:
                number += 1
                yield GoodRecord(number, _encoded(row))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
