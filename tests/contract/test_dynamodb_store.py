"""The job store on DynamoDB where replies are lost, calls are refused, and items vanish."""

from __future__ import annotations

import functools
import math
import os
import uuid
from datetime import timedelta

import pytest

from spectra.adapters.aws.dynamodb import DynamoDBJobStore, queue
from spectra.adapters.aws.dynamodb.layout import lanes_of
from spectra.adapters.aws.dynamodb.table import create_table
from spectra.domain import JobState
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    ClosedError,
    IdempotencyConflictError,
    JobConflictError,
    JobNotFoundError,
    OutcomeUnknownError,
    TenantBusyError,
)
from spectra.testing import ManualClock
from spectra.testing.dynamodb import FaultProxy
from spectra.testing.samples import aborted, after, claimed, completed, export, load, settled, uploaded

STATEMENT = "select " + ", ".join(f"t.column_{n} as c{n}" for n in range(200)) + " from t"


@pytest.fixture
def proxy(local_dynamodb):
    with FaultProxy(local_dynamodb.endpoint) as proxy:
        yield proxy


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def make(dynamodb_table, local_dynamodb, proxy, clock):
    """Makes stores of one table, behind the proxy; they never sleep."""
    table = dynamodb_table(f"n{uuid.uuid4().hex}")
    stores = []

    def make(**more):
        client = functools.partial(local_dynamodb.client, endpoint=proxy.endpoint, total_max_attempts=1)
        facts = {"client": client, "clock": clock, "sleep": lambda _: None, **more}
        stores.append(DynamoDBJobStore(table, **facts))
        return stores[-1]

    make.table = table
    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make):
    return make()


@pytest.fixture
def items(make, dynamodb_table):
    """All items of the table, as (pk, sk)."""

    def items():
        found = dynamodb_table.client.scan(TableName=make.table, ConsistentRead=True)["Items"]
        return sorted((item["pk"]["S"], item["sk"]["S"]) for item in found)

    return items


def writes(proxy):
    return [call for call in proxy.calls if call.is_write]


# ---- lost replies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["lost reply", "failed reply"])
@pytest.mark.parametrize("job", [export(), export(idempotency_key="k"), export(query=STATEMENT)], ids=str)
def test_js3_an_add_whose_reply_is_lost_is_done_once(store, proxy, items, job, kind) -> None:
    proxy.faults.add(kind, "*", when=lambda call: call.is_write)
    added = store.add(job)
    assert (added.job, added.replayed) == (job.evolved(version=1), False)
    assert proxy.faults.pending == 0
    assert store.get("t", "j") == added.job


@pytest.mark.parametrize("kind", ["lost reply", "failed reply"])
@pytest.mark.parametrize("limit", [None, 1])
def test_js2_a_replace_whose_reply_is_lost_is_done_once(store, proxy, kind, limit) -> None:
    job = store.add(export()).job
    for step in (claimed, completed):
        proxy.faults.add(kind, "*", when=lambda call: call.is_write)
        job = store.replace(job, step(job), limit=limit if step is claimed else None)
        assert store.get("t", "j") == job
    assert (job.version, proxy.faults.pending) == (3, 0)
    other = store.add(export("other")).job
    store.replace(other, claimed(other), limit=1)


def test_js2_nobody_can_tell_whether_a_write_was_done_before_others_wrote(make, proxy) -> None:
    other = make()
    job = other.add(export()).job

    def somebody_else_writes(_):
        now = other.get("t", "j")
        if now.version == 2:
            other.replace(now, aborted(now))

    store = make(sleep=somebody_else_writes)
    proxy.faults.add("lost reply", "PutItem")
    with pytest.raises(OutcomeUnknownError):
        store.replace(job, claimed(job))
    assert other.get("t", "j").state is JobState.ABORTED


def test_js2_a_lost_try_that_was_not_done_is_a_plain_conflict(make, proxy) -> None:
    other = make()
    job = other.add(export()).job

    def somebody_else_writes(_):
        other.replace(job, aborted(job))

    store = make(sleep=somebody_else_writes)
    proxy.faults.add("internal", "PutItem")
    with pytest.raises(JobConflictError) as caught:
        store.replace(job, claimed(job))
    assert caught.value.job == other.get("t", "j")


def test_js9_a_delete_whose_reply_is_lost(store, proxy, items) -> None:
    store.add(export(idempotency_key="k", query=STATEMENT))
    proxy.faults.add("lost reply", "TransactWriteItems")
    store.delete("t", "j")
    assert items() == []


