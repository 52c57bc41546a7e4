"""A machine that drives a `JobStore` beside a dict: whatever the order of calls, both agree."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from spectra.domain import Category, Counts, Effect, Job, JobError, JobState, Operation, Upload
from spectra.errors import (
    IdempotencyConflictError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    SpectraError,
    TenantBusyError,
)
from spectra.ports.clock import Clock
from spectra.ports.job_store import Backlog, JobStore
from spectra.testing.clock import START, ManualClock
from spectra.testing.contracts.calls import everything
from spectra.testing.samples import KEPT, export, load

TENANTS = st.sampled_from(["t", "u", "t-2"])
IDS = st.sampled_from(["a", "b", "c", "d.1", "d-1", "D"])
KEYS = st.none() | st.sampled_from(["k", "l"])
LIMITS = st.none() | st.integers(1, 2)
MOMENTS = st.none() | st.integers(-2, 9).map(lambda days: START + timedelta(days=days, microseconds=500))
STEPS = st.sampled_from(["next", "next", "next", "abort", "fail", "later", "expire"])


def moved(job: Job, step: str, now: datetime) -> Job | None:
    """*job* one step further, or None where there is no such step."""
    soon = now + timedelta(hours=1)
    state, ended = job.state, job.is_terminal
    if step == "later" and state is JobState.IN_PROGRESS:
        return job.reschedule(at=now, due_at=soon)
    if step == "later" and ended:
        return job.postponed(at=now, due_at=soon)
    if step == "expire" and ended and not job.is_settling:
        return job.expired(at=now)
    if step == "abort" and not ended:
        return job.abort(at=now, retention=KEPT, actor="a")
    if step == "fail" and state is JobState.IN_PROGRESS:
        return job.fail(at=now, retention=KEPT, error=JobError("E", Category.VALIDATION, "boom"))
    if step == "next" and job.is_settling:
        return job.settle(at=now, retention=KEPT, effect=Effect.NONE)
    if step == "next" and state is JobState.OPEN:
        return job.close_upload(at=now, retention=KEPT, upload=Upload("memory:///in", 1, "e"))
    if step == "next" and state is JobState.UPLOAD_COMPLETE:
        return job.claim(at=now, worker="w", until=soon, retention=KEPT)
    if step == "next" and state is JobState.IN_PROGRESS:
        return job.complete(at=now, retention=KEPT, counts=Counts(total=0))
    return None


class JobStoreMachine(RuleBasedStateMachine):
    """Random calls to a store and to a dict; they must agree. Stale, unknown and repeated ones too.

    Every example takes a new namespace of *open_store* (see `JobStoreContract.open_store`). *lags*
    leaves out what an index that lags behind the writes may get wrong.
    """

    def __init__(self, open_store: Callable[[str, Clock], JobStore], *, lags: bool = False) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.lags = lags
        self.namespace = f"m{uuid.uuid4().hex[:16]}"
        self.open_store = open_store
        self.store = open_store(self.namespace, self.clock)
        self.jobs: dict[tuple[str, str], Job] = {}
        self.past: dict[tuple[str, str], list[Job]] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.places: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        self.store.close()

    # ---- the model -----------------------------------------------------------------------------

    def exists(self, job: Job | None) -> bool:
        return job is not None and (job.ttl is None or job.ttl > self.clock.instant)

    def outcome(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except SpectraError as exc:
            return type(exc)

    def expected_add(self, job: Job) -> Any:
        holder = self.jobs.get((job.tenant_id, self.keys.get((job.tenant_id, job.idempotency_key or ""), "")))
        if job.idempotency_key is not None and holder is not None and self.exists(holder):
            return holder if holder.spec == job.spec else IdempotencyConflictError
        return JobExistsError if (job.tenant_id, job.job_id) in self.jobs else None

    def expected_replace(self, old: Job, new: Job, limit: int | None) -> Any:
        name = (old.tenant_id, old.job_id)
        if name not in self.jobs:
            return JobNotFoundError
        if self.jobs[name].version != old.version:
            return JobConflictError
        taken = sum(tenant == old.tenant_id for tenant, _ in self.places)
        if (
            new.state is JobState.IN_PROGRESS
            and limit is not None
            and name not in self.places
            and taken >= limit
        ):
            return TenantBusyError
        return new.evolved(version=old.version + 1)

    def waiting(self, tenant: str, now: datetime) -> list[Job]:
        due = [
            j
            for j in self.jobs.values()
            if j.tenant_id == tenant and j.due_at is not None and j.due_at <= now
        ]
        return sorted(due, key=lambda job: (job.state is JobState.UPLOAD_COMPLETE, job.due_at, job.job_id))

    # ---- writes ----------------------------------------------------------------------------------

    @rule(
        tenant=TENANTS,
        job_id=IDS,
        key=KEYS,
        operation=st.sampled_from(["query", "query", "insert", "delete"]),
    )
    def add(self, tenant: str, job_id: str, key: str | None, operation: str) -> None:
        at = (self.clock.instant - START).total_seconds()
        if operation == "query":
            job = export(job_id, tenant, at=at, idempotency_key=key)
        else:
            job = load(job_id, tenant, at=at, operation=operation, idempotency_key=key)
        expected = self.expected_add(job)
        got = self.outcome(lambda: self.store.add(job))
        if isinstance(expected, Job):
            assert (got.job, got.replayed) == (expected, True)
        elif expected is not None:
            assert got is expected
        else:
            assert (got.job, got.replayed) == (job.evolved(version=1), False)
            self.jobs[tenant, job_id] = got.job
            self.past[tenant, job_id] = [got.job]
            if key is not None:
                self.keys[tenant, key] = job_id

    @precondition(lambda self: self.past)
    @rule(data=st.data(), step=STEPS, limit=LIMITS, stale=st.integers(0, 5))
    def replace(self, data: st.DataObject, step: str, limit: int | None, stale: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.past)))
        versions = self.past[name]
        old = versions[-2 if stale == 0 and len(versions) > 1 else -1]
        new = moved(old, step, self.clock.instant)
        if new is None:
            return
        expected = self.expected_replace(old, new, limit)
        got = self.outcome(lambda: self.store.replace(old, new, limit=limit))
        assert got == expected
        if isinstance(got, Job):
            self.jobs[name] = got
            versions.append(got)
            if got.state is JobState.IN_PROGRESS and limit is not None:
                self.places.add(name)
            elif got.state is not JobState.IN_PROGRESS and not got.is_settling:
                self.places.discard(name)

    @rule(tenant=TENANTS, job_id=IDS)
    def delete(self, tenant: str, job_id: str) -> None:
        self.store.delete(tenant, job_id)
        self.jobs.pop((tenant, job_id), None)
        self.places.discard((tenant, job_id))
        self.keys = {k: v for k, v in self.keys.items() if (k[0], v) != (tenant, job_id)}

    @rule(hours=st.sampled_from([0.001, 1, 5, 24, 48, 49]))
    def wait(self, hours: float) -> None:
        self.clock.instant += timedelta(hours=hours)

    # ---- reads -----------------------------------------------------------------------------------

    @rule(tenant=TENANTS, job_id=IDS)
    def get(self, tenant: str, job_id: str) -> None:
        job = self.jobs.get((tenant, job_id))
        assert self.outcome(lambda: self.store.get(tenant, job_id)) == (
            job if self.exists(job) else JobNotFoundError
        )

    @rule(
        tenant=TENANTS,
        states=st.none() | st.sets(st.sampled_from(JobState)),
        operations=st.none() | st.sets(st.sampled_from(Operation)),
        since=MOMENTS,
        until=MOMENTS,
        limit=st.integers(1, 4),
    )
    def find(self, tenant: str, states: Any, operations: Any, since: Any, until: Any, limit: int) -> None:
        expected = [
            job
            for (owner, _), job in sorted(self.jobs.items(), reverse=True)
            if owner == tenant
            and self.exists(job)
            and (states is None or job.state in states)
            and (operations is None or job.operation in operations)
            and (since is None or job.created_at >= since)
            and (until is None or job.created_at < until)
        ]
        found = everything(
            self.store.find,
            tenant,
            states=states,
            operations=operations,
            created_after=since,
            created_before=until,
            limit=limit,
        )
        assert found == expected

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.open_store(self.namespace, self.clock)

    @precondition(lambda self: not self.lags)
    @rule(limit=st.integers(1, 6), per_tenant=st.integers(1, 3))
    def due(self, limit: int, per_tenant: int) -> None:
        now = self.clock.instant
        got = self.store.due(now, limit=limit, per_tenant=per_tenant)
        assert len(got) <= limit
        for tenant, count in Counter(job.tenant_id for job in got).items():
            assert count <= per_tenant
            self.are_oldest([job for job in got if job.tenant_id == tenant], self.waiting(tenant, now))

    @precondition(lambda self: not self.lags)
    @rule(tenant=TENANTS, limit=st.integers(1, 3), per_tenant=st.integers(1, 3))
    def due_of_one(self, tenant: str, limit: int, per_tenant: int) -> None:
        now = self.clock.instant
        got = self.store.due(now, limit=limit, per_tenant=per_tenant, tenant_id=tenant)
        queue = self.waiting(tenant, now)
        assert len(got) == min(limit, per_tenant, len(queue))
        self.are_oldest(got, queue)

    def are_oldest(self, got: Sequence[Job], queue: list[Job]) -> None:
        """*got* is as good a beginning of *queue*: of jobs that are due at one instant any may be first."""
        assert [job.due_at for job in got] == [job.due_at for job in queue[: len(got)]]
        assert len({job.job_id for job in got}) == len(got)
        assert all(job in queue for job in got)

    @precondition(lambda self: not self.lags)
    @rule(limit=st.integers(1, 4))
    def live(self, limit: int) -> None:
        expected = {str(job) for job in self.jobs.values() if not job.is_terminal or job.is_settling}
        found = [str(job) for job in everything(self.store.live, limit=limit)]
        assert len(found) == len(expected)
        assert {*found} == expected

    @precondition(lambda self: not self.lags)
    @rule()
    def backlog(self) -> None:
        now = self.clock.instant
        running = Counter(j.tenant_id for j in self.jobs.values() if j.state is JobState.IN_PROGRESS)
        queued = [
            (j.due_at, j.tenant_id)
            for j in self.jobs.values()
            if j.state is JobState.UPLOAD_COMPLETE and j.due_at is not None and j.due_at <= now
        ]
        waiting = Counter(tenant for _, tenant in queued)
        assert self.store.backlog(now) == Backlog(
            waiting=len(queued),
            running=running.total(),
            oldest_due_at=min((at for at, _ in queued), default=None),
            by_tenant={t: (waiting[t], running[t]) for t in waiting.keys() | running.keys()},
        )
