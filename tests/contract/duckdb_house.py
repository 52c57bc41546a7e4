"""A DuckDB executor on a file of its own, and tasks for it on plain ``file://`` locations."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
from backports import zstd

from spectra.adapters.embedded import DuckDBExecutor
from spectra.adapters.embedded.files import etag, path_of, url_of
from spectra.domain import ExportSpec, Files, LoadSpec, Spec, Upload
from spectra.ports import Execution, Status, Task
from spectra.testing import ManualClock

WAIT = 60.0

PACK = {"NONE": bytes, "GZIP": lambda data: gzip.compress(data, 1), "ZSTD": zstd.compress}
UNPACK = {"NONE": bytes, "GZIP": gzip.decompress, "ZSTD": zstd.decompress}


@attrs.define
class House:
    """*executor* is in use; what it reads and writes lies below *home*."""

    home: Path
    executor: DuckDBExecutor
    clock: ManualClock
    made: int = 0

    @classmethod
    def build(cls, home: Path, **options: Any) -> House:
        clock = ManualClock()
        return cls(home, DuckDBExecutor(home / "warehouse.duckdb", clock=clock, **options), clock)

    # ---- the host's own SQL -----------------------------------------------------------------------

    def sql(self, statement: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with closing(self.executor.connect()) as cursor:
            return cursor.execute(statement, values).fetchall()

    def ledger(self) -> list[tuple[Any, ...]]:
        return self.sql(
            "select tenant_id, job_id, attempt, state from spectra.spectra_ledger order by job_id, tenant_id"
        )

    # ---- tasks ------------------------------------------------------------------------------------

    def task(self, spec: Spec, data: bytes | str | None = None, **facts: Any) -> Task:
        self.made += 1
        facts = {"tenant_id": "acme", "job_id": f"job{self.made}", "attempt": 1, **facts}
        base = self.home / "files" / facts["tenant_id"] / facts["job_id"]
        upload = None
        if data is not None:
            path = base / "upload"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)
            upload = Upload(url_of(path), path.stat().st_size, etag(path))
        below = base / str(facts["attempt"])
        return Task(
            spec=spec,
            results=url_of(below / "results", folder=True),
            failed=url_of(below / "failed", folder=True),
            claimed_at=self.clock.now(),
            upload=upload,
            **facts,
        )

    def done(self, task: Task) -> Execution:
        self.executor.start(task)
        execution = self.executor.poll(task, wait=WAIT)
        assert execution.status is not Status.RUNNING, "did not end in time"
        return execution

    def load(self, data: bytes | str, **options: Any) -> Loaded:
        task = self.task(LoadSpec(**{"operation": "insert", "object": "items", **options}), data)
        return Loaded(task, self.done(task))

    def export(self, query: str, **options: Any) -> Execution:
        return self.done(self.task(ExportSpec(query=query, **options)))


@attrs.frozen
class Loaded:
    """A load, and what came of it."""

    task: Task
    execution: Execution

    @property
    def counts(self) -> tuple[int, int, int, int] | None:
        counts = self.execution.counts
        return None if counts is None else attrs.astuple(counts)

    @property
    def error(self) -> str | None:
        error = self.execution.error
        return None if error is None else error.code

    @property
    def failures(self) -> list[dict[str, str]]:
        """The failed records, checked against what is told of their file."""
        files = self.execution.failed_records
        if files is None:
            return []
        text = content(files).decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(rows) == files.rows == files.parts[0].rows
        assert [c.name for c in files.columns] == next(csv.reader(io.StringIO(text, newline="")))
        return rows

    @property
    def failed(self) -> list[tuple[int, int | None, str, str]]:
        """(record, line, column, code) of each failed record, in the file's order."""
        return [
            (
                int(row["spectra_record"]),
                int(row["spectra_line"]) if row["spectra_line"] else None,
                row["spectra_column"],
                row["spectra_code"],
            )
            for row in self.failures
        ]

    @property
    def rejected(self) -> bytes:
        """The rejected input, unpacked; it may be loaded again."""
        upload = self.execution.rejected_input
        path = path_of(upload.location)
        assert (upload.bytes, upload.etag) == (path.stat().st_size, etag(path))
        return UNPACK[self.task.spec.compression](path.read_bytes())

    @property
    def unprocessed(self) -> bytes:
        return UNPACK[self.task.spec.compression](content(self.execution.unprocessed_records))

    def written(self) -> list[str]:
        """Every file below the location of the failed records."""
        folder = path_of(self.task.failed)
        return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def content(files: Files) -> bytes:
    (part,) = files.parts
    data = path_of(part.location).read_bytes()
    assert len(data) == part.bytes == files.bytes
    return data


def opened(home: Path, **options: Any) -> Iterator[House]:
    house = House.build(home, **options)
    house.sql(
        "create table items (id integer primary key, name varchar not null, price decimal(6,2), day date)"
    )
    with house.executor:
        yield house
