"""A worker killed by SIGKILL at any moment: the job still ends, each record is there exactly once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from spectra import Caller, ExportSpec, Job, LoadSpec
from tests.crash.child import open_home

ME = Caller("acme")
ROWS = 3_200_000
KILLS = 20
LEAST_SECONDS = 5.0
AIM_SECONDS = 7.0
LOAD_POINTS = (
    "after-claim",
    "before-ledger",
    "after-ledger",
    "before-commit",
    "after-commit",
    "before-manifest",
    "before-complete",
)


class Child:
    """The process, and what it said."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.child", str(home), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self.times: dict[str, float] = {}
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.said.append(line.strip())
                self.times[line.strip()] = time.monotonic()
                self._news.notify_all()

    def wait_for(self, word: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: word in self.said, timeout=120), self.said

    def end(self) -> int:
        code = self.process.wait(timeout=150)
        self._reader.join()
        assert self.process.stderr is not None and self.process.stdout is not None
        self.errors = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        return code


def in_home(home: Path, work):
    spectra = open_home(home)
    try:
        return work(spectra)
    finally:
        for adapter in (spectra.executor, spectra.job_store, spectra.result_store):
            adapter.close()


def sql(home: Path, *statements: str) -> list[tuple]:
    def work(spectra):
        with spectra.executor.connect() as cursor:
            for statement in statements[:-1]:
                cursor.execute(statement)
            return cursor.execute(statements[-1]).fetchall()

    return in_home(home, work)


def load_job(home: Path, data: bytes | Path, **options) -> Job:
    def work(spectra) -> Job:
        spec = LoadSpec(**{"operation": "insert", "object": "items", **options})
        job = spectra.jobs.create(ME, spec).job
        with spectra.jobs.open_upload(ME, job.job_id) as upload:
            if isinstance(data, bytes):
                upload.write(data)
            else:
                with data.open("rb") as source:
                    while block := source.read(1 << 20):
                        upload.write(block)
        return spectra.jobs.close_upload(ME, job.job_id)

    return in_home(home, work)


def get(home: Path, job: Job) -> Job:
    return in_home(home, lambda spectra: spectra.jobs.get(ME, job.job_id))


def finish(home: Path) -> None:
    child = Child(home)
    code = child.end()
    assert code == 0, child.errors
    assert "ended" in child.said


def no_leavings(home: Path) -> bool:
    names = [p.name for p in home.rglob("*")]
    return not any("partial" in name or name.endswith(".tmp") for name in names) and not any(
        path.iterdir() for path in [home / "warehouse.duckdb.scratch"] if path.exists()
    )


def written(path: Path, rows: int) -> Path:
    randomly = random.Random(1)
    with path.open("w") as file:
        file.write("id,name,price,note\n")
        for i in range(rows):
            file.write(
                f"{i},name {i % 977},{randomly.random():.6f},a note that makes the record longer {i}\n"
            )
    return path


TABLE = (
    "create or replace table items (id bigint primary key, name varchar not null, price double, note varchar)"
)
COUNTED = "select count(*), count(distinct id), sum(id)::bigint from items"


