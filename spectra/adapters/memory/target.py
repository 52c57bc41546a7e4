"""The table that a load changes: its columns, its unique sets, and how values fit its types."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from spectra.adapters.memory.warehouse import LEDGER, LoadFailed, refusal
from spectra.domain import Category, LoadSpec, Operation
from spectra.errors import InvalidSpecError
from spectra.sql.identifiers import parts, quote

__all__ = ["Column", "Target", "fitted", "inspect"]

_FLAGS = {"true": 1, "t": 1, "1": 1, "false": 0, "f": 0, "0": 0}


@attrs.frozen
class Column:
    """One column of the table."""

    name: str
    type: str
    required: bool
    has_default: bool


@attrs.frozen
class Target:
    """The table, its columns, and the column sets that must be unique; names as the table has them."""

    name: str
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...]

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
    rows = []
    if path[:-1] in ((), ("main",)) and path[-1].casefold() != LEDGER:
        rows = connection.execute(f"PRAGMA table_info({quote(path[-1])})").fetchall()
    if not rows:
        raise refusal(
            "QUERY_ERROR",
            f"Table '{spec.object}' does not exist",
            category=Category.RESOURCE,
            sql_state="42P01",
        )
    key = tuple(row[1] for row in sorted((row for row in rows if row[5]), key=lambda row: row[5]))
    unique = [key] if key else []
    for _, index, is_unique, *_ in connection.execute(f"PRAGMA index_list({quote(path[-1])})").fetchall():
        names = tuple(row[2] for row in connection.execute(f"PRAGMA index_info({quote(index)})").fetchall())
        if is_unique and names not in unique and None not in names:
            unique.append(names)
    columns = tuple(
        Column(name, kind or "ANY", bool(required or name in key), default is not None)
        for _, name, kind, required, default, _ in rows
    )
    return Target(quote(path[-1]), columns, tuple(unique))


def fitted(value: Any, kind: str) -> Any:
    """*value* as SQLite shall keep it in a column of type *kind*.

    Raises:
        ValueError: it cannot be read as one.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    kind = kind.upper()
    if "BOOL" in kind:
        return _flag(text)
    if "INT" in kind:
        return _whole(text)
    if any(name in kind for name in ("REAL", "FLOA", "DOUB")):
        return float(text)
    if any(name in kind for name in ("DEC", "NUM")):
        return str(_decimal(text))
    if "TIME" in kind:
        datetime.fromisoformat(text)
        return text
    if "DATE" in kind:
        date.fromisoformat(text)
        return text
    return text if isinstance(value, str | int | float) else str(value)


def _flag(text: str) -> int:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _whole(text: str) -> int:
    number = _decimal(text)
    if number != number.to_integral_value() or not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return int(number)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number
