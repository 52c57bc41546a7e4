"""The promises JS1 to JS4 of `JobStore`: reading back, compare-and-set, keys, places."""

from __future__ import annotations

import functools
import pickle
from collections import Counter
from collections.abc import Callable

import pytest

from spectra.domain import Job, JobState
from spectra.errors import (
    IdempotencyConflictError,
    InvalidSpecError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    TenantBusyError,
)
from spectra.ports.job_store import JobStore

from .job_store_jobs import (
    aborted,
    after,
    at_once,
    claimed,
    completed,
    export,
    failed,
    ids,
    load,
    rich,
    settled,
    uploaded,
)


class WritingPromises:
    """See `JobStoreContract`."""

    # ---- JS1: what was stored is read -----------------------------------------------------------

    @pytest.mark.parametrize(
        "job",
        [export(), load(), uploaded(load()), claimed(export()), failed(claimed(export())), rich()],
        ids=repr,
    )
    def test_js1_get_returns_every_field(self, store: JobStore, job: Job) -> None:
        added = store.add(job)
        assert (added.job, added.replayed) == (job.evolved(version=1), False)
        read = store.get("t", "j")
        assert read == added.job
        assert read.unknown_fields == job.unknown_fields
        assert list(read.labels) == list(job.labels)

    def test_js1_get_returns_what_replace_stored(self, store: JobStore) -> None:
        first = store.add(export()).job
        second = store.replace(first, rich().evolved(idempotency_key=None))
        assert second.version == 2
        assert store.get("t", "j") == second == rich().evolved(idempotency_key=None, version=2)

    def test_js1_of_an_unknown_job(self, store: JobStore) -> None:
        store.add(export("j", "t"))
        for tenant, job_id in [("t", "x"), ("x", "j"), ("T", "j"), ("t", "J")]:
            with pytest.raises(JobNotFoundError):
                store.get(tenant, job_id)

    def test_js1_other_threads_see_a_finished_write(self, store: JobStore) -> None:
        job = store.add(export()).job
        job = store.replace(job, claimed(job))
        assert at_once([lambda: store.get("t", "j")] * 4) == [job] * 4

    # ---- JS2: replace is a compare-and-set ------------------------------------------------------

    def test_js2_a_loser_gets_the_job_as_it_is(self, store: JobStore) -> None:
        old = store.add(export()).job
        now = store.replace(old, claimed(old))
        with pytest.raises(JobConflictError) as caught:
            store.replace(old, aborted(old))
        assert caught.value.job == now == store.get("t", "j")
        assert caught.value.expected_version == 1
        assert pickle.loads(pickle.dumps(caught.value)).job == now

    def test_js2_a_version_from_the_future_is_a_conflict(self, store: JobStore) -> None:
        old = store.add(export()).job
        with pytest.raises(JobConflictError):
            store.replace(old.evolved(version=7), claimed(old))
        assert store.get("t", "j") == old

    def test_js2_the_version_of_new_is_not_looked_at(self, store: JobStore) -> None:
        old = store.add(export().evolved(version=9)).job
        assert old.version == 1
        assert store.replace(old, claimed(old).evolved(version=40)).version == 2

    def test_js2_of_old_only_the_version_is_compared(self, store: JobStore) -> None:
        store.add(export())
        never_stored = claimed(export().evolved(version=1))
        job = store.replace(never_stored, never_stored.reschedule(at=after(3), due_at=after(61)))
        assert store.get("t", "j") == job
        assert store.find("t", states=[JobState.IN_PROGRESS]).jobs == (job,)
        assert store.due(after(60), limit=9) == []
        assert store.due(after(61), limit=9) == [job]
        assert (store.backlog(after(99)).waiting, store.backlog(after(99)).running) == (0, 1)

    def test_js2_of_concurrent_calls_one_wins(self, store: JobStore) -> None:
        for number in range(10):
            old = store.add(export(f"j{number}")).job
            tries = [claimed(old, worker=f"w{n}") for n in range(6)]
            got = at_once([functools.partial(store.replace, old, new) for new in tries])
            (won,) = [job for job in got if isinstance(job, Job)]
            assert store.get("t", old.job_id) == won
            assert [exc.job for exc in got if isinstance(exc, JobConflictError)] == [won] * 5

    def test_js2_of_a_deleted_job(self, store: JobStore) -> None:
        old = store.add(export()).job
        store.delete("t", "j")
        for limit in (None, 1):
            with pytest.raises(JobNotFoundError):
                store.replace(old, claimed(old), limit=limit)

    def test_js2_a_job_cannot_replace_another(self, store: JobStore) -> None:
        old, other = store.add(export("j")).job, store.add(export("k")).job
        with pytest.raises(InvalidSpecError):
            store.replace(old, claimed(other))
        assert store.get("t", "j") == old

    # ---- JS3: add never overwrites; keys ----------------------------------------------------------

    def test_js3_add_never_overwrites(self, store: JobStore) -> None:
        old = store.add(export()).job
        with pytest.raises(JobExistsError):
            store.add(load())
        assert store.get("t", "j") == old
        assert store.add(export("j", "other")).job.tenant_id == "other"

    def test_js3_the_same_request_is_replayed(self, store: JobStore) -> None:
        first = store.add(export("a", idempotency_key="k", labels={"x": "1"})).job
        first = store.replace(first, claimed(first))
        for job_id in ("a", "b"):
            again = store.add(export(job_id, idempotency_key="k", at=5))
            assert (again.job, again.replayed) == (first, True)
        assert ids(store.find("t").jobs) == ["a"]

    def test_js3_another_request_is_refused(self, store: JobStore) -> None:
        store.add(export("a", idempotency_key="k"))
        for other in (export("b", idempotency_key="k", query="select 2"), load("b", idempotency_key="k")):
            with pytest.raises(IdempotencyConflictError) as caught:
                store.add(other)
            assert (caught.value.key, caught.value.job_id) == ("k", "a")
        with pytest.raises(JobNotFoundError):
            store.get("t", "b")

    def test_js3_keys_belong_to_a_tenant(self, store: JobStore) -> None:
        store.add(export("a", idempotency_key="k"))
        assert not store.add(export("a", "other", idempotency_key="k", query="select 2")).replayed
        assert not store.add(export("b", idempotency_key="K", query="select 2")).replayed

    def test_js3_a_refused_add_does_not_use_the_key_up(self, store: JobStore) -> None:
        store.add(export("a"))
        with pytest.raises(JobExistsError):
            store.add(export("a", idempotency_key="k"))
        assert not store.add(export("b", idempotency_key="k", query="select 2")).replayed

    def test_js3_a_key_goes_with_its_job(self, store: JobStore) -> None:
        store.add(export("a", idempotency_key="k"))
        store.delete("t", "a")
        assert not store.add(export("b", idempotency_key="k", query="select 2")).replayed
        store.delete("t", "a")
        assert store.add(export("c", idempotency_key="k", query="select 2")).replayed

    def test_js3_one_job_however_many_ask_at_once(self, store: JobStore) -> None:
        for key in "klm":
            jobs = [export(f"{key}{n}", idempotency_key=key) for n in range(6)]
            got = at_once([functools.partial(store.add, job) for job in jobs])
            assert len({added.job.job_id for added in got}) == 1
            assert Counter(added.replayed for added in got) == {True: 5, False: 1}

    # ---- JS4: places ------------------------------------------------------------------------------

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

    @pytest.mark.parametrize("end", [completed, failed, lambda job: settled(aborted(job))])
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

    def test_js4_exactly_however_many_race(self, store: JobStore) -> None:
        jobs = [store.add(export(f"j{n}")).job for n in range(8)]
        got = at_once([functools.partial(store.replace, job, claimed(job), limit=3) for job in jobs])
        assert Counter(type(one) for one in got) == {Job: 3, TenantBusyError: 5}
        assert store.backlog(after(9)).running == 3
