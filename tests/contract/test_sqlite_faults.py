"""Faults of SQLite on the way, waiting, threads and forks: what `SQLiteJobStore` makes of them."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spectra.adapters.embedded import SQLiteJobStore, job_store_schema
from spectra.domain import Job
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    ClosedError,
    JobConflictError,
    OutcomeUnknownError,
)

from spectra.testing import ManualClock
from spectra.testing.contracts.calls import at_once
from spectra.testing.samples import aborted, claimed, export, ids, load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteJobStore]:
    with SQLiteJobStore(path, clock=ManualClock()) as store:
        yield store


def run(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


# ---- faults -------------------------------------------------------------------------------------------


class Faulty(sqlite3.Connection):
    """Fails at what `plan` says, once for each of its entries."""

    plan: list[tuple[str, bool, int]] = []
    meanwhile: Callable[[], Any] | None = None

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if not self.plan or not sql.lstrip().startswith(self.plan[0][0]):
            return super().execute(sql, *values)
        _, done, code = self.plan.pop(0)
        if done:
            super().execute(sql, *values)
            if type(self).meanwhile is not None:
                type(self).meanwhile()
        error = sqlite3.OperationalError("a fault")
        error.sqlite_errorcode = code
        raise error


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> type[Faulty]:
    connect = sqlite3.connect
    monkeypatch.setattr(job_store_schema.sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Faulty))
    monkeypatch.setattr(Faulty, "plan", [])
    monkeypatch.setattr(Faulty, "meanwhile", None)
    return Faulty


LOST = ("COMMIT", True, sqlite3.SQLITE_IOERR)


def test_js2_a_write_whose_reply_was_lost_succeeds(store: SQLiteJobStore, faulty: type[Faulty]) -> None:
    faulty.plan = []
    store.find("t")
    faulty.plan = [LOST]
    added = store.add(export(idempotency_key="k"))
    assert (added.replayed, added.job.version) == (False, 1)
    faulty.plan = [LOST, LOST]
    job = store.replace(added.job, claimed(added.job), limit=1)
    assert job == store.get("t", "j")
    faulty.plan = [LOST]
    store.delete("t", "j")
    assert store.find("t").jobs == ()


def test_js2_a_commit_that_was_not_done_is_tried_again(store: SQLiteJobStore, faulty: type[Faulty]) -> None:
    job = store.add(export()).job
    faulty.plan = [("COMMIT", False, sqlite3.SQLITE_IOERR)] * 2
    assert store.replace(job, claimed(job)).version == 2
    faulty.plan = [("COMMIT", False, sqlite3.SQLITE_IOERR)] * 3
    with pytest.raises(OutcomeUnknownError) as caught:
        store.add(export("k"))
    assert isinstance(caught.value.__cause__.__cause__, sqlite3.Error)


def test_js2_a_refusal_after_a_lost_reply_is_no_answer(
    store: SQLiteJobStore, faulty: type[Faulty], path: Path
) -> None:
    job = store.add(export()).job
    faulty.plan = [LOST]
    # By the time of the second try somebody else has gone on from what the first one wrote.
    faulty.meanwhile = lambda: run(path, "UPDATE jobs SET version = 3, token = x'00'")
    with pytest.raises(OutcomeUnknownError):
        store.replace(job, claimed(job))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, BackendUnavailableError),
        (sqlite3.SQLITE_FULL, BackendUnavailableError),
        (sqlite3.SQLITE_IOERR_WRITE, BackendUnavailableError),
        (sqlite3.SQLITE_READONLY, BackendError),
        (sqlite3.SQLITE_CORRUPT, BackendError),
    ],
)
def test_a_fault_before_the_commit_leaves_nothing_behind(
    store: SQLiteJobStore, faulty: type[Faulty], code: int, error: type[BackendError]
) -> None:
    store.add(export("j"))
    faulty.plan = [("INSERT", True, code)]
    with pytest.raises(error) as caught:
        store.add(export("k"))
    assert type(caught.value) is error
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    assert ids(store.find("t").jobs) == ["j"]
    faulty.plan = [("SELECT document", False, code)]
    with pytest.raises(error):
        store.get("t", "j")
    assert store.get("t", "j").version == 1


def test_waiting_for_another_writer_is_bounded(path: Path) -> None:
    store = SQLiteJobStore(path, busy_timeout=0.2)
    store.add(export())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    with pytest.raises(BackendUnavailableError):
        store.add(export("k"))
    assert 0.1 < time.monotonic() - begun < 2
    # Readers do not wait for writers.
    assert ids(store.find("t").jobs) == ["j"]
    got = at_once([lambda: store.delete("t", "j")] * 3)
    assert [type(one) for one in got] == [BackendUnavailableError] * 3
    other.execute("ROLLBACK")
    other.close()
    store.add(export("k"))
    store.close()


# ---- threads, forks, close ------------------------------------------------------------------------------


def test_processes_meet_at_a_new_database(path: Path) -> None:
    stores = [SQLiteJobStore(path) for _ in range(6)]
    got = at_once([lambda s=s, n=n: s.add(export(f"j{n}")) for n, s in enumerate(stores)])
    assert [added.job.job_id for added in got] == [f"j{n}" for n in range(6)]
    for store in stores:
        store.close()


def test_connections_are_lent_again(store: SQLiteJobStore) -> None:
    for n in range(20):
        thread = threading.Thread(target=store.add, args=(export(f"j{n}"),))
        thread.start()
        thread.join()
    (process,) = store._db._processes.values()
    assert len(process.idle) == 1


def test_close_while_others_work(path: Path) -> None:
    store = SQLiteJobStore(path)
    job = store.add(export()).job
    stop = threading.Event()
    errors: list[Exception] = []

    def work() -> None:
        while not stop.is_set():
            try:
                store.get("t", "j")
                store.replace(job.evolved(version=7), claimed(job))
            except JobConflictError:
                pass
            except Exception as exc:
                errors.append(exc)
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    store.close()
    for thread in threads:
        thread.join(10)
    assert [type(error) for error in errors] == [ClosedError] * 4
    stop.set()
    (process,) = store._db._processes.values()
    assert not process.idle


def test_what_is_lent_at_close_is_closed_when_it_comes_back(store: SQLiteJobStore) -> None:
    with store._db.reading() as connection:
        store.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


def in_child(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def waited(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_parent_and_children_of_a_fork_share_the_file(store: SQLiteJobStore, path: Path) -> None:
    store.add(export("before"))

    def child() -> None:
        # An inherited connection, used or closed, would break the locks of the parent's.
        assert not any(process.idle for process in store._db._processes.values())
        for n in range(20):
            store.add(export(f"{os.getpid()}-{n}"))
            store.get("t", "before")

    busy = threading.Event()
    stop = threading.Event()

    def traffic() -> None:
        n = 0
        while not stop.is_set():
            store.add(load(f"thread-{n}", "u"))
            busy.set()
            n += 1

    thread = threading.Thread(target=traffic)
    thread.start()
    busy.wait(10)
    children = [in_child(child) for _ in range(4)]
    for n in range(20):
        store.add(export(f"parent-{n}"))
    statuses = [waited(pid) for pid in children]
    stop.set()
    thread.join(10)
    assert statuses == [0] * 4
    assert len(store.find("t", limit=1000).jobs) == 101
    store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_one_of_many_threads_wins_under_load(store: SQLiteJobStore) -> None:
    job: Job = store.add(export()).job
    for _ in range(20):
        got = at_once([lambda job=job: store.replace(job, job.evolved())] * 4)
        (job,) = [one for one in got if isinstance(one, Job)]
    assert job.version == 21
    assert store.replace(job, aborted(job)).version == 22
