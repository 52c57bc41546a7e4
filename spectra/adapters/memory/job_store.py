"""`MemoryJobStore`: jobs in dicts behind one lock."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

from spectra.adapters.memory.jobs import MemoryJobs
from spectra.domain import Job, JobState, Operation
from spectra.errors import (
    ClosedError,
    IdempotencyConflictError,
    InvalidSpecError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    TenantBusyError,
)
from spectra.ports.clock import Clock, SystemClock
from spectra.ports.job_store import Added, Backlog, JobStore, Page
from spectra.ports.listing import LIVE, Filters, check_page, instant, page_of

__all__ = ["MemoryJobStore"]

_CLOCK: Final = SystemClock()

Key = tuple[str, str]


class MemoryJobStore(JobStore):
    """Keeps jobs in this process only; for tests, demos and fakes.

    Stores that are given the same *jobs* share them, and these outlive `close`.

    `find` costs a page, or, filtered, what it passes over; `due` one look per tenant that has jobs;
    `live` and `backlog` sort the live jobs.
    """

    __slots__ = ("_clock", "_closed", "_kept", "_visited")

    def __init__(self, jobs: MemoryJobs | None = None, *, clock: Clock = _CLOCK) -> None:
        self._kept = jobs if jobs is not None else MemoryJobs()
        self._clock = clock
        self._closed = False
        self._visited = ""

    # ---- writes ---------------------------------------------------------------------------------

    def add(self, job: Job, /) -> Added:
        with self._kept.lock:
            now = self._now()
            key = job.idempotency_key
            first = self._holder(job.tenant_id, key, now) if key is not None else None
            if key is not None and first is not None:
                if first.fingerprint != job.fingerprint:
                    raise IdempotencyConflictError(key, first.job_id)
                return Added(first, replayed=True)
            if (job.tenant_id, job.job_id) in self._kept.jobs:
                raise JobExistsError(job.tenant_id, job.job_id)
            stored = job.evolved(version=1)
            self._kept.index(stored)
            insort(self._kept.ids[job.tenant_id], job.job_id)
            if key is not None:
                self._kept.keys[job.tenant_id, key] = job.job_id
            return Added(stored)

    def replace(self, old: Job, new: Job, /, *, limit: int | None = None) -> Job:
        if (old.tenant_id, old.job_id) != (new.tenant_id, new.job_id):
            raise InvalidSpecError("job_id", f"{new} cannot replace {old}")
        with self._kept.lock:
            self._now()
            current = self._kept.jobs.get((old.tenant_id, old.job_id))
            if current is None:
                raise JobNotFoundError(old.tenant_id, old.job_id)
            if current.version != old.version:
                raise JobConflictError(current, old.version)
            stored = new.evolved(version=old.version + 1)
            places = self._kept.places[new.tenant_id]
            if new.state is JobState.IN_PROGRESS:
                if limit is not None and new.job_id not in places:
                    if len(places) >= limit:
                        raise TenantBusyError(new.tenant_id, limit)
                    places.add(new.job_id)
            elif not new.is_settling:
                places.discard(new.job_id)
            self._kept.unindex(current)
            self._kept.index(stored)
            return stored

    def delete(self, tenant_id: str, job_id: str, /) -> None:
        with self._kept.lock:
            self._now()
            job = self._kept.jobs.pop((tenant_id, job_id), None)
            if job is None:
                return
            self._kept.unindex(job)
            self._kept.places[tenant_id].discard(job_id)
            ids = self._kept.ids[tenant_id]
            del ids[bisect_left(ids, job_id)]
            key = job.idempotency_key
            # The key may belong to a later job by now: this one had expired.
            if key is not None and self._kept.keys.get((tenant_id, key)) == job_id:
                del self._kept.keys[tenant_id, key]

    # ---- reads ----------------------------------------------------------------------------------

    def get(self, tenant_id: str, job_id: str, /) -> Job:
        with self._kept.lock:
            now = self._now()
            job = self._kept.jobs.get((tenant_id, job_id))
            if job is None or _expired(job, now):
                raise JobNotFoundError(tenant_id, job_id)
            return job

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
        with self._kept.lock:
            now = self._now()
            ids = self._kept.ids.get(tenant_id, [])
            end = len(ids) if before is None else bisect_left(ids, before)
            newest_first = (self._kept.jobs[tenant_id, ids[i]] for i in range(end - 1, -1, -1))
            matches = (job for job in newest_first if not _expired(job, now) and filters.wants(job))
            return page_of(
                [*itertools.islice(matches, limit + 1)], limit, lambda job: cursors.write(job.job_id)
            )

    def due(
        self, now: datetime, /, *, limit: int, per_tenant: int = 5, tenant_id: str | None = None
    ) -> Sequence[Job]:
        check_page(limit, per_tenant)
        now = instant("now", now)
        with self._kept.lock:
            self._now()
            if tenant_id is not None:
                return [*self._oldest(tenant_id, now, min(limit, per_tenant))]
            tenants = sorted(tenant for tenant in self._kept.due if any(self._oldest(tenant, now, 1)))
            start = bisect_right(tenants, self._visited)
            tenants = [*tenants[start:], *tenants[:start]][:limit]
            if tenants:
                self._visited = tenants[-1]
            # One of each tenant before a second of any: a page reaches as many tenants as it can.
            queues = [self._oldest(tenant, now, per_tenant) for tenant in tenants]
            rounds = itertools.zip_longest(*queues)
            return [job for jobs in rounds for job in jobs if job is not None][:limit]

    def live(self, *, limit: int, cursor: str | None = None) -> Page[Job]:
        check_page(limit)
        after = ["", ""] if cursor is None else LIVE.read(cursor, ids=2)
        with self._kept.lock:
            self._now()
            keys = sorted(key for key in self._kept.live if key > tuple(after))
            jobs = (self._kept.jobs[key] for key in keys)
            found = [*itertools.islice(jobs, limit + 1)]
            return page_of(found, limit, lambda job: LIVE.write(job.tenant_id, job.job_id))

    def backlog(self, now: datetime, /) -> Backlog:
        now = instant("now", now)
        with self._kept.lock:
            self._now()
            live = [self._kept.jobs[key] for key in self._kept.live]
        queued = [job for job in live if job.state is JobState.UPLOAD_COMPLETE]
        due = [(job.due_at, job.tenant_id) for job in queued if job.due_at is not None and job.due_at <= now]
        waiting = Counter(tenant for _, tenant in due)
        running = Counter(job.tenant_id for job in live if job.state is JobState.IN_PROGRESS)
        return Backlog(
            waiting=waiting.total(),
            running=running.total(),
            oldest_due_at=min((at for at, _ in due), default=None),
            by_tenant={t: (waiting[t], running[t]) for t in sorted(waiting.keys() | running.keys())},
        )

    def close(self) -> None:
        with self._kept.lock:
            self._closed = True

    # ---- plumbing -------------------------------------------------------------------------------

    def _now(self) -> datetime:
        if self._closed:
            raise ClosedError("the job store")
        return self._clock.now()

    def _holder(self, tenant_id: str, key: str, now: datetime) -> Job | None:
        job_id = self._kept.keys.get((tenant_id, key))
        job = None if job_id is None else self._kept.jobs[tenant_id, job_id]
        return None if job is None or _expired(job, now) else job

    def _oldest(self, tenant_id: str, now: datetime, count: int) -> Iterator[Job]:
        queue = self._kept.due.get(tenant_id, [])
        waiting = bisect_left(queue, (True,))
        due = itertools.chain(
            itertools.takewhile(lambda entry: entry[1] <= now, itertools.islice(queue, waiting)),
            itertools.takewhile(lambda entry: entry[1] <= now, itertools.islice(queue, waiting, None)),
        )
        for _, _, job_id in itertools.islice(due, count):
            yield self._kept.jobs[tenant_id, job_id]


def _expired(job: Job, now: datetime) -> bool:
    return job.ttl is not None and job.ttl <= now
