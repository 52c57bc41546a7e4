"""Rows of an export in JSON, read back: each value with the type of its column, as the driver gives it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID

from spectra.codec.types import DECIMALS, FLOATS, JSON, PLAIN_INSTANTS, type_name
from spectra.domain import Column

__all__ = ["from_lines"]

Reader: TypeAlias = Callable[[Any], Any]


def from_lines(lines: Iterable[bytes], columns: Sequence[Column], /) -> Iterator[tuple[Any, ...]]:
    """Read rows of an export in JSON back, each value with the type of its column."""
    readers = [(column.name, _reader(column.type)) for column in columns]
    for line in lines:
        row = json.loads(line, parse_float=Decimal, parse_int=_int)
        yield tuple(None if row.get(name) is None else read(row[name]) for name, read in readers)


def _reader(kind: str) -> Reader:
    """What makes a value of the type *kind* of one that is not NULL."""
    name = type_name(kind)
    if name == "nested":
        return _list_reader(_reader(kind[: kind.rindex("[")]))
    whole = kind.endswith(")")
    if whole and name in ("struct", "union"):
        fields = {field: _reader(inner) for field, inner in map(_field, _split(kind))}
        return _struct_reader(fields) if name == "struct" else _union_reader(fields)
    if whole and name == "map":
        return _map_reader(_reader(_split(kind)[-1]))
    scaled = _SCALE.search(kind)
    if name in DECIMALS and scaled is not None:
        # A warehouse may leave out zeros at the end, which belong to the value.
        unit = Decimal(1).scaleb(-int(scaled[1]))
        return lambda value: Decimal(value).quantize(unit, context=_EXACTLY)
    return _READERS.get(name, _as_it_is)


def _list_reader(read: Reader) -> Reader:
    return lambda values: [None if one is None else read(one) for one in values]


def _struct_reader(fields: Mapping[str, Reader]) -> Reader:
    return lambda value: {
        name: None if one is None else fields.get(name, _as_it_is)(one) for name, one in value.items()
    }


def _map_reader(read: Reader) -> Reader:
    return lambda value: {key: None if one is None else read(one) for key, one in value.items()}


def _union_reader(fields: Mapping[str, Reader]) -> Reader:
    def read(value: Mapping[str, Any]) -> Any:
        """An object of the one member that it is."""
        ((tag, one),) = value.items()
        return None if one is None else fields.get(tag, _as_it_is)(one)

    return read


def _split(kind: str) -> list[str]:
    """What stands between the commas in the parentheses of *kind*."""
    inside = kind[kind.index("(") + 1 : kind.rindex(")")]
    found, depth, start = [], 0, 0
    for token in _SEPARATORS.finditer(inside):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == "," and not depth:
            found.append(inside[start : token.start()].strip())
            start = token.end()
    return [*found, inside[start:].strip()]


def _field(text: str) -> tuple[str, str]:
    """The name of a field, and its type."""
    if text.startswith('"'):
        found = _QUOTED.match(text)
        end = len(text) if found is None else found.end()
        return text[1 : end - 1].replace('""', '"'), text[end:].strip()
    name, _, kind = text.partition(" ")
    return name, kind.strip()


def _int(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:  # more digits than Python reads
        return Decimal(digits)


def _or_text(read: Reader) -> Reader:
    """*read*, but what Python has no value for stays text, as drivers give it."""

    def reading(value: Any) -> Any:
        try:
            return read(value)
        except ValueError:
            return value

    return reading


def _bytes(text: str) -> bytes:
    """DuckDB's text of a BLOB."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("latin-1"))


def _interval(text: str) -> timedelta:
    """DuckDB's text of an INTERVAL; a month is 30 days, as its driver has it."""
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise ValueError(text)
    years, months, days, sign, hours, minutes, seconds = found.groups()
    whole = (int(years or 0) * 12 + int(months or 0)) * 30 + int(days or 0)
    rest = Decimal(seconds or 0) + 60 * int(minutes or 0) + 3600 * int(hours or 0)
    micros = int(rest * 1_000_000)
    return timedelta(days=whole, microseconds=-micros if sign else micros)


def _as_it_is(value: Any) -> Any:
    return value


def _json_of(value: Any) -> str:
    """The text of a JSON value whose numbers were read as decimals, so that none lost a digit."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            items = (f"{encode_basestring(key)}:{_json_of(item)}" for key, item in value.items())
            return "{" + ",".join(items) + "}"
        case list():
            return "[" + ",".join(map(_json_of, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


_SEPARATORS: Final = re.compile(r""""(?:[^"]|"")*"|'(?:[^']|'')*'|[(),]""")
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')
_ESCAPED: Final = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_INTERVAL: Final = re.compile(
    r"(?:(-?\d+) years?)? ?(?:(-?\d+) months?)? ?(?:(-?\d+) days?)? ?(?:(-?)(\d+):(\d\d):(\d\d(?:\.\d+)?))?"
)
_SCALE: Final = re.compile(r",\s*(\d+)\)$")
_EXACTLY: Final = Context(prec=100)
_INSTANTS: Final = (*PLAIN_INSTANTS, "timestamp with time zone", "timestamptz")
_TIMES: Final = ("time", "time without time zone", "time with time zone")

_READERS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    dict.fromkeys(FLOATS, float)
    | dict.fromkeys(DECIMALS, Decimal)
    | dict.fromkeys(JSON, _json_of)
    | dict.fromkeys(_INSTANTS, _or_text(datetime.fromisoformat))
    | dict.fromkeys(_TIMES, _or_text(time.fromisoformat))
    | {
        "date": _or_text(date.fromisoformat),
        "blob": _or_text(_bytes),
        "interval": _or_text(_interval),
        "bignum": str,
        "uuid": UUID,
    }
)
