"""A function that is woken by a real stream, and a host beside it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from spectra import Caller, ExportSpec, LoadSpec, Settings, Spectra
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.dynamodb.table import STREAM_FILTER
from spectra.adapters.memory import MemoryResultStore
from spectra.hosts.aws_lambda import StreamWorker
from spectra.monitoring import EmfMetrics
from spectra.testing import Faults, FaultyJobStore, ManualClock
from spectra.testing.dynamodb import StreamPump, passes
from tests.services.scripted import Scripted

ME = Caller("acme")


@attrs.define
class Context:
    """An invocation with so much time left."""

    seconds: float = 60.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1_000)


class Function:
    """A Spectra of a host and one of a function, on one table; the warehouse does what it is told."""

    def __init__(self, server: Any, table: str) -> None:
        self.clock = ManualClock()
        self.warehouse = Scripted()
        self.warehouse.is_detached = True
        self.results = MemoryResultStore(clock=self.clock)
        self.client, self.table = server.client(total_max_attempts=1), table
        self.host = self._spectra(self.store())
        self.faults = Faults(clock=self.clock)
        inner = self.store()
        self.spectra = self._spectra(FaultyJobStore(inner, self.faults))
        self.worker = StreamWorker(self.spectra, job_of=inner.job_of)
        self.pump = StreamPump(self.client, server.streams(), table, STREAM_FILTER)
        self.context = Context()

    def watch(self) -> None:
        """Let the function tell its figures, to stdout."""
        self.worker = StreamWorker(
            self.spectra, job_of=self.store().job_of, metrics=EmfMetrics(clock=self.clock)
        )

    def store(self) -> DynamoDBJobStore:
        return DynamoDBJobStore(self.table, client=self.client, clock=self.clock, sleep=lambda _: None)

    def _spectra(self, store: Any) -> Spectra:
        settings = Settings(bulk_max_concurrent_jobs=100)
        return Spectra(
            job_store=store,
            executor=self.warehouse,
            result_store=self.results,
            settings=settings,
            clock=self.clock,
        )

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        return self.worker.on_stream(event, self.context)

    def export(self, query: str = "select 1") -> Any:
        return self.host.jobs.create(ME, ExportSpec(query=query)).job

    def load(self) -> Any:
        job = self.host.jobs.create(ME, LoadSpec(operation="insert", object="sales")).job
        with self.host.jobs.open_upload(ME, job.job_id) as upload:
            upload.write(b"id\n1\n")
        return job

    def job(self, job: Any) -> Any:
        return self.host.job_store.get(job.tenant_id, job.job_id)

    def begun(self) -> Counter[str]:
        return Counter(str(call[1]) for call in self.warehouse.calls if call[0] == "start")

    def passed(self) -> list[str]:
        return [
            record["dynamodb"]["NewImage"]["st"]["S"]
            for record in self.pump.seen
            if passes(STREAM_FILTER, record)
        ]
