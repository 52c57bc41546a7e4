"""Rows of a query as JSON: how a value is written depends on its column's type, never on the value.

Integers are JSON numbers. ``NUMERIC`` is a string, since a JSON number is a double to most readers.
``NaN`` and the infinities, which JSON has not, are the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.
Dates and times are strings of ISO 8601, those with a zone in UTC; binary is hexadecimal; ``SUPER`` and
``JSON`` are the JSON that they hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import attrs

from spectra.codec.types import DECIMALS, FLOATS, JSON, PLAIN_INSTANTS, type_name
from spectra.domain import Column
from spectra.ports import QueryResult

__all__ = ["query_json", "to_public_result"]

Values: TypeAlias = Sequence[Any]


def query_json(result: QueryResult, /) -> bytes:
    """The reply of ``POST /queries`` as UTF-8 JSON: ``data``, an object a row, and ``metadata``."""
    columns = [
        _written_column(column, values)
        for column, values in zip(result.columns, zip(*result.rows, strict=True), strict=False)
    ]
    data = _objects([column.name for column in result.columns], columns, len(result.rows))
    text = f'{{"data":[{data}],"metadata":{json.dumps(_metadata(result), ensure_ascii=False)}}}'
    return text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes JSON's own escape of it


def to_public_result(result: QueryResult, /) -> dict[str, Any]:
    """What `query_json` writes, as Python's own dicts and lists."""
    public: dict[str, Any] = json.loads(query_json(result))
    return public


def _metadata(result: QueryResult) -> dict[str, Any]:
    return {
        "columns": [column.name for column in result.columns],
        "column_types": [column.type for column in result.columns],
        "row_count": result.row_count,
        "truncated": result.truncated,
        "message": result.message,
        "execution_time_ms": result.execution_time_ms,
        "query_id": result.query_id,
    }


# ---- writing ----------------------------------------------------------------------------------------


@attrs.frozen
class _Texts:
    """A column's values in JSON; *quoted*: each still lacks the quotes around it."""

    texts: Sequence[str]
    quoted: bool = False


def _objects(names: Sequence[str], columns: Sequence[_Texts], rows: int) -> str:
    """One object a row, put together column by column: several times as fast as row by row."""
    if not rows or not columns:
        return ",".join(["{}"] * rows)
    step = 2 * len(columns)
    pieces = [""] * (step * rows)
    end = f"{_quote(columns[-1])}}}"
    before = f"{end},{{"
    for at, (name, column) in enumerate(zip(names, columns, strict=True)):
        pieces[2 * at :: step] = [f"{before}{encode_basestring(name)}:{_quote(column)}"] * rows
        pieces[2 * at + 1 :: step] = column.texts
        before = f"{_quote(column)},"
    pieces[0] = pieces[0].removeprefix(f"{end},")
    return "".join(pieces) + end


def _quote(column: _Texts) -> str:
    return '"' if column.quoted else ""


def _written_column(column: Column, values: Values) -> _Texts:
    kind = type_name(column.type)
    if kind in JSON:
        return _Texts([_json_text(v) if isinstance(v, str) else _written(v) for v in values])
    convert, quoted = _WRITERS.get(kind, (_written, False))
    try:
        return _Texts(list(map(convert, values)), quoted)
    except (TypeError, ValueError, KeyError):
        # A NULL among them, or something that is not of the column's type, as SQLite allows.
        return _Texts([_written_as(kind, v) for v in values])


def _written_as(kind: str, value: Any) -> str:
    # A driver may give a whole number of a decimal column as an int: it is a string all the same.
    return f'"{value}"' if kind in DECIMALS and type(value) is int else _written(value)


def _finite(value: float) -> str:
    text = float.__repr__(value)
    if text in _NOT_FINITE:
        raise ValueError(text)
    return text


def _plain(value: Decimal) -> str:
    text = Decimal.__str__(value)
    return f"{value:f}" if "E" in text else text


def _json_text(text: str) -> str:
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return encode_basestring(text)
    return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _float(value: float) -> str:
    text = float.__repr__(value)
    return _NOT_FINITE.get(text, text)


def _written(value: Any) -> str:
    """Any value, nested ones too."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return encode_basestring(value)
        case int():
            return int.__repr__(value)
        case float():
            return _float(value)
        case Decimal():
            return f'"{value:f}"'
        case datetime() if value.tzinfo is not None:
            return f'"{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"'
        case date() | time():
            return f'"{value.isoformat()}"'
        case timedelta():
            return f'"{_duration(value)}"'
        case bytes() | bytearray() | memoryview():
            return f'"{bytes(value).hex()}"'
        case Mapping():
            items = (f"{_key(key)}:{_written(item)}" for key, item in value.items())
            return "{" + ",".join(items) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_written, value)) + "]"
        case _:
            return encode_basestring(str(value))


def _key(key: Any) -> str:
    text = _written(key)
    return text if text.startswith('"') else encode_basestring(text)


def _duration(value: timedelta) -> str:
    """ISO 8601: days, and seconds with their fraction."""
    days, rest = value.days, timedelta(seconds=value.seconds, microseconds=value.microseconds)
    if value < timedelta(0):
        return "-" + _duration(-value)
    seconds = f"{Decimal(rest // timedelta(microseconds=1)) / 1_000_000:f}".rstrip("0").rstrip(".") or "0"
    seconds = str(rest.seconds) if not rest.microseconds else seconds
    return f"P{days}D" if days and not rest else f"P{f'{days}D' if days else ''}T{seconds}S"


_NOT_FINITE: Final = MappingProxyType({"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'})

_INTEGERS: Final = (
    *("smallint", "integer", "bigint", "int", "int2", "int4", "int8", "oid"),
    *("tinyint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
)
_TEXTS: Final = ("character varying", "varchar", "character", "char", "bpchar", "text", "name", "unknown")

_WRITERS: Final[Mapping[str, tuple[Callable[[Any], str], bool]]] = MappingProxyType(
    dict.fromkeys(_INTEGERS, (int.__repr__, False))
    | dict.fromkeys(FLOATS, (_finite, False))
    | dict.fromkeys(_TEXTS, (encode_basestring, False))
    | dict.fromkeys(DECIMALS, (_plain, True))
    | dict.fromkeys(PLAIN_INSTANTS, (datetime.isoformat, True))
    | {"date": (date.isoformat, True), "boolean": ({True: "true", False: "false"}.__getitem__, False)}
)
