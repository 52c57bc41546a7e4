"""The example hosts under gunicorn: threads, preload, two processes, signals. Real processes on real sockets."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from spectra import Caller, Spectra
from tests.hosts.processes import ROOT, Process, free_port, memory_peak, open_results, process, server, until

HOSTS = {"flask": "flask_host:app", "django": "django_host:application"}
ACME = {"Authorization": "Bearer acme-token"}
ENDLESS = "select count(*) from range(100000) a, range(10000000) b where a.range + b.range = -1"
LOAD = {"operation": "insert", "object": "sales", "content_type": "CSV"}
MB = 1_000_000


@pytest.fixture(params=list(HOSTS))
def host(request: pytest.FixtureRequest) -> str:
    return HOSTS[request.param]


@contextmanager
def gunicorn(app: str, tmp_path: Path, *options: str, **env: str) -> Iterator[tuple[Process, httpx.Client]]:
    port = free_port()
    command = ["-m", "gunicorn", "--config", "examples/gunicorn.conf.py", "--chdir", "examples"]
    command += ["--bind", f"127.0.0.1:{port}", *options, app]
    home = {"SPECTRA_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), **env}
    with server(*command, log=tmp_path / "log", port=port, env=home, cwd=ROOT) as process:
        # Each request on a connection of its own, so that any process may answer it.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers=ACME, limits=limits, timeout=60
        ) as client:
            yield process, client


def export(client: httpx.Client, query: str = "select 42 as answer") -> str:
    created = client.post("/bulk/jobs", json={"operation": "query", "query": query})
    assert created.status_code == 201, created.text
    return str(created.json()["job_id"])


def job(client: httpx.Client, job_id: str, **parameters: Any) -> Any:
    read = client.get(f"/bulk/jobs/{job_id}", params=parameters)
    assert read.status_code == 200, read.text
    return read.json()


def begun(client: httpx.Client, query: str = ENDLESS) -> str:
    job_id = export(client, query)
    until(lambda: job(client, job_id)["state"] == "InProgress")
    return job_id


def the_leases_were_handed_back(tmp_path: Path, job_id: str) -> None:
    with Spectra.embedded(tmp_path / "home") as spectra:
        left = spectra.jobs.get(Caller("acme"), job_id)
        assert (left.state, left.lease, left.attempt) == ("InProgress", None, 1)
        spectra.jobs.abort(Caller("acme"), job_id)
        spectra.worker().run_once()
        assert spectra.jobs.get(Caller("acme"), job_id).effect == "none"


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["plain", "preload"])
def test_one_process_with_threads(host: str, tmp_path: Path, options: tuple[str, ...]) -> None:
    with gunicorn(host, tmp_path, *options) as (process, client):
        assert job(client, export(client), wait=30)["state"] == "JobComplete"
        waiting = client.post("/bulk/jobs", json=LOAD).json()["job_id"]
        with ThreadPoolExecutor(12) as pool:
            started = time.monotonic()
            polls = [pool.submit(job, client, waiting, wait=4) for _ in range(12)]
            time.sleep(1)
            plain = time.monotonic()
            assert job(client, waiting)["state"] == "Open"
            assert time.monotonic() - plain < 2
            assert {poll.result()["state"] for poll in polls} == {"Open"}
            assert time.monotonic() - started < 8
        job_id = begun(client)
        process.send(signal.SIGTERM)
        assert process.ended() == 0
    assert "Traceback" not in process.said()
    the_leases_were_handed_back(tmp_path, job_id)


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["plain", "preload"])
def test_two_processes_share_all_but_the_warehouse(
    host: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with gunicorn(host, tmp_path, "--workers", "2", *options, SPECTRA_LEASE_SECONDS="2") as (process, client):
        until(lambda: "warehouse.locked" in process.said())
        holder = the_one_that_answers_queries(process, client)
        done = [export(client, f"select {number} as n") for number in range(10)]
        assert {job(client, job_id, wait=30)["state"] for job_id in done} == {"JobComplete"}
        link = client.get(f"/bulk/jobs/{done[3]}/results").json()["download_url"]
        assert {client.get(link).text for _ in range(12)} == {"n\n3\n"}
        assert process.said().count("warehouse.locked") == 1

        job_id = begun(client)
        os.kill(holder, signal.SIGKILL)
        until(lambda: job(client, job_id)["attempt"] == 2)
        assert the_one_that_answers_queries(process, client) != holder
        aborted = client.patch(f"/bulk/jobs/{job_id}", json={"state": "Aborted"})
        assert aborted.status_code == 200
        assert job(client, job_id, wait=30)["abort"]["effect"] == "none"
        assert job(client, export(client), wait=30)["state"] == "JobComplete"
        process.send(signal.SIGTERM)
        assert process.ended() == 0


def the_one_that_answers_queries(process: Process, client: httpx.Client) -> int:
    """Ask until both have answered; the other names the one that has the warehouse."""
    seen: dict[int, httpx.Response] = {}

    def both() -> bool:
        answer = client.post("/queries", json={"sql": "select 42 as answer"})
        seen[answer.status_code] = answer
        return {*seen} >= {200, 503}

    until(both)
    assert {*seen} == {200, 503}
    refused = seen[503].json()["error"]
    assert (refused["code"], refused["retryable"]) == ("WAREHOUSE_LOCKED", True)
    assert "Retry-After" in seen[503].headers
    pid = int(refused["details"]["pid"])
    assert pid in process.children()
    return pid


def test_a_worker_without_threads_is_killed_while_it_waits(tmp_path: Path) -> None:
    """What docs/gunicorn.md warns of: gunicorn's `timeout` ends sync workers in the middle of a call."""
    sync = ("--worker-class", "sync", "--threads", "1", "--timeout", "2")
    with gunicorn(HOSTS["flask"], tmp_path, *sync) as (process, client):
        waiting = client.post("/bulk/jobs", json=LOAD).json()["job_id"]
        # gunicorn answers by itself, and not in JSON.
        cut = client.get(f"/bulk/jobs/{waiting}", params={"wait": 10})
        assert (cut.status_code, cut.headers["Content-Type"]) == (500, "text/html")
        assert "WORKER TIMEOUT" in process.said()
        assert until(lambda: alive(client))
    (tmp_path / "log").unlink()
    with gunicorn(HOSTS["flask"], tmp_path, "--timeout", "2") as (process, client):
        assert job(client, waiting, wait=5)["state"] == "Open"
        assert "WORKER TIMEOUT" not in process.said()


