"""``manage.py spectra_worker``: real processes, real signals, on one home."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from spectra import Caller, ExportSpec, Job, Spectra
from spectra.errors import WarehouseLockedError
from tests.hosts.processes import Process, process, until
from tests.hosts.test_django import environment

ME = Caller("acme")
ENDLESS = "select count(*) from range(100000) a, range(10000000) b where a.range + b.range = -1"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Spectra]:
    """What uses jobs and files, and never the warehouse, unless a test asks it to."""
    with Spectra.embedded(tmp_path / "home") as spectra:
        yield spectra


def worker(tmp_path: Path, *options: str, **env: str) -> AbstractContextManager[Process]:
    command = ("-m", "django", "spectra_worker", *options)
    return process(*command, log=tmp_path / "log", env={**environment(tmp_path), **env})


def export(host: Spectra, query: str = "select 42 as answer") -> Job:
    return host.jobs.create(ME, ExportSpec(query=query)).job


def begun(host: Spectra, count: int = 1) -> list[Job]:
    jobs = [export(host, ENDLESS) for _ in range(count)]
    until(lambda: all(host.jobs.get(ME, job.job_id).state == "InProgress" for job in jobs))
    return jobs


def test_drained_it_ends(host: Spectra, tmp_path: Path) -> None:
    jobs = [export(host) for _ in range(7)]
    with worker(tmp_path, "--drain", "--concurrency", "2") as running:
        assert running.ended() == 0
        assert "serves" in running.said()
    assert {host.jobs.get(ME, job.job_id).state for job in jobs} == {"JobComplete"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("options", [(), ("--drain",)], ids=["serving", "draining"])
def test_signals_hand_the_work_back(
    host: Spectra, tmp_path: Path, number: int, options: tuple[str, ...]
) -> None:
    export(host)
    with worker(tmp_path, "--concurrency", "2", *options) as running:
        jobs = begun(host, 2)
        for _ in range(3):  # whoever presses Ctrl-C again does not spoil it
            running.send(number)
            time.sleep(0.02)
        assert running.ended() == 0
        assert "handed back" in running.said()
        assert "Traceback" not in running.said()
    left = [host.jobs.get(ME, job.job_id) for job in jobs]
    assert [(job.state, job.lease, job.attempt) for job in left] == [("InProgress", None, 1)] * 2
    # The file is free again: nobody has to wait for a process that is no more.
    host.executor.ready()


def test_an_idle_one_stops_at_once(host: Spectra, tmp_path: Path) -> None:
    with worker(tmp_path, SPECTRA_IDLE_SECONDS="300") as running:
        until(lambda: (tmp_path / "home" / "warehouse.duckdb").exists())
        time.sleep(0.5)
        began = time.monotonic()
        running.send(signal.SIGTERM)
        assert running.ended() == 0
        assert time.monotonic() - began < 10


def test_a_second_process_says_who_has_the_warehouse(host: Spectra, tmp_path: Path) -> None:
    job = export(host)
    with worker(tmp_path) as first:
        until(lambda: host.jobs.get(ME, job.job_id).is_terminal)
        (tmp_path / "log").write_text("")
        with worker(tmp_path) as second:
            assert second.ended() == 1
            assert f"process {first.pid} has it open" in second.said()
            assert "WAREHOUSE_LOCKED" in second.said()
            assert "Traceback" not in second.said()
        # Jobs and files are everybody's: made, read and downloaded while the other has the warehouse.
        another = export(host)
        until(lambda: host.jobs.get(ME, another.job_id).is_terminal)
        assert host.jobs.results(ME, another.job_id).rows == 1


def test_a_patient_one_takes_over(host: Spectra, tmp_path: Path) -> None:
    job = export(host)
    with worker(tmp_path, "--patient") as first, worker(tmp_path, "--patient") as second:
        until(lambda: host.jobs.get(ME, job.job_id).is_terminal)
        with pytest.raises(WarehouseLockedError) as locked:
            host.executor.ready()
        has_it, waits = (first, second) if locked.value.pid == first.pid else (second, first)
        assert locked.value.pid == has_it.pid
        has_it.send(signal.SIGKILL)
        another = export(host)
        until(lambda: host.jobs.get(ME, another.job_id).is_terminal)
        waits.send(signal.SIGTERM)
        assert waits.ended() == 0


def test_wrong_options_are_said(tmp_path: Path) -> None:
    with worker(tmp_path, "--concurrency", "0") as running:
        assert running.ended() == 1
        assert "--concurrency must be at least 1" in running.said()
