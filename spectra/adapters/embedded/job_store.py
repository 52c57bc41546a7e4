"""`SQLiteJobStore`: jobs in one SQLite file."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from spectra.adapters.embedded import job_store_due as queue
from spectra.adapters.embedded.job_store_connections import Connections
from spectra.adapters.embedded.job_store_listing import listing
from spectra.adapters.embedded.job_store_schema import (
    INSERT,
    changing,
    inserted,
    parsed,
    to_ms,
    updates,
)
from spectra.domain import Job, JobState, Operation
from spectra.errors import (
    IdempotencyConflictError,
    InvalidSpecError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    TenantBusyError,
)
from spectra.ports.clock import Clock, SystemClock
from spectra.ports.job_store import Added, Backlog, JobStore, Page
from spectra.ports.listing import LIVE, Filters, check_page, instant

__all__ = ["SQLiteJobStore"]

_CLOCK: Final = SystemClock()

_BY_ID = "FROM jobs INDEXED BY jobs_key WHERE tenant_id = ? AND job_id = ?"
_HOLDER = """
    SELECT id, ttl, document FROM jobs INDEXED BY jobs_idempotency
    WHERE tenant_id = ? AND idempotency_key = ?
"""
_TAKEN = "SELECT count(*) FROM jobs INDEXED BY jobs_places WHERE tenant_id = ? AND place = 1"
_LIVE_PAGE = """
    SELECT document FROM jobs INDEXED BY jobs_live
    WHERE live = 1 AND (tenant_id, job_id) > (?, ?) ORDER BY tenant_id, job_id LIMIT ?
