"""The tasks that this process does, each in a thread of a bounded pool."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeAlias

from spectra.adapters.aws.redshift.work import Stopped, Work, WorkError, told
from spectra.errors import ClosedError
from spectra.ports import Execution, Status, Task

__all__ = ["Entry", "Works"]

Entry: TypeAlias = tuple[Work, "Future[None]"]
_Key: TypeAlias = tuple[str, str, int]

REMEMBERED: Final = 1_000


class Works:
    """At most *limit* run at once, and a thousand that have ended are remembered.

    After a fork there are none: their threads are the parent's.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._works: OrderedDict[_Key, Entry] = OrderedDict()
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._process = os.getpid()

    def alive(self) -> None:
        """Make sure that work may begin, in this process.

        Raises:
            ClosedError: `close` was called.
        """
        if self._closed:
            raise ClosedError("the Redshift executor")
        if self._process != os.getpid():
            self._begin()

    def get(self, task: Task) -> Work | None:
        """What this process does, or did, of *task*."""
        self.alive()
        with self._lock:
            entry = self._works.get((task.tenant_id, task.job_id, task.attempt))
        return None if entry is None else entry[0]

    def upto(self, task: Task) -> list[Entry]:
        """What it does of the job: this attempt, and earlier ones."""
        self.alive()
        with self._lock:
            return [
                entry
                for (tenant, job, attempt), entry in self._works.items()
                if (tenant, job) == (task.tenant_id, task.job_id) and attempt <= task.attempt
            ]

    def running(self) -> dict[tuple[str, str], Task]:
        """The tasks that have not ended, by tenant and job."""
        self.alive()
        with self._lock:
            return {key[:2]: work.task for key, (work, _) in self._works.items() if not work.done.is_set()}

    def submit(self, task: Task, do: Callable[[Work], Execution]) -> Work:
        """Let a thread *do* it, or find it begun."""
        self.alive()
        key = (task.tenant_id, task.job_id, task.attempt)
        with self._lock:
            if self._closed:
                raise ClosedError("the Redshift executor")
            if key not in self._works:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(self._limit, thread_name_prefix="spectra-redshift")
                work = Work(task)
                self._works[key] = work, self._pool.submit(_do, work, do)
                over = len(self._works) - REMEMBERED
                for old in [k for k, (w, _) in self._works.items() if w.done.is_set()][: max(over, 0)]:
                    del self._works[old]
            return self._works[key][0]

    def forget(self, tenant_id: str, job_id: str) -> None:
        """Remember no more what has ended of a job."""
        self.alive()
        with self._lock:
            for key in [k for k in self._works if k[:2] == (tenant_id, job_id)]:
                if self._works[key][0].done.is_set():
                    del self._works[key]

    def close(self) -> list[Entry]:
        """Begin nothing more; what runs, if this is the first call."""
        if self._closed:
            return []
        self.alive()
        with self._lock:
            self._closed = True
            return [entry for entry in self._works.values() if not entry[0].done.is_set()]

    def join(self) -> None:
        """Wait for the threads."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()


def _do(work: Work, do: Callable[[Work], Execution]) -> None:
    """The whole of a task, in a thread of the pool; whatever happens, it ends."""
    label = work.task.label
    threading.current_thread().name = label
    try:
        work.check()
        execution = do(work)
    except Stopped:
        execution = Execution(status=Status.CANCELLED)
    except WorkError as exc:
        execution = exc.execution or Execution(status=Status.FAILED, error=exc.error)
    except BaseException as exc:
        execution = Execution(status=Status.FAILED, error=told(exc, label))
    if execution.error is not None and execution.error.code == "CANCELLED":
        execution = Execution(status=Status.CANCELLED)  # by another process, or a person
    work.end(execution)
