"""The table that a load changes: its columns, and how values fit their types."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import attrs

from spectra.adapters.memory.warehouse import LEDGER, LoadFailed, refusal
from spectra.domain import Category, LoadSpec, Operation
from spectra.errors import InvalidSpecError
from spectra.sql.identifiers import parts, quote

__all__ = ["Column", "Target", "fitted", "inspect"]

_FLAGS: Final = {"true": 1, "t": 1, "1": 1, "false": 0, "f": 0, "0": 0}
_NUMBER: Final = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_WHOLE: Final = range(-(2**63), 2**63)
_DIGITS: Final = 4_000


@attrs.frozen
class Column:
    """One column of the table."""

    name: str
    type: str
    required: bool
    has_default: bool


@attrs.frozen
class Target:
    """The table and its columns; names as the table has them."""

    name: str
    columns: tuple[Column, ...]

    def match(self, names: Sequence[str], spec: LoadSpec) -> tuple[Column, ...]:
        """The table's columns in the order of the upload's *names*.

        Raises:
            LoadFailed: unknown, missing or doubled columns.
        """
        known = {column.name.casefold(): column for column in self.columns}
        found: list[Column] = []
        for name in names:
            column = known.get(name.casefold())
            if column is None:
                have = ", ".join(c.name for c in self.columns)
                raise _wrong("UNKNOWN_COLUMN", f"column '{name}' is not in the table, which has {have}", name)
            if column in found:
                raise _wrong("DUPLICATE_COLUMN", f"column '{name}' appears twice in the upload", name)
            found.append(column)
        keys = [key.casefold() for key in spec.key_columns]
        for key in spec.key_columns:
            if key.casefold() not in known:
                raise _wrong("UNKNOWN_COLUMN", f"key column '{key}' is not in the table", key)
            if known[key.casefold()] not in found:
                raise _wrong("MISSING_COLUMN", f"key column '{key}' is not in the upload", key)
        others = [column.name for column in found if column.name.casefold() not in keys]
        if spec.operation is Operation.DELETE and others:
            raise _wrong(
                "UNKNOWN_COLUMN", f"a delete takes the key columns only, not '{others[0]}'", others[0]
            )
        if spec.operation is Operation.UPDATE and not others:
            raise refusal("MISSING_COLUMN", "an update needs a column beside the key columns")
        if spec.operation in (Operation.INSERT, Operation.UPSERT):
            for column in self.columns:
                if column.required and not column.has_default and column not in found:
                    problem = f"column '{column.name}' may not be NULL, and is not in the upload"
                    raise _wrong("MISSING_COLUMN", problem, column.name)
        return tuple(found)


def _wrong(code: str, message: str, column: str) -> LoadFailed:
    return refusal(code, f"{message}; correct the upload", column=column)


def inspect(connection: sqlite3.Connection, spec: LoadSpec) -> Target:
    """Look the table up.

    Raises:
        LoadFailed: there is none of this name, or it is not one that can be loaded.
    """
    try:
        path = parts(spec.object)
    except InvalidSpecError as exc:
        raise refusal("QUERY_ERROR", f"'{spec.object}' is not the name of a table: {exc}") from exc
    found = None
    if path[:-1] in ((), ("main",)) and path[-1].casefold() != LEDGER:
        # What begins with sqlite_ is SQLite's own; a view has nothing to load into.
        found = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE"
            " AND name NOT LIKE 'sqlite~_%' ESCAPE '~'",
            path[-1:],
        ).fetchone()
    if found is None:
        raise refusal(
            "QUERY_ERROR",
            f"Table '{spec.object}' does not exist",
            category=Category.RESOURCE,
            sql_state="42P01",
        )
    name = quote(found[0])
    columns = tuple(
        Column(column, (kind or "ANY").upper(), bool(required or key), default is not None)
        for _, column, kind, required, default, key in connection.execute(f"PRAGMA table_info({name})")
    )
    return Target(name, columns)


def fitted(value: Any, kind: str) -> Any:
    """*value* as SQLite shall keep it in a column of type *kind*, which is in capitals.

    One value has one form, so that equal keys are equal here and there.

    Raises:
        ValueError: it cannot be read as one.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if "BOOL" in kind:
        return _flag(text)
    if "INT" in kind:
        number = _number(text)
        if not isinstance(number, int):
            raise ValueError(text)
        return number
    if any(name in kind for name in ("REAL", "FLOA", "DOUB")):
        return float(_number(text))
    if any(name in kind for name in ("DEC", "NUM")):
        return _number(text)
    if "TIME" in kind and "DATE" not in kind and "STAMP" not in kind:
        return str(time.fromisoformat(text))
    if "TIME" in kind:
        return str(datetime.fromisoformat(text))
    if "DATE" in kind:
        return str(date.fromisoformat(text))
    return text


def _flag(text: str) -> int:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _number(text: str) -> int | float:
    """A whole number if it is one that SQLite can keep, else the nearest float."""
    if len(text) < 19 and text.isascii() and text.isdigit():
        return int(text)
    if len(text) > _DIGITS or _NUMBER.fullmatch(text) is None:
        raise ValueError(text)
    exact = Decimal(text.strip())
    near = float(exact)
    if not math.isfinite(near):
        raise ValueError(text)
    if exact == exact.to_integral_value() and int(exact) in _WHOLE:
        return int(exact)
    return near
