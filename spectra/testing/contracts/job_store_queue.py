"""JS6 to JS9: the queue, expiry, what operators look at, and the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from spectra.codec import SCHEMA
from spectra.domain import Job, JobState, Operation
from spectra.errors import (
    ClosedError,
    IdempotencyConflictError,
    InvalidSpecError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    NewerSchemaError,
)
from spectra.ports.job_store import Backlog, JobStore
from spectra.testing.clock import ManualClock
from spectra.testing.contracts.calls import everything
from spectra.testing.contracts.contract import Contract, Lack
from spectra.testing.samples import (
    DAY,
    aborted,
    after,
    claimed,
    completed,
    export,
    failed,
    ids,
    load,
    settled,
    uploaded,
)

MANY = 110  # more than a page of some backends


class QueuePromises(Contract):
    """See `JobStoreContract`."""

    def agree(self, look: Callable[[], Any], wanted: Any) -> None:
        """*look* sees *wanted*: at once, or, where the indexes are declared to lag, within ten seconds."""
        until = time.monotonic() + (10 if Lack.CURRENT_INDEXES in self.lacks else 0)
        while (seen := look()) != wanted and time.monotonic() < until:
            time.sleep(0.1)
        assert seen == wanted

    # ---- JS6: due -----------------------------------------------------------------------------------

    def test_js6_oldest_first_and_not_before_their_time(self, store: JobStore) -> None:
        for job_id, at in [("a", 5), ("b", 3), ("c", 4), ("d", 6.001), ("e", 3.001)]:
            store.add(export(job_id, at=at))
        self.agree(lambda: ids(store.due(after(6), limit=10)), ["b", "e", "c", "a"])
        self.agree(lambda: ids(store.due(after(6), limit=10, tenant_id="t")), ["b", "e", "c", "a"])
        self.agree(lambda: ids(store.due(after(4), limit=10)), ["b", "e", "c"])
        assert [*store.due(after(2), limit=10)] == []

    def test_js6_what_waits_for_its_start_hides_nothing_that_has_begun(self, store: JobStore) -> None:
        running = store.add(export("running", at=5)).job
        running = store.replace(running, claimed(running, at=6))
        ended = store.add(export("ended", at=5)).job
        for step in (claimed, aborted):
            ended = store.replace(ended, step(ended, at=70))
        for n in range(9):
            store.add(export(f"waits{n}", at=n))
        store.add(load("open", at=-DAY + 80))
        wanted = ["running", "ended", "open", "waits0", "waits1"]
        self.agree(lambda: ids(store.due(after(99), limit=5, tenant_id="t")), wanted)
        self.agree(lambda: ids(store.due(after(99), limit=5)), wanted)
        self.agree(lambda: ids(store.due(after(69), limit=2, per_tenant=2)), ["running", "waits0"])
        self.agree(lambda: ids(store.due(after(9), limit=1)), ["waits0"])

    def test_js6_a_jobs_due_at_follows_its_writes(self, store: JobStore) -> None:
        job = store.add(load()).job
        self.agree(lambda: [*store.due(after(1), limit=10)], [])
        job = store.replace(job, uploaded(job))
        self.agree(lambda: [*store.due(after(1), limit=10)], [job])
        job = store.replace(job, claimed(job))
        self.agree(lambda: [*store.due(after(60), limit=10)], [])
        self.agree(lambda: [*store.due(after(61), limit=10)], [job])
        job = store.replace(job, completed(job))
        self.agree(lambda: [*store.due(after(61), limit=10)], [])
        store.delete("t", "j")
        self.agree(lambda: [*store.due(after(9 * DAY), limit=10)], [])

    def test_js6_what_has_to_be_settled_is_due_at_once(self, store: JobStore) -> None:
        job = store.add(export()).job
        job = store.replace(job, claimed(job))
        job = store.replace(job, aborted(job))
        self.agree(lambda: [*store.due(after(2), limit=10)], [job])
        self.agree(lambda: [*store.due(after(2), limit=10, tenant_id="t")], [job])
        assert [*store.due(after(2), limit=10, tenant_id="nobody")] == []

    def test_js6_at_most_so_many_of_one_tenant(self, store: JobStore) -> None:
        for n in range(9):
            store.add(export(f"j{n}", at=n / 1000))
        store.add(export("x", "u", at=1))
        self.agree(lambda: sorted(ids(store.due(after(9), limit=100, per_tenant=2))), ["j0", "j1", "x"])
        self.agree(lambda: len(store.due(after(9), limit=100)), 6)
        oldest = ["j0", "j1", "j2"]
        self.agree(lambda: ids(store.due(after(9), limit=100, per_tenant=3, tenant_id="t")), oldest)
        self.agree(lambda: ids(store.due(after(9), limit=2, per_tenant=3, tenant_id="t")), oldest[:2])
        assert len(store.due(after(9), limit=2)) <= 2

    @pytest.mark.parametrize(
        ("tenants", "limit", "queued"), [(7, 3, 2), (5, 5, 1), (4, 10, 3), (9, 1, 2), (3, 2, 60)]
    )
    def test_js6_every_tenant_is_reached(
        self, store: JobStore, tenants: int, limit: int, queued: int
    ) -> None:
        for n in range(queued):
            store.add(export(f"j{n}", "t0"))
        for tenant in range(1, tenants):
            store.add(export("j", f"t{tenant}", at=1))
            store.add(export("later", f"t{tenant}", at=50))
        store.add(export("j", "u", at=50))
        # The tenant whose job is due later counts too: it has a due_at.
        calls = math.ceil((tenants + 1) / limit) + 1

        def reached() -> set[str]:
            seen: set[str] = set()
            for _ in range(calls):
                jobs = store.due(after(9), limit=limit)
                assert len(jobs) <= limit
                seen |= {job.tenant_id for job in jobs}
            return seen

        for _ in range(3):
            self.agree(reached, {f"t{n}" for n in range(tenants)})

    def test_js6_a_call_gives_as_many_as_it_may(self, store: JobStore) -> None:
        names = [f"j{n:03}" for n in range(MANY)]
        for n, name in enumerate(names):
            store.add(export(name, at=n / 1000))
        for tenant_id in (None, "t"):
            asked: dict[str, Any] = {"limit": 1_000, "per_tenant": 1_000, "tenant_id": tenant_id}
            self.agree(lambda: ids(store.due(after(9), **asked)), names)  # noqa: B023 - called at once

    def test_js6_nothing_is_lost(self, store: JobStore) -> None:
        for n in range(40):
            store.add(export(f"j{n:02}", f"t{n % 3}", at=n / 100))
        done: set[str] = set()

        def drained() -> int:
            for job in store.due(after(9), limit=4, per_tenant=2):
                try:
                    store.replace(job, claimed(job, at=10))
                except JobConflictError:
                    continue  # the index lags
                done.add(job.job_id)
            return len(done)

        for _ in range(60):
            drained()
        self.agree(drained, 40)
        self.agree(lambda: [*store.due(after(9), limit=4)], [])

    def test_js6_what_a_newer_version_wrote_is_passed_over(self, store: JobStore) -> None:
        with mock.patch("spectra.codec.documents.SCHEMA", SCHEMA + 1):
            for n in range(7):
                store.add(export(f"j{n}", at=n))
        for job_id, tenant in [("j7", "t"), ("j8", "t"), ("x", "u")]:
            store.add(export(job_id, tenant, at=9))
        readable = True
        try:
            store.get("t", "j0")
        except NewerSchemaError:
            readable = False  # it would be readable where documents are of the adapter's own making
        wanted = ["j0", "j1"] if readable else ["j7", "j8"]
        self.agree(lambda: ids(store.due(after(9), limit=2, tenant_id="t")), wanted)
        self.agree(lambda: sorted(ids(store.due(after(9), limit=10, per_tenant=2))), [*wanted, "x"])

    # ---- JS7: past its ttl a job does not exist -------------------------------------------------------

    def test_js7_a_job_past_its_ttl(self, store: JobStore, clock: ManualClock) -> None:
        job = store.add(export("a", idempotency_key="k")).job
        for step in (claimed, completed):
            job = store.replace(job, step(job))
        other = store.add(export("b")).job
        clock.instant = after(2 + 2 * DAY - 0.001)
        assert store.get("t", "a") == job
        assert store.add(export("c", idempotency_key="k")).replayed
        clock.instant = after(2 + 2 * DAY)
        with pytest.raises(JobNotFoundError):
            store.get("t", "a")
        asked: dict[str, Any]
        for asked in ({}, {"states": list(JobState)}, {"operations": [Operation.QUERY]}, {"limit": 1}):
            assert store.find("t", **asked).jobs == (other,)
            assert store.find("t", **asked).next_cursor is None
        self.agree(lambda: sorted(ids(store.due(clock.instant, limit=9))), ["a", "b"])
        store.delete("t", "a")
        self.agree(lambda: ids(store.due(clock.instant, limit=9)), ["b"])
        assert store.add(export("a")).job.version == 1

    def test_js7_its_key_is_free_and_stays_with_the_next(self, store: JobStore, clock: ManualClock) -> None:
        job = store.add(export("a", idempotency_key="k")).job
        for step in (claimed, completed):
            job = store.replace(job, step(job))
        clock.instant = after(2 + 2 * DAY)
        with pytest.raises(JobExistsError):
            store.add(export("a", idempotency_key="k", query="select 2"))
        assert not store.add(export("b", idempotency_key="k", query="select 2")).replayed
        job = store.replace(job, job.postponed(at=clock.instant, due_at=clock.instant))
        store.delete("t", "a")
        assert store.add(export("c", idempotency_key="k", query="select 2")).job.job_id == "b"
        with pytest.raises(IdempotencyConflictError):
            store.add(export("c", idempotency_key="k"))

    def test_js7_a_settling_job_does_not_expire(self, store: JobStore, clock: ManualClock) -> None:
        job = store.add(export()).job
        for step in (claimed, aborted):
            job = store.replace(job, step(job))
        clock.instant = after(99 * DAY)
        assert store.get("t", "j") == job

    # ---- JS8: live, backlog -----------------------------------------------------------------------------

    def test_js8_live_has_what_has_not_ended_or_not_settled(self, store: JobStore) -> None:
        ends: dict[str, list[Callable[[Job], Job]]] = {
            "a": [],
            "b": [claimed],
            "c": [claimed, completed],
            "d": [claimed, failed],
            "e": [claimed, aborted],
            "f": [claimed, aborted, settled],
            "g": [aborted],
        }
        for tenant in ("u", "t"):
            for job_id, steps in ends.items():
                job = store.add(export(job_id, tenant)).job
                for step in steps:
                    job = store.replace(job, step(job))
            store.add(load("h", tenant))
        wanted = [f"{t}/{j}" for t in "tu" for j in "abeh"]
        for limit in (1, 3, 8, 100):
            self.agree(lambda: sorted(str(job) for job in everything(store.live, limit=limit)), wanted)  # noqa: B023 - called at once

    def test_js8_backlog_counts_what_waits_and_runs(self, store: JobStore) -> None:
        assert store.backlog(after(9)) == Backlog(waiting=0, running=0, oldest_due_at=None, by_tenant={})
        for n in range(4):
            store.add(export(f"w{n}", "t", at=n))
        ways: dict[str, list[Callable[[Job], Job]]] = {
            "r": [claimed],
            "c": [claimed, completed],
            "a": [claimed, aborted],
        }
        for job_id, steps in ways.items():
            job = store.add(export(job_id, "u")).job
            for step in steps:
                job = store.replace(job, step(job))
        store.add(load("l", "v"))
        wanted = Backlog(waiting=3, running=1, oldest_due_at=after(0), by_tenant={"t": (3, 0), "u": (0, 1)})
        self.agree(lambda: store.backlog(after(2)), wanted)

    def test_js8_who_waits_longest_is_not_who_runs(self, store: JobStore) -> None:
        job = store.add(export("r", at=1)).job
        store.replace(job, claimed(job))
        store.add(export("w", at=90))
        wanted = Backlog(waiting=1, running=1, oldest_due_at=after(90), by_tenant={"t": (1, 1)})
        self.agree(lambda: store.backlog(after(99)), wanted)

    def test_js8_more_than_a_page_of_a_backend(self, store: JobStore) -> None:
        for n in range(MANY):
            store.add(export(f"j{n:03}"))
        self.agree(lambda: len(store.live(limit=1_000).jobs), MANY)
        found = store.backlog(after(9))
        assert found.waiting <= MANY
        if found.complete:
            wanted = Backlog(waiting=MANY, running=0, oldest_due_at=after(0), by_tenant={"t": (MANY, 0)})
            self.agree(lambda: store.backlog(after(9)), wanted)

    # ---- JS9: deleting, closing, nonsense -----------------------------------------------------------------

    def test_js9_delete_is_silent_if_there_is_none(self, store: JobStore) -> None:
        for tenant, job_id in (("t", "j"), ("t", "j2"), ("t", "j-2"), ("u", "j")):
            store.add(export(job_id, tenant))
        store.delete("t", "x")
        store.delete("v", "j")
        assert sorted(ids(store.find("t").jobs)) == ["j", "j-2", "j2"]
        store.delete("t", "j")
        store.delete("t", "j")
        assert sorted(ids(store.find("t").jobs)) == ["j-2", "j2"]
        assert ids(store.find("u").jobs) == ["j"]
        assert store.add(load()).job.version == 1

    def test_js9_data_outlive_close(self, store: JobStore, other: JobStore) -> None:
        job = store.add(export(idempotency_key="k")).job
        job = store.replace(job, claimed(job), limit=1)
        store.close()
        assert other.get("t", "j") == job
        assert other.add(export("b", idempotency_key="k")).replayed

    def test_js9_after_close_everything_is_refused(self, store: JobStore) -> None:
        job = store.add(export()).job
        store.close()
        store.close()
        calls: list[Callable[[], object]] = [
            lambda: store.add(load("k")),
            lambda: store.get("t", "j"),
            lambda: store.replace(job, claimed(job)),
            lambda: store.find("t"),
            lambda: store.due(after(0), limit=1),
            lambda: store.live(limit=1),
            lambda: store.backlog(after(0)),
            lambda: store.delete("t", "j"),
        ]
        for call in calls:
            with pytest.raises(ClosedError):
                call()

    @pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1001}, {"limit": 1, "per_tenant": 0}], ids=str)
    def test_js9_a_queue_of_no_size_is_refused(self, store: JobStore, asked: dict[str, Any]) -> None:
        for tenant_id in (None, "t"):
            with pytest.raises(InvalidSpecError):
                store.due(after(0), tenant_id=tenant_id, **asked)
        if "per_tenant" not in asked:
            with pytest.raises(InvalidSpecError):
                store.live(**asked)

    def test_js9_an_instant_without_a_time_zone_is_refused(self, store: JobStore) -> None:
        local = after(0).replace(tzinfo=None)
        with pytest.raises(InvalidSpecError):
            store.due(local, limit=1)
        with pytest.raises(InvalidSpecError):
            store.due(local, limit=1, tenant_id="t")
        with pytest.raises(InvalidSpecError):
            store.backlog(local)
