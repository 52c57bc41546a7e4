"""What a host lets its tenants read."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

import attrs

from spectra.errors import InvalidSettingsError, InvalidSpecError
from spectra.sql.identifiers import pieces

__all__ = ["SqlPolicy", "folded"]

_FOLDS_QUOTED: Final = frozenset({"duckdb", "sqlite"})
_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def folded(path: Iterable[tuple[str, bool]], dialect: str) -> tuple[str, ...]:
    """The parts of a name, with whether each is quoted, as the dialect compares them.

    Databases fold ASCII alone. What Redshift does with a quoted name is a setting, so it is left as it is.
    """
    return tuple(
        part if quoted and dialect not in _FOLDS_QUOTED else part.translate(_LOWER) for part, quoted in path
    )


def _names(field: str, value: Any, most: int) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"SqlPolicy.{field} must be a set of names, {type(value).__name__} is not")
    found = frozenset(value)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"SqlPolicy.{field} must have names, {type(name).__name__} is none")
        try:
            parts = pieces(name)
        except InvalidSpecError as exc:
            raise InvalidSettingsError(f"SqlPolicy.{field}", f"{name!r} {exc.problem}") from None
        if len(parts) > most:
            raise InvalidSettingsError(f"SqlPolicy.{field}", f"{name!r} has more than {most} parts")
    return found


def _schemas(value: Iterable[str] | None) -> frozenset[str] | None:
    return None if value is None else _names("schemas", value, 2)


def _functions(value: Iterable[str]) -> frozenset[str]:
    return _names("functions", value, 3)


@attrs.frozen(kw_only=True)
class SqlPolicy:
    """What tenants' statements may read and call, and how long they may be.

    *schemas* are the only ones whose tables may be read, ``schema`` or ``catalog.schema``; None stands for all
    but the system's own. A table without a schema is then refused, since what it means hangs on the search path;
    on DuckDB and SQLite it belongs to ``main``. A table with a catalog needs an entry with that catalog.

    *functions* may be called beside the dialect's own that are known to be safe: ``name``, called without a
    schema, or ``schema.name``, called with it.

    Names are written as in SQL, and compared as the dialect compares them: a part with capitals is quoted.
    *max_length* counts characters, from 1.

    Raises:
        TypeError: a name is no text.
        InvalidSettingsError: a name cannot be one, or *max_length* is below 1.
    """

    schemas: frozenset[str] | None = attrs.field(default=None, converter=_schemas)
    functions: frozenset[str] = attrs.field(default=(), converter=_functions)
    max_length: int = attrs.field(default=100 * 1024)

    @max_length.validator
    def _positive(self, _: object, value: object) -> None:
        if type(value) is not int:
            raise TypeError(f"SqlPolicy.max_length must be an int, {type(value).__name__} is not")
        if value < 1:
            raise InvalidSettingsError("SqlPolicy.max_length", "must be at least 1")

    def reads(self, path: tuple[str, ...], dialect: str) -> bool:
        """Whether a table may be read, by the parts of its name as `folded` gives them."""
        if self.schemas is None:
            return True
        schema = path[:-1]
        if not schema and dialect in _FOLDS_QUOTED:
            schema = ("main",)
        return schema in _folded(self.schemas, dialect)

    def calls(self, path: tuple[str, ...], dialect: str) -> bool:
        """Whether the host has added a function, by the parts of its name as `folded` gives them."""
        return path in _folded(self.functions, dialect)


@functools.lru_cache(maxsize=64)
def _folded(names: frozenset[str], dialect: str) -> frozenset[tuple[str, ...]]:
    return frozenset(folded(pieces(name), dialect) for name in names)
