"""Fields that know their variable, their range and how they are read from text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, Final

import attrs

from spectra.errors import InvalidSettingsError

__all__ = ["choice", "number", "parsed", "switch", "text", "variable"]

PREFIX: Final = "SPECTRA_"
_SWITCHES: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def variable(name: str) -> str:
    """The variable of the field *name*."""
    return PREFIX + name.upper()


def number(
    default: Any, low: float, high: float, kind: type = int, *, about: str, optional: bool = False
) -> Any:
    """A number from *low* to *high*; None where that is the default, or *optional*: then as text ``none``."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        good = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if value is None and (default is None or optional):
            return
        if not good or isinstance(value, bool) or not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise InvalidSettingsError(
                variable(attribute.name), f"must be {what} from {low:,} to {high:,}, not {value!r}"
            )

    def read(said: str) -> Any:
        return None if optional and said.strip().lower() == "none" else kind(said)

    values = f"{low:,} to {high:,}" + (", `none`" if optional else "")
    return attrs.field(
        default=default, validator=check, metadata={"parse": read, "about": about, "values": values}
    )


def text(
    default: str | None,
    *,
    about: str,
    secret: bool = False,
    pattern: str = r"(?s).*\S.*",
    values: str = "text",
) -> Any:
    """Text that is not blank, and like *pattern*; a *secret* one stands in no repr and no error."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        good = isinstance(value, str) and re.fullmatch(pattern, value)
        if not good and not (value is None and default is None):
            shown = "" if secret else f", not {value!r}"
            raise InvalidSettingsError(variable(attribute.name), f"must be {values}{shown}")

    return attrs.field(
        default=default,
        validator=check,
        repr=not secret,
        metadata={"parse": str, "about": about, "values": values},
    )


def choice(allowed: Collection[str], *, about: str) -> Any:
    """One of *allowed*, or None."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None and value not in allowed:
            raise InvalidSettingsError(
                variable(attribute.name), f"must be {' or '.join(allowed)}, not {value!r}"
            )

    values = ", ".join(f"`{one}`" for one in allowed)
    return attrs.field(
        default=None, validator=check, metadata={"parse": str, "about": about, "values": values}
    )


def switch(default: bool, *, about: str) -> Any:
    """On or off."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, bool):
            raise InvalidSettingsError(variable(attribute.name), f"must be true or false, not {value!r}")

    return attrs.field(
        default=default,
        validator=check,
        metadata={"parse": bool, "about": about, "values": "`true`, `false`"},
    )


def parsed(name: str, value: str, kind: Callable[[str], Any]) -> Any:
    """The value of a variable's text.

    Raises:
        InvalidSettingsError: it is none; names the variable.
    """
    if kind is bool:
        if value.strip().lower() not in _SWITCHES:
            raise InvalidSettingsError(name, f"must be true or false, not {value!r}")
        return _SWITCHES[value.strip().lower()]
    try:
        return kind(value)
    except ValueError:
        raise InvalidSettingsError(name, f"{value!r} is not a number") from None
