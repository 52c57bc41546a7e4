"""The worker and the sweeper: leases, limits, deadlines, faults."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from spectra import Caller, Effect, Settings, Spectra
from spectra.errors import (
    BackendUnavailableError,
    ClosedError,
    OutcomeUnknownError,
    WaitTimeoutError,
)
from spectra.ports import SystemClock
from spectra.testing import Faults, FaultyExecutor, FaultyJobStore
from tests.services.house import ME, OTHER, House

CSV = "id,name,price\n1,nut,0.5\n2,bolt,1.25\n"
SLOW = "select count(*) from range(100000) a, range(10000000) b where a.range + b.range = -1"
SLOW_LITE = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000000) select max(i) from n"


def slow(house: House) -> str:
    """A statement that does not end by itself."""
    return SLOW_LITE if house.family == "memory" else SLOW


def faulty(kind: Any) -> Any:
    """Makes the port misbehave as its *faults* say."""
    return lambda port: kind(port, Faults())


def claimed(house: House, job: Any, *, worker: str = "w1", seconds: float = 60) -> Any:
    now = house.clock.now()
    after = job.claim(
        at=now, worker=worker, until=now + timedelta(seconds=seconds), retention=house.settings.retention
    )
    return house.spectra.job_store.replace(job, after, limit=house.settings.bulk_max_concurrent_jobs)


def test_a_lease_of_another_worker_is_respected_until_it_ends(house: House) -> None:
    job = claimed(house, house.export("select 1 as a"))
    worker = house.spectra.worker()
    assert worker.advance(job) == job
    house.clock.advance(seconds=61)
    done = house.done(job)
    house.clock.advance(seconds=5)
    done = house.done(job)
    assert (done.state, done.attempt) == ("JobComplete", 2)
    assert done.last_error.code == "EXECUTION_LOST"


def test_a_stale_image_changes_nothing(house: House) -> None:
    job = house.export("select 1 as a")
    done = house.done(job)
    worker = house.spectra.worker()
    assert worker.advance(job) == done
    house.jobs.delete(ME, job.job_id)
    house.work()
    assert worker.advance(job) == job


def test_a_tenant_at_its_limit_waits_and_the_others_do_not(build: Any) -> None:
    house = build(settings=Settings(bulk_max_concurrent_jobs=1))
    running = claimed(house, house.export("select 1 as a"))
    waiting = house.export("select 2 as a")
    other = house.export("select 3 as a", OTHER)
    house.work()
    assert house.jobs.get(OTHER, other.job_id).state == "JobComplete"
    assert house.jobs.get(ME, waiting.job_id) == waiting
    house.jobs.abort(ME, running.job_id)
    house.clock.advance(seconds=10)
    house.work()
    house.clock.advance(seconds=10)
    house.work()
    assert house.jobs.get(ME, waiting.job_id).state == "JobComplete"
    assert house.jobs.get(ME, running.job_id).effect == "none"


def test_deadlines(build: Any) -> None:
    house = build(settings=Settings(upload_timeout_hours=1, queue_timeout_hours=2, bulk_job_timeout_hours=3))
    opened, queued, running = house.open_load(), house.export("select 1 as a"), house.export("select 2 as a")
    running = claimed(house, running, seconds=4 * 3600)
    house.clock.advance(hours=1)
    house.spectra.sweeper.sweep()
    assert house.jobs.get(ME, opened.job_id).abort_info.code == "UPLOAD_TIMEOUT"
    assert house.jobs.get(ME, queued.job_id) == queued
    house.clock.advance(hours=1)
    house.spectra.sweeper.sweep()
    assert house.jobs.get(ME, queued.job_id).abort_info.code == "QUEUE_TIMEOUT"
    house.clock.advance(hours=2)
    house.work()
    failed = house.jobs.get(ME, running.job_id)
    assert (failed.state, failed.error.code, failed.effect) == ("Failed", "JOB_TIMEOUT", "none")


def test_faults_before_the_work_are_tried_again_with_growing_pauses(build: Any) -> None:
    house = build(executor=faulty(FaultyExecutor))
    executor = house.spectra.executor
    executor.faults.fail_before("start", BackendUnavailableError("no route"), times=3)
    job = house.export("select 1 as a")
    pauses = []
    for _ in range(3):
        house.work()
        job = house.jobs.get(ME, job.job_id)
        assert (job.state, job.lease, job.last_error.code) == ("InProgress", None, "BACKEND_UNAVAILABLE")
        assert house.jobs.explain(ME, job.job_id).reason == "rescheduled"
        pauses.append((job.due_at - house.clock.now()).total_seconds())
        house.clock.advance(seconds=pauses[-1])
    assert 0.5 <= pauses[0] <= 1 <= pauses[1] <= 2 <= pauses[2] <= 4
    done = house.done(job)
    assert (done.state, done.attempt) == ("JobComplete", 4)


def test_the_budget_of_attempts_ends(build: Any) -> None:
    house = build(executor=faulty(FaultyExecutor), settings=Settings(max_attempts=2))
    house.spectra.executor.faults.fail_before("start", BackendUnavailableError("no route"), times=9)
    job = house.load(CSV)
    for _ in range(3):
        house.work()
        house.clock.advance(minutes=2)
    job = house.jobs.get(ME, job.job_id)
    assert (job.state, job.attempt, job.error.code, job.effect) == (
        "Failed",
        2,
        "BACKEND_UNAVAILABLE",
        "none",
    )
    assert house.items() == []
    house.spectra.executor.faults.clear()
    assert house.done(house.jobs.retry(ME, job.job_id).job).counts.succeeded == 2


def test_a_fault_of_the_store_at_the_end_loses_nothing(build: Any) -> None:
    house = build(job_store=faulty(FaultyJobStore), executor=faulty(FaultyExecutor))
    job = house.load(CSV)
    # The claim is written; then the write of the end fails, once before and once after it was done.
    store = house.spectra.job_store
    house.spectra.executor.faults.fail_before("poll", BackendUnavailableError("no look at once"))
    worker = house.spectra.worker()
    job = worker.advance(job)
    assert job.state == "InProgress"
    store.faults.fail_before("replace", BackendUnavailableError("away"))
    with pytest.raises(BackendUnavailableError):
        while True:
            job = worker.advance(job, wait=5)
    store.faults.fail_after("replace", OutcomeUnknownError("the reply was lost"))
    with pytest.raises(OutcomeUnknownError):
        while True:
            job = worker.advance(job, wait=5)
    job = worker.advance(job)
    assert (job.state, job.counts.succeeded) == ("JobComplete", 2)
    assert len(house.items()) == 2


def test_a_lost_reply_to_create_gives_the_job(build: Any) -> None:
    house = build(job_store=faulty(FaultyJobStore))
    house.spectra.job_store.faults.fail_after("add", OutcomeUnknownError("the reply was lost"))
    job = house.export("select 1 as a")
    assert house.jobs.find(ME).jobs == (job,)
    house.spectra.job_store.faults.fail_before("add", OutcomeUnknownError("the request was lost"))
    second = house.export("select 2 as a")
    assert house.jobs.find(ME).jobs == (second, job)


def test_waiting_bears_some_faults(build: Any) -> None:
    house = build(job_store=faulty(FaultyJobStore))
    done = house.done(house.export("select 1 as a"))
    house.spectra.job_store.faults.fail_before("get", BackendUnavailableError("away"), times=4)
    assert house.jobs.wait(ME, done.job_id, timeout=timedelta(minutes=5)) == done
    house.spectra.job_store.faults.fail_before("get", BackendUnavailableError("away"), times=5)
    with pytest.raises(BackendUnavailableError):
        house.jobs.wait(ME, done.job_id, timeout=timedelta(minutes=5))


def test_one_broken_job_does_not_stop_the_worker(build: Any) -> None:
    house = build(executor=faulty(FaultyExecutor))
    house.spectra.executor.faults.fail_before("start", ZeroDivisionError("a bug of an adapter"))
    jobs = [house.export("select 1 as a"), house.export("select 2 as a")]
    for _ in range(3):
        house.work()
        house.clock.advance(minutes=2)
    assert [house.jobs.get(ME, job.job_id).state for job in jobs] == ["JobComplete"] * 2


def test_an_abort_ends_the_work(build: Any) -> None:
    house = build(clock=SystemClock())
    job = house.export(slow(house))
    worker = house.spectra.worker()
    job = worker.advance(job)
    job = worker.advance(job, wait=0.2)
    assert job.state == "InProgress"
    aborted = house.jobs.abort(ME, job.job_id, reason="enough")
    assert (aborted.effect, aborted.is_settling) == (Effect.PENDING, True)
    settled = worker.drive(aborted, until=house.clock.now() + timedelta(seconds=20))
    assert (settled.state, settled.effect) == ("Aborted", "none")
    assert house.jobs.results(ME, job.job_id).parts == ()
    assert house.done(house.export("select 1 as a")).state == "JobComplete"


def test_stopping_hands_the_work_back(build: Any) -> None:
    house = build(clock=SystemClock())
    job = house.export(slow(house))
    worker = house.spectra.worker(concurrency=2)
    with worker.running():
        for _ in range(200):
            if house.jobs.get(ME, job.job_id).state == "InProgress":
                break
            threading.Event().wait(0.02)
    job = house.jobs.get(ME, job.job_id)
    assert (job.state, job.lease, job.attempt) == ("InProgress", None, 1)
    with pytest.raises(WaitTimeoutError) as late:
        house.spectra.worker().drive(job, until=house.clock.now() + timedelta(seconds=1))
    assert (late.value.job.attempt, late.value.job.lease) == (2, None)
    house.jobs.abort(ME, job.job_id)
    assert house.done(job).effect == "none"


INTERRUPTED = """
import signal, sys, threading
from datetime import UTC, datetime, timedelta
from spectra import Caller, ExportSpec, Spectra
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background work deaf to it
with Spectra.embedded(sys.argv[1]) as spectra:
    worker = spectra.worker()
    job = spectra.jobs.create(Caller("acme"), ExportSpec(query=sys.argv[3])).job
    def say():
        while spectra.jobs.get(Caller("acme"), job.job_id).state != "InProgress":
            threading.Event().wait(0.02)
        print(job.job_id, flush=True)
    threading.Thread(target=say, daemon=True).start()
    match sys.argv[2]:
        case "serve":
            worker.serve(threading.Event())
        case "run_once":
            worker.run_once()
        case "drive":
            worker.drive(job, until=datetime.now(UTC) + timedelta(hours=1))