# ---- what passes, and what does not ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["throttle", "rate", "conflict", "internal", "unavailable", "cut"])
def test_what_passes_is_repeated(store, proxy, kind) -> None:
    proxy.faults.add(kind, "PutItem", times=3)
    job = store.add(export()).job
    proxy.faults.add(kind, "TransactWriteItems", times=3)
    job = store.replace(job, claimed(job), limit=1)
    if kind != "conflict":
        proxy.faults.add(kind, "GetItem", times=3)
    assert store.get("t", "j") == job
    assert proxy.faults.pending == 0


@pytest.mark.parametrize("kind", ["throttle", "rate", "conflict"])
def test_what_does_not_pass_was_not_done(store, proxy, kind) -> None:
    job = store.add(export()).job
    before = len(writes(proxy))
    proxy.faults.add(kind, "PutItem", times=100)
    with pytest.raises(BackendUnavailableError) as caught:
        store.replace(job, claimed(job))
    assert caught.value.__cause__ is not None
    assert 1 < len(writes(proxy)) - before <= 10
    proxy.faults.clear()
    assert store.get("t", "j") == job


@pytest.mark.parametrize("kind", ["internal", "unavailable", "failed reply", "lost reply"])
def test_what_may_have_been_done_is_said_to_be_unknown(store, proxy, kind) -> None:
    proxy.faults.add(kind, "PutItem", times=100)
    with pytest.raises(OutcomeUnknownError):
        store.add(export())
    proxy.faults.clear()
    proxy.faults.add(kind, "GetItem", times=100)
    with pytest.raises(BackendUnavailableError):
        store.get("t", "j")


