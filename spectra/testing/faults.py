"""Ports that misbehave when told to: what a service makes of a backend that fails, is slow, or repeats.

    faults = Faults(clock=clock)
    store = FaultyJobStore(MemoryJobStore(), faults)
    faults.fail_after("replace", OutcomeUnknownError("the job store"))
    ...                                  # the next replace is done, and then raises

A fault waits for its method, happens *times* times, and is gone. *when* picks among the calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime
from typing import Any, BinaryIO, Literal, TypeAlias, TypeVar

import attrs

from spectra.domain import Effect, Job, JobState, Operation, Session, Spec
from spectra.ports.clock import Clock, SystemClock
from spectra.ports.executor import Execution, Executor, Known, Task
from spectra.ports.job_store import Added, Backlog, JobStore, Page
from spectra.ports.query_runner import Query, QueryResult, QueryRunner
from spectra.ports.result_store import Area, Link, ObjectInfo, ResultStore, UploadTarget, UploadWriter

__all__ = ["Faults", "FaultyExecutor", "FaultyJobStore", "FaultyQueryRunner", "FaultyResultStore"]

T = TypeVar("T")
When: TypeAlias = Callable[..., bool]
Kind: TypeAlias = Literal["before", "after", "delay", "duplicate"]


def _always(*_: Any, **__: Any) -> bool:
    return True


@attrs.define
class _Fault:
    kind: Kind
    method: str
    left: int
    when: When
    error: BaseException | None = None
    seconds: float = 0.0


def _kind(fault: _Fault) -> str:
    return "error" if fault.error is not None else fault.kind


class Faults:
    """What is to go wrong, in the order in which it was asked for; safe to share between threads.

    *calls* lists the names of all calls that were made. *clock* is the one that delays sleep on.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self.calls: list[str] = []
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._faults: list[_Fault] = []
        self._lock = threading.RLock()  # *when* may call the port again

    def fail_before(self, method: str, error: BaseException, *, times: int = 1, when: When = _always) -> None:
        """Raise *error* instead of doing what *method* does."""
        self._add(_Fault("before", method, times, when, error=error))

    def fail_after(self, method: str, error: BaseException, *, times: int = 1, when: When = _always) -> None:
        """Do it, and then raise *error*: a reply that was lost."""
        self._add(_Fault("after", method, times, when, error=error))

    def delay(self, method: str, seconds: float, *, times: int = 1, when: When = _always) -> None:
        """Sleep for *seconds* before doing it."""
        self._add(_Fault("delay", method, times, when, seconds=seconds))

    def duplicate(self, method: str, *, times: int = 1, when: When = _always) -> None:
        """Do it twice, as a network does that delivers twice: the caller sees what came of the first."""
        self._add(_Fault("duplicate", method, times, when))

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._faults.clear()

    @property
    def pending(self) -> int:
        """How many faults have not happened yet."""
        with self._lock:
            return sum(fault.left for fault in self._faults)

    def call(self, method: str, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Call *function*, with whatever is to go wrong with *method*."""
        with self._lock:
            self.calls.append(method)
            now: list[_Fault] = []
            for fault in self._faults:
                meant = fault.method == method and fault.when(*args, **kwargs)
                # One error, one delay, one duplicate of a call; the next of a kind is for the next call.
                if meant and all(_kind(fault) != _kind(other) for other in now):
                    now.append(fault)
                    fault.left -= 1
            self._faults = [fault for fault in self._faults if fault.left]
        for fault in now:
            if fault.kind == "delay":
                self._clock.sleep(fault.seconds)
        for fault in now:
            if fault.kind == "before" and fault.error is not None:
                raise fault.error
        result = function(*args, **kwargs)
        for fault in now:
            if fault.kind == "duplicate":
                with suppress(Exception):  # nobody hears what became of the second
                    function(*args, **kwargs)
            elif fault.kind == "after" and fault.error is not None:
                raise fault.error
        return result

    def _add(self, fault: _Fault) -> None:
        if fault.left < 1:
            raise ValueError("times must be at least 1")
        with self._lock:
            self._faults.append(fault)


class FaultyJobStore(JobStore):
    """*inner*, with *faults*."""

    def __init__(self, inner: JobStore, faults: Faults) -> None:
        self.inner = inner
        self.faults = faults

    def add(self, job: Job, /) -> Added:
        return self.faults.call("add", self.inner.add, job)

    def get(self, tenant_id: str, job_id: str, /) -> Job:
        return self.faults.call("get", self.inner.get, tenant_id, job_id)

    def replace(self, old: Job, new: Job, /, *, limit: int | None = None) -> Job:
        return self.faults.call("replace", self.inner.replace, old, new, limit=limit)

    def find(
        self,
        tenant_id: str,
        /,
        *,
        states: Collection[JobState] | None = None,
        operations: Collection[Operation] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        return self.faults.call(
            "find",
            self.inner.find,
            tenant_id,
            states=states,
            operations=operations,
            created_after=created_after,
            created_before=created_before,
            limit=limit,
            cursor=cursor,
        )

    def due(
        self, now: datetime, /, *, limit: int, per_tenant: int = 5, tenant_id: str | None = None
    ) -> Sequence[Job]:
        ask = self.inner.due
        return self.faults.call("due", ask, now, limit=limit, per_tenant=per_tenant, tenant_id=tenant_id)

    def live(self, *, limit: int, cursor: str | None = None) -> Page[Job]:
        return self.faults.call("live", self.inner.live, limit=limit, cursor=cursor)

    def backlog(self, now: datetime, /) -> Backlog:
        return self.faults.call("backlog", self.inner.backlog, now)

    def delete(self, tenant_id: str, job_id: str, /) -> None:
        self.faults.call("delete", self.inner.delete, tenant_id, job_id)

    def close(self) -> None:
        self.faults.call("close", self.inner.close)


class FaultyExecutor(Executor):
    """*inner*, with *faults*."""

    def __init__(self, inner: Executor, faults: Faults) -> None:
        self.inner = inner
        self.faults = faults
        self.dialect = inner.dialect
        self.schemes = inner.schemes  # type: ignore[misc] # those of the inner one

    def check(self, spec: Spec, session: Session, /) -> None:
        self.faults.call("check", self.inner.check, spec, session)

    def ready(self) -> None:
        self.faults.call("ready", self.inner.ready)

    def detached(self, task: Task, /) -> bool:
        return self.faults.call("detached", self.inner.detached, task)

    def start(self, task: Task, /) -> str | None:
        return self.faults.call("start", self.inner.start, task)

    def poll(self, task: Task, /, *, wait: float = 0) -> Execution:
        return self.faults.call("poll", self.inner.poll, task, wait=wait)

    def cancel(self, task: Task, /, *, close_ledger: bool = True) -> Effect:
        return self.faults.call("cancel", self.inner.cancel, task, close_ledger=close_ledger)

    def forget(self, tenant_id: str, job_id: str, /) -> None:
        self.faults.call("forget", self.inner.forget, tenant_id, job_id)

    def known(self, *, older_than: datetime, cursor: str | None = None) -> Page[Known]:
        return self.faults.call("known", self.inner.known, older_than=older_than, cursor=cursor)

    def close(self) -> None:
        self.faults.call("close", self.inner.close)


class FaultyQueryRunner(QueryRunner):
    """*inner*, with *faults*."""

    def __init__(self, inner: QueryRunner, faults: Faults) -> None:
        self.inner = inner
        self.faults = faults
        self.dialect = inner.dialect

    def query(self, query: Query, /) -> QueryResult:
        return self.faults.call("query", self.inner.query, query)

    def close(self) -> None:
        self.faults.call("close", self.inner.close)


class FaultyResultStore(ResultStore):
    """*inner*, with *faults*. ``open_write`` fails when it is opened, ``publish`` when it is left."""

    def __init__(self, inner: ResultStore, faults: Faults) -> None:
        self.inner = inner
        self.faults = faults
        self.scheme = inner.scheme
        self.max_upload_bytes = inner.max_upload_bytes

    def location(
        self, tenant_id: str, job_id: str, area: Area | None = None, attempt: int | None = None, /
    ) -> str:
        return self.faults.call("location", self.inner.location, tenant_id, job_id, area, attempt)

    def upload_target(
        self, location: str, /, *, max_bytes: int, size: int | None, expires_at: datetime
    ) -> UploadTarget:
        make = self.inner.upload_target
        return self.faults.call(
            "upload_target", make, location, max_bytes=max_bytes, size=size, expires_at=expires_at
        )

    def stat(self, location: str, /) -> ObjectInfo:
        return self.faults.call("stat", self.inner.stat, location)

    def copy(self, source: str, target: str, /, *, if_etag: str) -> ObjectInfo:
        return self.faults.call("copy", self.inner.copy, source, target, if_etag=if_etag)

    def open_read(self, location: str, /, *, start: int = 0, length: int | None = None) -> BinaryIO:
        return self.faults.call("open_read", self.inner.open_read, location, start=start, length=length)

    def open_write(self, location: str, /) -> AbstractContextManager[UploadWriter]:
        return self._publishing(self.faults.call("open_write", self.inner.open_write, location), location)

    @contextmanager
    def _publishing(
        self, opened: AbstractContextManager[UploadWriter], location: str
    ) -> Iterator[UploadWriter]:
        with ExitStack() as stack:
            yield stack.enter_context(opened)

            def publish(_: str) -> None:
                stack.close()

            # A fault before it leaves the stack as it is, to be unwound by the error.
            self.faults.call("publish", publish, location)

    def download_link(self, location: str, /, *, filename: str, expires_at: datetime) -> Link:
        make = self.inner.download_link
        return self.faults.call("download_link", make, location, filename=filename, expires_at=expires_at)

    def jobs(self, *, older_than: datetime, cursor: str | None = None) -> Page[tuple[str, str]]:
        return self.faults.call("jobs", self.inner.jobs, older_than=older_than, cursor=cursor)

    def delete(self, location: str, /) -> None:
        self.faults.call("delete", self.inner.delete, location)

    def close(self) -> None:
        self.faults.call("close", self.inner.close)
