"""How `serve` begins and ends: patient with a warehouse that another process has, and by itself when drained."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from spectra import Caller, ExportSpec, Settings, Spectra
from spectra.errors import BackendUnavailableError, WarehouseLockedError
from spectra.ports import SystemClock
from spectra.services import warehouse_lock
from spectra.testing import Faults, FaultyExecutor, FaultyJobStore
from tests.services.house import ME, House

HOLDER = """
import sys
from spectra import Spectra
with Spectra.embedded(sys.argv[1]) as spectra:
    spectra.executor.ready()
    print("has it", flush=True)
    sys.stdin.read()
"""


def serving(house: House, **options: Any) -> threading.Event:
    """Drain in this thread, which must end; return the event that it was given."""
    stop = threading.Event()
    house.spectra.worker(**options).serve(stop, drain=True)
    return stop


def test_drained_it_ends_when_all_is_done(build: Any) -> None:
    house = build(clock=SystemClock())
    jobs = [house.export(f"select {i} as a", Caller(f"tenant-{i % 7}")) for i in range(60)]
    jobs += [house.load(f"id,name\n{i},n\n") for i in range(5)]
    stop = serving(house, concurrency=3)
    states = [house.jobs.get(Caller(job.tenant_id), job.job_id).state for job in jobs]
    assert states == ["JobComplete"] * 65
    assert stop.is_set()
    serving(house)


def test_drained_it_goes_on_with_what_waited_for_the_limit(build: Any) -> None:
    """The places that its own work takes are no reason to end."""
    house = build(clock=SystemClock(), settings=Settings(bulk_max_concurrent_jobs=1))
    jobs = [house.load(f"id,name\n{i},n\n") for i in range(4)]
    serving(house, concurrency=3)
    assert [house.jobs.get(ME, job.job_id).state for job in jobs] == ["JobComplete"] * 4


def test_drained_it_leaves_what_failed_a_moment_ago(build: Any) -> None:
    house = build(clock=SystemClock(), executor=lambda port: FaultyExecutor(port, Faults()))
    house.spectra.executor.faults.fail_before("start", ZeroDivisionError("a bug of an adapter"), times=9)
    job = house.export("select 1 as a")
    serving(house)
    assert house.jobs.get(ME, job.job_id).state == "InProgress"


def test_drained_it_says_when_it_cannot_know_what_is_due(build: Any) -> None:
    house = build(clock=SystemClock(), job_store=lambda port: FaultyJobStore(port, Faults()))
    job = house.export("select 1 as a")
    house.spectra.job_store.faults.fail_before("due", BackendUnavailableError("away"))
    with pytest.raises(BackendUnavailableError, match="away"):
        serving(house)
    assert house.jobs.get(ME, job.job_id) == job


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    """Another process, which has the warehouse until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "home")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "has it\n"
        yield process
        process.kill()


def test_a_patient_one_waits_for_the_warehouse(
    holder: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_lock, "SECONDS_BETWEEN", 0.05)
    caplog.set_level(logging.INFO)
    with Spectra.embedded(tmp_path / "home") as spectra:
        with pytest.raises(WarehouseLockedError), spectra.worker().running():
            pytest.fail("began")
        with spectra.worker().running(patient=True):
            job = spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job
            time.sleep(0.3)
            assert spectra.jobs.get(ME, job.job_id) == job
            said = [record for record in caplog.records if record.message == "warehouse.locked"]
            assert len(said) == 1
            assert str(holder.pid) in said[0].error
            holder.stdin.close()
            until = time.monotonic() + 30
            while not spectra.jobs.get(ME, job.job_id).is_terminal:
                assert time.monotonic() < until
                time.sleep(0.05)
        assert [record.message for record in caplog.records].count("warehouse.free") == 1


def test_a_patient_one_can_be_stopped_while_it_waits(holder: Any, tmp_path: Path) -> None:
    with Spectra.embedded(tmp_path / "home") as spectra:
        stop = threading.Event()
        thread = threading.Thread(target=spectra.worker().serve, args=(stop,), kwargs={"patient": True})
        thread.start()
        time.sleep(0.2)
        begun = time.monotonic()
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
        assert time.monotonic() - begun < 3
