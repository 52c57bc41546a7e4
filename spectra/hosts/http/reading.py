"""What a client sent, as the services want it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from spectra.domain import JobState, Operation
from spectra.errors import InvalidSpecError
from spectra.hosts.http.messages import Request

__all__ = [
    "count",
    "filters",
    "fraction",
    "idempotency_key",
    "labels",
    "matches",
    "number",
    "one",
    "seconds",
    "whole",
]

_E = TypeVar("_E", JobState, Operation)
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def idempotency_key(request: Request) -> str | None:
    """The header ``Idempotency-Key``."""
    return request.header("idempotency-key")


def labels(fields: dict[str, Any]) -> Mapping[str, str] | None:
    """Take ``labels`` out of the body of a create request."""
    found = fields.pop("labels", None)
    if found is not None and not isinstance(found, dict):
        raise InvalidSpecError("labels", "must be an object of names and texts")
    return found


def one(parameters: Mapping[str, list[str]], name: str) -> str | None:
    """The one value of a parameter; an empty one counts as none."""
    values = parameters.get(name, [])
    if len(values) > 1:
        raise InvalidSpecError(name, "may be given once")
    return values[0] if values and values[0] else None


def whole(parameters: Mapping[str, list[str]], name: str) -> int | None:
    """A whole number."""
    text = one(parameters, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidSpecError(name, "must be a whole number")
    return int(text)


def count(value: Any) -> Any:
    """A number of JSON without a fraction as an integer, however it is spelled; all else is left to its judge."""
    # Of what has more digits nobody wants to make an integer: 1e999999999 is a number, too.
    if isinstance(value, Decimal) and value.adjusted() < 18 and value == value.to_integral_value():
        return int(value)
    return value


def fraction(name: str, value: Any) -> float | None:
    """A number of JSON that is neither negative nor endless."""
    if value is None:
        return None
    try:
        found = float(value) if type(value) in (int, float, Decimal) else -1.0
    except OverflowError:
        found = -1.0
    if not 0 <= found <= 1e9:
        raise InvalidSpecError(name, "must be a number of seconds")
    return found


def number(parameters: Mapping[str, list[str]], name: str) -> float | None:
    """A number, spelled as in JSON, that is neither negative nor endless."""
    text = one(parameters, name)
    if text is not None and not _NUMBER.fullmatch(text):
        raise InvalidSpecError(name, "must be a number of seconds")
    return fraction(name, None if text is None else float(text))


def seconds(parameters: Mapping[str, list[str]], name: str) -> timedelta | None:
    """A span of time in seconds; what is more than none is a microsecond at least."""
    found = number(parameters, name)
    return None if found is None else timedelta(microseconds=math.ceil(found * 1_000_000))


def filters(parameters: Mapping[str, list[str]]) -> dict[str, Any]:
    """The arguments of `JobService.find`; several states or operations are joined by commas, or repeated."""
    return {
        "states": _members(JobState, "state", parameters),
        "operations": _members(Operation, "operation", parameters),
        "created_after": _instant(parameters, "created_after"),
        "created_before": _instant(parameters, "created_before"),
        "cursor": one(parameters, "cursor"),
    }


def _members(kind: type[_E], name: str, parameters: Mapping[str, list[str]]) -> set[_E] | None:
    texts = [text for value in parameters.get(name, []) for text in value.split(",")]
    try:
        return {kind(text) for text in texts if text} or None
    except ValueError:
        raise InvalidSpecError(name, f"must be one of {', '.join(kind)}") from None


def _instant(parameters: Mapping[str, list[str]], name: str) -> datetime | None:
    text = one(parameters, name)
    if text is None:
        return None
    try:
        # In a query a + that nobody escaped arrives as a space.
        return datetime.fromisoformat(text.replace(" ", "+") if text[-6:-5] == " " else text)
    except ValueError:
        raise InvalidSpecError(name, "must be an instant such as 2026-01-29T10:00:00Z") from None


def matches(header: str | None, etag: str) -> bool:
    """Whether ``If-None-Match`` names *etag* (RFC 9110, 13.1.2: compared weakly)."""
    if header is None:
        return False
    named = [text.strip().removeprefix("W/") for text in header.split(",")]
    return "*" in named or etag in named
