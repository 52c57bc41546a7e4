"""JS1 to JS3: reading back, compare-and-set, keys."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from spectra.domain import Job, JobState
from spectra.errors import (
    IdempotencyConflictError,
    InvalidSpecError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
)
from spectra.ports.job_store import Added, JobStore
from spectra.testing.contracts.calls import at_once
from spectra.testing.samples import (
    aborted,
    after,
    claimed,
    completed,
    export,
    failed,
    ids,
    load,
    rich,
    uploaded,
)

EVERY_KIND = [
    export(),
    load(),
    uploaded(load()),
    claimed(export()),
    completed(claimed(export())),
    failed(claimed(export())),
    aborted(claimed(export())),
    rich(),
]

LARGE = [
    export(query="select '" + "x" * 60_000 + "€" * 14_000 + "'"),
    export(parameters={f"p{n}": "\x01" * 900 for n in range(20)}),
    export(parameters={"whole": 2**53 + 1, "huge": -(10**40) - 7, "exact": Decimal("0." + "123456789" * 5)}),
]


class WritingPromises:
    """See `JobStoreContract`."""

    # ---- JS1: what was stored is read -----------------------------------------------------------

    @pytest.mark.parametrize("job", EVERY_KIND, ids=lambda job: job.state)
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

    def test_js1_another_instance_sees_a_finished_write(self, store: JobStore, other: JobStore) -> None:
        job = store.add(export()).job
        assert other.get("t", "j") == job
        job = other.replace(job, claimed(job))
        assert store.get("t", "j") == job
        assert store.find("t").jobs == (job,)
        store.delete("t", "j")
        with pytest.raises(JobNotFoundError):
            other.get("t", "j")

    def test_js1_of_an_unknown_job(self, store: JobStore) -> None:
        store.add(export("j", "t"))
        for tenant, job_id in [("t", "x"), ("x", "j"), ("T", "j"), ("t", "J")]:
            with pytest.raises(JobNotFoundError):
                store.get(tenant, job_id)

    @pytest.mark.parametrize("job", LARGE, ids=["statement", "parameters", "numbers"])
    def test_js1_whatever_the_domain_lets_pass_is_kept(self, store: JobStore, job: Job) -> None:
        job = store.add(job).job
        job = store.replace(job, claimed(job))
        assert store.get("t", "j") == job

    def test_js1_ids_that_look_alike_are_not_one(self, store: JobStore) -> None:
        names = [(tenant, job) for tenant in ("t", "T") for job in ("a", "A")]
        names += [pair for mark in "-._" for pair in ((f"t{mark}a", "b"), ("t", f"a{mark}b"))]
        names += [("ta", "b"), ("t", "ab"), ("1", "01"), ("01", "1"), ("10", "1"), ("x" * 128, "y" * 128)]
        jobs = [store.add(export(job_id, tenant)).job for tenant, job_id in names]
        assert [store.get(*name) for name in names] == jobs

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

    @pytest.mark.parametrize("end", [completed, failed, aborted])
    def test_js2_what_has_ended_is_not_written_over(self, store: JobStore, end: Callable[[Job], Job]) -> None:
        old = store.add(export()).job
        old = store.replace(old, claimed(old))
        now = store.replace(old, end(old))
        for late in (completed, failed, aborted):
            with pytest.raises(JobConflictError) as caught:
                store.replace(old, late(old, at=9))
            assert caught.value.job == now
        assert store.get("t", "j") == now

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

    def test_js2_of_two_instances_one_wins(self, store: JobStore, other: JobStore) -> None:
        for number in range(20):
            old = store.add(export(f"j{number:02}")).job
            tries = [
                functools.partial(side.replace, old, claimed(old, worker=f"w{n}"))
                for n, side in enumerate([store, other] * 2)
            ]
            got = at_once(tries)
            (won,) = [job for job in got if isinstance(job, Job)]
            assert [exc.job for exc in got if isinstance(exc, JobConflictError)] == [won] * 3
            assert store.get("t", old.job_id) == other.get("t", old.job_id) == won

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

    def test_js9_a_job_cannot_replace_another(self, store: JobStore) -> None:
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
        for other in (
            export("b", idempotency_key="k", query="select 2"),
            load("b", idempotency_key="k"),
            export("b", idempotency_key="k", retry_of="an-older-one"),
        ):
            with pytest.raises(IdempotencyConflictError) as caught:
                store.add(other)
            assert (caught.value.key, caught.value.job_id) == ("k", "a")
        with pytest.raises(JobNotFoundError):
            store.get("t", "b")

    def test_js3_keys_belong_to_a_tenant(self, store: JobStore) -> None:
        store.add(export("a", idempotency_key="k"))
        assert not store.add(export("a", "other", idempotency_key="k", query="select 2")).replayed
        # Collations make one of these; they are the keys of different requests.
        for number, key in enumerate(("K", "k ", " k", "ḱ", "k\u0301", "x" * 255, "x" * 254)):
            assert not store.add(export(f"b{number}", idempotency_key=key, query=f"select {number}")).replayed

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
            assert Counter(type(one) for one in got) == {Added: 6}
            added_jobs = [added for added in got if isinstance(added, Added)]
            assert len({added.job.job_id for added in added_jobs}) == 1
            assert Counter(added.replayed for added in added_jobs) == {True: 5, False: 1}
        assert len(store.find("t").jobs) == 3

    def test_js3_two_instances_make_one_job(self, store: JobStore, other: JobStore) -> None:
        for number in range(20):
            sides = [store, other] * 2
            jobs = [export(f"j{number:02}{n}", idempotency_key=f"k{number}") for n in range(len(sides))]
            got = at_once([functools.partial(side.add, job) for side, job in zip(sides, jobs, strict=True)])
            assert len({added.job.job_id for added in got if isinstance(added, Added)}) == 1
            assert Counter(type(one) for one in got) == {Added: 4}
        assert len(store.find("t").jobs) == 20
