"""`Spectra` itself: how it is put together, and what a second process can do."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from spectra import Caller, ExportSpec, LoadSpec, Settings, Spectra
from spectra.adapters.embedded import DirectoryResultStore, SQLiteJobStore
from spectra.adapters.memory import MemoryExecutor, MemoryJobStore, MemoryResultStore
from spectra.errors import (
    BackendError,
    IncompatibleAdaptersError,
    NotConfiguredError,
    WarehouseLockedError,
)

ME = Caller("acme")

HOLDER = """
import sys
from spectra import Spectra
with Spectra.embedded(sys.argv[1]) as spectra:
    spectra.executor.ready()
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_adapters_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IncompatibleAdaptersError, match="memory"):
        Spectra(
            job_store=MemoryJobStore(),
            executor=MemoryExecutor(MemoryResultStore()),
            result_store=DirectoryResultStore(tmp_path),
        )


def test_families_can_be_mixed(tmp_path: Path) -> None:
    results = MemoryResultStore()
    with SQLiteJobStore(tmp_path / "jobs.sqlite3") as store, MemoryExecutor(results) as executor:
        spectra = Spectra(job_store=store, executor=executor, result_store=results)
        job = spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job
        assert spectra.worker().run_once() == 1
        assert spectra.jobs.get(ME, job.job_id).state == "JobComplete"
        spectra.close()
        assert store.get("acme", job.job_id).state == "JobComplete"  # what was given stays open


def test_settings_choose_the_adapters(tmp_path: Path) -> None:
    with pytest.raises(NotConfiguredError):
        Spectra.from_settings(Settings())
    settings = Settings.from_env({"SPECTRA_HOME": str(tmp_path / "home")})
    with Spectra.from_settings(settings) as spectra:
        job = spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job
    with Spectra.embedded(tmp_path / "home") as spectra:
        assert spectra.jobs.get(ME, job.job_id) == job


def test_construction_does_no_io(tmp_path: Path) -> None:
    home = tmp_path / "home"
    Spectra.embedded(home).close()
    assert not home.exists()


def test_a_relative_home_survives_a_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with Spectra.embedded("home") as spectra:
        monkeypatch.chdir(tmp_path / "other")
        spectra.jobs.create(ME, ExportSpec(query="select 1 as a"))
        spectra.worker().run_once()
    assert not list((tmp_path / "other").iterdir())


def test_a_home_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Spectra.embedded(tmp_path / "file" / "home") as spectra, pytest.raises(BackendError):
        spectra.jobs.create(ME, ExportSpec(query="select 1 as a"))


def test_a_second_process_can_do_all_but_work(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Spectra.embedded(home) as spectra:
        spectra.executor.connect().execute("create table t (id integer)")
        done = spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job
        spectra.worker().run_once()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None and holder.stdout is not None
    try:
        assert holder.stdout.readline() == "ready\n"
        with Spectra.embedded(home) as spectra:
            jobs = spectra.jobs
            load = jobs.create(ME, LoadSpec(operation="insert", object="t")).job
            with jobs.open_upload(ME, load.job_id) as upload:
                upload.write(b"id\n1\n")
            load = jobs.close_upload(ME, load.job_id)
            assert jobs.results(ME, done.job_id).rows == 1
            assert len(jobs.find(ME).jobs) == 2
            jobs.delete(ME, done.job_id)
            worker = spectra.worker()
            for work in (
                lambda: worker.serve(threading.Event()),
                lambda: worker.running().__enter__(),
                spectra.executor.ready,
                lambda: worker.advance(load),
            ):
                with pytest.raises(WarehouseLockedError) as locked:
                    work()
                assert locked.value.pid == holder.pid
                assert str(holder.pid) in str(locked.value)
            assert jobs.get(ME, load.job_id) == load  # not claimed, nothing lost
            assert jobs.abort(ME, load.job_id).effect == "none"
            again = jobs.retry(ME, load.job_id).job
    finally:
        holder.stdin.close()
        holder.wait(30)
        holder.stdout.close()
    with Spectra.embedded(home) as spectra:
        spectra.worker().run_once()
        assert spectra.jobs.get(ME, again.job_id).counts.succeeded == 1


def test_one_made_before_a_fork_serves_the_children(tmp_path: Path) -> None:
    with Spectra.embedded(tmp_path / "home") as spectra:
        first = spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job
        children = []
        for number in range(3):
            pid = os.fork()
            if pid == 0:
                try:
                    spectra.jobs.create(ME, ExportSpec(query=f"select {number} as b"))
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            children.append(pid)
        assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0, 0, 0]
        assert len(spectra.jobs.find(ME).jobs) == 4
        assert spectra.jobs.get(ME, first.job_id) == first


def test_jobs_can_be_pickled() -> None:
    with Spectra.in_memory() as spectra:
        job = spectra.jobs.create(ME, ExportSpec(query="select :a", parameters={"a": 1})).job
    assert pickle.loads(pickle.dumps(job)) == job


def test_in_memory_waits_no_real_time_with_a_clock_of_tests() -> None:
    from spectra.testing import ManualClock

    clock = ManualClock()
    with Spectra.in_memory(clock=clock) as spectra:
        job = spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job
        assert job.created_at == clock.now()
        clock.advance(hours=1)
        done = spectra.worker().drive(job, until=clock.now() + timedelta(minutes=1))
        assert done.completed_at >= clock.now() - timedelta(minutes=1)
