"""Exports by the DuckDB executor against DuckDB's own COPY of the same statement."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from spectra.adapters.embedded import DirectoryResultStore, DuckDBExecutor
from spectra.domain import ExportSpec
from spectra.ports import Area, Status, Task

ROWS = 1_000_000
MANY = 4  # times as many for Parquet, which is fast: what every export costs must not hide in it
ROUNDS = 7
TABLE = (
    "create table t as select range as id, 'name ' || (range % 977) as name, range % 31 as day, "
    f"(range * 7919 % 100000) / 100.0 as price, timestamp '2013-01-01' + interval (range) second as at from range({ROWS})"
)


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def run() -> list[tuple[str, float, float]]:
    """Interleaved medians: gzip CSV must take a quarter of DuckDB's time, Parquet no longer than it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        DirectoryResultStore(Path(folder) / "files") as results,
        DuckDBExecutor(Path(folder) / "warehouse.duckdb") as executor,
    ):
        cursor = executor.connect()
        cursor.execute(TABLE)
        cursor.execute(f"create table many as select t.* from t, range({MANY})")
        number = 0

        def ours(table: str, **options: Any) -> None:
            nonlocal number
            number += 1
            task = Task(
                tenant_id="t",
                job_id=f"j{number}",
                attempt=1,
                spec=ExportSpec(query=f"select * from {table}", **options),
                results=results.location("t", f"j{number}", Area.RESULTS, 1),
                failed=results.location("t", f"j{number}", Area.FAILED, 1),
                claimed_at=datetime.now(UTC),
            )
            executor.start(task)
            execution = executor.poll(task, wait=300)
            assert execution.status is Status.SUCCEEDED, execution.error

        def own(table: str, options: str) -> None:
            cursor.execute(f"copy (select * from {table}) to '{folder}/own' ({options})").fetchall()

        pairs = {
            "gzip CSV / DuckDB's gzip": ("t", {"compression": "GZIP"}, "format csv, compression gzip", 0.25),
            "CSV / DuckDB's COPY": ("t", {}, "format csv", 1.25),
            "Parquet / DuckDB's COPY": ("many", {"content_type": "PARQUET"}, "format parquet", 1.05),
        }
        found = []
        for name, (table, options, copy, bar) in pairs.items():
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(ROUNDS):
                times[0].append(_seconds(lambda: ours(table, **options)))
                times[1].append(_seconds(lambda: own(table, copy)))
            found.append((name, median(times[0]) / median(times[1]), bar))
        cursor.close()
        return found
