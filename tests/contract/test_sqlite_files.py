"""Files that hold no jobs of ours, and jobs that cannot be read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.embedded.job_store_schema import KNOWN_VERSION
from spectra.errors import BackendError, NewerSchemaError

from spectra.testing import ManualClock
from spectra.testing.samples import after, claimed, export, ids


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteJobStore]:
    with SQLiteJobStore(path, clock=ManualClock(), busy_timeout=0.2) as store:
        yield store


def run(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


# ---- files ------------------------------------------------------------------------------------------


def test_construction_does_no_io(tmp_path: Path) -> None:
    SQLiteJobStore(tmp_path / "folder" / "jobs.db").close()
    assert not (tmp_path / "folder").exists()


def test_jobs_outlive_the_store(path: Path) -> None:
    with SQLiteJobStore(path) as store:
        job = store.add(export()).job
    with SQLiteJobStore(str(path)) as store:
        assert store.get("t", "j") == job


@pytest.mark.parametrize(
    "content", [b"no database, but longer than one hundred bytes " * 9, b"SQLite format 3\0" + b"\7" * 4096]
)
def test_a_file_that_is_no_database(store: SQLiteJobStore, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(BackendError, match=r"jobs\.db is damaged, or no job database") as caught:
        store.get("t", "j")
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    with pytest.raises(BackendError):
        store.add(export())
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE mine (x)"],
        ["CREATE TABLE jobs (id)"],
        ["PRAGMA user_version = 1"],
        ["PRAGMA user_version = 99", "CREATE TABLE jobs (id)"],
        ["PRAGMA application_id = 77"],
    ],
    ids=" ".join,
)
def test_a_database_of_another_program_is_left_alone(
    store: SQLiteJobStore, path: Path, statements: list[str]
) -> None:
    run(path, *statements)
    before = path.read_bytes()
    for call in (lambda: store.add(export()), lambda: store.find("t")):
        with pytest.raises(BackendError, match=r"jobs\.db is a database of another program"):
            call()
    assert path.read_bytes() == before


def test_a_database_of_a_newer_spectra_is_left_alone(store: SQLiteJobStore, path: Path) -> None:
    store.add(export())
    store.close()
    run(path, f"PRAGMA user_version = {KNOWN_VERSION + 1}")
    with SQLiteJobStore(path) as older, pytest.raises(NewerSchemaError):
        older.add(export("k"))


def test_a_database_of_the_first_version_is_brought_up(store: SQLiteJobStore, path: Path) -> None:
    """Its index of what is due had what waits for its start among all else."""
    job = store.add(export()).job
    store.close()
    run(
        path,
        "DROP INDEX jobs_due",
        "CREATE INDEX jobs_due ON jobs (tenant_id, due_at, job_id) WHERE due_at IS NOT NULL",
        "PRAGMA user_version = 1",
    )
    with SQLiteJobStore(path) as first, SQLiteJobStore(path) as second:
        assert [*first.due(after(9), limit=5)] == [*second.due(after(9), limit=5)] == [job]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (KNOWN_VERSION,)
    connection.close()


def test_a_path_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "jobs.db", tmp_path / "folder"):
        with SQLiteJobStore(path) as store, pytest.raises(BackendError):
            store.find("t")


def test_damage_found_later(path: Path) -> None:
    with SQLiteJobStore(path) as store:
        for n in range(300):
            store.add(export(f"j{n:03}"))
    content = path.read_bytes()
    path.write_bytes(content[:8192] + os.urandom(len(content) - 8192))
    with SQLiteJobStore(path) as store, pytest.raises(BackendError, match="damaged"):
        [store.get("t", f"j{n:03}") for n in range(300)]


def test_text_that_is_no_unicode_is_kept(store: SQLiteJobStore) -> None:
    job = store.add(export().evolved(warnings=("\udcff", "\0"))).job
    assert store.get("t", "j") == job


# ---- documents that cannot be read ------------------------------------------------------------------

NEWER = "json_set(document, '$.schema', 2, '$.spec', 'in some new form')"


@pytest.mark.parametrize("document", [NEWER, "'{'", "'[]'", "'5'", "'{\"schema\": 1}'", "x'00ff'", "''"])
def test_due_passes_over_what_it_cannot_read(
    store: SQLiteJobStore, path: Path, document: str, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(9):
        store.add(export(f"j{n}", at=n))
    store.add(export("x", "u", at=3))
    run(path, f"UPDATE jobs SET document = {document} WHERE job_id <= 'j6'")
    for _ in range(2):
        assert sorted(ids(store.due(after(9), limit=10))) == ["j7", "j8", "x"]
        assert ids(store.due(after(9), limit=1, tenant_id="t")) == ["j7"]
    assert {*ids(store.due(after(9), limit=1)), *ids(store.due(after(9), limit=1))} == {"j7", "x"}
    assert "job t/j0, and any such" in caplog.text
    with pytest.raises((NewerSchemaError, BackendError)):
        store.get("t", "j0")


def test_a_newer_document_is_never_overwritten(store: SQLiteJobStore, path: Path) -> None:
    job = store.add(export(idempotency_key="k")).job
    run(path, f"UPDATE jobs SET version = 2, document = {NEWER}")
    for call in (
        lambda: store.replace(job, claimed(job)),
        lambda: store.add(export("other", idempotency_key="k")),
        lambda: store.find("t"),
    ):
        with pytest.raises(NewerSchemaError):
            call()
