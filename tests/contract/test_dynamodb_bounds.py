"""The job store on DynamoDB at the bounds of jobs, items, calls and batches."""

from __future__ import annotations

import functools
import uuid
from decimal import Decimal

import pytest

from spectra.adapters.aws.dynamodb import DynamoDBJobStore, queue, reading
from spectra.adapters.aws.dynamodb.places import MOST_PLACES
from spectra.domain import Category, ExportSpec, Job, JobError, JobState, Session
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    InvalidSpecError,
    OutcomeUnknownError,
)
from spectra.services.creating import add
from spectra.testing import ManualClock
from spectra.testing.dynamodb import FaultProxy
from spectra.testing.samples import KEPT, START, aborted, after, claimed, completed, export, settled
from tests.dynamodb_units import ITEM_BYTES, item_bytes
from tests.largest import CONTROL, LONG_ID, largest_life


@pytest.fixture
def proxy(local_dynamodb):
    with FaultProxy(local_dynamodb.endpoint) as proxy:
        yield proxy


@pytest.fixture
def make(dynamodb_table, local_dynamodb, proxy):
    table = dynamodb_table(f"n{uuid.uuid4().hex}")
    client = functools.partial(local_dynamodb.client, endpoint=proxy.endpoint, total_max_attempts=1)
    stores = []

    def make(**more):
        facts = {"client": client, "clock": ManualClock(), "sleep": lambda _: None, **more}
        stores.append(DynamoDBJobStore(table, **facts))
        return stores[-1]

    make.table = table
    yield make
    for store in stores:
        store.close()


@pytest.fixture
def items(make, dynamodb_table):
    def items():
        return dynamodb_table.client.scan(TableName=make.table, ConsistentRead=True)["Items"]

    return items


# ---- the largest job -----------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["complete", "abort"])
def test_the_largest_job_fits_through_all_its_life(make, items, end) -> None:
    store = make()
    job, *later = largest_life(CONTROL, end)
    stored = store.add(job).job
    for job in later:
        stored = store.replace(stored, job, limit=1)
        assert make().get(job.tenant_id, job.job_id) == stored
    assert max(item_bytes(item) for item in items()) < ITEM_BYTES
    store.delete(job.tenant_id, job.job_id)
    assert [item["sk"]["S"] for item in items()] == ["p"]


@pytest.mark.parametrize("limit", [None, 1])
def test_what_is_too_large_for_an_item_is_told(make, limit) -> None:
    """Only fields of a newer Spectra can be."""
    store = make()
    job = store.add(export()).job
    larger = claimed(job).evolved(unknown_fields={"later": "x" * 500_000})
    with pytest.raises(BackendError, match="larger than 400 KB"):
        store.replace(job, larger, limit=limit)
    assert store.get("t", "j") == job


def test_large_parameters_are_written_once(make, proxy, items) -> None:
    values = {"text": "x" * 90_000, "d": Decimal("1.10"), "at": START, "n": None, "b": True, "f": 0.1}
    store = make()
    job = store.add(export(parameters=values)).job
    proxy.forget()
    job = store.replace(job, claimed(job))
    job = store.replace(job, completed(job))
    assert [call.operation for call in proxy.calls] == ["PutItem"] * 2
    assert max(call.request_bytes for call in proxy.calls) < 2_000
    assert make().get("t", "j") == job
    assert make().find("t").jobs == (job,)
    store.delete("t", "j")
    assert items() == []


# ---- places --------------------------------------------------------------------------------------------


def test_js4_a_limit_that_no_item_could_hold_is_refused(make, items) -> None:
    store = make()
    job = store.add(export()).job
    with pytest.raises(InvalidSpecError, match="limit"):
        store.replace(job, claimed(job), limit=MOST_PLACES + 1)
    store.replace(job, claimed(job), limit=MOST_PLACES)


def test_js4_the_highest_limit_is_taken_whole_by_the_longest_ids(make, dynamodb_table) -> None:
    names = [f"{n:0128}" for n in range(MOST_PLACES - 1)]
    places = {"pk": {"S": LONG_ID}, "sk": {"S": "p"}, "places": {"SS": names}}
    dynamodb_table.client.put_item(TableName=make.table, Item=places)
    store = make()
    jobs = [store.add(export(f"{'a' * 127}{n}", LONG_ID)).job for n in range(2)]
    assert store.replace(jobs[0], claimed(jobs[0]), limit=MOST_PLACES).state is JobState.IN_PROGRESS


# ---- replies that are lost, while others are quicker ---------------------------------------------------


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("query", ["select 1", "select '" + "x" * 2_000 + "'"], ids=["small", "large"])
def test_js3_an_add_whose_job_was_claimed_before_the_reply_is_no_failure(make, proxy, key, query) -> None:
    other = make()

    def a_worker_is_quicker(_):
        job = other.get("t", "j")
        if job.version == 1:
            other.replace(job, claimed(job))

    store = make(sleep=a_worker_is_quicker)
    proxy.faults.add("lost reply", "*", when=lambda call: call.is_write)
    job = export(query=query, idempotency_key=key)
    added = add(store, job)
    assert (added.replayed, added.job.job_id) == (False, "j")


def test_js3_nobody_can_tell_whether_an_add_was_done_before_others_wrote(make, proxy) -> None:
    other = make()
    store = make(sleep=lambda _: other.replace(other.get("t", "j"), claimed(other.get("t", "j"))))
    proxy.faults.add("lost reply", "PutItem")
    with pytest.raises(OutcomeUnknownError):
        store.add(export())


# ---- batches -------------------------------------------------------------------------------------------


def test_js6_a_page_of_many_tenants_with_many_jobs(make, monkeypatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 2)
    store = make()
    for tenant in range(30):
        for n in range(5):
            store.add(export(f"j{n}", f"t{tenant:02}", at=n))
    jobs = store.due(after(9), limit=1_000, per_tenant=5)
    assert len(jobs) == 150
    assert [job.job_id for job in jobs[:60]] == ["j0"] * 30 + ["j1"] * 30


@pytest.mark.parametrize("few", [500, 1])
def test_js6_what_is_read_is_what_is_given(make, proxy, monkeypatch, few) -> None:
    monkeypatch.setattr(queue, "_FEW", few)
    store = make()
    for tenant in range(12):
        for n in range(5):
            store.add(export(f"j{n}", f"t{tenant:02}", at=n))
    proxy.forget()
    jobs = store.due(after(9), limit=10, per_tenant=5)
    assert len({job.tenant_id for job in jobs}) == len(jobs) == 10
    asked = [call.request["RequestItems"] for call in proxy.calls if call.operation == "BatchGetItem"]
    assert sum(len(one[make.table]["Keys"]) for one in asked) == 10


def test_a_batch_that_is_handed_back_again_and_again_pauses_and_ends(make, proxy) -> None:
    pauses = []
    store = make(sleep=pauses.append)
    store.add(export())
    proxy.faults.add("unprocessed", "BatchGetItem", times=10_000)
    with pytest.raises(BackendUnavailableError):
        store.due(after(9), limit=1)
    assert 3 < len(pauses) < 20
