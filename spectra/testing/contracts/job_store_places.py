"""JS4: the places of a tenant, counted exactly."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable

import pytest

from spectra.domain import Effect, Job, JobState
from spectra.errors import JobConflictError, TenantBusyError
from spectra.ports.job_store import JobStore
from spectra.testing.contracts.calls import at_once
from spectra.testing.samples import aborted, after, claimed, completed, export, failed, settled

ENDS = (Effect.NONE, Effect.APPLIED, Effect.UNKNOWN)


def _aborted_with(effect: Effect, job: Job) -> Job:
    return settled(aborted(job), effect=effect)


class PlacePromises:
    """See `JobStoreContract`."""

    def take(self, store: JobStore, job_id: str, *, limit: int = 2, tenant: str = "t") -> Job:
        job = store.add(export(job_id, tenant)).job
        return store.replace(job, claimed(job), limit=limit)

    def test_js4_places_are_counted_by_tenant(self, store: JobStore) -> None:
        self.take(store, "a")
        self.take(store, "b")
        self.take(store, "a", tenant="other")
        with pytest.raises(TenantBusyError) as caught:
            self.take(store, "c")
        assert (caught.value.tenant_id, caught.value.limit) == ("t", 2)
        assert store.get("t", "c").state is JobState.UPLOAD_COMPLETE
        assert store.get("t", "c").version == 1
        assert self.take(store, "d", limit=3).state is JobState.IN_PROGRESS

    def test_js4_without_a_limit_no_place_is_taken(self, store: JobStore) -> None:
        for job_id in "abc":
            job = store.add(export(job_id)).job
            store.replace(job, claimed(job))
        self.take(store, "d", limit=1)
        with pytest.raises(TenantBusyError):
            self.take(store, "e", limit=1)

    def test_js4_a_job_takes_one_place_only(self, store: JobStore) -> None:
        job = self.take(store, "a", limit=2)
        job = store.replace(job, job.renew(at=after(5), worker="w", until=after(90)), limit=2)
        job = store.replace(job, job.reschedule(at=after(6), due_at=after(7)))
        store.replace(job, job.reclaim(at=after(8), worker="v", until=after(90)), limit=1)
        self.take(store, "b", limit=2)
        with pytest.raises(TenantBusyError):
            self.take(store, "c", limit=2)

    def test_js4_a_limit_that_was_lowered_lets_nobody_in(self, store: JobStore) -> None:
        held = [self.take(store, job_id, limit=3) for job_id in "abc"]
        waiting = store.add(export("d")).job
        for limit in (1, 2, 3):
            with pytest.raises(TenantBusyError):
                store.replace(waiting, claimed(waiting), limit=limit)
        for job in held:
            store.replace(job, completed(job))
        store.replace(waiting, claimed(waiting), limit=1)

    def test_js4_only_who_enters_needs_a_place(self, store: JobStore) -> None:
        without = store.add(export("a")).job
        without = store.replace(without, claimed(without))
        self.take(store, "b", limit=1)
        waiting = store.add(export("c")).job
        assert store.replace(without, completed(without), limit=1).state is JobState.JOB_COMPLETE
        assert store.replace(waiting, aborted(waiting), limit=1).state is JobState.ABORTED

    @pytest.mark.parametrize(
        "end",
        [completed, failed, *(functools.partial(_aborted_with, effect) for effect in ENDS)],
        ids=["completed", "failed", *ENDS],
    )
    def test_js4_the_end_of_the_execution_gives_the_place_back(
        self, store: JobStore, end: Callable[[Job], Job]
    ) -> None:
        job = self.take(store, "a", limit=1)
        ended = end(job)
        if ended.abort_info is not None:
            job = store.replace(job, aborted(job))
            with pytest.raises(TenantBusyError):
                self.take(store, "b", limit=1)
            store.delete("t", "b")
        store.replace(job, ended)
        self.take(store, "c", limit=1)

    def test_js4_a_place_is_given_back_once(self, store: JobStore) -> None:
        job = self.take(store, "a", limit=1)
        job = store.replace(job, completed(job))
        self.take(store, "b", limit=1)
        job = store.replace(job, job.postponed(at=after(3), due_at=after(9)))
        store.delete("t", "a")
        with pytest.raises(TenantBusyError):
            self.take(store, "c", limit=1)

    def test_js4_deleting_gives_the_place_back(self, store: JobStore) -> None:
        self.take(store, "a", limit=1)
        store.delete("t", "a")
        self.take(store, "b", limit=1)

    def test_js4_a_conflict_comes_before_a_busy_tenant(self, store: JobStore) -> None:
        old = store.add(export("z")).job
        store.replace(old, aborted(old))
        self.take(store, "a", limit=1)
        with pytest.raises(JobConflictError):
            store.replace(old, claimed(old), limit=1)

    def test_js4_who_is_refused_takes_no_place(self, store: JobStore) -> None:
        old = store.add(export("z")).job
        store.replace(old, aborted(old))
        with pytest.raises(JobConflictError):
            store.replace(old, claimed(old), limit=1)
        self.take(store, "a", limit=1)

    def test_js4_exactly_however_many_race(self, store: JobStore) -> None:
        jobs = [store.add(export(f"j{n}")).job for n in range(8)]
        got = at_once([functools.partial(store.replace, job, claimed(job), limit=3) for job in jobs])
        assert Counter(type(one) for one in got) == {Job: 3, TenantBusyError: 5}
        running = store.find("t", states=[JobState.IN_PROGRESS]).jobs
        assert len(running) == 3

    def test_js4_exactly_however_many_instances_race(self, store: JobStore, other: JobStore) -> None:
        for number in range(10):
            tenant = f"t{number}"
            jobs = [store.add(export(f"j{n}", tenant)).job for n in range(6)]
            calls = [
                functools.partial(side.replace, job, claimed(job), limit=2)
                for side, job in zip([store, other] * 3, jobs, strict=True)
            ]
            assert Counter(type(one) for one in at_once(calls)) == {Job: 2, TenantBusyError: 4}
