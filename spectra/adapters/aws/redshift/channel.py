"""What both executors work on: the driver's connections, or the Data API's sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

__all__ = ["Channel", "Channels", "Described", "StatementError", "nothing"]

Described: TypeAlias = tuple[list[tuple[str, int]], list[tuple[Any, ...]]]
"""Names and type numbers of columns, and rows."""


def nothing() -> None:
    """Look at nothing between two statements."""


class StatementError(Exception):
    """The statement number *at* of a transaction failed; ``__cause__`` says why. The last is COMMIT."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at

    @property
    def cause(self) -> BaseException:
        """What was raised."""
        assert self.__cause__ is not None
        return self.__cause__


class Channel(Protocol):
    """Runs statements in one session of the server's. What the server refuses is raised as it came."""

    session_id: int
    broken: bool
    labelled: bool
    """Whether its statements carry their label by themselves."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""
        ...

    def described(self, sql: str) -> Described:
        """Run one statement; its columns, and its rows."""
        ...

    def value(self, sql: str) -> Any:
        """Run a statement that has one value."""
        ...

    def transaction(self, statements: Sequence[str], check: Callable[[], None] = nothing) -> list[Described]:
        """Run *statements* in one transaction, *check* before each where that can be; what each gave.

        Raises:
            StatementError: one of them failed; everything was rolled back, unless the session broke.
        """
        ...

    def abandon(self) -> None:
        """Break it, from any thread: whoever waits for it is told."""
        ...


class Channels(Protocol):
    """Where channels come from."""

    def lend(
        self, label: str, *, keep: bool = True, wait: float | None = None
    ) -> AbstractContextManager[Channel]:
        """One whose statements carry *label*, waited for at most *wait* seconds where they are few.

        *keep*: what it did must be found again by others.
        """
        ...

    def ask(self, label: str) -> AbstractContextManager[Channel]:
        """One for the worker's own reads and short changes; refusals are raised as errors of backends."""
        ...

    def close(self) -> None:
        """Give out no more."""
        ...
