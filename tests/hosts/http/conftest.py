"""Each host in a process of its own, on each family of adapters; one client a test, with a tenant of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.conftest import bucket, dynamodb_table, local_dynamodb, local_s3, redshift

__all__ = ["bucket", "dynamodb_table", "local_dynamodb", "local_s3", "redshift"]

ROOT = Path(__file__).parents[3]
TABLE = "create table items (id integer, name varchar(40), price double precision)"
HOSTS = {
    "plain": [sys.executable, "-m", "tests.hosts.http.apps.plain", "{port}"],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def serving(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[str]:
    """The base URL of a host that runs; afterwards it is ended by SIGTERM, and must end well."""
    port = free_port()
    said = folder / f"host-{port}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                    break
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < until, said.read_text()
            time.sleep(0.1)
        yield url
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM), said.read_text()
        assert "Traceback" not in said.read_text(), said.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="session", params=sorted(HOSTS))
def embedded_host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp(f"host-{request.param}")
    environment = {
        "SPECTRA_HOME": str(folder / "home"),
        "SPECTRA_BULK_MAX_FILE_SIZE_MB": "20",
        "SPECTRA_IDLE_SECONDS": "0.05",
        "TEST_SETUP": TABLE,
    }
    with serving(HOSTS[request.param], environment, folder) as url:
        yield url


@pytest.fixture
def client(embedded_host: str) -> Iterator[httpx.Client]:
    headers = {"X-Tenant": f"tenant-{uuid.uuid4().hex[:12]}"}
    with httpx.Client(base_url=embedded_host, headers=headers, timeout=60) as client:
        yield client
