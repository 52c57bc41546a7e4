"""A worker process that can be killed: ``python -m tests.crash.child HOME [POINT]``.

It prints the name of every fault point that it passes, kills itself at POINT, and ends when nothing
is left to do.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import attrs

from spectra import Settings, Spectra
from spectra.adapters.embedded import DirectoryResultStore, DuckDBExecutor, SQLiteJobStore
from spectra.services import Worker

SETTINGS = Settings(lease_seconds=1, bulk_max_file_size_mb=2_000)
LIMIT_SECONDS = 120


def open_home(home: Path, **executor: object) -> Spectra:
    """The adapters of `Spectra.embedded`, with short leases; the caller closes them."""
    return Spectra(
        job_store=SQLiteJobStore(home / "jobs.sqlite3"),
        executor=DuckDBExecutor(home / "warehouse.duckdb", **executor),  # type: ignore[arg-type]
        result_store=DirectoryResultStore(home / "files"),
        settings=SETTINGS,
    )


def worker_of(spectra: Spectra, fault: object) -> Worker:
    worker = spectra.worker()
    worker._driver = attrs.evolve(worker._driver, fault=fault)
    return worker


def main(home: Path, point: str | None) -> None:
    def pass_by(name: str) -> None:
        print(name, flush=True)
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    spectra = open_home(home, threads=1, fault=pass_by)
    worker = worker_of(spectra, pass_by)
    deadline = time.monotonic() + LIMIT_SECONDS
    print("ready", flush=True)
    while time.monotonic() < deadline:
        worker.run_once()
        live = spectra.job_store.live(limit=10).items
        if not live:
            break
        # What is not due yet waits for the dead worker's lease.
        time.sleep(0.05)
    assert not spectra.job_store.live(limit=1).items, f"not ended at {datetime.now(UTC)}"
    for adapter in (spectra.executor, spectra.job_store, spectra.result_store):
        adapter.close()
    print("ended", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
