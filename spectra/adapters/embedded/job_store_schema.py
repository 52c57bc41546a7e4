"""The SQLite schema of `SQLiteJobStore`, and how a job becomes a row of it."""

from __future__ import annotations

import functools
import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from spectra.codec import from_document, to_document
from spectra.domain import Job, JobState
from spectra.errors import BackendError, NewerSchemaError

__all__ = [
    "EPOCH",
    "INSERT",
    "KNOWN_VERSION",
    "MS",
    "changing",
    "fields",
    "from_ms",
    "inserted",
    "opened",
    "parsed",
    "to_ms",
    "updates",
]

KNOWN_VERSION: Final = 2
_APPLICATION_ID: Final = int.from_bytes(b"Spct", "big")

# The small columns stand before the document, so that reading them never touches its overflow pages.
# The table keeps SQLite's own row ids although `jobs_key` would be its natural order: rows of a
# kilobyte and more in a WITHOUT ROWID table leave three to a page of its inner nodes, and the depth of
# that tree, not the page of jobs, would then be what a look-up costs.
#
#   jobs_key       get; the first page of find is a range of it
#   jobs_listing   a filtered find is a range of it for each state and operation; time is in its entries
#   jobs_due       the two queues of each tenant: what waits for its start stands behind all else; with the
#                  state itself, so that a walk from tenant to tenant reads nothing else
#   jobs_due_at    whether, and whose, jobs are due, where they are few
#   jobs_live      live
#   jobs_waiting   backlog, as jobs_running; none of these three has ended jobs in it
#   jobs_places    counted when a place is taken, so it never has more entries than the limit
_QUEUES: Final = """
    CREATE INDEX jobs_due ON jobs (tenant_id, (state = 'UploadComplete'), due_at, job_id, state)
        WHERE due_at IS NOT NULL
"""
_FROM_1: Final = ("DROP INDEX jobs_due", _QUEUES)
_STATEMENTS: Final = (
    """
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        job_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        token BLOB NOT NULL,
        state TEXT NOT NULL,
        operation TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        due_at INTEGER,
        ttl INTEGER,
        live INTEGER NOT NULL,
        place INTEGER NOT NULL DEFAULT 0,
        idempotency_key TEXT,
        document TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX jobs_key ON jobs (tenant_id, job_id DESC)",
    """
    CREATE UNIQUE INDEX jobs_idempotency ON jobs (tenant_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL
    """,
    "CREATE INDEX jobs_listing ON jobs (tenant_id, state, operation, job_id DESC, created_at, ttl)",
    _QUEUES,
    "CREATE INDEX jobs_due_at ON jobs (due_at, tenant_id) WHERE due_at IS NOT NULL",
    "CREATE INDEX jobs_live ON jobs (tenant_id, job_id) WHERE live = 1",
    "CREATE INDEX jobs_waiting ON jobs (due_at, tenant_id) WHERE state = 'UploadComplete'",
    "CREATE INDEX jobs_running ON jobs (tenant_id) WHERE state = 'InProgress'",
    "CREATE INDEX jobs_places ON jobs (tenant_id) WHERE place = 1",
)

INSERT: Final = """
    INSERT INTO jobs (tenant_id, job_id, version, token, state, operation, created_at, due_at, ttl, live,
                      idempotency_key, document)
    VALUES (:tenant_id, :job_id, :version, :token, :state, :operation, :created_at, :due_at, :ttl, :live,
            :idempotency_key, :document)
"""

# ASCII, because a driver's message may hold a lone surrogate, which SQLite would refuse as text.
_encoder: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_INDEXED: Final = ("state", "due_at", "ttl", "live")
_WHAT_IT_IS = """
    SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
    FROM pragma_application_id, pragma_user_version
"""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MS: Final = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (at - EPOCH) // MS


def from_ms(value: int) -> datetime:
    """The instant of `to_ms`."""
    return EPOCH + value * MS


def _optional_ms(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)


def changing(job: Job, token: bytes) -> dict[str, Any]:
    """The columns that a later write of the same job may change."""
    return {
        "tenant_id": job.tenant_id,
        "job_id": job.job_id,
        "version": job.version,
        "token": token,
        "state": job.state.value,
        "due_at": _optional_ms(job.due_at),
        "ttl": _optional_ms(job.ttl),
        "live": int(not job.is_terminal or job.is_settling),
        # An aborted job keeps its place until it is known that nothing of it runs any more.
        "keeps_place": int(job.state is JobState.IN_PROGRESS or job.is_settling),
        "document": _encoder.encode(to_document(job)),
    }


def updates(old: Job, new: Job, row: dict[str, Any]) -> tuple[str, ...]:
    """The statements that store *row*, of *new*, over *old*: one that is quick, then one that is always right.

    SQLite rewrites every index of a column that is set, changed or not, with a page of the log for
    each; so only what changed is set. Whether the stored columns are those of *old*, the database says.
    """
    changed: tuple[str, ...] = ("due_at",) if old.due_at != new.due_at else ()
    if (old.state, old.effect, old.ttl) != (new.state, new.effect, new.ttl):
        changed = _INDEXED
    quick = _update(changed, place=bool(row["takes_place"]) or not row["keeps_place"])
    return quick, _update(_INDEXED, place=True)


@functools.cache
def _update(changed: tuple[str, ...], *, place: bool) -> str:
    values = [f"{name} = :{name}" for name in ("version", "token", "document", *changed)]
    if place:
        values.append("place = (place OR :takes_place) AND :keeps_place")
    kept = "".join(f" AND {name} IS :{name}" for name in _INDEXED if name not in changed)
    return (
        f"UPDATE jobs INDEXED BY jobs_key SET {', '.join(values)} "
        f"WHERE tenant_id = :tenant_id AND job_id = :job_id AND version = :old_version{kept}"
    )


def inserted(job: Job, token: bytes) -> dict[str, Any]:
    """The columns of a new job, for `INSERT`."""
    return changing(job, token) | {
        "operation": job.operation.value,
        "created_at": to_ms(job.created_at),
        "idempotency_key": job.idempotency_key,
    }


def fields(document: str) -> Any:
    """What a stored document holds; None if it is no JSON."""
    try:
        return json.loads(document)
    except ValueError:
        return None


def parsed(document: str) -> Job:
    """The job of a stored document.

    Raises:
        NewerSchemaError: a newer Spectra wrote it.
        BackendError: it is no job.
    """
    return from_document(fields(document))


def opened(path: Path, *, busy_timeout: float) -> sqlite3.Connection:
    """Open the database at *path*, made with its folder if it is not there.

    Raises:
        NewerSchemaError: a newer Spectra made it.
        BackendError: the folder cannot be made, holds no write-ahead log, or the file is of another kind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BackendError(f"the folder of {path} cannot be made: {exc}") from exc
    connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        # Before anything is changed: the file may be another program's.
        version = _version(connection, path)
        _use_write_ahead_log(connection, path, patience=busy_timeout)
        connection.execute("PRAGMA synchronous = FULL")
        if version < KNOWN_VERSION:
            _make(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    # One statement, so one snapshot: another process may be making it.
    kind, version, things = connection.execute(_WHAT_IT_IS).fetchone()
    if kind == _APPLICATION_ID:
        if version > KNOWN_VERSION:
            raise NewerSchemaError(version, KNOWN_VERSION)
        return int(version)
    if kind or version or things:
        raise BackendError(f"{path} is a database of another program")
    return 0


def _make(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have made it in the meantime.
    version = _version(connection, path)
    if version < KNOWN_VERSION:
        for statement in _FROM_1 if version else _STATEMENTS:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {KNOWN_VERSION}")
    connection.execute("COMMIT")


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path, *, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as exc:
            # SQLite does not wait by itself when several processes meet at a new database.
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise BackendError(f"{path} is on a file system without shared memory, which SQLite's WAL needs")
        return
