"""What a call of `SQLiteJobStore` costs with a million jobs, against a thousand; and a write, against SQLite's own.

Run ``python -m benchmarks.job_store``; it needs 4 GB of disk and three minutes.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import sqlite3
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.embedded.job_store_schema import INSERT, inserted, opened, to_ms
from spectra.domain import (
    Category,
    Counts,
    ExportSpec,
    Job,
    JobError,
    JobState,
    LoadSpec,
    Operation,
    Progress,
    Retention,
    Upload,
)

FEW, MANY = 1_000, 1_000_000
TENANTS = 100
RUNS = 300
READ_BAR, WRITE_BAR = 2.0, 1.5

AT = datetime(2999, 1, 1, tzinfo=UTC)
RETENTION = Retention()
# Due at these instants: one job in each of ten tenants; those and all of the hoarder; all that wait.
QUIET, HOARDED, ALL = (AT + timedelta(hours=hours) for hours in (1, 2, 3))
HOARDER, LAST = "t000", f"t{TENANTS - 1:03}"


def prototypes() -> list[Job]:
    """One job of each state and operation, the waiting ones twice."""
    jobs = []
    for operation in Operation:
        spec: Any = ExportSpec(query="select * from sales where region = 'north' and sold_at > '2026-01-01'")
        if operation is not Operation.QUERY:
            spec = LoadSpec(
                operation=operation, object="sales", key_columns=("id",) if operation != "insert" else ()
            )
        made = Job.new(
            tenant_id="TENANT", job_id="JOB", spec=spec, at=AT, retention=RETENTION, actor="someone"
        )
        if operation is not Operation.QUERY:
            jobs.append(made)
            made = made.close_upload(at=AT, retention=RETENTION, upload=Upload("file:///in/JOB", 10, "e"))
        running = made.claim(at=AT, worker="worker-1", until=AT + timedelta(days=1), retention=RETENTION)
        jobs += [
            made,
            made,
            running,
            running.complete(at=AT, retention=RETENTION, counts=Counts(total=9, succeeded=9)),
            running.fail(at=AT, retention=RETENTION, error=JobError("E", Category.VALIDATION, "boom")),
            running.abort(at=AT, retention=RETENTION, reason="enough").settle(
                at=AT, retention=RETENTION, effect="none"
            ),
        ]
    return jobs


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Every second job is the hoarder's; the others' are dealt out to the other tenants."""
    made = [inserted(job.evolved(version=1), b"0" * 16) for job in prototypes()]
    for number in range(count):
        mine = number % 2 == 0
        tenant = HOARDER if mine else f"t{number // 2 % (TENANTS - 1) + 1:03}"
        job_id = f"job-{number:08}"
        # Of the others, who have five jobs each in the small store, all but the first of these wait.
        waits = not mine and number // 2 // (TENANTS - 1) % 5 < 2
        row = made[1 if waits else number // 2 % len(made)].copy()
        if row["state"] == "UploadComplete":
            # The last tenant's first job is what the hoarder must not keep from being seen.
            first = number < 2 * TENANTS and not mine
            at = QUIET if first and number < 20 else HOARDED if mine or (first and tenant == LAST) else ALL
            row["due_at"] = to_ms(at) - count + number if at is HOARDED else to_ms(at)
        else:
            row["due_at"] = to_ms(AT + timedelta(days=7))
        row["created_at"] += number
        row |= {"tenant_id": tenant, "job_id": job_id}
        row["document"] = row["document"].replace("TENANT", tenant).replace("JOB", job_id)
        yield row


def fill(path: Path, count: int) -> None:
    connection = opened(path, busy_timeout=10)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    source = rows(count)
    while batch := [*itertools.islice(source, 50_000)]:
        connection.execute("BEGIN")
        connection.executemany(INSERT, batch)
        connection.execute("COMMIT")
    connection.close()


def timed(call: Callable[[], object]) -> Callable[[], float]:
    def spent() -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    return spent


def medians(*calls: Callable[[], float], runs: int = RUNS, warm: int = RUNS // 10) -> list[float]:
    """The median of the seconds that each tells, one run of each in turn, so that all meet the same weather."""
    dice = random.Random(1)
    times: dict[Callable[[], float], list[float]] = {call: [] for call in calls}
    for number in range(warm + runs):
        for call in dice.sample(calls, len(calls)):
            spent = call()
            if number >= warm:
                times[call].append(spent)
    return [statistics.median(times[call]) for call in calls]


def reads() -> dict[str, Callable[[SQLiteJobStore], object]]:
    """The calls whose cost must not depend on how many jobs there are."""
    S, O = JobState, Operation
    page: dict[str, Any] = {"limit": 20}
    return {
        "due, ten jobs are": lambda s: s.due(QUIET, limit=50),
        "due, one tenant's but one": lambda s: s.due(HOARDED, limit=50),
        "due, half of all": lambda s: s.due(ALL, limit=50),
        "due of one tenant": lambda s: s.due(ALL, limit=50, tenant_id=HOARDER),
        "find": lambda s: s.find(HOARDER, **page),
        "find by one state": lambda s: s.find(HOARDER, states=[S.FAILED], **page),
        "find by three states": lambda s: s.find(HOARDER, states=[S.OPEN, S.FAILED, S.ABORTED], **page),
        "find by operation": lambda s: s.find(HOARDER, operations=[O.QUERY], **page),
        "find by state and operation": lambda s: s.find(
            HOARDER, states=[S.JOB_COMPLETE], operations=[O.INSERT, O.QUERY], **page
        ),
        "find by time": lambda s: s.find(HOARDER, created_after=AT, **page),
        "get": lambda s: s.get(HOARDER, "job-00000500"),
    }


def run_reads(folder: Path) -> list[tuple[str, float, float]]:
    for name, count in (("few", FEW), ("many", MANY)):
        begun = time.perf_counter()
        fill(folder / f"{name}.db", count)
        print(f"# {count:,} jobs made in {time.perf_counter() - begun:.0f} s")
    results = []
    with SQLiteJobStore(folder / "few.db") as few, SQLiteJobStore(folder / "many.db") as many:
        for name, call in reads().items():
            sizes = [getattr(call(store), "items", None) for store in (few, many)]
            assert sizes[0] is None or len(sizes[0]) == len(sizes[1]) == 20, (name, sizes)
            small, large = medians(timed(lambda: call(few)), timed(lambda: call(many)))
            print(f"# {name}: {small * 1e6:.0f} µs with {FEW:,} jobs, {large * 1e6:.0f} µs with {MANY:,}")
            results.append((f"{name}: {MANY:,} jobs against {FEW:,}", large / small, READ_BAR))
        behind = {"created_before": AT + timedelta(milliseconds=100), "limit": 20}
        (skipped,) = medians(timed(lambda: many.find(HOARDER, **behind)), runs=5, warm=1)
        print(f"# find by a time behind {MANY // 2:,} newer jobs of the tenant: {skipped * 1e3:.0f} ms")
    return results


def raw_table(folder: Path) -> sqlite3.Connection:
    """The same jobs in the least that could keep them: documents under a key, and a queue."""
    raw = sqlite3.connect(folder / "raw.db", isolation_level=None)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute(
        "CREATE TABLE jobs (tenant_id, job_id, version, due_at, document, PRIMARY KEY (tenant_id, job_id))"
    )
    raw.execute("ATTACH ? AS many", (str(folder / "many.db"),))
    raw.execute("INSERT INTO jobs SELECT tenant_id, job_id, version, due_at, document FROM many.jobs")
    raw.execute("CREATE INDEX jobs_due ON jobs (tenant_id, due_at)")
    raw.execute("DETACH many")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.execute("PRAGMA synchronous = FULL")
    return raw


def run_replace(folder: Path) -> list[tuple[str, float, float]]:
    """`replace` beside SQLite's own UPDATE of the same jobs, of the same bytes, as durable."""
    with SQLiteJobStore(folder / "many.db") as store, contextlib.closing(raw_table(folder)) as raw:
        jobs = deque(store.find(HOARDER, states=[JobState.IN_PROGRESS], limit=1000).jobs)
        names = [(job.job_id, inserted(job, b"")["document"]) for job in jobs]
        turns = itertools.count()

        def update(sets: str) -> float:
            turn = next(turns)
            version = turn // len(names) + 1
            job_id, document = names[turn % len(names)]
            changed = document.replace("someone", f"{turn:07}")
            begun = time.perf_counter()
            raw.execute("BEGIN IMMEDIATE")
            cursor = raw.execute(
                f"UPDATE jobs SET {sets} WHERE tenant_id = ? AND job_id = ? AND version = ?",
                (version + 1, changed, HOARDER, job_id, version),
            )
            raw.execute("COMMIT")
            assert cursor.rowcount == 1
            return time.perf_counter() - begun

        def update_document() -> float:
            return update("version = ?, document = ?")

        def update_due() -> float:
            return update("version = ?, document = ?, due_at = due_at + 9000")

        def replaced(change: Callable[[Job], Job]) -> float:
            old = jobs.popleft()
            new = change(old)
            begun = time.perf_counter()
            stored = store.replace(old, new)
            spent = time.perf_counter() - begun
            jobs.append(stored)
            return spent

        def report() -> float:
            return replaced(lambda old: old.report(at=AT, progress=Progress(old.version)))

        def renew() -> float:
            return replaced(lambda old: old.renew(at=AT, worker="w", until=old.due_at + timedelta(seconds=9)))

        # Warm enough for both logs to have their full size: until then each commit makes a file longer.
        def document() -> float:
            return timed(lambda: inserted(jobs[0], b""))()

        *spent, made = medians(report, update_document, renew, update_due, document, runs=1000, warm=1200)
    print(f"# of which the document, before SQLite is asked: {made * 1e6:.0f} µs")
    results = []
    names_of = ("report progress: against a raw UPDATE", "renew a lease: against a raw UPDATE with an index")
    for name, ours, theirs in zip(names_of, spent[::2], spent[1::2], strict=True):
        print(f"# replace, {name}: {ours * 1e6:.0f} µs, {theirs * 1e6:.0f} µs")
        results.append((f"replace, {name}", ours / theirs, WRITE_BAR))
    return results


def run() -> list[tuple[str, float, float]]:
    """Measure; return names, ratios and bars."""
    with tempfile.TemporaryDirectory() as folder:
        return [*run_reads(Path(folder)), *run_replace(Path(folder))]


def main() -> None:
    for name, ratio, bar in run():
        print(f"{'ok  ' if ratio <= bar else 'MISS'} {ratio:5.2f}x (at most {bar}x)  {name}")


if __name__ == "__main__":
    main()
