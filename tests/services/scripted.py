"""A driver on a memory store whose executor says what it is told to say."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import attrs

from spectra.adapters.memory import MemoryJobStore, MemoryResultStore
from spectra.domain import Effect, Job, Retention, Upload
from spectra.ports import Execution, Executor, Page, Status
from spectra.services.driving import Driver
from spectra.services.ending import Ender
from spectra.services.events import EventLog
from spectra.services.sweeper import Sweeper
from spectra.services.worker import Worker
from spectra.testing import ManualClock
from spectra.testing.samples import export, load

RETENTION = Retention(jobs=timedelta(days=7), results=timedelta(days=2), run=timedelta(hours=5))


class Scripted(Executor):
    """`poll` and `cancel` give what *executions* and *effects* hold, one after the other, the last for ever."""

    schemes = frozenset({"memory"})

    def __init__(self) -> None:
        self.dialect = "duckdb"
        self.executions: list[Execution] = [Execution(status=Status.RUNNING)]
        self.effects: list[Any] = [Effect.NONE]
        self.handle: str | None = None
        self.is_detached = False
        self.start_error: Exception | None = None
        self.poll_error: Exception | None = None
        self.ready_error: Exception | None = None
        self.calls: list[tuple[Any, ...]] = []

    def check(self, spec: Any, session: Any, /) -> None: ...

    def ready(self) -> None:
        self.calls.append(("ready",))
        if self.ready_error is not None:
            raise self.ready_error

    def detached(self, task: Any, /) -> bool:
        return self.is_detached

    def start(self, task: Any, /) -> str | None:
        self.calls.append(("start", task))
        if self.start_error is not None:
            raise self.start_error
        return self.handle

    def poll(self, task: Any, /, *, wait: float = 0) -> Execution:
        self.calls.append(("poll", task, wait))
        if self.poll_error is not None:
            raise self.poll_error
        return self.executions.pop(0) if len(self.executions) > 1 else self.executions[0]

    def cancel(self, task: Any, /, *, close_ledger: bool = True) -> Effect:
        self.calls.append(("cancel", task, close_ledger))
        effect = self.effects.pop(0) if len(self.effects) > 1 else self.effects[0]
        if isinstance(effect, Exception):
            raise effect
        return effect

    def forget(self, tenant_id: str, job_id: str, /) -> None:
        self.calls.append(("forget", tenant_id, job_id))

    def known(self, *, older_than: Any, cursor: Any = None) -> Page[Any]:
        return Page(())

    def close(self) -> None: ...

    def names(self) -> list[str]:
        return [name for name, *_ in self.calls]


@attrs.define
class Stage:
    """Everything that a step touches. *told* are the events; what the log says comes by `caplog`."""

    clock: ManualClock
    store: Any
    results: MemoryResultStore
    executor: Scripted
    ender: Ender
    driver: Driver
    told: list[Any]
    faults: list[str]

    @classmethod
    def build(cls, *, store: Any = None, **options: Any) -> Stage:
        clock = ManualClock()
        store = store or MemoryJobStore(clock=clock)
        results = MemoryResultStore(clock=clock)
        executor = Scripted()
        events, told, faults = EventLog(), [], []
        events.subscribe(told.append)
        ender = Ender(
            store=store,
            executor=executor,
            results=results,
            clock=clock,
            events=events,
            retention=RETENTION,
            group="g",
        )
        facts = {
            "lease_seconds": 60.0,
            "max_attempts": 3,
            "tenant_limit": None,
            "uniform": lambda: 0.0,
            **options,
        }
        driver = Driver(ender=ender, name="me", fault=faults.append, **facts)
        return cls(clock, store, results, executor, ender, driver, told, faults)

    def worker(self, **options: Any) -> Worker:
        return Worker(self.driver, **options)

    def sweeper(self) -> Sweeper:
        return Sweeper(self.ender)

    def export(self, job_id: str = "j", **facts: Any) -> Job:
        return self.store.add(export(job_id, **facts)).job

    def load(self, job_id: str = "j") -> Job:
        job = self.store.add(load(job_id)).job
        upload = Upload(self.results.location("t", job_id, "input") + "data", 1, "e")
        return self.store.replace(
            job, job.close_upload(at=self.clock.now(), retention=RETENTION, upload=upload)
        )

    def running(self, job: Job | None = None) -> Job:
        """A job that this driver has claimed, and whose work was seen to run."""
        script, self.executor.executions = self.executor.executions, [Execution(status=Status.RUNNING)]
        job = self.driver.start(job or self.export())
        self.executor.executions = script
        self.told.clear()
        self.faults.clear()
        self.executor.calls.clear()
        return job

    def elsewhere(self, job: Job | None = None, *, seconds: float = 60) -> Job:
        """A job that another worker has claimed."""
        job = job or self.export()
        now = self.clock.now()
        until = now + timedelta(seconds=seconds)
        return self.store.replace(job, job.claim(at=now, worker="other", until=until, retention=RETENTION))


def facts_of(caplog: Any, name: str) -> list[dict[str, Any]]:
    """What the log said of events called *name*, without logging's own attributes."""
    plain = set(vars(logging.LogRecord("", 0, "", 0, "", (), None)))
    return [
        {
            key: value
            for key, value in vars(record).items()
            if key not in plain and key not in ("message", "asctime")
        }
        for record in caplog.records
        if record.getMessage() == name
    ]
