"""Each host in a process of its own, on each family of adapters; one client a test, with a tenant of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.conftest import local_dynamodb

__all__ = ["local_dynamodb"]

BUCKET = "hosts"
ROOT = Path(__file__).parents[3]
TABLE = "create table items (id integer, name varchar(40), price double precision)"
HOSTS = {
    "plain": [sys.executable, "-m", "tests.hosts.http.apps.plain", "{port}"],
    "django": [sys.executable, "-m", "tests.hosts.http.apps.django_app", "{port}"],
    "fastapi": [
        *(sys.executable, "-m", "uvicorn", "tests.hosts.http.apps.fastapi_app:app"),
        *("--port", "{port}", "--log-level", "warning"),
    ],
    "flask": [
        *(sys.executable, "-m", "gunicorn", "tests.hosts.http.apps.flask_app:app"),
        *("--bind", "127.0.0.1:{port}", "--log-level", "warning"),
        *("--config", "tests/hosts/http/apps/gunicorn_conf.py"),
    ],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _others() -> dict[str, str]:
    """This process's variables, without what was meant for its own tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SPECTRA_", "AWS_"))}


@contextlib.contextmanager
def serving(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[str]:
    """The base URL of a host that runs; afterwards it is ended by SIGTERM, and must end well."""
    port = free_port()
    said = folder / f"host-{port}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            env={**_others(), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
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
        # Not every traceback is ours: S3's client prints one of each upload that is broken off.
        assert not re.search("a request failed|Exception (in|occurred)", said.read_text()), said.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def servers(local_dynamodb: Any) -> Iterator[tuple[Any, Any, Any]]:
    """DynamoDB, S3 and Redshift; one pair of keys for the first two, as the environment has it."""
    from spectra.adapters.aws.infrastructure import Infrastructure
    from spectra.adapters.aws.infrastructure.bucket import create_bucket
    from spectra.testing.redshift import LocalRedshift
    from spectra.testing.s3 import LocalS3

    with (
        LocalS3(access_key=local_dynamodb.access_key) as s3,
        LocalRedshift(s3.client()) as redshift,
    ):
        create_bucket(s3.client(), BUCKET, Infrastructure())
        yield local_dynamodb, s3, redshift


def embedded(request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    """SQLite, DuckDB and a directory."""
    return {"SPECTRA_HOME": str(folder / "home"), "TEST_SETUP": TABLE}


def aws(request: pytest.FixtureRequest, folder: Path) -> dict[str, str]:
    """DynamoDB, Redshift by its driver, and S3."""
    from spectra.adapters.aws.dynamodb.table import create_table

    dynamodb, s3, redshift = request.getfixturevalue("servers")
    table = f"hosts-{uuid.uuid4().hex}"
    create_table(dynamodb.client(), table, ttl=False)
    redshift.run(TABLE.replace("create table", "create table if not exists"))
    login = redshift.parameters
    return {
        "AWS_ACCESS_KEY_ID": dynamodb.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "SPECTRA_AWS_REGION": dynamodb.region,
        "SPECTRA_DYNAMODB_ENDPOINT": dynamodb.endpoint,
        "SPECTRA_DYNAMODB_TABLE_NAME": table,
        "SPECTRA_S3_ENDPOINT": s3.endpoint,
        "SPECTRA_S3_BUCKET_NAME": BUCKET,
        "SPECTRA_S3_PREFIX": f"{table}/",
        "SPECTRA_REDSHIFT_HOST": login["host"],
        "SPECTRA_REDSHIFT_PORT": str(login["port"]),
        "SPECTRA_REDSHIFT_DATABASE": login["database"],
        "SPECTRA_REDSHIFT_USER": login["user"],
        "SPECTRA_REDSHIFT_PASSWORD": login["password"],
        "SPECTRA_REDSHIFT_SSL": "false",
        "SPECTRA_MAX_POLL_SECONDS": "2",
    }


FAMILIES = {"embedded": embedded, "aws": aws}
# What hosts share is tried with one of them on AWS's adapters; a thorough run tries all of them on both, and the
# standard library's server, over which nobody would put it.
_ALL = bool(os.environ.get("SPECTRA_THOROUGH"))
WORLDS = [
    (host, family)
    for host in sorted(HOSTS)
    for family in FAMILIES
    if _ALL or (host != "plain" and (family == "embedded" or host == "fastapi"))
]


@pytest.fixture(scope="session", params=WORLDS, ids="-".join)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The family of a host, and its base URL."""
    host, family = request.param
    folder = tmp_path_factory.mktemp(f"{host}-{family}")
    environment = {
        "SPECTRA_BULK_MAX_FILE_SIZE_MB": "20",
        "SPECTRA_IDLE_SECONDS": "0.05",
        **FAMILIES[family](request, folder),
    }
    with serving(HOSTS[host], environment, folder) as url:
        yield family, url


@pytest.fixture
def hosted(world: tuple[str, str]) -> bool:
    """Whether the host serves the links itself."""
    return world[0] == "embedded"


@pytest.fixture
def client(world: tuple[str, str]) -> Iterator[httpx.Client]:
    headers = {"X-Tenant": f"tenant-{uuid.uuid4().hex[:12]}"}
    with httpx.Client(base_url=world[1], headers=headers, timeout=60) as client:
        yield client
