"""A whole Spectra on one family of adapters, with what a tenant and a host do to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from spectra import Caller, ExportSpec, Job, JobEvent, LoadSpec, Settings, Spectra
from spectra.adapters.embedded import DirectoryResultStore, DuckDBExecutor, SQLiteJobStore
from spectra.adapters.memory import MemoryExecutor, MemoryJobStore, MemoryResultStore
from spectra.services.results import Results
from spectra.testing import ManualClock

FAMILIES = ("memory", "embedded")
ME = Caller("acme", actor="ann")
OTHER = Caller("bolt")
TABLE = "create table items (id integer primary key, name varchar(40) not null, price double)"


@attrs.define
class House:
    """*spectra* is in use; *clock* is its clock."""

    family: str
    home: Path
    clock: Any
    settings: Settings
    spectra: Spectra
    adapters: list[Any]
    events: list[JobEvent]

    @classmethod
    def build(
        cls, family: str, home: Path, *, clock: Any = None, settings: Settings | None = None, **replaced: Any
    ) -> House:
        clock = clock or ManualClock()
        settings = settings or Settings()
        results: Any
        executor: Any
        store: Any
        if family == "memory":
            results = MemoryResultStore(clock=clock)
            executor = MemoryExecutor(results, clock=clock)
            store = MemoryJobStore(clock=clock)
        else:
            results = DirectoryResultStore(home / "files", clock=clock)
            executor = DuckDBExecutor(home / "warehouse.duckdb", clock=clock)
            store = SQLiteJobStore(home / "jobs.sqlite3", clock=clock)
        parts = {"job_store": store, "executor": executor, "result_store": results}
        given = {name: replaced[name](part) if name in replaced else part for name, part in parts.items()}
        spectra = Spectra(**given, query_runner=executor, settings=settings, clock=clock)
        house = cls(family, home, clock, settings, spectra, [executor, store, results], [])
        spectra.subscribe(house.events.append)
        return house

    def close(self) -> None:
        self.spectra.close()
        for adapter in self.adapters:
            adapter.close()

    # ---- the host's own SQL -----------------------------------------------------------------------

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        connection = self.adapters[0].connect()
        try:
            rows = [tuple(row) for row in connection.execute(statement).fetchall()]
            if self.family == "memory":
                connection.commit()
        finally:
            connection.close()
        return rows

    def items(self) -> list[tuple[Any, ...]]:
        return self.sql("select id, name, price from items order by id")

    # ---- what tenants do --------------------------------------------------------------------------

    @property
    def jobs(self) -> Any:
        return self.spectra.jobs

    def export(self, query: str, caller: Caller = ME, **options: Any) -> Job:
        return self.jobs.create(caller, ExportSpec(query=query, **options)).job

    def open_load(self, caller: Caller = ME, **options: Any) -> Job:
        spec = LoadSpec(**{"operation": "insert", "object": "items", **options})
        return self.jobs.create(caller, spec).job

    def upload(self, job: Job, data: str | bytes) -> None:
        with self.jobs.open_upload(Caller(job.tenant_id), job.job_id) as upload:
            upload.write(data.encode() if isinstance(data, str) else data)

    def load(self, data: str | bytes, caller: Caller = ME, **options: Any) -> Job:
        job = self.open_load(caller, **options)
        self.upload(job, data)
        return self.jobs.close_upload(caller, job.job_id)

    def work(self, rounds: int = 50) -> int:
        """Let a worker do what is due, to the end of what it starts."""
        worker = self.spectra.worker()
        return sum(worker.run_once() for _ in range(1))

    def done(self, job: Job) -> Job:
        self.work()
        return self.jobs.get(Caller(job.tenant_id), job.job_id)

    def downloads(self, results: Results) -> list[bytes]:
        """Each part's bytes, by its link."""
        found = []
        for part in results.parts:
            stream, _ = self.adapters[2].serve(part.url)
            with stream:
                data = stream.read()
            assert len(data) == part.bytes
            found.append(data)
        return found
