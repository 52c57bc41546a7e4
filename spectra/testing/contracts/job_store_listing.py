"""JS5: listings in pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from spectra.domain import Job, JobState, Operation
from spectra.errors import InvalidCursorError, InvalidSpecError
from spectra.ports.job_store import JobStore
from spectra.testing.contracts.calls import everything
from spectra.testing.samples import after, claimed, completed, export, failed, ids, load, uploaded


class ListingPromises:
    """See `JobStoreContract`."""

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

    @pytest.mark.parametrize("limit", [1, 4, 12])
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

    def test_js5_ids_are_in_the_order_of_their_characters(self, store: JobStore) -> None:
        # Languages sort otherwise: case and punctuation come last there, if at all.
        names = ["10", "9", "A", "B", "Z", "a", "a-b", "a.b", "aB", "a_b", "ab", "b", "z"]
        for name in reversed(names):
            store.add(export(name))
        for limit in (3, 50):
            assert ids(everything(store.find, "t", limit=limit)) == names[::-1]

    def test_js5_each_tenant_has_a_listing_of_its_own(self, store: JobStore) -> None:
        tenants = ["t", "T", "t2", "t-2", "t.2", "2"]
        for tenant in tenants:
            for n in range(3):
                store.add(export(f"{tenant}{n}", tenant))
        for tenant in tenants:
            for limit in (2, 50):
                assert ids(everything(store.find, tenant, limit=limit)) == [f"{tenant}{n}" for n in (2, 1, 0)]
        assert store.find("nobody").jobs == ()

    def test_js5_pages_are_as_large_as_was_asked_for(self, store: JobStore) -> None:
        names = [f"j{n:03}" for n in range(110)]
        for name in names:
            store.add(export(name))
        for limit in (109, 1_000):
            assert ids(store.find("t", limit=limit).jobs) == names[: -limit - 1 : -1]

    def test_js5_pages_are_full_though_jobs_are_large(self, store: JobStore) -> None:
        text = "x" * 90_000
        for n in range(14):
            store.add(export(f"j{n:02}", query=f"select '{text}' -- {n % 2}"))
        assert ids(store.find("t", limit=13).jobs) == [f"j{n:02}" for n in range(13, 0, -1)]

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
            found = ()
        assert {job.tenant_id for job in found} <= {"t"}

    @pytest.mark.parametrize(
        "cursor", ["", "x", "é", "\0", "=" * 8, "../../etc", "null", "A" * 10_000], ids=ascii
    )
    def test_js5_nonsense_is_no_cursor(self, store: JobStore, cursor: str) -> None:
        store.add(export())
        with pytest.raises(InvalidCursorError):
            store.find("t", cursor=cursor)

    def test_js5_a_cursor_that_was_altered_shows_nothing_of_others(self, store: JobStore) -> None:
        for tenant in ("t", "u"):
            for n in range(4):
                store.add(export(f"{tenant}{n}", tenant))
        mine = store.find("t", limit=2).next_cursor or ""
        of_live = store.live(limit=2).next_cursor or ""
        for cursor in (mine[:-1], mine[1:], mine + "A", mine + mine, mine.swapcase(), mine[::-1], of_live):
            try:
                found = store.find("t", cursor=cursor).jobs
            except InvalidCursorError:
                continue
            assert {job.tenant_id for job in found} <= {"t"}

    def test_js9_a_cursor_is_for_the_listing_that_gave_it(self, store: JobStore) -> None:
        for n in range(4):
            store.add(export(f"j{n}"))
        of_find, of_live = store.find("t", limit=2).next_cursor, store.live(limit=2).next_cursor
        assert of_find
        assert of_live
        with pytest.raises(InvalidCursorError):
            store.find("t", cursor=of_find, states=[JobState.UPLOAD_COMPLETE])
        with pytest.raises(InvalidCursorError):
            store.find("t", cursor=of_find, created_before=after(9))
        with pytest.raises(InvalidCursorError):
            store.find("t", cursor=of_live)
        for nonsense in (of_find, "", "x"):
            with pytest.raises(InvalidCursorError):
                store.live(limit=2, cursor=nonsense)
        # Of another size a page is of the same listing.
        assert ids(store.find("t", cursor=of_find, limit=1).jobs) == ["j1"]

    @pytest.mark.parametrize(
        "asked",
        [
            {"limit": 0},
            {"limit": -1},
            {"limit": 1001},
            {"states": ["Nowhere"]},
            {"states": "Open"},
            {"operations": ["merge"]},
            {"created_after": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is what is tried
            {"created_before": datetime(2026, 1, 1)},  # noqa: DTZ001
        ],
        ids=str,
    )
    def test_js9_what_makes_no_sense_is_refused(self, store: JobStore, asked: dict[str, Any]) -> None:
        with pytest.raises(InvalidSpecError):
            store.find("t", **asked)
