"""The row limit in the text of a statement: for now appended only, whatever limit the statement has."""

from __future__ import annotations

__all__ = ["limit_rows"]


def limit_rows(sql: str, limit: int, dialect: str) -> str:  # noqa: ARG001 - it will matter
    """Append ``LIMIT`` *limit* to *sql*."""
    return f"{sql}\nLIMIT {limit}"