def alive(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_bodies_stream_both_ways(host: str, tmp_path: Path, chunked: bool) -> None:
    with gunicorn(host, tmp_path) as (process, client):
        (pid,) = process.children()
        # The warehouse has its memory from now on.
        assert job(client, export(client), wait=30)["state"] == "JobComplete"
        size = 120 * MB
        load = client.post("/bulk/jobs", json=LOAD).json()["job_id"]
        before = memory_peak(pid)
        length = {} if chunked else {"Content-Length": str(size)}
        blocks = (b"9" * MB for _ in range(120))
        assert client.put(f"/bulk/jobs/{load}/upload", content=blocks, headers=length).status_code == 204
        assert memory_peak(pid) - before < 20 * MB
        with Spectra.embedded(tmp_path / "home") as spectra:
            store = spectra.result_store
            place = store.location("acme", load)
            (upload,) = [
                path
                for path in (tmp_path / "home" / "files").rglob("*")
                if path.is_file() and load in str(path)
            ]
            assert upload.stat().st_size == size, place
        client.patch(f"/bulk/jobs/{load}", json={"state": "Aborted"})

        query = "select repeat('x', 999) as x from range(100000)"
        link = client.get(f"/bulk/jobs/{complete(client, query)}/results").json()["download_url"]
        before = memory_peak(pid)
        with client.stream("GET", link) as answer:
            assert sum(len(block) for block in answer.iter_raw()) == 100_000_002
        assert memory_peak(pid) - before < 20 * MB


def complete(client: httpx.Client, query: str) -> str:
    body = {"operation": "query", "query": query, "single_file": True}
    job_id = str(client.post("/bulk/jobs", json=body).json()["job_id"])
    assert job(client, job_id, wait=30)["state"] == "JobComplete"
    return job_id


def test_a_download_that_is_broken_off_leaves_no_file_open(host: str, tmp_path: Path) -> None:
    with gunicorn(host, tmp_path) as (process, client):
        (pid,) = process.children()
        query = "select repeat('x', 999) as x from range(100000)"
        link = client.get(f"/bulk/jobs/{complete(client, query)}/results").json()["download_url"]
        with client.stream("GET", link) as answer:
            blocks = answer.iter_raw(1_000)  # whoever lets go of it closes the connection
            assert next(blocks)
            assert open_results(pid)
        until(lambda: not open_results(pid), 20)
        assert "Traceback" not in process.said()


IMPATIENT = """
from contextlib import ExitStack
inside = ExitStack()
def post_worker_init(worker):
    import flask_host
    inside.enter_context(flask_host.spectra.worker().running())
"""


def test_an_impatient_worker_stops_gunicorn(tmp_path: Path) -> None:
    (tmp_path / "impatient.py").write_text(IMPATIENT)
    env = {"SPECTRA_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    command = ("-m", "gunicorn", "--config", str(tmp_path / "impatient.py"), "--chdir", "examples")
    bind = ("--bind", f"127.0.0.1:{free_port()}", "flask_host:app")
    with Spectra.embedded(tmp_path / "home") as spectra:
        spectra.executor.ready()
        with process(*command, *bind, log=tmp_path / "log", env=env, cwd=ROOT) as refused:
            assert refused.ended() == 3
            assert f"process {os.getpid()} has it open" in refused.said()
            assert "Worker failed to boot" in refused.said()


OPENED = """
from flask_host import app, spectra, working
table = spectra.executor.connect().execute("create table items (id int)")
"""


def test_a_warehouse_that_was_open_at_the_fork_is_refused(tmp_path: Path) -> None:
    (tmp_path / "opened.py").write_text(OPENED)
    preload = ("--preload", "--pythonpath", str(tmp_path))
    with gunicorn("opened:app", tmp_path, *preload) as (process, client):
        waits = export(client)
        refused = client.post("/queries", json={"sql": "select 1 as a"})
        assert (refused.status_code, refused.json()["error"]["details"]) == (503, {"pid": process.pid})
        assert "was open when this process was forked" in process.said()
        assert job(client, waits, wait=1)["state"] == "UploadComplete"
        process.send(signal.SIGTERM)
        assert process.ended() == 0


def test_jobs_from_all_threads_at_once(host: str, tmp_path: Path) -> None:
    """First uses of everything at once, in a process that was forked."""
    with gunicorn(host, tmp_path, "--preload") as (_, client):
        barrier = threading.Barrier(12)

        def ask(_: int) -> str:
            barrier.wait()
            return export(client)

        with ThreadPoolExecutor(12) as pool:
            jobs = list(pool.map(ask, range(12)))
        assert len({*jobs}) == 12
        assert {job(client, job_id, wait=30)["state"] for job_id in jobs} == {"JobComplete"}