"""


class SQLiteJobStore(JobStore):
    """Keeps jobs in the SQLite file at *path*, for any number of threads and processes of one machine.

    A write is on the disk when its call returns (write-ahead log, ``synchronous = FULL``). It waits up
    to *busy_timeout* seconds for other threads, and as long for other processes, then raises
    `BackendUnavailableError`.

    What calls cost, whatever the number of jobs stored:

    - `get` and writes a few seeks; a claim with a limit counts the places taken, at most *limit*.
    - `find` a page; filtered, a page of index entries for each state and operation. A filter by time
      reads, in the index, the entries of the tenant's jobs that it passes over (some millions a second).
    - `due` at most 256 index entries while less than that many jobs are due; with more, three seeks at
      most for each tenant that it passes, due or not; and the jobs that it returns.
    - `live` a page; `backlog` an index entry for each job counted, at most 100,000 of each kind.

    Jobs past their ttl that nobody deleted are passed over one by one.
    """

    __slots__ = ("_clock", "_db", "_visited")

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Clock = _CLOCK, busy_timeout: float = 10.0
    ) -> None:
        self._db = Connections(Path(path).absolute(), busy_timeout=busy_timeout)
        self._clock = clock
        self._visited = ""

    # ---- writes ---------------------------------------------------------------------------------

    def add(self, job: Job, /) -> Added:
        stored = job.evolved(version=1)
        row = inserted(stored, os.urandom(16))
        now = to_ms(self._clock.now())

        def work(connection: sqlite3.Connection) -> Added:
            taken = connection.execute(f"SELECT token {_BY_ID}", (job.tenant_id, job.job_id)).fetchone()
            if taken is not None and taken[0] == row["token"]:
                return Added(stored)
            first = None if job.idempotency_key is None else _reserve(connection, job, now)
            if first is not None:
                return Added(first, replayed=True)
            if taken is not None:
                raise JobExistsError(job.tenant_id, job.job_id)
            connection.execute(INSERT, row)
            return Added(stored)

        return self._db.write(work)

    def replace(self, old: Job, new: Job, /, *, limit: int | None = None) -> Job:
        if (old.tenant_id, old.job_id) != (new.tenant_id, new.job_id):
            raise InvalidSpecError("job_id", f"{new} cannot replace {old}")
        stored = new.evolved(version=old.version + 1)
        counted = limit is not None and new.state is JobState.IN_PROGRESS
        row: dict[str, Any] = changing(stored, os.urandom(16))
        row |= {"old_version": old.version, "takes_place": int(counted)}
        statements = updates(old, stored, row)

        def work(connection: sqlite3.Connection) -> Job:
            if limit is not None and counted:
                _check_places(connection, old, limit)
            if any(connection.execute(statement, row).rowcount == 1 for statement in statements):
                return stored
            current = connection.execute(
                f"SELECT token, document {_BY_ID}", (old.tenant_id, old.job_id)
            ).fetchone()
            if current is None:
                raise JobNotFoundError(old.tenant_id, old.job_id)
            if current[0] == row["token"]:
                return stored
            raise JobConflictError(parsed(current[1]), old.version)

        return self._db.write(work)

    def delete(self, tenant_id: str, job_id: str, /) -> None:
        def work(connection: sqlite3.Connection) -> None:
            # The key and the place are columns of the row, so nothing of the job can stay behind.
            connection.execute(f"DELETE {_BY_ID}", (tenant_id, job_id))

        self._db.write(work)

    # ---- reads ----------------------------------------------------------------------------------

    def get(self, tenant_id: str, job_id: str, /) -> Job:
        with self._db.reading() as connection:
            row = connection.execute(
                f"SELECT document {_BY_ID} AND (ttl IS NULL OR ttl > ?)",
                (tenant_id, job_id, to_ms(self._clock.now())),
            ).fetchone()
        if row is None:
            raise JobNotFoundError(tenant_id, job_id)
        return parsed(row[0])

    def find(
        self,
        tenant_id: str,
        /,
        *,
        states: Collection[JobState] | None = None,
        operations: Collection[Operation] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        check_page(limit)
        filters = Filters.of(states, operations, created_after, created_before)
        cursors = filters.cursors
        before = None if cursor is None else cursors.read(cursor, ids=1)[0]
        statement, values = listing(
            filters, tenant_id, now=to_ms(self._clock.now()), before=before, count=limit + 1
        )
        with self._db.reading() as connection:
            documents = connection.execute(statement, values).fetchall()
        jobs = [parsed(document) for (document,) in documents[:limit]]
        return Page(jobs, cursors.write(jobs[-1].job_id) if len(documents) > limit else None)

    def due(
        self, now: datetime, /, *, limit: int, per_tenant: int = 5, tenant_id: str | None = None
    ) -> Sequence[Job]:
        check_page(limit, per_tenant)
        at = to_ms(instant("now", now))
        with self._db.reading() as connection:
            if tenant_id is None:
                return self._next_round(connection, at, limit, per_tenant)
            jobs = queue.oldest(connection, tenant_id, now=at)
            return [*itertools.islice(jobs, min(limit, per_tenant))]

    def live(self, *, limit: int, cursor: str | None = None) -> Page[Job]:
        check_page(limit)
        after = ["", ""] if cursor is None else LIVE.read(cursor, ids=2)
        with self._db.reading() as connection:
            documents = connection.execute(_LIVE_PAGE, (*after, limit + 1)).fetchall()
        jobs = [parsed(document) for (document,) in documents[:limit]]
        more = len(documents) > limit
        return Page(jobs, LIVE.write(jobs[-1].tenant_id, jobs[-1].job_id) if more else None)

    def backlog(self, now: datetime, /) -> Backlog:
        at = to_ms(instant("now", now))
        with self._db.reading() as connection:
            return queue.backlog(connection, now=at)

    def close(self) -> None:
        self._db.close()

    # ---- plumbing -------------------------------------------------------------------------------

    def _next_round(self, connection: sqlite3.Connection, now: int, limit: int, per_tenant: int) -> list[Job]:
        # Calls that overlapped would begin at the same tenant, and those behind it would wait longer.
        with self._db.turn:
            tenants = queue.due_tenants(connection, now=now, after=self._visited, count=limit)
            if tenants:
                self._visited = tenants[-1]
        queues = [
            itertools.islice(queue.oldest(connection, tenant, now=now), per_tenant) for tenant in tenants
        ]
        # One of each tenant before a second of any: a page reaches as many tenants as it can.
        rounds = itertools.zip_longest(*queues)
        return [*itertools.islice((job for jobs in rounds for job in jobs if job is not None), limit)]


def _reserve(connection: sqlite3.Connection, job: Job, now: int) -> Job | None:
    """Find the job that holds *job*'s key, or see to it that the key is free."""
    key = job.idempotency_key or ""
    holder = connection.execute(_HOLDER, (job.tenant_id, key)).fetchone()
    if holder is None:
        return None
    row, ttl, document = holder
    if ttl is not None and ttl <= now:
        connection.execute("UPDATE jobs SET idempotency_key = NULL WHERE id = ?", (row,))
        return None
    first = parsed(document)
    if first.fingerprint != job.fingerprint:
        raise IdempotencyConflictError(key, first.job_id)
    return first


def _check_places(connection: sqlite3.Connection, old: Job, limit: int) -> None:
    row = connection.execute(
        f"SELECT place {_BY_ID} AND version = ?", (old.tenant_id, old.job_id, old.version)
    ).fetchone()
    # No such version: a conflict, which is reported before a busy tenant.
    if row is None or row[0]:
        return
    (taken,) = connection.execute(_TAKEN, (old.tenant_id,)).fetchone()
    if taken >= limit:
        raise TenantBusyError(old.tenant_id, limit)
