"""A disk that is full, really: 8 MB of tmpfs. The job is Failed or unchanged, and the next one works."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from spectra import Caller, ExportSpec, LoadSpec, Spectra
from spectra.adapters.embedded import DirectoryResultStore, DuckDBExecutor, SQLiteJobStore
from spectra.domain import Job
from spectra.errors import BackendError, SpectraError
from spectra.services.worker import Worker
from spectra.testing import ManualClock

ME = Caller("acme")
HEADER = b"id,name\n"
MEGABYTE = 1_000_000


class Disk:
    """*path* holds 8 MB, of which `fill` leaves as little as is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, leave: int = 0) -> None:
        number = len(list(self.path.glob("ballast-*")))
        with (self.path / f"ballast-{number}").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"x" * 4096)
            except OSError:
                pass
            ballast.truncate(max(0, ballast.tell() - leave) // 4096 * 4096)

    def free(self) -> None:
        for ballast in self.path.glob("ballast-*"):
            ballast.unlink()

    def files(self) -> set[str]:
        found = (path for path in self.path.rglob("*") if path.is_file())
        return {str(path.relative_to(self.path)) for path in found if not path.name.startswith("ballast")}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    # Without the right to mount this fails, as it should: nothing else shows what a full disk does.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)], check=True)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


class House:
    """Spectra with its three homes where they are said to be."""

    def __init__(self, base: Path, *, jobs: Path, files: Path, warehouse: Path, **options: Any) -> None:
        self.clock = ManualClock()
        self.executor = DuckDBExecutor(warehouse / "w.duckdb", clock=self.clock, **options)
        self.store = SQLiteJobStore(jobs / "jobs.db", clock=self.clock)
        self.results = DirectoryResultStore(files / "files", clock=self.clock)
        self.spectra = Spectra(
            job_store=self.store, executor=self.executor, result_store=self.results, clock=self.clock
        )
        self.jobs: Any = self.spectra.jobs
        self.sql("create table if not exists items (id integer, name varchar)")

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        connection = self.executor.connect()
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def count(self) -> int:
        return self.sql("select count(*) from items")[0][0]

    def load(self, data: bytes) -> Job:
        job = self.jobs.create(ME, LoadSpec(operation="insert", object="items")).job
        with self.jobs.open_upload(ME, job.job_id) as upload:
            upload.write(data)
        return self.jobs.close_upload(ME, job.job_id)

    def export(self, query: str, **options: Any) -> Job:
        return self.jobs.create(ME, ExportSpec(query=query, **options)).job

    def done(self, job: Job, worker: Worker | None = None) -> Job:
        """Carry *job* to its end, pauses and all."""
        worker = worker or self.spectra.worker()
        for _ in range(20):
            worker.run_once()
            job = self.jobs.get(ME, job.job_id)
            if job.is_terminal and not job.is_settling:
                return job
            self.clock.advance(minutes=6)
        raise AssertionError(f"{job} does not end: {job.state} {job.last_error}")

    def works(self) -> None:
        """The next jobs do."""
        before = self.count()
        assert self.done(self.load(HEADER + b"1,a\n2,b\n")).state == "JobComplete"
        assert self.count() == before + 2
        job = self.done(self.export("select 7 as a", compression="GZIP"))
        assert job.state == "JobComplete", job.error
        assert self.jobs.results(ME, job.job_id).rows == 1

    def close(self) -> None:
        self.spectra.close()
        for adapter in (self.executor, self.store, self.results):
            adapter.close()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Any]:
    houses: list[House] = []
    elsewhere = tmp_path / "elsewhere"

    def make(**places: Any) -> House:
        homes = {"jobs": elsewhere, "files": elsewhere, "warehouse": elsewhere} | places
        houses.append(House(tmp_path, **homes))
        return houses[-1]

    yield make
    for house in houses:
        house.close()


def no_path_is_told(error: BaseException, disk: Disk) -> None:
    assert str(disk.path) not in str(error)


# ---- the job's write ----------------------------------------------------------------------------------


def test_a_job_that_cannot_be_written_is_not_there(build: Any, disk: Disk) -> None:
    house = build(jobs=disk.path)
    kept = house.export("select 1 as a")
    disk.fill()
    for _ in range(3):
        with pytest.raises(BackendError) as told:
            for _ in range(200):  # what the log had room for is written, and well
                house.export("select 2 as a", object="x" * 1_000)
        no_path_is_told(told.value, disk)
    found = {job.job_id for job in house.jobs.find(ME, limit=1_000).jobs}
    assert kept.job_id in found
    with pytest.raises(BackendError):
        for job_id in found:
            house.jobs.abort(ME, job_id, reason="x" * 3_000)
    disk.free()
    assert {job.job_id for job in house.jobs.find(ME, limit=1_000).jobs} == found
    assert house.done(kept).state in ("JobComplete", "Aborted")
    house.works()
    with sqlite3.connect(disk.path / "jobs.db") as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.parametrize("point", ["after-ledger", "after-commit"])
