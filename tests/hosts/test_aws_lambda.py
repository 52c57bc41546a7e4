"""The worker in Lambda, on the records of a real stream."""

from __future__ import annotations

import copy
import random
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import attrs
import pytest

from spectra import Caller, ExportSpec, LoadSpec, Settings, Spectra
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.dynamodb.table import STREAM_FILTER
from spectra.adapters.memory import MemoryJobStore, MemoryResultStore
from spectra.domain import Category, Counts, Effect, JobError, Progress, Session
from spectra.errors import BackendError, BackendUnavailableError, NotConfiguredError, OutcomeUnknownError
from spectra.hosts import aws_lambda
from spectra.hosts.aws_lambda import StreamWorker
from spectra.ports import Execution, Status
from spectra.testing import Faults, FaultyJobStore, ManualClock
from spectra.testing.dynamodb import StreamPump, passes
from tests.hosts.function import ME, Context
from tests.services.scripted import Scripted, facts_of

RUNNING = Execution(status=Status.RUNNING)
SUCCEEDED = Execution(status=Status.SUCCEEDED, counts=Counts(total=1, succeeded=1))
LONG = "select '" + "x" * 5_000 + "'"


def test_an_export_begins_by_its_own_record_without_a_read(function):
    job = function.export()
    assert function.pump.pump(function) == 1
    assert function.job(job).state == "InProgress"
    assert function.begun() == {f"{job}/1": 1}
    assert function.faults.calls == ["replace"]  # the claim; the record's image is the job
    (delivery,) = function.pump.deliveries
    image = delivery.records[0]["dynamodb"]["NewImage"]
    assert isinstance(image["w"]["B"], str) and delivery.failed == []


def test_a_short_export_costs_three_writes_and_no_read_but_the_look_for_what_is_due(function):
    job = function.export()  # the first
    function.pump.pump(function)
    function.warehouse.executions = [SUCCEEDED]
    function.clock.advance(seconds=3)
    function.worker.on_schedule({}, function.context)
    assert function.job(job).state == "JobComplete" and function.job(job).version == 3
    assert [call for call in function.faults.calls if call != "due"] == ["replace", "replace"]


def test_a_large_statement_is_read_where_it_is(function):
    job = function.export(LONG)
    function.pump.pump(function)
    ((_, task),) = [call for call in function.warehouse.calls if call[0] == "start"]
    assert task.spec.query == LONG and function.job(job).state == "InProgress"


def test_each_write_of_a_host_passes_once_and_no_write_of_a_worker(function):
    pump, schedule = function.pump, function.worker.on_schedule
    warehouse = function.warehouse
    warehouse.handle = "h1"

    # A load: made, closed, begun, seen running, failed for a while, begun again, complete, expired.
    load = function.load()
    assert pump.pump(function) == 0
    function.host.jobs.close_upload(ME, load.job_id)
    assert pump.pump(function) == 1
    busy = JobError.of("BUSY", Category.TRANSIENT, "later")
    warehouse.executions = [
        attrs.evolve(RUNNING, progress=Progress(5, 10.0)),
        Execution(status=Status.FAILED, error=busy),
        RUNNING,
        SUCCEEDED,
    ]
    states = []
    for _ in range(8):
        function.clock.advance(seconds=400)
        assert schedule({}, function.context)["failed"] == 0
        states.append(str(function.job(load).state))
    assert states[-1] == "JobComplete" and function.begun() == {f"{load}/1": 1, f"{load}/2": 1}

    # An export that is aborted while it runs, and takes two steps to settle.
    warehouse.executions = [RUNNING]
    export = function.export()
    assert pump.pump(function) == 1
    function.host.jobs.abort(ME, export.job_id)
    warehouse.effects = [Effect.PENDING, Effect.NONE]
    assert pump.pump(function) == 1
    assert function.job(export).is_settling
    function.clock.advance(seconds=10)
    schedule({}, function.context)
    assert function.job(export).effect is Effect.NONE

    # One that is aborted before it begins needs nobody; one that fails; an upload that is never closed.
    idle = function.load()
    function.host.jobs.abort(ME, idle.job_id)
    broken = function.export()
    assert pump.pump(function) == 1
    warehouse.executions = [
        Execution(status=Status.FAILED, error=JobError.of("BAD", Category.VALIDATION, "no"))
    ]
    function.clock.advance(seconds=10)
    schedule({}, function.context)
    assert function.job(broken).state == "Failed"
    forgotten = function.load()
    function.clock.advance(hours=30)
    assert schedule({}, function.context)["complete"]
    assert function.job(forgotten).state == "Aborted"
    function.clock.advance(hours=24 * 10)
    for _ in range(5):
        schedule({}, function.context)
    left = function.client.scan(TableName=function.table)["Items"]
    assert {item["sk"]["S"] for item in left} <= {"p"}  # the tenant's places, of which none is taken

    pump.pump(function)
    assert function.passed() == ["UploadComplete", "UploadComplete", "Aborted", "UploadComplete"]
    assert pump.filtered > 20  # the worker's own, and hosts' that need no worker
    assert [delivery.failed for delivery in pump.deliveries] == [[]] * 4


