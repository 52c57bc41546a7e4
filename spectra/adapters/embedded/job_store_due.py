"""Which jobs of which tenants are due, for `SQLiteJobStore`."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, Final

from spectra.adapters.embedded.job_store_schema import fields, from_ms
from spectra.codec import readable
from spectra.domain import Job
from spectra.ports.job_store import Backlog

__all__ = ["backlog", "due_tenants", "oldest"]

_FEW: Final = 256
_COUNTED: Final = 100_000

_HEADS = """
    SELECT tenant_id FROM jobs INDEXED BY jobs_due_at WHERE due_at <= ? ORDER BY due_at, tenant_id LIMIT ?
"""
_WALK = """
    WITH RECURSIVE walk (tenant) AS (
        SELECT :after
        UNION ALL
        SELECT (
            SELECT tenant_id FROM jobs INDEXED BY jobs_due
            WHERE due_at IS NOT NULL AND tenant_id > walk.tenant ORDER BY tenant_id LIMIT 1
        ) FROM walk WHERE walk.tenant < :last
    )
    SELECT tenant FROM walk WHERE tenant > :after AND tenant <= :last AND EXISTS (
        SELECT 1 FROM jobs INDEXED BY jobs_due
        WHERE tenant_id = walk.tenant AND (state = 'UploadComplete') IN (0, 1) AND due_at <= :now
    ) LIMIT :count
"""
_BEHIND_ALL: Final = "~"  # no id has it, and it sorts behind all that they have
_OLDEST = """
    SELECT due_at, job_id, document FROM jobs INDEXED BY jobs_due
    WHERE tenant_id = ? AND (state = 'UploadComplete') = ? AND (due_at, job_id) > (?, ?) AND due_at <= ?
    ORDER BY due_at, job_id LIMIT 1
"""
_FIRST: Final = -(2**63)

_WAITING = """
    SELECT tenant_id, count(*), min(due_at) FROM (
        SELECT tenant_id, due_at FROM jobs INDEXED BY jobs_waiting
        WHERE state = 'UploadComplete' AND due_at <= ? ORDER BY due_at LIMIT ?
    ) GROUP BY tenant_id
"""
_RUNNING = """
    SELECT tenant_id, count(*) FROM (
        SELECT tenant_id FROM jobs INDEXED BY jobs_running WHERE state = 'InProgress' LIMIT ?
    ) GROUP BY tenant_id
"""


def oldest(connection: sqlite3.Connection, tenant_id: str, *, now: int) -> Iterator[Job]:
    """The tenant's due jobs, oldest first, what waits for its start last; each read when it is asked for.

    One that cannot be read is passed over: raised, it would stop the work of every tenant, and
    counted, a few of them would stop the work of this one.
    """
    return readable(_oldest(connection, tenant_id, now))


def _oldest(connection: sqlite3.Connection, tenant_id: str, now: int) -> Iterator[Any]:
    for waits in (0, 1):
        at, job_id = _FIRST, ""
        while (
            row := connection.execute(_OLDEST, (tenant_id, waits, at, job_id, now)).fetchone()
        ) is not None:
            at, job_id, document = row
            found = fields(document)
            yield {"tenant_id": tenant_id, "job_id": job_id} | (found if isinstance(found, dict) else {})


def due_tenants(connection: sqlite3.Connection, *, now: int, after: str, count: int) -> Sequence[str]:
    """The next *count* tenants with a due job, in the circle of tenants that begins behind *after*.

    While few jobs are due they are read, and nothing else is. When more are, the tenants are walked, with
    three seeks at most for each, due or not: however many jobs one of them has, the next is one seek away.
    """
    heads = [tenant for (tenant,) in connection.execute(_HEADS, (now, _FEW))]
    if len(heads) < _FEW:
        tenants = sorted({*heads})
        start = bisect_right(tenants, after)
        return [*tenants[start:], *tenants[:start]][:count]
    found: list[str] = []
    for begin, end in ((after, _BEHIND_ALL), ("", after)):
        asked = {"after": begin, "last": end, "now": now, "count": count - len(found)}
        found += [tenant for (tenant,) in connection.execute(_WALK, asked)]
    return found


def backlog(connection: sqlite3.Connection, *, now: int) -> Backlog:
    """Count at most `_COUNTED` jobs of each kind, the longest waiting first."""
    queued = connection.execute(_WAITING, (now, _COUNTED)).fetchall()
    waiting = {tenant: count for tenant, count, _ in queued}
    running: dict[str, int] = dict(connection.execute(_RUNNING, (_COUNTED,)).fetchall())
    sums = sum(waiting.values()), sum(running.values())
    first = min((at for _, _, at in queued), default=None)
    return Backlog(
        waiting=sums[0],
        running=sums[1],
        oldest_due_at=None if first is None else from_ms(first),
        by_tenant={t: (waiting.get(t, 0), running.get(t, 0)) for t in sorted({*waiting, *running})},
        complete=max(sums) < _COUNTED,
    )
