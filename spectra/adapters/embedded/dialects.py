"""Other dialects than DuckDB's own: what they need in the warehouse, and statements in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from spectra.errors import SqlNotSupportedError
from spectra.sql.literals import Bound

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor

__all__ = ["DIALECTS", "in_duckdb", "install"]

DIALECTS: Final = ("duckdb", "redshift")


def install(cursor: Cursor) -> None:
    """What statements of Redshift need: its functions, and its time zone, which is UTC."""
    from spectra.sql.transpiling import CATALOG, MACROS

    cursor.execute("SET GLOBAL TimeZone = 'UTC'")
    cursor.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {CATALOG}")
    for macro in MACROS:
        cursor.execute(macro)


def in_duckdb(cursor: Cursor, bound: Bound) -> tuple[str, Bound, Mapping[str, int]]:
    """Redshift's statement *bound* as DuckDB's, and the places of the names that stand in it once.

    Functions that Redshift does not have must be macros of the host's.

    Raises:
        InvalidRequestError: it does not parse, cannot be said in DuckDB's SQL, or does more than read.
    """
    from spectra.sql.transpiling import transpile

    transpiled = transpile(bound)
    for call in transpiled.calls:
        if not _is_macro(cursor, call.name):
            raise SqlNotSupportedError(f"the function {call.name} is not had here", call.line, call.column)
    return transpiled.text, bound, transpiled.names


def _is_macro(cursor: Cursor, name: str) -> bool:
    from spectra.sql.transpiling import CATALOG

    found = cursor.execute(
        "SELECT count(*) FROM duckdb_functions()"
        " WHERE NOT internal AND database_name <> $1 AND lower(function_name) = $2",
        [CATALOG, name],
    ).fetchone()
    return found is not None and bool(found[0])