@pytest.mark.parametrize("seed", range(3))
def test_duplicates_and_reordered_records_begin_nothing_twice(function, seed):
    dice = random.Random(seed)

    def rearrange(records):
        told = [*records, *(copy.deepcopy(one) for one in records if dice.random() < 0.7)]
        dice.shuffle(told)
        return told

    function.pump.rearrange = rearrange
    jobs = [function.export(f"select {n}") for n in range(8)]
    for job in jobs[:3]:
        function.spectra.worker(attached=False).advance(job)
        function.host.jobs.abort(ME, job.job_id)  # both records, in any order
    function.pump.pump(function)
    function.pump._iterators.clear()
    function.pump.pump(function)  # the whole stream once more
    assert set(function.begun().values()) == {1} and len(function.begun()) == 8
    now = [function.job(job) for job in jobs]
    assert [str(job.state) for job in now] == ["Aborted"] * 3 + ["InProgress"] * 5
    assert all(job.effect is Effect.NONE for job in now[:3])
    assert not function.pump.given_up


@pytest.mark.parametrize("error", [BackendUnavailableError("away"), OutcomeUnknownError("lost")])
def test_only_a_store_that_is_away_makes_lambda_give_a_record_again(function, error):
    jobs = [function.export(f"select {n}") for n in range(4)]
    kind = (
        function.faults.fail_before if type(error) is BackendUnavailableError else function.faults.fail_after
    )
    kind("replace", error, when=lambda old, new, **_: old.job_id == jobs[1].job_id)
    function.pump.pump(function)
    first, second = function.pump.deliveries
    numbers = [record["dynamodb"]["SequenceNumber"] for record in first.records]
    assert first.failed == [numbers[1]]
    assert [record["dynamodb"]["SequenceNumber"] for record in second.records] == numbers[1:]
    assert second.failed == []
    # What was claimed but never begun is found by what is due: its lease is a few seconds.
    function.clock.advance(seconds=60)
    function.warehouse.executions = [Execution(status=Status.LOST)]
    function.worker.on_schedule({}, function.context)
    assert all(function.job(job).state == "InProgress" for job in jobs)
    assert max(function.begun().values()) == 1


def test_a_store_that_stays_away_gives_records_up_and_loses_none(function):
    jobs = [function.export(f"select {n}") for n in range(3)]
    function.faults.fail_before("replace", BackendUnavailableError("away"), times=1_000)
    function.pump.max_retries = 3
    function.pump.pump(function)
    assert len(function.pump.given_up) == 3 and len(function.pump.deliveries) == 4
    function.faults.clear()
    assert function.worker.on_schedule({}, function.context) == {"touched": 3, "failed": 0, "complete": True}
    assert all(function.job(job).state == "InProgress" for job in jobs)


def test_a_warehouse_that_is_away_blocks_no_shard(function, caplog):
    job = function.export()
    function.warehouse.ready_error = BackendUnavailableError("the warehouse is away")
    function.pump.pump(function)
    assert [one.failed for one in function.pump.deliveries] == [[]]
    assert facts_of(caplog, "step.failed")[0]["job"] == str(job)
    assert function.job(job) == job
    function.warehouse.ready_error = None
    function.worker.on_schedule({}, function.context)
    assert function.job(job).state == "InProgress"