def long_load(home: Path, path: Path) -> tuple[int, float]:
    """How many records it takes for a load long enough here, and how long it lasts."""
    rows = ROWS
    for _ in range(4):
        sql(home, TABLE, "select 1")
        job = load_job(home, written(path, rows))
        whole = Child(home)
        assert whole.end() == 0, whole.errors
        lasts = whole.times["before-complete"] - whole.times["after-claim"]
        assert get(home, job).state == "JobComplete"
        assert sql(home, COUNTED) == [(rows, rows, rows * (rows - 1) // 2)]
        if lasts >= AIM_SECONDS:
            return rows, lasts
        rows = int(rows * 1.1 * AIM_SECONDS / lasts)
    raise AssertionError(f"{rows:,} records took {lasts:.1f} s only")


@pytest.mark.parametrize("quarter", range(4))
def test_twenty_kills_spread_evenly_over_a_load(tmp_path: Path, quarter: int) -> None:
    """Five in each quarter of it, so that four processes may share the waiting."""
    kills = KILLS // 4
    home, upload = tmp_path / "home", tmp_path / "items.csv"
    home.mkdir()
    rows, lasts = long_load(home, upload)
    fell: Counter[str] = Counter()
    attempts: Counter[int] = Counter()
    late = 0
    while fell.total() < kills:
        sql(home, TABLE, "checkpoint")
        job = load_job(home, upload)
        child = Child(home)
        child.wait_for("after-claim")
        time.sleep(lasts * (quarter * kills + fell.total() + 0.5) / KILLS)
        child.process.send_signal(signal.SIGKILL)
        code = child.end()
        assert code in (-signal.SIGKILL, 0), child.errors
        if "before-complete" in child.said:
            # This load was faster than the one that was measured: the same instant again, sooner.
            lasts = min(lasts, child.times["before-complete"] - child.times["after-claim"])
            late += 1
            assert late <= 2 * kills, "the loads differ too much to aim at"
        else:
            fell[child.said[-1]] += 1
        finish(home)
        done = get(home, job)
        attempts[done.attempt] += 1
        assert done.state == "JobComplete", done.error
        assert (done.counts.total, done.counts.succeeded) == (rows, rows)
        assert sql(home, COUNTED) == [(rows, rows, rows * (rows - 1) // 2)]
        assert no_leavings(home)
    assert lasts >= LEAST_SECONDS, f"the load lasted {lasts:.1f} s only"
    print(
        f"\n{rows:,} records in {lasts:.1f} s; {kills} kills, by the last point passed: {dict(fell)}, {late} late"
    )
    print(f"attempts of the jobs: {dict(attempts)}")
    if quarter in (1, 2):
        assert fell["after-ledger"] > kills // 2, f"kills fell outside the work: {fell}"


@pytest.mark.parametrize("point", LOAD_POINTS)
def test_a_kill_at_each_point_of_a_load(point: str, tmp_path: Path) -> None:
    sql(tmp_path, "create table items (id bigint, name varchar)", "select 1")
    job = load_job(tmp_path, b"id,name\n1,a\nx,b\n2,c\n", max_failed_records=1)
    child = Child(tmp_path, point)
    assert child.end() == -signal.SIGKILL, child.errors
    assert child.said[-1] == point
    finish(tmp_path)
    done = get(tmp_path, job)
    assert done.state == "JobComplete", done.error
    assert (done.counts.total, done.counts.succeeded, done.counts.failed) == (3, 2, 1)
    assert sql(tmp_path, "select id, name from items order by id") == [(1, "a"), (2, "c")]
    applied_before = point in LOAD_POINTS[LOAD_POINTS.index("after-commit") :]
    assert done.attempt == (1 if applied_before else 2)
    failed = in_home(tmp_path, lambda s: s.jobs.failed_records(ME, job.job_id))
    assert (len(failed.parts), failed.rows) == (1, 1)
    assert no_leavings(tmp_path)


@pytest.mark.parametrize("point", ["after-claim", "before-manifest", "before-complete"])
def test_a_kill_at_each_point_of_an_export(point: str, tmp_path: Path) -> None:
    sql(tmp_path, "create table items as select range as id from range(1000)", "select 1")
    job = in_home(tmp_path, lambda s: s.jobs.create(ME, ExportSpec(query="select id from items")).job)
    child = Child(tmp_path, point)
    assert child.end() == -signal.SIGKILL, child.errors
    finish(tmp_path)
    done = get(tmp_path, job)
    assert (done.state, done.attempt, done.counts.succeeded) == ("JobComplete", 2, 1000)
    results = in_home(tmp_path, lambda s: s.jobs.results(ME, job.job_id))
    assert (len(results.parts), results.rows) == (1, 1000)
    # What the first attempt left is gone.
    assert len(list((tmp_path / "files").rglob("part-*"))) == 1


def test_an_abort_after_a_kill_proves_the_effect(tmp_path: Path) -> None:
    for point, effect, rows in (("before-commit", "none", 0), ("after-commit", "applied", 2)):
        home = tmp_path / point
        home.mkdir()
        sql(home, "create table items (id bigint, name varchar)", "select 1")
        job = load_job(home, b"id,name\n1,a\n2,c\n")
        assert Child(home, point).end() == -signal.SIGKILL
        aborted = in_home(home, lambda s: s.jobs.abort(ME, job.job_id))
        assert (aborted.state, aborted.effect) == ("Aborted", "pending")
        finish(home)
        done = get(home, job)
        assert (done.state, done.effect) == ("Aborted", effect)
        assert sql(home, "select count(*) from items") == [(rows,)]
