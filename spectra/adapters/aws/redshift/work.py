"""One running task: its connection, its flag to stop, its progress, and at last its execution."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

from spectra.adapters.aws.redshift.authorization import NotInGroupsError
from spectra.adapters.aws.redshift.channel import Channel
from spectra.adapters.aws.redshift.failures import is_refusal, job_error
from spectra.domain import Category, JobError, Progress
from spectra.errors import SpectraError
from spectra.ports import Execution, Status, Task

__all__ = ["Stopped", "Work", "WorkError", "refusal", "told"]

_log = logging.getLogger(__name__)


class Stopped(Exception):
    """The work was told to stop; raised and caught inside the adapter only."""


class WorkError(Exception):
    """The work cannot be done; *execution* has what is known beside the error."""

    def __init__(self, error: JobError, execution: Execution | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.execution = execution


def refusal(
    code: str, message: str, *, category: Category = Category.VALIDATION, **details: Any
) -> WorkError:
    """A `WorkError` about the request or the upload as a whole."""
    return WorkError(JobError.of(code, category, message, **details))


class Work:
    """What the thread that does a task, and the threads that ask for it, share."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.begun = threading.Event()
        """Set when the server has the work, or the work has ended."""
        self.done = threading.Event()
        self.execution: Execution | None = None
        self.warnings: list[str] = []
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._connection: Channel | None = None
        self._records = 0
        self._percent = 0.0

    @property
    def connection(self) -> Channel:
        """The one connection on which this task runs."""
        assert self._connection is not None
        return self._connection

    @contextlib.contextmanager
    def using(self, connection: Channel) -> Iterator[None]:
        """Work on *connection*; afterwards nobody cancels it on behalf of this task."""
        with self._lock:
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Execute one statement, unless the work was told to stop."""
        self.check()
        rows = self.connection.run(sql)
        self.check()
        return rows

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

    def stop(self) -> None:
        """Tell the work to stop."""
        self._stop.set()

    def session_id(self) -> int | None:
        """The server's session of it, while it has one."""
        with self._lock:
            return None if self._connection is None else self._connection.session_id

    def break_off(self) -> None:
        """Close the connection under a thread that waits for a server that will not answer."""
        with self._lock:
            if self._connection is not None:
                self._connection.abandon()

    def seen(self, *, records: int = 0, percent: float = 0.0) -> None:
        """So far it is; never less than before."""
        with self._lock:
            self._records = max(self._records, records)
            self._percent = max(self._percent, percent)

    def state(self) -> Execution:
        """The execution as it now is."""
        if self.execution is not None:
            return self.execution
        with self._lock:
            progress = Progress(self._records, round(self._percent, 2))
        return Execution(status=Status.RUNNING, progress=progress)

    def end(self, execution: Execution) -> None:
        """The task has ended."""
        self.execution = execution
        self.begun.set()
        self.done.set()


def told(exc: BaseException, label: str) -> JobError:
    """Why the work failed, whatever was raised."""
    if isinstance(exc, WorkError):
        return exc.error
    if isinstance(exc, NotInGroupsError):
        return JobError.of("PERMISSION_DENIED", Category.PERMISSION, str(exc))
    if isinstance(exc, SpectraError):
        return JobError.of(exc.code, Category(exc.category), str(exc), **exc.details)
    if is_refusal(exc):
        return job_error(exc)
    _log.error("%s failed in a way that nobody thought of", label, exc_info=exc)
    return JobError.of("INTERNAL", Category.INTERNAL, f"{type(exc).__name__}: {exc}")
