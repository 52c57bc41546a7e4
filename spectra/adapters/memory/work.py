"""One task of the memory executor: its connection, its stop, its progress, and at last its execution."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import suppress

from spectra.domain import Progress
from spectra.ports import Execution, Status, Task

__all__ = ["Stopped", "Work"]


class Stopped(Exception):
    """The work was told to stop; raised and caught inside the adapter only."""


class Work:
    """What the thread that does a task, and the threads that ask for it, share.

    SQLite forgets an interrupt that comes between two statements, so the flag decides and the
    interrupt only hastens.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.done = threading.Event()
        self.execution: Execution | None = None
        self._stop = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._progress = Progress(0)

    def began(self, connection: sqlite3.Connection) -> None:
        """Statements run on *connection* from now on."""
        self._connection = connection
        self.check()

    def check(self) -> None:
        """Stop here if the work was told to.

        Raises:
            Stopped: it was.
        """
        if self._stop.is_set():
            raise Stopped

    def seen(self, records: int, total: int | None = None) -> None:
        """*records* have been seen, of *total* if that is known; stops like `check`."""
        self.check()
        percent = None if not total else min(99.0, 100 * records / total)
        self._progress = self._progress.raised_to(Progress(records, percent))

    def tell(self) -> None:
        """Tell the work to stop, and wait for nothing."""
        self._stop.set()

    def stop(self, until: float) -> bool:
        """Tell the work to stop; say whether it has ended when `time.monotonic` says *until*."""
        self._stop.set()
        while not self.done.wait(0.02):
            connection = self._connection
            if connection is not None:
                # It may have been closed meanwhile, and then there is nothing to interrupt.
                with suppress(sqlite3.ProgrammingError):
                    connection.interrupt()
            if time.monotonic() >= until:
                return False
        return True

    def end(self, execution: Execution) -> None:
        """The task has ended."""
        self.execution = execution
        self.done.set()

    def state(self) -> Execution:
        """The execution as it now is."""
        return self.execution or Execution(
            status=Status.RUNNING, handle=self.task.label, progress=self._progress
        )
