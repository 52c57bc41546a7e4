"""The examples, each started as its first line says: what they do, and how they end."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from spectra import Caller, Spectra
from tests.hosts.processes import ROOT, Process, free_port, server, until

ENDLESS = "select count(*) from range(100000) a, range(10000000) b where a.range + b.range = -1"
EXAMPLES = ("flask_host.py", "django_host.py", "own_routes.py")
HOSTS = EXAMPLES[:2]


@contextmanager
def example(name: str, tmp_path: Path, health: str = "/health") -> Iterator[tuple[Process, str]]:
    port = free_port()
    env = {"SPECTRA_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    command = f"examples/{name}"
    assert f"python {command}" in (ROOT / command).read_text().split('"""')[1]
    with server(command, log=tmp_path / "log", port=port, env=env, cwd=ROOT, health=health) as process:
        yield process, f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_short(name: str) -> None:
    """At most thirty lines that are neither blank nor text."""
    text = (ROOT / "examples" / name).read_text()
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Module | ast.FunctionDef)]
    told = {
        number
        for node in nodes
        if ast.get_docstring(node)
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = [line for number, line in enumerate(text.splitlines(), 1) if line.strip() and number not in told]
    assert len(lines) <= 30


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_with_a_worker_inside(name: str, tmp_path: Path) -> None:
    with example(name, tmp_path) as (process, where):
        assert httpx.get(f"{where}/bulk/jobs").status_code == 401
        with httpx.Client(
            base_url=where, headers={"Authorization": "Bearer acme-token"}, timeout=60
        ) as client:
            load = client.post("/bulk/jobs", json={"operation": "insert", "object": "sales"}).json()["job_id"]
            assert client.put(f"/bulk/jobs/{load}/upload", content=b"id,amount\n1,9.99\n").status_code == 204
            client.patch(f"/bulk/jobs/{load}", json={"state": "UploadComplete"})
            done = client.get(f"/bulk/jobs/{load}?wait=30").json()
            assert (done["state"], done["number_records_processed"]) == ("JobComplete", 1)
            rows = client.post("/queries", json={"sql": "select * from sales"}).json()["data"]
            assert rows == [{"id": 1, "amount": "9.99"}]
            endless = client.post("/bulk/jobs", json={"operation": "query", "query": ENDLESS}).json()[
                "job_id"
            ]
            until(lambda: client.get(f"/bulk/jobs/{endless}").json()["state"] == "InProgress")
        process.send(signal.SIGTERM)
        assert process.ended() == 0
        assert "Traceback" not in process.said()
    with Spectra.embedded(tmp_path / "home") as spectra:
        left = spectra.jobs.get(Caller("acme"), endless)
        assert (left.state, left.lease, left.attempt) == ("InProgress", None, 1)
        spectra.executor.ready()


def test_routes_of_ones_own(tmp_path: Path) -> None:
    with example("own_routes.py", tmp_path, health="/reports/answer") as (process, where):
        assert httpx.get(f"{where}/reports/primes").json()["data"] == [{"prime": n} for n in (2, 3, 5, 7)]
        ordered = httpx.post(f"{where}/reports/answer")
        assert (ordered.status_code, ordered.json()["labels"]) == (201, {"report": "answer"})
        job = f"{where}/orders/{ordered.json()['job_id']}"
        until(lambda: httpx.get(job).json()["state"] == "JobComplete")
        nothing = httpx.get(f"{where}/orders/none")
        assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "JOB_NOT_FOUND")
        assert httpx.post(f"{where}/reports/none").status_code == 404
        process.send(signal.SIGTERM)
        assert process.ended() == 0
