"""The table that a load changes, and how the upload's columns lie on its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from spectra.adapters.embedded.failures import WorkError, refusal
from spectra.adapters.embedded.warehouse import LEDGER_SCHEMA
from spectra.adapters.embedded.work import Work
from spectra.domain import Category, LoadSpec, Operation
from spectra.errors import InvalidSpecError
from spectra.sql.identifiers import parts, quote

__all__ = ["Target", "TargetColumn", "inspect"]

_EXACT: Final = 18
_INTEGERS: Final = frozenset(
    f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE", "")
) | {"INTEGER", "UINTEGER"}


@attrs.frozen
class TargetColumn:
    """One column of the table."""

    name: str
    type: str
    required: bool
    has_default: bool

    def changed(self, text: str, value: str) -> str | None:
        """A condition that *value* is not what *text* says: DuckDB rounds, and cuts the time off a date.

        The first half is cheap and seldom true, the second is exact.
        """
        if self.type in _INTEGERS:
            exact = f"TRY_CAST({text} AS DOUBLE)"
            return f"{text} SIMILAR TO '.*[.eE].*' AND {exact} <> trunc({exact})"
        if self.type == "DATE":
            return f"length({text}) > 10 AND TRY_CAST({text} AS TIMESTAMP) <> {value}"
        if (decimal := re.fullmatch(r"DECIMAL\(\d+,\s*(\d+)\)", self.type)) and int(decimal[1]) < _EXACT:
            digits = f"length({text}) - strpos({text}, '.') > {decimal[1]}"
            return (
                f"{text} SIMILAR TO '.*[.eE].*' AND {digits}"
                f" AND TRY_CAST({text} AS DECIMAL(38, {_EXACT})) <> {value}"
            )
        return None


@attrs.frozen
class Target:
    """The table, its columns, what must be unique, what is checked; names as the table has them."""

    name: str
    alias: str
    columns: tuple[TargetColumn, ...]
    unique: tuple[tuple[str, ...], ...]
    checks: tuple[tuple[str, tuple[str, ...]], ...]
    """Conditions, and the columns that each one is about."""

    def match(self, names: Sequence[str], spec: LoadSpec) -> tuple[TargetColumn, ...]:
        """The table's columns in the order of the upload's *names*.

        Raises:
            WorkError: unknown, missing or doubled columns.
        """
        known = {column.name.casefold(): column for column in self.columns}
        found = []
        for name in names:
            column = known.get(name.casefold())
            if column is None:
                have = ", ".join(c.name for c in self.columns)
                raise _wrong("UNKNOWN_COLUMN", f"column '{name}' is not in the table, which has {have}", name)
            if column in found:
                raise _wrong("DUPLICATE_COLUMN", f"column '{name}' appears twice in the upload", name)
            found.append(column)
        self._check_keys(found, spec)
        if spec.operation in (Operation.INSERT, Operation.UPSERT):
            for column in self.columns:
                if column.required and not column.has_default and column not in found:
                    raise _wrong(
                        "MISSING_COLUMN",
                        f"column '{column.name}' may not be NULL, and is not in the upload",
                        column.name,
                    )
        return tuple(found)

    def keys(self, spec: LoadSpec) -> tuple[str, ...]:
        """The key columns by the table's names."""
        known = {column.name.casefold(): column.name for column in self.columns}
        return tuple(known[name.casefold()] for name in spec.key_columns)

    def _check_keys(self, found: Sequence[TargetColumn], spec: LoadSpec) -> None:
        here = {column.name.casefold() for column in found}
        known = {column.name.casefold() for column in self.columns}
        for name in spec.key_columns:
            if name.casefold() not in known:
                raise _wrong("UNKNOWN_COLUMN", f"key column '{name}' is not in the table", name)
            if name.casefold() not in here:
                raise _wrong("MISSING_COLUMN", f"key column '{name}' is not in the upload", name)
        others = [c.name for c in found if c.name.casefold() not in {k.casefold() for k in spec.key_columns}]
        if spec.operation is Operation.DELETE and others:
            raise _wrong(
                "UNKNOWN_COLUMN", f"a delete takes the key columns only, not '{others[0]}'", others[0]
            )
        if spec.operation is Operation.UPDATE and not others:
            raise refusal("MISSING_COLUMN", "an update needs a column beside the key columns")


def _wrong(code: str, message: str, column: str) -> WorkError:
    return refusal(code, f"{message}; correct the upload", column=column)


def inspect(work: Work, spec: LoadSpec) -> Target:
    """Look the table up.

    Raises:
        WorkError: there is none of this name, or it is not one that can be loaded.
    """
    try:
        path = parts(spec.object)
    except InvalidSpecError as exc:
        raise refusal(
            "QUERY_ERROR", f"'{spec.object}' is not the name of a table: {exc}", sql_state="42602"
        ) from exc
    where = [path[-1], path[-2] if len(path) > 1 else None, path[-3] if len(path) > 2 else None]
    condition = (
        "WHERE lower(table_name) = lower($1) AND NOT internal"
        " AND ($2 IS NULL AND schema_name = current_schema() OR lower(schema_name) = lower($2))"
        " AND ($3 IS NULL AND database_name = current_database() OR lower(database_name) = lower($3))"
    )
    found = work.run(f"SELECT database_name, schema_name, table_name FROM duckdb_tables() {condition}", where)
    if not found or found[0][1] == LEDGER_SCHEMA:
        raise refusal(
            "QUERY_ERROR",
            f"Table '{spec.object}' does not exist",
            category=Category.RESOURCE,
            sql_state="42P01",
        )
    name = ".".join(map(quote, found[0]))
    same = "WHERE database_name = $1 AND schema_name = $2 AND table_name = $3"
    columns = work.run(
        f"SELECT column_name, data_type, is_nullable, column_default FROM duckdb_columns() {same}"
        " ORDER BY column_index",
        found[0],
    )
    constraints = work.run(
        f"SELECT constraint_type, constraint_column_names, expression FROM duckdb_constraints() {same}",
        found[0],
    )
    return Target(
        name,
        quote(found[0][2]),
        tuple(TargetColumn(n, t, not nullable, default is not None) for n, t, nullable, default in columns),
        tuple(tuple(names) for kind, names, _ in constraints if kind in {"PRIMARY KEY", "UNIQUE"}),
        tuple((condition, tuple(names)) for kind, names, condition in constraints if kind == "CHECK"),
    )
