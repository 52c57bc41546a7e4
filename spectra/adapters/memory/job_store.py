"""`MemoryJobStore`: jobs in dicts behind one lock."""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, Literal, TypeVar

from spectra.adapters.memory.jobs import MemoryJobs
from spectra.domain import Job, JobState, Operation
from spectra.domain.text import check_id
from spectra.errors import (
    ClosedError,
    IdempotencyConflictError,
    InvalidCursorError,
    InvalidSpecError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    TenantBusyError,
)
from spectra.ports.clock import Clock, SystemClock
from spectra.ports.job_store import Added, Backlog, JobStore, Page

__all__ = ["MemoryJobStore"]

_CLOCK: Final = SystemClock()

Key = tuple[str, str]
_E = TypeVar("_E", JobState, Operation)


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
        _check_limit(limit)
        _check_instant("created_after", created_after)
        _check_instant("created_before", created_before)
        states = None if states is None else _members("states", JobState, states)
        operations = None if operations is None else _members("operations", Operation, operations)
        listing = repr(
            (
                "find",
                None if states is None else sorted(states),
                None if operations is None else sorted(operations),
                created_after and created_after.timestamp(),
                created_before and created_before.timestamp(),
            )
        )
        before = None if cursor is None else _Cursor(listing).read(cursor, 1)[0]

        def wanted(job: Job) -> bool:
            return (
                (states is None or job.state in states)
                and (operations is None or job.operation in operations)
                and (created_after is None or job.created_at >= created_after)
                and (created_before is None or job.created_at < created_before)
            )

        with self._kept.lock:
            now = self._now()
            ids = self._kept.ids.get(tenant_id, [])
            end = len(ids) if before is None else bisect_left(ids, before)
            newest_first = (self._kept.jobs[tenant_id, ids[i]] for i in range(end - 1, -1, -1))
            matches = (job for job in newest_first if not _expired(job, now) and wanted(job))
            return _page(matches, limit, lambda job: _Cursor(listing).write(job.job_id))

    def due(
        self, now: datetime, /, *, limit: int, per_tenant: int = 5, tenant_id: str | None = None
    ) -> Sequence[Job]:
        _check_limit(limit)
        if per_tenant < 1:
            raise InvalidSpecError("per_tenant", "must be at least 1")
        with self._kept.lock:
            self._now()
            if tenant_id is not None:
                return [*self._oldest(tenant_id, now, min(limit, per_tenant))]
            tenants = sorted(t for t, queue in self._kept.due.items() if queue and queue[0][0] <= now)
            start = bisect_right(tenants, self._visited)
            tenants = [*tenants[start:], *tenants[:start]][:limit]
            if tenants:
                self._visited = tenants[-1]
            # One of each tenant before a second of any: a page reaches as many tenants as it can.
            queues = [self._oldest(tenant, now, per_tenant) for tenant in tenants]
            rounds = itertools.zip_longest(*queues)
            return [job for jobs in rounds for job in jobs if job is not None][:limit]

    def live(self, *, limit: int, cursor: str | None = None) -> Page[Job]:
        _check_limit(limit)
        after = ("", "") if cursor is None else _Cursor("live").read(cursor, 2)
        with self._kept.lock:
            self._now()
            keys = sorted(key for key in self._kept.live if key > tuple(after))
            jobs = (self._kept.jobs[key] for key in keys)
            return _page(jobs, limit, lambda job: _Cursor("live").write(job.tenant_id, job.job_id))

    def backlog(self, now: datetime, /) -> Backlog:
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
        for at, job_id in self._kept.due.get(tenant_id, [])[:count]:
            if at <= now:
                yield self._kept.jobs[tenant_id, job_id]


class _Cursor:
    """Opaque places in one listing: ids, behind a digest of what was asked for."""

    def __init__(self, listing: str) -> None:
        self._digest = hashlib.sha256(listing.encode()).hexdigest()[:16]

    def write(self, *ids: str) -> str:
        return base64.urlsafe_b64encode("/".join((self._digest, *ids)).encode()).decode()

    def read(self, cursor: str, count: Literal[1, 2]) -> Sequence[str]:
        try:
            digest, *ids = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii").split("/")
            for value in ids:
                check_id("cursor", value)
        except (binascii.Error, TypeError, ValueError):
            raise InvalidCursorError from None
        if digest != self._digest or len(ids) != count or self.write(*ids) != cursor:
            raise InvalidCursorError
        return ids


def _page(jobs: Iterator[Job], limit: int, cursor: Callable[[Job], str]) -> Page[Job]:
    items = [*itertools.islice(jobs, limit + 1)]
    if len(items) <= limit:
        return Page(items)
    return Page(items[:limit], cursor(items[limit - 1]))


def _expired(job: Job, now: datetime) -> bool:
    return job.ttl is not None and job.ttl <= now


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= 1000:
        raise InvalidSpecError("limit", "must be 1 to 1000")


def _members(field: str, kind: type[_E], values: Iterable[_E]) -> frozenset[_E]:
    if isinstance(values, str):
        raise InvalidSpecError(field, "must be a collection")
    try:
        return frozenset(kind(value) for value in values)
    except ValueError as exc:
        raise InvalidSpecError(field, str(exc)) from None


def _check_instant(field: str, value: datetime | None) -> None:
    if value is not None and value.utcoffset() is None:
        raise InvalidSpecError(field, "must carry a time zone")