def test_poison_is_passed_and_what_stands_behind_it_is_done(function, caplog):
    jobs = [function.export(f"select {n}") for n in range(2)]

    function.pump.pump(lambda event: {})
    records = [record for record in function.pump.seen if passes(STREAM_FILTER, record)]
    bad = []
    for change in (
        lambda image: image.update(sv={"N": "999"}),
        lambda image: image.pop("sk"),
        lambda image: image.update(op={"S": "dance"}),
        lambda image: image.update(hi={"S": "{"}),
        lambda image: image.update(sk={"S": "p"}),  # no job's
    ):
        record = copy.deepcopy(records[0])
        change(record["dynamodb"]["NewImage"])
        bad.append(record)
    bad += [{"eventID": "x", "dynamodb": {"SequenceNumber": "1"}}, {"eventID": "y"}]
    assert function({"Records": [*bad, *records]}) == {"batchItemFailures": []}
    assert all(function.job(job).state == "InProgress" for job in jobs)
    codes = [fact["code"] for fact in facts_of(caplog, "record.unreadable")]
    assert codes[0] == "NEWER_SCHEMA" and len(codes) == 5


def test_what_is_no_job_of_the_table_begins_nothing(function, caplog):
    function.export(LONG)
    function.host.jobs.create(ME, ExportSpec(query="select 1"), idempotency_key="k")
    removed = function.load()
    function.host.jobs.abort(ME, removed.job_id)
    function.host.job_store.delete("acme", removed.job_id)
    function.pump.pattern = {}  # as if somebody had forgotten the filter
    function.pump.pump(function)
    kinds = {record["dynamodb"]["Keys"]["sk"]["S"][0] for record in function.pump.seen}
    assert kinds >= {"j", "s", "k", "p"}
    assert "REMOVE" in {record["eventName"] for record in function.pump.seen}
    assert len(function.begun()) == 2 and set(function.begun().values()) == {1}
    assert all(one.failed == [] for one in function.pump.deliveries)
    assert not facts_of(caplog, "record.unreadable") and not facts_of(caplog, "record.without_image")


def test_a_stream_without_images_is_told(function, caplog):
    function.export()
    function.pump.pump(lambda event: {})
    records = copy.deepcopy(function.pump.seen)
    for record in records:
        del record["dynamodb"]["NewImage"]
    assert function({"Records": records}) == {"batchItemFailures": []}
    assert "NEW_IMAGE" in facts_of(caplog, "record.without_image")[0]["why"]


@pytest.mark.parametrize("event", [{}, {"records": []}, []], ids=str)
def test_what_is_no_batch_fails_for_all_to_see(function, event):
    with pytest.raises((TypeError, KeyError, ValueError)):
        function(event)


def test_an_empty_batch(function):
    assert function({"Records": []}) == {"batchItemFailures": []}


def test_an_invocation_without_its_time_fails_as_a_whole(function):
    job = function.export()
    function.pump.pump(lambda event: {})
    for handler in (function.worker.on_stream, function.worker.on_schedule):
        with pytest.raises(AttributeError, match="get_remaining_time_in_millis"):
            handler({"Records": function.pump.seen}, None)
    assert function.job(job) == job


def test_nothing_of_a_statement_or_a_session_is_logged(function, caplog):
    caplog.set_level("DEBUG", "spectra")
    spec = ExportSpec(query="select 'hunter2' as a, :p as b", parameters={"p": "hunter2"})
    me = Caller("acme", session=Session("hunter2"))
    jobs = [function.host.jobs.create(me, spec, labels={"a": "hunter2"}).job for _ in range(5)]
    function.pump.pump(lambda event: {})
    poison = copy.deepcopy(function.pump.seen[0])
    poison["dynamodb"]["NewImage"]["op"] = {"S": "dance"}
    function.faults.fail_before(
        "replace", BackendError("broken"), when=lambda old, new, **_: old.job_id == jobs[0].job_id
    )
    told = function({"Records": [poison, *function.pump.seen]})
    function.warehouse.executions = [
        Execution(status=Status.FAILED, error=JobError.of("BAD", Category.VALIDATION, "hunter2")),
        Execution(status=Status.FAILED, error=JobError.of("LATER", Category.TRANSIENT, "hunter2")),
        SUCCEEDED,
        Execution(status=Status.LOST),
    ]
    for _ in range(4):
        function.clock.advance(seconds=400)
        told |= function.worker.on_schedule({}, function.context)
    assert {str(function.job(job).state) for job in jobs} >= {"JobComplete", "Failed"}
    assert len(caplog.records) > 10
    assert "hunter2" not in caplog.text + repr(told) + repr([vars(one) for one in caplog.records])


