"""JS2 and JS4 between processes: of two that write from one version, exactly one wins.

This file is also the program of the two processes: it reads a line, does what it says, writes a line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spectra.adapters.embedded import SQLiteJobStore
from spectra.codec import to_document
from spectra.domain import Counts, ExportSpec, Job, JobState, Retention
from spectra.errors import JobConflictError, TenantBusyError

RACES = 500
# In the future: the processes have the system clock, by which no job may be past its ttl.
AT = datetime(2999, 1, 1, tzinfo=UTC)
RETENTION = Retention()


def claimed(job: Job, worker: str = "w") -> Job:
    return job.claim(at=AT, worker=worker, until=AT + timedelta(minutes=1), retention=RETENTION)


def changed(job: Job, event: str, racer: str) -> Job:
    if event == "claim":
        return claimed(job, racer)
    if event == "complete":
        return job.complete(at=AT, retention=RETENTION, counts=Counts(total=0), warnings=(racer,))
    return job.abort(at=AT, retention=RETENTION, actor=racer)


def race(store: SQLiteJobStore, racer: str) -> None:
    """The program: read, say what was read, wait for the word, write, say what came of it."""
    for line in sys.stdin:
        asked = json.loads(line)
        old = store.get("t", asked["job_id"])
        print(old.version, flush=True)
        sys.stdin.readline()
        try:
            job = store.replace(old, changed(old, asked["event"], racer), limit=asked.get("limit"))
            told = {"won": True, "job": to_document(job)}
        except JobConflictError as exc:
            told = {"won": False, "job": to_document(exc.job)}
        except TenantBusyError:
            told = {"won": False, "job": None}
        print(json.dumps(told), flush=True)


class Racer:
    def __init__(self, path: Path, name: str) -> None:
        command = [sys.executable, __file__, str(path), name]
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"racer {self.name} died"
        return json.loads(line)

    def end(self) -> int:
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteJobStore]:
    with SQLiteJobStore(tmp_path / "jobs.db") as store:
        yield store


@pytest.fixture
def racers(tmp_path: Path) -> Iterator[list[Racer]]:
    racers = [Racer(tmp_path / "jobs.db", name) for name in ("r0", "r1")]
    yield racers
    assert [racer.end() for racer in racers] == [0, 0]


def export(store: SQLiteJobStore, job_id: str) -> Job:
    spec = ExportSpec(query="select 1")
    job = Job.new(tenant_id="t", job_id=job_id, spec=spec, at=AT, retention=RETENTION)
    return store.add(job).job


def run(
    racers: list[Racer], asked: list[dict[str, Any]], *, first: int
) -> tuple[list[int], list[dict[str, Any]]]:
    """Let both read, then both write; return what they read, and what came of it."""
    for racer, ask in zip(racers, asked, strict=True):
        racer.tell(json.dumps(ask))
    versions = [racer.hear() for racer in racers]
    for racer in (racers[first], racers[1 - first]):
        racer.tell("go")
    return versions, [racer.hear() for racer in racers]


@pytest.mark.parametrize("events", [("claim", "claim"), ("complete", "abort")], ids=" against ".join)
def test_js2_of_two_processes_exactly_one_wins(
    store: SQLiteJobStore, racers: list[Racer], events: tuple[str, str]
) -> None:
    same_version = 0
    wins: Counter[int] = Counter()
    for number in range(RACES):
        job = export(store, f"j{number:04}")
        if events[0] == "complete":
            job = store.replace(job, claimed(job))
        asked = [{"job_id": job.job_id, "event": event} for event in events]
        versions, told = run(racers, asked, first=number % 2)
        same_version += versions == [job.version] * 2
        assert sorted(one["won"] for one in told) == [False, True]
        winner = [one["won"] for one in told].index(True)
        wins[winner] += 1
        stored = store.get("t", job.job_id)
        assert stored == changed(job, events[winner], racers[winner].name).evolved(version=job.version + 1)
        # The loser was told the job as it now is, which is what the winner wrote.
        assert [one["job"] for one in told] == [to_document(stored)] * 2
    assert sum(wins.values()) == RACES
    assert same_version >= 300
    # Were one of them always late, nothing would have been raced.
    assert len(wins) == 2


def test_js4_of_two_processes_one_takes_the_last_place(store: SQLiteJobStore, racers: list[Racer]) -> None:
    for number in range(100):
        jobs = [export(store, f"j{number}-{n}") for n in range(2)]
        asked = [{"job_id": job.job_id, "event": "claim", "limit": 1} for job in jobs]
        _, told = run(racers, asked, first=number % 2)
        assert sorted(one["won"] for one in told) == [False, True]
        states = [store.get("t", job.job_id).state for job in jobs]
        assert sorted(states) == [JobState.IN_PROGRESS, JobState.UPLOAD_COMPLETE]
        for job in jobs:
            store.delete("t", job.job_id)


if __name__ == "__main__":
    with SQLiteJobStore(sys.argv[1]) as opened:
        race(opened, sys.argv[2])