def test_a_load_whose_job_cannot_be_written_is_applied_once(build: Any, disk: Disk, point: str) -> None:
    filled: list[str] = []

    def fault(here: str) -> None:
        if here == point and not filled:
            filled.append(here)
            disk.fill()

    house = build(jobs=disk.path, fault=fault)
    job = house.load(HEADER + b"1,a\n2,b\n")
    # Long enough that the log cannot hold the end of the job as well.
    worker = house.spectra.worker()
    worker.run_once()
    assert filled == [point]
    assert house.count() == 2
    disk.free()
    done = house.done(job, worker)
    assert (done.state, done.counts.succeeded) == ("JobComplete", 2)
    assert house.count() == 2
    house.works()


# ---- files --------------------------------------------------------------------------------------------


def test_an_upload_that_does_not_fit_is_not_there(build: Any, disk: Disk) -> None:
    house = build(files=disk.path)
    job = house.jobs.create(ME, LoadSpec(operation="insert", object="items")).job
    with house.jobs.open_upload(ME, job.job_id) as upload:
        upload.write(HEADER + b"1,old\n")
    before = disk.files()
    with pytest.raises(BackendError) as told, house.jobs.open_upload(ME, job.job_id) as upload:
        for _ in range(20):
            upload.write(b"x" * MEGABYTE)
    no_path_is_told(told.value, disk)
    assert disk.files() == before
    disk.fill()
    with pytest.raises(SpectraError) as told:  # the close needs room for a copy
        house.jobs.close_upload(ME, job.job_id)
    no_path_is_told(told.value, disk)
    assert house.jobs.get(ME, job.job_id).state == "Open"
    disk.free()
    assert disk.files() == before
    assert house.done(house.jobs.close_upload(ME, job.job_id)).state == "JobComplete"
    assert house.sql("select * from items") == [(1, "old")]
    house.works()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "GZIP"},
        {"compression": "ZSTD"},
        {"content_type": "JSON"},
        {"content_type": "PARQUET"},
    ],
    ids=lambda options: "-".join(options.values()) or "CSV",
)
def test_an_export_that_does_not_fit_leaves_nothing(build: Any, disk: Disk, options: dict[str, str]) -> None:
    house = build(files=disk.path)
    house.works()
    before = disk.files()
    disk.fill(leave=300_000)
    # Noise, which no compression makes fit.
    query = "select hash(range) as a, hash(range + 1) as b, md5(range::varchar) as c from range(200000)"
    job = house.done(house.export(query, **options))
    assert (job.state, job.effect) == ("Failed", "none")
    assert job.error.category in ("transient", "resource", "capacity")
    assert job.error.message
    assert str(disk.path) not in job.error.message
    assert disk.files() == before
    disk.free()
    house.works()


def test_a_manifest_that_does_not_fit_is_written_later(build: Any, disk: Disk) -> None:
    house = build(files=disk.path)
    worker = house.spectra.worker()
    worker._driver = attrs.evolve(
        worker._driver, fault=lambda point: disk.fill() if point == "before-manifest" else None
    )
    job = house.export("select range as a from range(1000)")
    worker.run_once()
    waiting = house.jobs.get(ME, job.job_id)
    assert waiting.state == "InProgress"
    disk.free()
    done = house.done(job)
    assert (done.state, done.counts.total) == ("JobComplete", 1_000)
    assert house.jobs.results(ME, job.job_id).rows == 1_000
    house.works()


# ---- the warehouse ------------------------------------------------------------------------------------


def test_a_load_that_does_not_fit_changes_nothing(build: Any, disk: Disk, tmp_path: Path) -> None:
    house = build(warehouse=disk.path)
    house.works()
    before, files = house.count(), disk.files()
    disk.fill(leave=1_500_000)
    lines = b"".join(
        b"%d,%064x\n" % (number, hash((number, "x")) & (2**256 - 1)) for number in range(120_000)
    )
    job = house.done(house.load(HEADER + lines))
    assert (job.state, job.effect) == ("Failed", "none")
    assert job.error.message
    assert str(disk.path) not in job.error.message
    disk.free()
    assert house.count() == before
    assert {name for name in disk.files() if "scratch" in name} == set()
    assert {name for name in files if name.endswith(".duckdb")} <= disk.files()
    house.works()
    house.close()
    # The file is whole for the next process too.
    with DuckDBExecutor(disk.path / "w.duckdb") as executor:
        connection = executor.connect()
        assert connection.execute("select count(*) from items").fetchall() == [(before + 2,)]
        connection.close()
