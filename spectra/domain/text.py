"""What text may be: no NUL, no lone surrogate, bounded."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import attrs

from spectra.errors import InvalidSpecError

__all__ = ["bounded_text", "check_id", "check_text", "is_id", "optional_text", "valid_id"]

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def is_id(value: object) -> bool:
    """Whether *value* could be a tenant or job id."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def check_id(field: str, value: object) -> None:
    """Refuse what is not a tenant or job id.

    Raises:
        InvalidSpecError: not ``[A-Za-z0-9][A-Za-z0-9._-]{0,127}``.
    """
    if not (isinstance(value, str) and _ID.fullmatch(value)):
        raise InvalidSpecError(
            field, "must be 1 to 128 of the characters A-Z a-z 0-9 . _ - and begin with a letter or digit"
        )


def valid_id(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    """An attrs validator over `check_id`."""
    check_id(attribute.name, value)


def check_text(field: str, value: object, max_bytes: int, *, min_bytes: int = 0) -> None:
    """Refuse text that a backend could not keep unchanged.

    Raises:
        InvalidSpecError: not a string, NUL or a lone surrogate in it, or out of bounds in UTF-8.
    """
    # Almost every text is right, and every event and every reading looks at a dozen of them.
    if type(value) is str and value.isascii() and min_bytes <= len(value) <= max_bytes and "\0" not in value:
        return
    if not isinstance(value, str):
        raise InvalidSpecError(field, f"must be text, not {type(value).__name__}")
    # Of `str` itself, and not of a subclass, which may tell whatever it likes.
    if str.__contains__(value, "\0"):
        raise InvalidSpecError(field, "must not contain the character NUL")
    try:
        size = str.__len__(value) if str.isascii(value) else len(str.encode(value))
    except UnicodeEncodeError:
        raise InvalidSpecError(field, "must not contain a lone surrogate") from None
    if size < min_bytes:
        raise InvalidSpecError(field, "must not be empty" if min_bytes == 1 else f"under {min_bytes} bytes")
    if size > max_bytes:
        raise InvalidSpecError(field, f"has {size} bytes, at most {max_bytes} are allowed")


def bounded_text(max_bytes: int, *, min_bytes: int = 0) -> Callable[[Any, attrs.Attribute[str], str], None]:
    """Make an attrs validator over `check_text`."""

    def validate(_: object, attribute: attrs.Attribute[str], value: str) -> None:
        check_text(attribute.name, value, max_bytes, min_bytes=min_bytes)

    return validate


def optional_text(
    max_bytes: int, *, min_bytes: int = 0
) -> Callable[[Any, attrs.Attribute[str | None], str | None], None]:
    """Like `bounded_text`; None passes."""

    def validate(_: object, attribute: attrs.Attribute[str | None], value: str | None) -> None:
        if value is not None:
            check_text(attribute.name, value, max_bytes, min_bytes=min_bytes)

    return validate