def test_attached_work_is_refused_before_it_is_claimed(function, caplog):
    function.warehouse.is_detached = False
    jobs = [function.export(f"select {n}") for n in range(3)]
    function.pump.pump(function)
    function.worker.on_schedule({}, function.context)
    assert [function.job(job) for job in jobs] == jobs
    assert function.begun() == {} and function.faults.calls.count("replace") == 0
    assert len(facts_of(caplog, "work.left")) == 1
    # Of a worker that stays and has died: its lease has run out, and still it is not for a function.
    claimed = function.host.worker().advance(jobs[0])
    function.clock.advance(hours=1)
    function.warehouse.executions = [Execution(status=Status.LOST)]
    function.worker.on_schedule({}, function.context)
    assert function.job(jobs[0]) == claimed
    # What ends a job needs no such worker.
    function.host.jobs.abort(ME, jobs[0].job_id)
    function.pump.pump(function)
    assert function.job(jobs[0]).effect is Effect.NONE


def test_no_step_begins_without_time_for_it(function, caplog):
    jobs = [function.export(f"select {n}") for n in range(3)]
    function.context.seconds = 9.9
    function.pump.pump(function)
    assert [one.failed for one in function.pump.deliveries] == [[]]
    assert len(facts_of(caplog, "record.late")) == 3 and function.begun() == {}
    told = function.worker.on_schedule({}, function.context)
    assert told == {"touched": 0, "failed": 0, "complete": False}

    class Passing(Context):
        def get_remaining_time_in_millis(self) -> int:
            self.seconds -= 1
            return int(self.seconds * 1_000)

    told = function.worker.on_schedule({}, Passing(12.5))  # 11.5, 10.5, and then too little
    assert told == {"touched": 2, "failed": 0, "complete": False}
    assert len(function.begun()) == 2
    function.worker.on_schedule({}, Context(60))
    assert len(function.begun()) == 3
    assert all(function.job(job).state == "InProgress" for job in jobs)


def test_a_schedule_without_a_store_fails_for_all_to_see(function):
    function.faults.fail_before("due", BackendUnavailableError("away"))
    with pytest.raises(BackendUnavailableError):
        function.worker.on_schedule({}, function.context)


def test_a_schedule_goes_on_after_a_step_that_failed(function):
    jobs = [function.export(f"select {n}") for n in range(2)]
    function.faults.fail_before(
        "replace", BackendError("broken"), when=lambda old, new, **_: old.job_id == jobs[0].job_id
    )
    told = function.worker.on_schedule({}, function.context)
    assert told == {"touched": 2, "failed": 1, "complete": True}
    assert function.job(jobs[1]).state == "InProgress"


def test_a_poll_never_waits(function):
    function.export()
    function.pump.pump(function)
    function.clock.advance(seconds=10)
    function.worker.on_schedule({}, function.context)
    assert [call[2] for call in function.warehouse.calls if call[0] == "poll"] == [0, 0]


def test_a_poll_comes_as_late_as_the_settings_allow(function):
    function.spectra.settings
    job = function.export()
    worker = Spectra(
        job_store=function.host.job_store,
        executor=function.warehouse,
        result_store=function.results,
        settings=Settings(max_poll_seconds=30),
        clock=function.clock,
    ).worker(attached=False)
    job = worker.advance(job)
    for _ in range(20):
        assert job.due_at - function.clock.now() <= timedelta(seconds=30)
        function.clock.instant = job.due_at
        job = worker.advance(job)
    assert job.due_at - function.clock.now() == timedelta(seconds=30)


def test_stores_without_a_stream_are_refused():
    results = MemoryResultStore()
    spectra = Spectra(job_store=MemoryJobStore(), executor=Scripted(), result_store=results)
    with pytest.raises(NotConfiguredError, match="MemoryJobStore"):
        StreamWorker(spectra)


def test_the_handlers_are_made_of_the_environment(function, environment):
    assert aws_lambda.on_schedule({}, Context()) == {"touched": 0, "failed": 0, "complete": True}
    function.load()  # its record is let through: one that asks for nobody
    function.pump.pattern = {}
    assert function.pump.pump(lambda event: aws_lambda.on_stream(event, Context())) == 1
    assert [one.failed for one in function.pump.deliveries] == [[]]


def test_the_filter():
    image = {"dynamodb": {"NewImage": {"wake": {"N": "1"}, "st": {"S": "UploadComplete"}}}}
    assert passes(STREAM_FILTER, image)
    assert not passes(STREAM_FILTER, {"dynamodb": {"NewImage": {"st": {"S": "UploadComplete"}}}})
    assert not passes(STREAM_FILTER, {"dynamodb": {"NewImage": {"wake": {"N": "2"}}}})
    assert not passes(STREAM_FILTER, {"dynamodb": {"Keys": {}}})