"""


@pytest.mark.parametrize("how", ["serve", "run_once", "drive"])
def test_ctrl_c_hands_the_work_back(how: str, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "home"), how, SLOW],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stderr is not None
    try:
        job_id = child.stdout.readline().strip()
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=20)
    finally:
        child.kill()
    assert child.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    with Spectra.embedded(tmp_path / "home") as spectra:
        job = spectra.jobs.get(ME, job_id)
        assert (job.state, job.lease) == ("InProgress", None)
        assert spectra.jobs.abort(ME, job_id).is_settling
        spectra.worker().run_once()
        assert spectra.jobs.get(ME, job_id).effect == "none"


def test_a_running_worker_serves_many_tenants(build: Any) -> None:
    house = build(clock=SystemClock())
    jobs = [house.export(f"select {i} as a", Caller(f"tenant-{i % 7}")) for i in range(40)]
    jobs += [house.load(f"id,name\n{i},n\n") for i in range(10)]
    with house.spectra.worker(concurrency=4).running():
        ended = [
            house.jobs.wait(Caller(job.tenant_id), job.job_id, timeout=timedelta(seconds=60)) for job in jobs
        ]
    assert {job.state for job in ended} == {"JobComplete"}, [job.error for job in ended if job.error]
    assert len(house.items()) == 10


def test_two_workers_do_each_job_once(build: Any) -> None:
    house = build(clock=SystemClock())
    jobs = [house.load(f"id,name\n{i},n\n") for i in range(20)]
    with house.spectra.worker(concurrency=2).running(), house.spectra.worker(concurrency=2).running():
        ended = [house.jobs.wait(ME, job.job_id, timeout=timedelta(seconds=60)) for job in jobs]
    assert {(job.state, job.attempt) for job in ended} == {("JobComplete", 1)}
    assert len(house.items()) == 20
    names = [event.name for event in house.events]
    assert names.count("job.claimed") == names.count("job.completed") == 20


def test_after_close_everything_says_so(house: House) -> None:
    worker = house.spectra.worker()
    house.close()
    with pytest.raises(ClosedError):
        _ = house.spectra.jobs
    with pytest.raises(ClosedError):
        house.spectra.worker()
    with pytest.raises(ClosedError):
        worker.serve(threading.Event())
    house.close()


def test_concurrency_is_checked(house: House) -> None:
    with pytest.raises(ValueError, match="concurrency"):
        house.spectra.worker(concurrency=0)
