"""Job errors: what went wrong in the warehouse, of which category, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import attrs

from spectra.domain.frozen import frozen_dict
from spectra.domain.text import bounded_text, check_text
from spectra.errors import InvalidSpecError

__all__ = ["ADVICE", "SQL_STATES", "Advice", "Category", "JobError", "category_of"]

MESSAGE_BYTES: Final = 4096
DETAILS_BYTES: Final = 8192
DETAIL_BYTES: Final = 1000


class Category(StrEnum):
    """What kind of failure it is; each has its `ADVICE`."""

    VALIDATION = "validation"
    PERMISSION = "permission"
    RESOURCE = "resource"
    TRANSIENT = "transient"
    CAPACITY = "capacity"
    INTERNAL = "internal"


@attrs.frozen
class Advice:
    """Whether Spectra repeats the work by itself, and what the caller should do."""

    retryable: bool
    text: str


ADVICE: Final[Mapping[Category, Advice]] = MappingProxyType(
    {
        Category.VALIDATION: Advice(False, "fix the request, then retry"),
        Category.PERMISSION: Advice(False, "check the credentials and grants"),
        Category.RESOURCE: Advice(False, "verify that the object exists and that the limits allow the work"),
        Category.TRANSIENT: Advice(True, "retry with backoff"),
        Category.CAPACITY: Advice(True, "retry later"),
        Category.INTERNAL: Advice(False, "report it with the job id"),
    }
)

_C = Category
SQL_STATES: Final[Mapping[str, Category]] = MappingProxyType(
    {
        # exact codes first, then classes of two characters
        "28000": _C.PERMISSION,
        "28P01": _C.PERMISSION,
        "3D000": _C.RESOURCE,
        "3F000": _C.RESOURCE,
        "40001": _C.TRANSIENT,
        "40P01": _C.TRANSIENT,
        "42501": _C.PERMISSION,
        "42P01": _C.RESOURCE,
        "53100": _C.RESOURCE,
        "53200": _C.RESOURCE,
        "53300": _C.CAPACITY,
        "53400": _C.RESOURCE,
        "57014": _C.RESOURCE,
        "08": _C.TRANSIENT,
        "0A": _C.VALIDATION,
        "21": _C.VALIDATION,
        "22": _C.VALIDATION,
        "23": _C.VALIDATION,
        "28": _C.PERMISSION,
        "42": _C.VALIDATION,
        "53": _C.CAPACITY,
        "54": _C.VALIDATION,
        "55": _C.TRANSIENT,
        "57": _C.TRANSIENT,
        "58": _C.TRANSIENT,
    }
)


def category_of(sql_state: str | None) -> Category:
    """The category of an SQLSTATE; internal when nothing is known of it."""
    if sql_state is None:
        return Category.INTERNAL
    return SQL_STATES.get(sql_state) or SQL_STATES.get(sql_state[:2]) or Category.INTERNAL


def _category(value: str) -> Category:
    try:
        return Category(value)
    except ValueError:
        raise InvalidSpecError("category", f"{value!r} is not one of {', '.join(Category)}") from None


def _plain(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What JSON makes of *value*: what is read back later is equal to it."""
    if not isinstance(value, Mapping):
        raise InvalidSpecError("details", "must be a mapping")
    try:
        return frozen_dict(json.loads(json.dumps(dict(value), allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidSpecError("details", f"must be plain JSON: {exc}") from None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _cleaned(text: str, max_bytes: int) -> str:
    clean = text.replace("\0", "").encode("utf-8", "replace")
    if len(clean) > max_bytes:
        clean = clean[: max_bytes - 3] + "…".encode()
    return clean.decode("utf-8", "ignore")


@attrs.frozen
class JobError:
    """Why a job failed.

    *code* is stable, *message* is for people (at most 4 KB; longer text is cut), *details* is JSON
    of at most 8 KB: ``sql_state``, ``position``, ``line``, ``column``, ``statement_id`` where known.
    """

    code: str = attrs.field(validator=bounded_text(64, min_bytes=1))
    category: Category = attrs.field(converter=_category)
    message: str = attrs.field(validator=bounded_text(MESSAGE_BYTES))
    details: Mapping[str, Any] = attrs.field(factory=dict, converter=_plain)

    @details.validator
    def _bounded(self, _: object, value: Mapping[str, Any]) -> None:
        for text in _texts(value):
            check_text("details", text, DETAILS_BYTES)
        size = len(json.dumps(value).encode())
        if size > DETAILS_BYTES:
            raise InvalidSpecError("details", f"have {size} bytes, at most {DETAILS_BYTES} are allowed")

    @classmethod
    def of(cls, code: str, category: Category, message: str, **details: Any) -> JobError:
        """Build one from text of any length and cleanliness, as drivers give it."""
        clean = {
            name: _cleaned(value, DETAIL_BYTES) if isinstance(value, str) else value
            for name, value in details.items()
            if value is not None
        }
        return cls(code, category, _cleaned(message, MESSAGE_BYTES), clean)

    @property
    def retryable(self) -> bool:
        """Whether repeating the same work may succeed."""
        return ADVICE[self.category].retryable

    @property
    def advice(self) -> str:
        """What to do next, in a few words."""
        return ADVICE[self.category].text
