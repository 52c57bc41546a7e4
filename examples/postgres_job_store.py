"""A `JobStore` in PostgreSQL, whole: the worked example of docs/writing-an-adapter.md."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
import psycopg_pool

from spectra import codec, errors
from spectra.domain import Job, JobState
from spectra.ports import Added, Backlog, Clock, JobStore, Page, SystemClock
from spectra.ports.listing import LIVE, Filters, check_page, page_of

TABLE = """
    SELECT pg_advisory_xact_lock(7261944301); CREATE SCHEMA IF NOT EXISTS {0};
    CREATE TABLE IF NOT EXISTS {0}.jobs (
        tenant text COLLATE "C", job text COLLATE "C", version bigint NOT NULL, state text NOT NULL,
        operation text NOT NULL, created_at timestamptz NOT NULL, due_at timestamptz, ttl timestamptz,
        live boolean NOT NULL, place boolean NOT NULL DEFAULT false, key text COLLATE "C",
        document text NOT NULL, PRIMARY KEY (tenant, job), UNIQUE (tenant, key));
    CREATE INDEX IF NOT EXISTS jobs_due ON {0}.jobs (tenant, due_at, job) WHERE due_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS jobs_live ON {0}.jobs (tenant, job) WHERE live;
    CREATE INDEX IF NOT EXISTS jobs_places ON {0}.jobs (tenant) WHERE place"""
INSERT = """
    INSERT INTO jobs (tenant, job, version, state, operation, created_at, due_at, ttl, live, key, document)
    VALUES (%(tenant)s, %(job)s, %(version)s, %(state)s, %(operation)s, %(created_at)s, %(due_at)s, %(ttl)s,
            %(live)s, %(key)s, %(document)s) ON CONFLICT DO NOTHING"""
UPDATE = """
    UPDATE jobs SET version = %(version)s, state = %(state)s, due_at = %(due_at)s, ttl = %(ttl)s, live = %(live)s,
        document = %(document)s, place = %(settling)s AND place OR %(state)s = 'InProgress' AND (place OR %(counted)s)
    WHERE tenant = %(tenant)s AND job = %(job)s AND version = %(old)s"""
FREE_KEY = "UPDATE jobs SET key = NULL WHERE tenant = %(tenant)s AND key = %(key)s AND ttl <= %(now)s"
HOLDER = "SELECT document FROM jobs WHERE tenant = %(tenant)s AND key = %(key)s"
BY_ID = "SELECT document FROM jobs WHERE tenant = %(tenant)s AND job = %(job)s"
# Counting places and taking one are a single step for all who take a place of this tenant.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema || '/' || %(tenant)s, 0))"
BUSY = f"""{BY_ID} AND version = %(old)s AND NOT place AND %(limit)s <=
    (SELECT count(*) FROM jobs WHERE tenant = %(tenant)s AND place)"""
FOUND = """
    SELECT document FROM jobs WHERE tenant = %(tenant)s AND (ttl IS NULL OR ttl > %(now)s)
        AND (%(last)s::text IS NULL OR job < %(last)s) AND (%(states)s::text[] IS NULL OR state = ANY(%(states)s))
        AND (%(operations)s::text[] IS NULL OR operation = ANY(%(operations)s))
        AND created_at >= %(after)s AND created_at < %(before)s ORDER BY job DESC LIMIT %(count)s"""
# From tenant to tenant along the index: whatever one of them has queued, the next is one step away.
NEXT = """(SELECT tenant, due_at FROM jobs WHERE due_at IS NOT NULL AND tenant > {}
           ORDER BY tenant, due_at LIMIT 1)"""
TENANTS = f"""
    WITH RECURSIVE walk AS ({NEXT.format("%s")} UNION ALL
        SELECT next.* FROM walk CROSS JOIN LATERAL {NEXT.format("walk.tenant")} AS next)
    SELECT tenant FROM walk WHERE due_at <= %s LIMIT %s"""
QUEUE = "SELECT document FROM jobs WHERE tenant = %s AND due_at <= %s ORDER BY due_at, job LIMIT %s"
LIVING = "SELECT document FROM jobs WHERE live AND (tenant, job) > (%s, %s) ORDER BY tenant, job LIMIT %s"
BACKLOG = """
    SELECT tenant, sum(waits::int), sum(runs::int), min(due_at) FILTER (WHERE waits), count(*) FROM (
        SELECT tenant, due_at, state = 'UploadComplete' AND due_at <= %s AS waits, state = 'InProgress' AS runs
        FROM jobs WHERE live LIMIT 100000) AS counted GROUP BY tenant"""


class PostgresJobStore(JobStore):
    """Keeps jobs in the table ``jobs`` of *schema*, over at most eight connections.

    `find` costs a page; filtered, what it passes over. `due` costs one index seek per tenant passed.
    """

    def __init__(self, conninfo: str, *, schema: str = "spectra", clock: Clock | None = None) -> None:
        def create(connection: psycopg.Connection[Any]) -> None:
            connection.execute(TABLE.format(schema))
            connection.commit()

        self._clock, self._visited, self._closed = clock or SystemClock(), "", False
        # Under another isolation, which a server may be set to, counting and losing would be told otherwise.
        options = {"options": f"-c search_path={schema} -c default_transaction_isolation=read\\ committed"}
        self._pool = psycopg_pool.ConnectionPool(
            conninfo, min_size=0, max_size=8, open=False, kwargs=options, configure=create, timeout=10
        )

    def add(self, job: Job, /) -> Added:
        stored, key = job.evolved(version=1), job.idempotency_key
        row = _row(stored) | {"key": key, "now": self._clock.now()}
        with self._transaction() as run:
            run(FREE_KEY, row)  # an expired job gives its key up
            if run(INSERT, row).rowcount == 1:
                return Added(stored)
            held = run(HOLDER, row).fetchone()
        if held is None:
            raise errors.JobExistsError(job.tenant_id, job.job_id)
        if (first := _job(held)).fingerprint != job.fingerprint:
            raise errors.IdempotencyConflictError(key or "", first.job_id)
        return Added(first, replayed=True)

    def get(self, tenant_id: str, job_id: str, /) -> Job:
        ids = {"tenant": tenant_id, "job": job_id, "now": self._clock.now()}
        with self._transaction() as run:
            if (row := run(f"{BY_ID} AND (ttl IS NULL OR ttl > %(now)s)", ids).fetchone()) is not None:
                return _job(row)
        raise errors.JobNotFoundError(tenant_id, job_id)

    def replace(self, old: Job, new: Job, /, *, limit: int | None = None) -> Job:
        if (old.tenant_id, old.job_id) != (new.tenant_id, new.job_id):
            raise errors.InvalidSpecError("job_id", f"{new} cannot replace {old}")
        stored = new.evolved(version=old.version + 1)
        counted = limit is not None and new.state is JobState.IN_PROGRESS
        row = _row(stored) | {"old": old.version, "counted": counted, "limit": limit}
        with self._transaction() as run:
            if limit is not None and counted and run(LOCK, row) and run(BUSY, row).fetchone():
                raise errors.TenantBusyError(old.tenant_id, limit)
            if run(UPDATE, row).rowcount == 1:
                return stored
            if (now := run(BY_ID, row).fetchone()) is not None:
                raise errors.JobConflictError(_job(now), old.version)
        raise errors.JobNotFoundError(old.tenant_id, old.job_id)

    def find(
        self, tenant_id: str, /, *, limit: int = 50, cursor: str | None = None, **filters: Any
    ) -> Page[Job]:
        check_page(limit)
        asked = Filters.of(**filters)
        last = None if cursor is None else asked.cursors.read(cursor, ids=1)[0]
        values = {"tenant": tenant_id, "now": self._clock.now(), "count": limit + 1, "last": last}
        values |= {"after": asked.created_after or "-infinity", "before": asked.created_before or "infinity"}
        for name, members in (("states", asked.states), ("operations", asked.operations)):
            values[name] = None if members is None else [*map(str, members)]
        with self._transaction() as run:
            jobs = [_job(row) for row in run(FOUND, values)]
        return page_of(jobs, limit, lambda job: asked.cursors.write(job.job_id))

    def due(
        self, now: datetime, /, *, limit: int, per_tenant: int = 5, tenant_id: str | None = None
    ) -> list[Job]:
        check_page(limit, per_tenant)
        with self._transaction() as run:
            if tenant_id is not None:
                return [_job(row) for row in run(QUEUE, (tenant_id, now, min(limit, per_tenant)))]
            tenants = [row[0] for row in run(TENANTS, (self._visited, now, limit))]
            around = run(TENANTS, ("", now, limit)) if len(tenants) < limit else []
            tenants = [*tenants, *(row[0] for row in around if row[0] <= self._visited)][:limit]
            self._visited = tenants[-1] if tenants else ""
            queues = [run(QUEUE, (tenant, now, per_tenant)).fetchall() for tenant in tenants]
        rounds = [queue[turn] for turn in range(per_tenant) for queue in queues if turn < len(queue)]
        return [_job(row) for row in rounds[:limit]]

    def live(self, *, limit: int, cursor: str | None = None) -> Page[Job]:
        check_page(limit)
        after = ["", ""] if cursor is None else LIVE.read(cursor, ids=2)
        with self._transaction() as run:
            jobs = [_job(row) for row in run(LIVING, (*after, limit + 1))]
        return page_of(jobs, limit, lambda job: LIVE.write(job.tenant_id, job.job_id))

    def backlog(self, now: datetime, /) -> Backlog:
        with self._transaction() as run:
            rows = run(BACKLOG, (now,)).fetchall()
        return Backlog(
            waiting=sum(row[1] for row in rows),
            running=sum(row[2] for row in rows),
            oldest_due_at=min((row[3] for row in rows if row[3]), default=None),
            by_tenant={row[0]: (row[1], row[2]) for row in rows if row[1] or row[2]},
            complete=sum(row[4] for row in rows) < 100_000,
        )

    def delete(self, tenant_id: str, job_id: str, /) -> None:
        with self._transaction() as run:  # key and place are columns: nothing of the job can stay behind
            run("DELETE FROM jobs WHERE tenant = %s AND job = %s", (tenant_id, job_id))

    def close(self) -> None:
        self._closed = True
        self._pool.close()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """Run statements, all or none; what the driver raises is told by what may have happened."""
        if self._closed:
            raise errors.ClosedError("the job store")
        failed: type[errors.BackendError] = errors.BackendUnavailableError
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                yield connection.execute
                failed = errors.OutcomeUnknownError  # from here on the commit may have been done
                connection.commit()
        except psycopg.OperationalError as exc:
            raise failed(f"PostgreSQL: {type(exc).__name__}") from exc
        except psycopg.Error as exc:
            raise errors.BackendError(f"PostgreSQL: {type(exc).__name__}") from exc


def _row(job: Job) -> dict[str, Any]:
    same = ("version", "created_at", "due_at", "ttl")
    row = {"tenant": job.tenant_id, "job": job.job_id} | {name: getattr(job, name) for name in same}
    row |= {"state": str(job.state), "operation": str(job.operation), "settling": job.is_settling}
    live, document = not job.is_terminal or job.is_settling, json.dumps(codec.to_document(job))
    return row | {"live": live, "document": document}


def _job(row: Any) -> Job:
    return codec.from_document(json.loads(row[0]))
