"""One running task: its cursor, its cancel flag, its progress, and at last its execution."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from spectra.domain import Counts, Progress
from spectra.ports import Execution, Status, Task

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor

__all__ = ["Stopped", "Work"]


class Stopped(Exception):
    """The work was told to stop; raised and caught inside the adapter only."""


class Work:
    """What the thread that does a task, and the threads that ask for it, share.

    DuckDB forgets an interrupt that comes between two statements, so the flag decides and the
    interrupt only hastens: `run` looks at the flag before every statement.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.done = threading.Event()
        self.execution: Execution | None = None
        self.counts: Counts | None = None
        self.warnings: list[str] = []
        self.expected = 0
        self._stop = threading.Event()
        self._cursor: Cursor | None = None
        self._records = 0
        self._window = (0.0, 0.0)
        self._seen = 0.0
        self._lock = threading.RLock()

    @property
    def cursor(self) -> Cursor:
        """The one cursor on which everything of this task runs."""
        assert self._cursor is not None
        return self._cursor

    @contextlib.contextmanager
    def using(self, cursor: Cursor) -> Iterator[None]:
        """Run on *cursor*, and close it afterwards with whatever it had begun rolled back."""
        self._cursor = cursor
        try:
            yield
        finally:
            with self._lock:
                self._cursor = None
            with contextlib.suppress(Exception):
                cursor.execute("ROLLBACK")
            cursor.close()

    def run(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Execute one statement and fetch what it returns.

        Raises:
            Stopped: the work was told to stop.
        """
        self.check()
        rows: list[tuple[Any, ...]] = self.cursor.execute(sql, parameters).fetchall()
        self.check()
        return rows

    def value(self, sql: str, parameters: Sequence[Any] | None = None) -> Any:
        """Execute a statement that returns one value."""
        return self.run(sql, parameters)[0][0]

    def check(self) -> None:
        """Stop here if the work was told to.

        Raises:
            Stopped: it was.
        """
        if self._stop.is_set():
            raise Stopped

    @property
    def stopping(self) -> bool:
        """Whether the work was told to stop."""
        return self._stop.is_set()

    def stop(self, wait: float) -> bool:
        """Tell the work to stop; say whether it has ended within *wait* seconds."""
        self._stop.set()
        waited = 0.0
        while not self.done.wait(0.05):
            self._interrupt()
            waited += 0.05
            if waited >= wait:
                return False
        return True

    def phase(self, begin: float, end: float) -> None:
        """What follows is worth the percents from *begin* to *end*."""
        with self._lock:
            self._seen = max(self._seen, begin)
            self._window = (begin, end)

    def seen(self, records: int, share: float) -> None:
        """*records* have been seen, and *share* (0 to 1) of this phase is done."""
        with self._lock:
            self._records = max(self._records, records)
            begin, end = self._window
            self._seen = max(self._seen, begin + (end - begin) * min(share, 1.0))

    def progress(self) -> Progress:
        """How far the work is; never falls."""
        with self._lock:
            percent = -1.0
            if self._cursor is not None:
                with contextlib.suppress(Exception):
                    percent = self._cursor.query_progress()
            if percent > 0:
                # Until the records have been counted, the lines of the upload tell how many there may be.
                reading = self.expected if self._window[0] == 0 else 0
                self.seen(int(reading * percent / 100), percent / 100)
            return Progress(self._records, min(round(self._seen, 2), 100.0))

    def state(self) -> Execution:
        """The execution as it now is."""
        if self.execution is not None:
            return self.execution
        return Execution(status=Status.RUNNING, handle=self.task.label, progress=self.progress())

    def end(self, execution: Execution) -> None:
        """The task has ended."""
        self.execution = execution
        self.done.set()

    def _interrupt(self) -> None:
        with self._lock:
            if self._cursor is not None:
                with contextlib.suppress(Exception):
                    self._cursor.interrupt()
