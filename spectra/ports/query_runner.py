"""The port for small reads."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Self

import attrs

from spectra.domain import Column, Parameter, Session

__all__ = ["Query", "QueryResult", "QueryRunner"]


@attrs.frozen(kw_only=True)
class Query:
    """One guarded statement that reads; at most *limit* rows, cancelled after *timeout* seconds."""

    tenant_id: str
    sql: str = attrs.field(repr=False)
    limit: int
    timeout: float
    query_id: str
    parameters: Mapping[str, Parameter] = attrs.field(factory=dict, repr=False)
    session: Session = Session()


@attrs.frozen(kw_only=True)
class QueryResult:
    """Rows as tuples in the order of *columns*; *truncated* if the statement has more than these."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...] = attrs.field(repr=False)
    truncated: bool
    query_id: str
    execution_time_ms: int = 0

    @property
    def row_count(self) -> int:
        """How many rows these are."""
        return len(self.rows)

    @property
    def message(self) -> str | None:
        """What to do about rows that are missing; None if none are."""
        if not self.truncated:
            return None
        return f"there are more rows than the {self.row_count:,} here; make the query an export to get all"


class QueryRunner(abc.ABC):
    """Runs small reads. Every implementation promises:

    EX8  `query` returns at most ``limit`` rows and whether there were more, cancels the statement at
         its timeout (`QueryTimeoutError`), and binds parameters as values. It runs under the query's
         session where the warehouse has users, and leaves none behind. One instance serves any number of
         threads. After `close`, which may be repeated, `ClosedError`.

    Errors of the statement are raised as `ExecutorError`.
    """

    __slots__ = ()

    dialect: str
    """sqlglot's name of its SQL."""

    @abc.abstractmethod
    def query(self, query: Query, /) -> QueryResult:
        """Run *query*.

        Raises:
            QueryTimeoutError: cancelled at its timeout.
            ExecutorError: the warehouse refused it.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Release everything; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