def test_a_server_that_is_not_there() -> None:
    import boto3

    client = boto3.client(
        "dynamodb",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    with DynamoDBJobStore("t", client=client, sleep=lambda _: None) as store:
        # The client repeats by itself; yet none of its tries can have been sent.
        with pytest.raises(BackendUnavailableError):
            store.add(export())


def test_a_table_that_is_not_there(local_dynamodb) -> None:
    with DynamoDBJobStore("nowhere", client=local_dynamodb.client) as store:
        for call in (lambda: store.add(export()), lambda: store.get("t", "j"), lambda: store.find("t")):
            with pytest.raises(BackendError, match="does not exist; deploy the template"):
                call()


def test_a_client_that_repeats_by_itself_leaves_doubt(make, proxy, local_dynamodb) -> None:
    store = make(client=local_dynamodb.client(endpoint=proxy.endpoint, total_max_attempts=2))
    proxy.faults.add("failed reply", "PutItem", times=1)
    proxy.faults.add("throttle", "PutItem", times=100)
    with pytest.raises(OutcomeUnknownError):
        store.add(export())
    proxy.faults.clear()
    assert store.get("t", "j").version == 1


def test_what_a_batch_hands_back_is_read_again(store, proxy) -> None:
    for n in range(5):
        store.add(export(f"j{n}", at=n))
    proxy.faults.add("unprocessed", "BatchGetItem", times=2)
    assert [job.job_id for job in store.due(after(9), limit=10)] == [f"j{n}" for n in range(5)]
    assert proxy.faults.pending == 0


def test_js9_after_close_nothing_is_called(store, proxy) -> None:
    job = store.add(export()).job
    store.close()
    before = len(proxy.calls)
    calls = [
        lambda: store.add(export("k")),
        lambda: store.get("t", "j"),
        lambda: store.replace(job, claimed(job)),
        lambda: store.find("t", states=[]),
        lambda: store.due(after(1), limit=1),
        lambda: store.live(limit=1),
        lambda: store.backlog(after(1)),
        lambda: store.delete("t", "j"),
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()
    assert len(proxy.calls) == before


# ---- places ------------------------------------------------------------------------------------------


def test_js4_a_process_that_has_not_seen_the_claim_gives_the_place_back(make) -> None:
    job = make().add(export()).job
    running = make().replace(job, claimed(job), limit=1)
    renewed = make().replace(running, running.renew(at=after(5), worker="w", until=after(90)))
    make().replace(renewed, completed(renewed))
    other = make().add(export("other")).job
    assert make().replace(other, claimed(other), limit=1).state is JobState.IN_PROGRESS


def test_js4_a_wrong_memory_of_a_place_costs_one_more_write(make, proxy) -> None:
    store, elsewhere = make(), make()
    job = store.add(export()).job
    job = elsewhere.replace(job, claimed(job), limit=1)
    before = len(writes(proxy))
    store.replace(job, completed(job))
    assert [call.operation for call in writes(proxy)[before:]] == ["PutItem", "TransactWriteItems"]


def test_js4_the_place_of_an_item_that_vanished_heals(make, dynamodb_table, clock) -> None:
    store = make()
    for name in "ab":
        job = store.add(export(name)).job
        store.replace(job, claimed(job), limit=2)
    dynamodb_table.client.delete_item(TableName=make.table, Key={"pk": {"S": "t"}, "sk": {"S": "j#a"}})
    third, fourth = store.add(export("c")).job, store.add(export("d")).job
    store.replace(third, claimed(third), limit=2)
    with pytest.raises(TenantBusyError):
        store.replace(fourth, claimed(fourth), limit=2)


def test_js4_places_are_looked_at_once_a_minute(make, proxy, clock) -> None:
    store = make()
    first = store.add(export("a")).job
    store.replace(first, claimed(first), limit=1)
    job = store.add(export("b")).job
    for wait, looks in [(0, 1), (59, 0), (1, 1), (5, 0)]:
        clock.instant += timedelta(seconds=wait)
        proxy.forget()
        with pytest.raises(TenantBusyError):
            store.replace(job, claimed(job), limit=1)
        assert sum(call.operation == "BatchGetItem" for call in proxy.calls) == looks


def test_js4_without_a_limit_a_claim_is_one_plain_put(store, proxy) -> None:
    job = store.add(export()).job
    job = store.replace(job, claimed(job))
    store.replace(job, completed(job))
    assert [call.operation for call in proxy.calls] == ["PutItem"] * 3


# ---- large statements, keys, what remains --------------------------------------------------------------


def test_js1_a_large_statement_is_written_once(store, proxy, items) -> None:
    job = store.add(export(query=STATEMENT)).job
    assert len(items()) == 2
    proxy.forget()
    job = store.replace(job, claimed(job), limit=1)
    job = store.replace(job, completed(job))
    assert all("lz" not in str(call.request) and STATEMENT not in str(call.request) for call in writes(proxy))
    for look in (
        lambda: store.get("t", "j"),
        lambda: store.find("t").jobs[0],
        lambda: store.due(after(99 * 86_400), limit=1)[0],
    ):
        assert look() == job
    store.delete("t", "j")
    assert items() == [("t", "p")]  # the tenant's places, of which none is taken


def test_js1_statements_of_tenants_with_equal_job_ids_are_not_mixed_up(store) -> None:
    mine = store.add(export("j", "t", query=STATEMENT)).job
    theirs = store.add(export("j", "u", query=STATEMENT + " where 1 = 2")).job
    assert sorted(store.due(after(9), limit=9), key=str) == [mine, theirs]
    assert sorted(store.live(limit=9).jobs, key=str) == [mine, theirs]


def test_js2_a_replace_may_bring_another_statement(make, items) -> None:
    store = make()
    small = store.add(export()).job
    large = store.replace(small, export(query=STATEMENT))
    assert make().get("t", "j") == large
    # Of *old* only the version counts: this one never was what is stored.
    never = export(query=STATEMENT + "2").evolved(version=2)
    other = store.replace(never, claimed(never))
    assert make().get("t", "j") == other


def test_js3_the_key_of_a_deleted_or_expired_job(store, clock, items) -> None:
    job = store.add(export("a", idempotency_key="k")).job
    for step in (claimed, completed):
        job = store.replace(job, step(job))
    clock.instant = job.ttl
    taken = store.add(export("b", idempotency_key="k", query="select 2")).job
    store.delete("t", "a")
    assert store.add(export("c", idempotency_key="k", query="select 2")).job == taken
    with pytest.raises(IdempotencyConflictError):
        store.add(export("c", idempotency_key="k"))
    store.delete("t", "b")
    assert items() == []


def test_js3_the_key_of_an_item_that_vanished_is_free(make, dynamodb_table) -> None:
    store = make()
    store.add(export("a", idempotency_key="k"))
    dynamodb_table.client.delete_item(TableName=make.table, Key={"pk": {"S": "t"}, "sk": {"S": "j#a"}})
    assert not store.add(export("b", idempotency_key="k")).replayed


def test_js7_dynamodb_itself_deletes_a_week_later(dynamodb_table, make) -> None:
    """By its own clock, one item after the other, some hours or days late: so all may be half gone."""
    client = dynamodb_table.client
    create_table(client, name := f"n{uuid.uuid4().hex}")
    told = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    client.delete_table(TableName=name)
    assert (told["AttributeName"], told["TimeToLiveStatus"] in ("ENABLING", "ENABLED")) == ("ttl", True)
    store = make()
    job = store.add(export(idempotency_key="k", query=STATEMENT)).job
    for step in (claimed, completed):
        job = store.replace(job, step(job))
    client.delete_item(TableName=make.table, Key={"pk": {"S": "t"}, "sk": {"S": "j#j"}})
    assert store.find("t").jobs == ()
    assert [*store.due(after(99 * 86_400), limit=9)] == []
    with pytest.raises(JobNotFoundError):
        store.replace(job, job.postponed(at=after(9), due_at=after(9)))
    store.delete("t", "j")
    assert not store.add(export("k", idempotency_key="k")).replayed


# ---- the stream ----------------------------------------------------------------------------------------


def test_only_what_a_worker_should_look_at_wakes_one(make, local_dynamodb, dynamodb_table) -> None:
    store = make()
    job = store.add(load()).job
    job = store.replace(job, uploaded(job))  # wakes
    job = store.replace(job, claimed(job), limit=1)
    job = store.replace(job, job.reschedule(at=after(3), due_at=after(4)))
    job = store.replace(job, aborted(job, at=5))  # wakes
    job = store.replace(job, job.postponed(at=after(6), due_at=after(7)))
    job = store.replace(job, settled(job, at=8))
    store.replace(job, job.expired(at=after(9)))
    store.add(export("e", query=STATEMENT, idempotency_key="k"))  # wakes
    store.add(export("f"))  # wakes
    store.delete("t", "f")

    arn = dynamodb_table.client.describe_table(TableName=make.table)["Table"]["LatestStreamArn"]
    streams = local_dynamodb.streams()
    woken = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for _ in range(20):
            answer = streams.get_records(ShardIterator=iterator)
            images = [record["dynamodb"].get("NewImage", {}) for record in answer["Records"]]
            woken += [store.job_of(image) for image in images if "wake" in image]
            if not answer["Records"] or "NextShardIterator" not in answer:
                break
            iterator = answer["NextShardIterator"]
    assert [(job.job_id, job.version, job.state) for job in woken] == [
        ("j", 2, JobState.UPLOAD_COMPLETE),
        ("j", 5, JobState.ABORTED),
        ("e", 1, JobState.UPLOAD_COMPLETE),
        ("f", 1, JobState.UPLOAD_COMPLETE),
    ]
    assert woken[2] == store.get("t", "e")


# ---- processes -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_it_can_be_used_on_both_sides_of_a_fork(store) -> None:
    job = store.add(export()).job
    child = os.fork()
    if not child:
        try:
            store.replace(job, claimed(job))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert store.get("t", "j").state is JobState.IN_PROGRESS


# ---- the index ---------------------------------------------------------------------------------------


def test_the_index_is_read_whole_while_it_is_small(store, proxy) -> None:
    for n in range(3):
        store.add(export(f"j{n}", f"t{n}"))
    proxy.forget()
    assert len(store.due(after(9), limit=9)) == 3
    assert store.backlog(after(9)).waiting == 3
    assert [call.operation for call in proxy.calls] == ["Scan", "BatchGetItem", "Scan"]


def test_a_large_index_is_read_by_lanes_and_not_tried_whole_again(store, proxy, monkeypatch) -> None:
    monkeypatch.setattr(queue, "_FEW", 2)
    for n in range(3):
        store.add(export(f"j{n}", f"t{n}"))
    proxy.forget()
    assert len(store.due(after(9), limit=9)) == 3
    assert store.backlog(after(9)).waiting == 3
    asked = [call.operation for call in proxy.calls]
    assert (asked[0], asked.count("Scan"), asked.count("BatchGetItem")) == ("Scan", 1, 1)
    assert asked.count("Query") >= 32 + 16
    monkeypatch.setattr(queue.time, "monotonic", lambda: math.inf)  # a minute later, it may have become small
    proxy.forget()
    store.due(after(9), limit=9)
    assert proxy.calls[0].operation == "Scan"


@pytest.mark.parametrize("few", [500, 1])
def test_js6_processes_that_live_for_one_call_begin_anywhere(store, monkeypatch, few) -> None:
    monkeypatch.setattr(queue, "_FEW", few)
    tenants = {lanes_of(tenant): tenant for tenant in (f"t{n}" for n in range(40))}
    assert len(tenants) == 16
    for tenant in tenants.values():
        store.add(export("j", tenant))
    reader = store._queue._reader
    for times in (1, 2):  # live jobs, and then the ended ones, whose lanes are others
        found = []
        for n in range(16):
            cold = queue.Queue(reader, uniform=lambda n=n: (n + 0.5) / 16)
            due = cold.due(after(99 * 86_400), limit=1, per_tenant=1, tenant_id=None)
            found += [job.tenant_id for job in due]
        assert sorted(found) == sorted(tenants.values())
        if times == 1:
            for tenant in tenants.values():
                job = store.get(tenant, "j")
                for step in (claimed, completed):
                    job = store.replace(job, step(job))
