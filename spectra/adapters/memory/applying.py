"""Changing the table record by record: SQLite itself says which ones a constraint forbids."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any, Final

from spectra.adapters.memory.planning import Plan
from spectra.domain import Operation
from spectra.sql.identifiers import quote

__all__ = ["apply"]

_SEEN: Final = 1_000
_CONSTRAINT: Final = re.compile(r"(UNIQUE|NOT NULL|CHECK) constraint failed: (.*)", re.DOTALL)
_MISFITS: Final = frozenset({"SQLITE_MISMATCH", "SQLITE_CONSTRAINT_DATATYPE"})


def apply(connection: sqlite3.Connection, plan: Plan, seen: Callable[[int, int], None]) -> None:
    """Do what *plan* says in the open transaction; records that the table refuses fail in the plan.

    Raises:
        sqlite3.Error: it was interrupted, or something is wrong that no single record is to blame for.
    """
    names = [quote(column.name) for column in plan.columns]
    others = [i for i in range(len(names)) if i not in plan.keys]
    same = plan.same()
    # A table may declare another resolution than ABORT, which would drop or replace rows in silence.
    insert = (
        f"INSERT OR ABORT INTO {plan.target.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    )
    changes = ", ".join(f"{names[i]} = ?" for i in others)
    update = f"UPDATE OR ABORT {plan.target.name} SET {changes} WHERE {same}"
    delete = f"DELETE FROM {plan.target.name} WHERE {same}"
    exists = f"SELECT 1 FROM {plan.target.name} WHERE {same} LIMIT 1"
    total = len(plan.upload.records)
    for number, ordinal in enumerate(sorted(plan.values)):
        if number % _SEEN == 0:
            seen(total, total)
        values = plan.values[ordinal]
        key, rest = plan.key(ordinal), tuple(values[i] for i in others)
        try:
            match plan.spec.operation:
                case Operation.INSERT:
                    connection.execute(insert, values)
                case Operation.UPDATE:
                    connection.execute(update, rest + key)
                case Operation.DELETE:
                    connection.execute(delete, key)
                case _ if connection.execute(exists, key).fetchone() is None:
                    connection.execute(insert, values)
                case _ if others:
                    connection.execute(update, rest + key)
        except sqlite3.IntegrityError as exc:
            # A trigger can roll everything back; what follows would then commit by itself.
            if not connection.in_transaction:
                raise
            _fail(plan, ordinal, values, exc)


def _fail(plan: Plan, ordinal: int, values: list[Any], exc: sqlite3.IntegrityError) -> None:
    found = _CONSTRAINT.match(str(exc))
    if found is None:
        code = "CAST" if exc.sqlite_errorname in _MISFITS else "CONSTRAINT_VIOLATION"
        plan.fail(ordinal, code, str(exc))
        return
    kind, about = found.groups()
    columns = {piece.rpartition(".")[2] for piece in about.split(", ")}
    match kind:
        case "UNIQUE":
            shown = [str(v) for c, v in zip(plan.columns, values, strict=True) if c.name in columns]
            plan.fail(
                ordinal,
                "UNIQUE_VIOLATION",
                "another row or an earlier record has these values, which must be unique",
                value=", ".join(shown),
            )
        case "NOT NULL":
            plan.fail(ordinal, "NOT_NULL", "the column may not be NULL", column=about.rpartition(".")[2])
        case _:
            plan.fail(ordinal, "CHECK", "a check of the table forbids it")
