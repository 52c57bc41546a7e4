"""A `JobStore` in PostgreSQL, whole: the worked example of docs/writing-an-adapter.md."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import psycopg
import psycopg_pool

from spectra import codec, errors
from spectra.domain import Job, JobState, Operation
from spectra.ports import Added, Backlog, Clock, JobStore, Page, SystemClock
from spectra.ports.listing import LIVE, Filters, check_page, instant, page_of

TABLE = """
    SELECT pg_advisory_xact_lock(7261944301); CREATE SCHEMA IF NOT EXISTS {0};
    CREATE TABLE IF NOT EXISTS {0}.jobs (
        tenant text COLLATE "C", job text COLLATE "C", version bigint NOT NULL, state text NOT NULL,
        operation text NOT NULL, created_at timestamptz NOT NULL, due_at timestamptz, ttl timestamptz,
        live boolean NOT NULL, place boolean NOT NULL, key text COLLATE "C",
        document json NOT NULL, PRIMARY KEY (tenant, job), UNIQUE (tenant, key));
    CREATE INDEX IF NOT EXISTS jobs_due ON {0}.jobs (tenant, (state = 'UploadComplete'), due_at, job) WHERE due_at IS NOT NULL;
    CREATE INDEX IF NOT EXISTS jobs_live ON {0}.jobs (tenant, job) WHERE live;
    CREATE INDEX IF NOT EXISTS jobs_places ON {0}.jobs (tenant) WHERE place; COMMIT"""
INSERT = """
    INSERT INTO jobs VALUES (%(tenant)s, %(job)s, %(version)s, %(state)s, %(operation)s, %(created_at)s, %(due_at)s,
                             %(ttl)s, %(live)s, false, %(key)s, %(document)s) ON CONFLICT DO NOTHING"""
UPDATE = """
    UPDATE jobs SET version = %(version)s, state = %(state)s, due_at = %(due_at)s, ttl = %(ttl)s, live = %(live)s,
        document = %(document)s, place = %(settling)s AND place OR %(state)s = 'InProgress' AND (place OR %(counted)s)
    WHERE tenant = %(tenant)s AND job = %(job)s AND version = %(old)s"""
FREE_KEY = "UPDATE jobs SET key = NULL WHERE tenant = %(tenant)s AND key = %(key)s AND ttl <= %(now)s"
HOLDER = "SELECT document FROM jobs WHERE tenant = %(tenant)s AND key = %(key)s"
BY_ID = "SELECT document FROM jobs WHERE tenant = %(tenant)s AND job = %(job)s"
# Counting places and taking one are a single step for all who take one of this tenant.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema || '/' || %(tenant)s, 0))"
BUSY = f"""{BY_ID} AND version = %(old)s AND NOT place AND %(limit)s <=
    (SELECT count(*) FROM jobs WHERE tenant = %(tenant)s AND place)"""
FOUND = """
    SELECT document FROM jobs WHERE tenant = %(tenant)s AND job < %(last)s AND (ttl IS NULL OR ttl > %(now)s)
        AND state = ANY(%(states)s) AND operation = ANY(%(operations)s)
        AND created_at >= %(after)s AND created_at < %(before)s ORDER BY job DESC LIMIT %(count)s"""
# From tenant to tenant along the index: whatever one of them has queued, the next is one step away.
NEXT = "(SELECT tenant FROM jobs WHERE due_at IS NOT NULL AND tenant > {} ORDER BY 1 LIMIT 1)"
TENANTS = f"""
    WITH RECURSIVE walk AS ({NEXT.format("%s")} UNION ALL SELECT next.tenant FROM walk, LATERAL {NEXT.format("walk.tenant")} AS next)
    SELECT tenant FROM walk WHERE EXISTS (SELECT FROM (VALUES (false), (true)) AS queue (waits), LATERAL (SELECT FROM jobs
        WHERE tenant = walk.tenant AND (state = 'UploadComplete') = waits AND due_at <= %s LIMIT 1) AS first) LIMIT %s"""
QUEUE = """
    SELECT document, due_at, job FROM jobs WHERE tenant = %s AND (state = 'UploadComplete') = %s AND due_at <= %s AND (due_at, job) > (%s, %s) ORDER BY due_at, job LIMIT 10"""
LIVING = "SELECT document FROM jobs WHERE live AND (tenant, job) > (%s, %s) ORDER BY tenant, job LIMIT %s"
BACKLOG = """
    SELECT tenant, sum(waits::int), sum(runs::int), min(due_at) FILTER (WHERE waits), count(*) FROM (
        SELECT tenant, due_at, state = 'UploadComplete' AND due_at <= %s AS waits, state = 'InProgress' AS runs
        FROM jobs WHERE live LIMIT 100000) AS counted GROUP BY tenant"""


class PostgresJobStore(JobStore):
    """Keeps jobs in the table ``jobs`` of *schema*, a plain name, over at most eight connections.

    `find` costs a page; filtered, what it passes over. `due` costs one index seek per tenant passed.
    """

    def __init__(self, conninfo: str, *, schema: str = "spectra", clock: Clock | None = None) -> None:
        self._clock, self._visited, self._closed = clock or SystemClock(), "", False
        # Under another isolation, which a server may be set to, counting and losing would be told otherwise.
        options = {"options": f"-c search_path={schema} -c default_transaction_isolation=read\\ committed"}
        table = TABLE.format(schema)
        self._pool = psycopg_pool.ConnectionPool(
            conninfo, kwargs=options, min_size=0, max_size=8, open=False, configure=lambda c: c.execute(table)
        )

    def add(self, job: Job, /) -> Added:
        stored, key = job.evolved(version=1), job.idempotency_key
        row = _row(stored) | {"key": key, "now": self._clock.now()}
        with self._transaction() as run:
            run(FREE_KEY, row)  # an expired job gives its key up
            if run(INSERT, row).rowcount == 1:
                return Added(stored)
            held, taken = run(HOLDER, row).fetchone(), run(BY_ID, row).fetchone()
        if held is None and taken is None:
            return self.add(job)  # what stood in the way was deleted meanwhile
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

    def find(self, tenant_id: str, /, *, limit: int = 50, cursor: str | None = None, **by: Any) -> Page[Job]:
        check_page(limit)
        asked = Filters.of(**by)
        last = "~" if cursor is None else asked.cursors.read(cursor, ids=1)[0]
        values = {"tenant": tenant_id, "now": self._clock.now(), "count": limit + 1, "last": last}
        values |= {"after": asked.created_after or "-infinity", "before": asked.created_before or "infinity"}
        values["states"] = [*JobState] if asked.states is None else [*asked.states]
        values["operations"] = [*Operation] if asked.operations is None else [*asked.operations]
        with self._transaction() as run:
            jobs = [_job(row) for row in run(FOUND, values)]
        return page_of(jobs, limit, lambda job: asked.cursors.write(job.job_id))

    def due(
        self, now: datetime, /, *, limit: int, per_tenant: int = 5, tenant_id: str | None = None
    ) -> list[Job]:
        check_page(limit, per_tenant)
        now = instant("now", now)
        with self._transaction() as run:
            if tenant_id is not None:
                return [*islice(_queue(run, tenant_id, now), min(limit, per_tenant))]
            tenants = [row[0] for row in run(TENANTS, (self._visited, now, limit))]
            around = run(TENANTS, ("", now, limit)) if len(tenants) < limit else []
            tenants = [*tenants, *(row[0] for row in around if row[0] <= self._visited)][:limit]
            self._visited = tenants[-1] if tenants else ""
            queues = [[*islice(_queue(run, tenant, now), per_tenant)] for tenant in tenants]
        return [queue[turn] for turn in range(per_tenant) for queue in queues if turn < len(queue)][:limit]

    def live(self, *, limit: int, cursor: str | None = None) -> Page[Job]:
        check_page(limit)
        after = ["", ""] if cursor is None else LIVE.read(cursor, ids=2)
        with self._transaction() as run:
            jobs = [_job(row) for row in run(LIVING, (*after, limit + 1))]
        return page_of(jobs, limit, lambda job: LIVE.write(job.tenant_id, job.job_id))

    def backlog(self, now: datetime, /) -> Backlog:
        with self._transaction() as run:
            rows = run(BACKLOG, (instant("now", now),)).fetchall()
        waiting, running, live = (sum(row[column] for row in rows) for column in (1, 2, 4))
        first = min((row[3] for row in rows if row[3]), default=None)
        tenants = {row[0]: (row[1], row[2]) for row in rows if row[1] or row[2]}
        return Backlog(
            waiting=waiting, running=running, oldest_due_at=first, by_tenant=tenants, complete=live < 100_000
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
        except psycopg.Error as exc:
            kind = failed if isinstance(exc, psycopg.OperationalError) else errors.BackendError
            raise kind(f"PostgreSQL: {type(exc).__name__}") from exc


def _row(job: Job) -> dict[str, Any]:
    same = ("version", "state", "operation", "created_at", "due_at", "ttl")
    row = {"tenant": job.tenant_id, "job": job.job_id} | {name: getattr(job, name) for name in same}
    row |= {"live": not job.is_terminal or job.is_settling, "settling": job.is_settling}
    return row | {"document": psycopg.types.json.Json(codec.to_document(job))}


def _job(row: Any) -> Job:
    return codec.from_document(row[0])


def _queue(run: Any, tenant_id: str, now: datetime) -> Iterator[Job]:
    """Its due jobs, oldest first, what waits for its start last; what cannot be read is passed over."""
    for waits in (False, True):
        last: tuple[Any, ...] = ("-infinity", "")
        while rows := run(QUEUE, (tenant_id, waits, now, *last)).fetchall():
            yield from codec.readable(row[0] for row in rows)
            last = rows[-1][1:]
