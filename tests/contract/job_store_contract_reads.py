"""The promises JS5 to JS8 of `JobStore`: listings, the queue, ttl; and what holds after `close`."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from spectra.domain import Job, JobState, Operation
from spectra.errors import (
    ClosedError,
    IdempotencyConflictError,
    InvalidCursorError,
    InvalidSpecError,
    JobExistsError,
    JobNotFoundError,
)
from spectra.ports.job_store import Backlog, JobStore

from .job_store_jobs import (
    DAY,
    ManualClock,
    aborted,
    after,
    claimed,
    completed,
    everything,
    export,
    failed,
    ids,
    load,
    settled,
    uploaded,
)


class ReadingPromises:
    """See `JobStoreContract`."""

    # ---- JS5: find ----------------------------------------------------------------------------------

    def fill(self, store: JobStore) -> dict[str, Job]:
        """Twelve jobs of all states and operations, one made each second."""
        jobs: dict[str, Job] = {}
        for n, operation in enumerate(["query", "insert", "update", "upsert", "delete", "query"] * 2):
            made = (
                export(f"j{n:02}", at=n)
                if operation == "query"
                else load(f"j{n:02}", at=n, operation=operation)
            )
            job = store.add(made).job
            for step in (
                [uploaded, claimed, completed][: n % 4]
                if operation != "query"
                else [claimed, failed][: n // 5]
            ):
                job = store.replace(job, step(job, at=100))
            jobs[job.job_id] = job
        store.add(export("j05x", "other"))
        return jobs

    @pytest.mark.parametrize("limit", [1, 3, 4, 12, 50])
    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"states": ()},
            {"states": {JobState.OPEN}},
            {"states": [JobState.IN_PROGRESS, JobState.FAILED, JobState.FAILED]},
            {"operations": []},
            {"operations": {Operation.QUERY}},
            {"operations": [Operation.INSERT, Operation.DELETE], "states": list(JobState)},
            {"created_after": after(3)},
            {"created_after": after(2.0005), "created_before": after(7.0005)},
            {
                "created_before": after(7),
                "states": [JobState.UPLOAD_COMPLETE],
                "operations": [Operation.QUERY],
            },
            {
                "created_after": datetime(1, 1, 1, tzinfo=UTC),
                "created_before": datetime.max.replace(tzinfo=UTC),
            },
            {"created_after": after(3).astimezone(timezone(timedelta(hours=5)))},
        ],
        ids=str,
    )
    def test_js5_pages_hold_what_matches_newest_first(
        self, store: JobStore, asked: dict[str, Any], limit: int
    ) -> None:
        jobs = self.fill(store)
        expected = [
            job
            for _, job in sorted(jobs.items(), reverse=True)
            if ("states" not in asked or job.state in asked["states"])
            and ("operations" not in asked or job.operation in asked["operations"])
            and ("created_after" not in asked or job.created_at >= asked["created_after"])
            and ("created_before" not in asked or job.created_at < asked["created_before"])
        ]
        assert everything(store.find, "t", limit=limit, **asked) == expected

    def test_js5_what_is_deleted_between_pages_moves_nothing(self, store: JobStore) -> None:
        for n in range(9):
            store.add(export(f"j{n}"))
        first = store.find("t", limit=3)
        assert ids(first.jobs) == ["j8", "j7", "j6"]
        for job_id in ("j8", "j6", "j4"):
            store.delete("t", job_id)
        store.add(export("j9"))
        second = store.find("t", limit=3, cursor=first.next_cursor)
        assert ids(second.jobs) == ["j5", "j3", "j2"]
        third = store.find("t", limit=3, cursor=second.next_cursor)
        assert (ids(third.jobs), third.next_cursor) == (["j1", "j0"], None)

    def test_js5_a_job_that_changes_between_pages_appears_once(self, store: JobStore) -> None:
        jobs = [store.add(export(f"j{n}")).job for n in range(6)]
        page = store.find("t", limit=2)
        seen = ids(page.jobs)
        for job in jobs:
            store.replace(job, claimed(job))
        while page.next_cursor is not None:
            page = store.find("t", limit=2, cursor=page.next_cursor)
            seen += ids(page.jobs)
        assert seen == ["j5", "j4", "j3", "j2", "j1", "j0"]

    def test_js5_a_cursor_yields_the_asking_tenants_jobs_only(self, store: JobStore) -> None:
        for tenant in ("t", "u"):
            for n in range(4):
                store.add(export(f"{tenant}{n}", tenant))
        cursor = store.find("u", limit=2).next_cursor
        assert cursor is not None
        try:
            found = store.find("t", limit=9, cursor=cursor).jobs
        except InvalidCursorError:
            return
        assert {job.tenant_id for job in found} <= {"t"}

    def test_js5_a_cursor_of_something_else_is_refused(self, store: JobStore) -> None:
        for n in range(4):
            store.add(export(f"j{n}"))
        mine = store.find("t", limit=2).next_cursor or ""
        of_live = store.live(limit=2).next_cursor or ""
        foreign = base64.urlsafe_b64encode(b"j2").decode()
        for cursor in ("", "x", "é", mine[:-1], mine + "A", mine.swapcase(), of_live, foreign, "\0", "=" * 8):
            with pytest.raises(InvalidCursorError):
                store.find("t", cursor=cursor)
        with pytest.raises(InvalidCursorError):
            store.find("t", states=[JobState.OPEN], cursor=mine)
        with pytest.raises(InvalidCursorError):
            store.live(limit=2, cursor=mine)

    @pytest.mark.parametrize(
        "asked",
        [
            {"limit": 0},
            {"limit": -1},
            {"limit": 1001},
            {"states": ["Nowhere"]},
            {"states": "Open"},
            {"operations": ["merge"]},
            {"created_after": datetime(2026, 1, 1)},
        ],
        ids=str,
    )
    def test_js5_what_makes_no_sense_is_refused(self, store: JobStore, asked: dict[str, Any]) -> None:
        with pytest.raises(InvalidSpecError):
            store.find("t", **asked)

    # ---- JS6: due -----------------------------------------------------------------------------------

    def test_js6_oldest_first_and_not_before_their_time(self, store: JobStore) -> None:
        for job_id, at in [("a", 5), ("b", 3), ("c", 4), ("d", 6.001), ("e", 3)]:
            store.add(export(job_id, at=at))
        assert ids(store.due(after(6), limit=10)) == ["b", "e", "c", "a"]
        assert ids(store.due(after(6), limit=10, tenant_id="t")) == ["b", "e", "c", "a"]
        assert ids(store.due(after(4), limit=10)) == ["b", "e", "c"]
        assert store.due(after(2), limit=10) == []

    def test_js6_a_jobs_due_at_follows_its_writes(self, store: JobStore) -> None:
        job = store.add(load()).job
        assert store.due(after(1), limit=10) == []
        job = store.replace(job, uploaded(job))
        assert store.due(after(1), limit=10) == [job]
        job = store.replace(job, claimed(job))
        assert store.due(after(60), limit=10) == []
        assert store.due(after(61), limit=10) == [job]
        job = store.replace(job, completed(job))
        assert store.due(after(61), limit=10) == []
        store.delete("t", "j")
        assert store.due(after(9 * DAY), limit=10) == []

    def test_js6_at_most_so_many_of_one_tenant(self, store: JobStore) -> None:
        for n in range(9):
            store.add(export(f"j{n}"))
        store.add(export("x", "u", at=1))
        assert sorted(ids(store.due(after(9), limit=100, per_tenant=2))) == ["j0", "j1", "x"]
        assert len(store.due(after(9), limit=100)) == 6
        assert ids(store.due(after(9), limit=100, per_tenant=3, tenant_id="t")) == ["j0", "j1", "j2"]
        assert ids(store.due(after(9), limit=2, per_tenant=3, tenant_id="t")) == ["j0", "j1"]
        assert len(store.due(after(9), limit=2)) == 2

    @pytest.mark.parametrize(
        ("tenants", "limit", "queued"), [(7, 3, 2), (5, 5, 1), (4, 10, 3), (9, 1, 2), (3, 2, 300)]
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
        for _ in range(3):
            reached: set[str] = set()
            for _ in range(math.ceil(tenants / limit) + 1):
                jobs = store.due(after(9), limit=limit)
                assert len(jobs) <= limit
                reached |= {job.tenant_id for job in jobs}
            assert reached == {f"t{n}" for n in range(tenants)}

    def test_js6_nothing_is_lost(self, store: JobStore) -> None:
        for n in range(40):
            store.add(export(f"j{n:02}", f"t{n % 3}", at=n / 100))
        done: list[str] = []
        while jobs := store.due(after(9), limit=4, per_tenant=2):
            for job in jobs:
                job = store.replace(job, claimed(job, at=10))
                done.append(job.job_id)
        assert sorted(done) == [f"j{n:02}" for n in range(40)]

    @pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1001}, {"limit": 1, "per_tenant": 0}], ids=str)
    def test_js6_what_makes_no_sense_is_refused(self, store: JobStore, asked: dict[str, int]) -> None:
        with pytest.raises(InvalidSpecError):
            store.due(after(0), **asked)

    # ---- JS7: past its ttl a job does not exist -------------------------------------------------------

    def test_js7_a_job_past_its_ttl(self, store: JobStore, clock: ManualClock) -> None:
        job = store.add(export("a", idempotency_key="k")).job
        for step in (claimed, completed):
            job = store.replace(job, step(job))
        other = store.add(export("b")).job
        clock.at = after(2 + 2 * DAY - 0.001)
        assert store.get("t", "a") == job
        assert store.add(export("c", idempotency_key="k")).replayed
        clock.at = after(2 + 2 * DAY)
        with pytest.raises(JobNotFoundError):
            store.get("t", "a")
        for asked in ({}, {"states": list(JobState)}, {"operations": [Operation.QUERY]}, {"limit": 1}):
            assert store.find("t", **asked).jobs == (other,)
            assert store.find("t", **asked).next_cursor is None
        assert ids(store.due(clock.at, limit=9)) == ["b", "a"]

    def test_js7_its_key_is_free_and_stays_with_the_next(self, store: JobStore, clock: ManualClock) -> None:
        job = store.add(export("a", idempotency_key="k")).job
        for step in (claimed, completed):
            job = store.replace(job, step(job))
        clock.at = after(2 + 2 * DAY)
        with pytest.raises(JobExistsError):
            store.add(export("a", idempotency_key="k", query="select 2"))
        assert not store.add(export("b", idempotency_key="k", query="select 2")).replayed
        job = store.replace(job, job.postponed(at=clock.at, due_at=clock.at))
        store.delete("t", "a")
        assert store.add(export("c", idempotency_key="k", query="select 2")).job.job_id == "b"
        with pytest.raises(IdempotencyConflictError):
            store.add(export("c", idempotency_key="k"))

    def test_js7_a_settling_job_does_not_expire(self, store: JobStore, clock: ManualClock) -> None:
        job = store.add(export()).job
        for step in (claimed, aborted):
            job = store.replace(job, step(job))
        clock.at = after(99 * DAY)
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
        for limit in (1, 3, 8, 100):
            found = everything(store.live, limit=limit)
            assert sorted(map(str, found)) == [f"{t}/{j}" for t in "tu" for j in "abeh"]

    def test_js8_backlog_counts_what_waits_and_runs(self, store: JobStore) -> None:
        assert store.backlog(after(9)) == Backlog(waiting=0, running=0, oldest_due_at=None, by_tenant={})
        for n in range(4):
            store.add(export(f"w{n}", "t", at=n))
        for job_id, steps in {"r": [claimed], "c": [claimed, completed], "a": [claimed, aborted]}.items():
            job = store.add(export(job_id, "u")).job
            for step in steps:
                job = store.replace(job, step(job))
        store.add(load("l", "v"))
        assert store.backlog(after(2)) == Backlog(
            waiting=3, running=1, oldest_due_at=after(0), by_tenant={"t": (3, 0), "u": (0, 1)}
        )

    # ---- delete, close ------------------------------------------------------------------------------------

    def test_delete_is_silent_if_there_is_none(self, store: JobStore) -> None:
        store.add(export())
        store.delete("t", "x")
        store.delete("u", "j")
        store.delete("t", "j")
        store.delete("t", "j")
        assert store.find("t").jobs == ()
        assert store.add(load()).job.version == 1

    def test_after_close_everything_is_refused(self, store: JobStore) -> None:
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
