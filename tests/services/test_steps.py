"""One step at a time, to the letter: what is written, told, logged, and asked of the executor."""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import timedelta
from typing import Any

import attrs
import pytest

from spectra.adapters.memory import MemoryJobStore
from spectra.domain import (
    Category,
    Column,
    Counts,
    Effect,
    Files,
    JobError,
    Part,
    Progress,
    Upload,
)
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    JobConflictError,
    OutcomeUnknownError,
    TenantBusyError,
    WaitTimeoutError,
    WarehouseLockedError,
)
from spectra.ports import Area, Execution, Status
from spectra.services import Round
from spectra.services.results import read_manifest, write_manifest
from spectra.testing import Faults, FaultyJobStore, FaultyResultStore, ManualClock
from spectra.testing.samples import DAY, after, export
from tests.services.scripted import RETENTION, Scripted, Stage, facts_of

S = timedelta(seconds=1)
REFUSED = JobError("QUERY_ERROR", Category.VALIDATION, "no such column")
AWAY = JobError("LOCKED", Category.TRANSIENT, "try again")
COUNTS = Counts(total=3, succeeded=2, failed=1)


@pytest.fixture
def stage() -> Stage:
    return Stage.build()


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def files(stage: Stage, *, kind: str = "results", attempt: int = 1, columns: int = 1) -> Files:
    folder = stage.results.location("t", "j", Area.RESULTS if kind == "results" else Area.FAILED, attempt)
    return Files(
        parts=(Part(folder + "part-0.csv", 5, 2), Part(folder + "part-1.csv", 6, 1)),
        columns=tuple(Column(f"c{n}", "INT") for n in range(columns)),
        bytes=11,
        rows=3,
    )


# ---- claiming -----------------------------------------------------------------------------------------


def test_a_claim(stage: Stage, caplog: Any) -> None:
    job = stage.export()
    stage.clock.advance(seconds=7)
    claimed = stage.driver.start(job)
    assert (claimed.state, claimed.attempt, claimed.version) == ("InProgress", 1, 2)
    assert (claimed.lease.worker, claimed.lease.until, claimed.due_at) == ("me", after(67), after(67))
    assert claimed == stage.store.get("t", "j")
    (event,) = stage.told
    assert (event.name, event.before, event.job, event.at) == (
        "job.claimed",
        "UploadComplete",
        claimed,
        after(7),
    )
    assert facts_of(caplog, "job.claimed") == [
        {
            "job": "t/j",
            "state": "InProgress",
            "attempt": 1,
            "version": 2,
            "worker": "me",
            "seconds_waiting": 7.0,
        }
    ]
    assert stage.faults == ["after-claim"]
    (_, task), looked = stage.executor.calls
    assert looked == ("poll", task, 0)
    assert (task.tenant_id, task.job_id, task.attempt, task.group) == ("t", "j", 1, "g")
    assert (task.results, task.failed) == (
        stage.results.location("t", "j", Area.RESULTS, 1),
        stage.results.location("t", "j", Area.FAILED, 1),
    )
    assert (task.claimed_at, task.spec, task.session, task.handle) == (after(7), job.spec, job.session, None)


def test_a_claim_within_a_limit() -> None:
    stage = Stage.build(tenant_limit=1)
    stage.driver.start(stage.export("a"))
    with pytest.raises(TenantBusyError):
        stage.driver.start(stage.export("b"))
    worker = stage.worker()
    busy = stage.store.get("t", "b")
    assert worker.advance(busy) == busy
    assert (stage.told[-1].name, stage.told[-1].before) == ("claim.refused", "UploadComplete")
    assert stage.told[-1].facts == {"worker": "me"}
    # The tenant rests for three seconds; a job that runs already does not.
    assert worker._due(after(1), 10) == []
    assert [job.job_id for job in worker._due(after(3.001), 10)] == ["b"]


def test_a_handle_of_attached_work_is_not_written(stage: Stage) -> None:
    stage.executor.handle = "h/1"
    job = stage.driver.start(stage.export())
    assert (job.handle, job.version) == ("h/1", 2)
    assert stage.store.get("t", "j").handle is None


def test_a_handle_of_detached_work_is_written_at_once(stage: Stage) -> None:
    stage.executor.handle, stage.executor.is_detached = "h/1", True
    job = stage.driver.start(stage.export())
    assert (job.handle, job.version, job.progress) == ("h/1", 3, Progress(0))
    assert stage.store.get("t", "j") == job
    assert [event.name for event in stage.told] == ["job.claimed", "job.progressed"]
    assert job.lease.until == after(2)  # the first look is soon


def test_a_start_that_fails_is_tried_again(stage: Stage, caplog: Any) -> None:
    stage.executor.start_error = BackendUnavailableError("no route")
    job = stage.driver.start(stage.export())
    assert (job.state, job.lease, job.attempt, job.due_at) == ("InProgress", None, 1, after(1))
    assert (job.last_error.code, job.last_error.category) == ("BACKEND_UNAVAILABLE", "transient")
    assert job.last_error.message == str(BackendUnavailableError("no route"))
    assert [event.name for event in stage.told] == ["job.claimed", "job.rescheduled"]
    assert facts_of(caplog, "job.rescheduled")[0]["error"] == "BACKEND_UNAVAILABLE"
    assert stage.executor.names() == ["start", "cancel"]
    assert stage.executor.calls[-1][2] is False  # another attempt follows: the ledger stays open for it


# ---- the first look -------------------------------------------------------------------------------------


def test_work_that_is_over_at_once_ends_in_the_step_that_began_it(stage: Stage) -> None:
    stage.executor.handle, stage.executor.is_detached = "h/1", True
    stage.executor.executions = [
        Execution(status=Status.SUCCEEDED, counts=COUNTS, results=files(stage), warnings=("w",))
    ]
    done = stage.driver.start(stage.export())
    assert (done.state, done.attempt, done.counts, done.warnings) == ("JobComplete", 1, COUNTS, ("w",))
    # Added, claimed, completed: a handle is for those who look later.
    assert (done.version, stage.store.get("t", "j")) == (3, done)
    assert [event.name for event in stage.told] == ["job.claimed", "job.completed"]
    assert [event.before for event in stage.told] == ["UploadComplete", "InProgress"]
    assert stage.faults == ["after-claim", "before-manifest", "before-complete"]
    assert [(name, *rest[1:]) for name, *rest in stage.executor.calls] == [("start",), ("poll", 0)]
    assert stage.executor.calls[1][1].handle == "h/1"


def test_work_that_is_refused_at_once_ends_in_the_step_that_began_it(stage: Stage) -> None:
    stage.executor.executions = [Execution(status=Status.FAILED, error=REFUSED)]
    failed = stage.driver.start(stage.export())
    assert (failed.state, failed.error, failed.version) == ("Failed", REFUSED, 3)
    stage.executor.executions = [Execution(status=Status.FAILED, error=AWAY)]
    later = stage.driver.start(stage.export("k"))
    assert (later.state, later.lease, later.last_error, later.due_at) == ("InProgress", None, AWAY, after(1))
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=COUNTS)]
    stage.clock.instant = after(1)
    done = stage.driver.carry_on(later)
    assert (done.state, done.attempt, done.version) == ("JobComplete", 2, 5)


@pytest.mark.parametrize("detached", [False, True])
def test_work_that_runs_costs_no_write_more(stage: Stage, detached: bool) -> None:
    stage.executor.is_detached = detached
    stage.executor.executions = [Execution(status=Status.RUNNING, progress=Progress(5, 10.0), handle="x")]
    job = stage.driver.start(stage.export())
    assert (job.state, job.version, stage.store.get("t", "j")) == ("InProgress", 2, job)
    assert [event.name for event in stage.told] == ["job.claimed"]


@pytest.mark.parametrize("handle", [None, "h/1"])
@pytest.mark.parametrize(
    "error", [BackendUnavailableError("away"), OutcomeUnknownError("lost"), BackendError("refused")]
)
def test_a_first_look_that_fails_fails_nothing(stage: Stage, handle: str | None, error: Exception) -> None:
    stage.executor.handle, stage.executor.is_detached = handle, True
    stage.executor.poll_error = error
    job = stage.driver.start(stage.export())
    assert (job.state, job.attempt, job.lease.worker, job.due_at) == ("InProgress", 1, "me", after(2))
    assert (job.last_error, job.handle, job.version) == (None, handle, 2 if handle is None else 3)
    assert stage.store.get("t", "j") == job
    assert stage.executor.names() == ["start", "poll"]
    stage.executor.poll_error = None
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=COUNTS)]
    assert stage.driver.carry_on(job).state == "JobComplete"


def test_a_first_look_that_comes_after_the_end_changes_nothing(stage: Stage) -> None:
    """Somebody ended the job between the claim and the look: the worker goes by what is stored."""

    class Late(Scripted):
        def poll(self, task: Any, /, *, wait: float = 0) -> Execution:
            job = stage.store.get("t", "j")
            stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
            return super().poll(task, wait=wait)

    stage.executor.__class__ = Late
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=COUNTS)]
    job = stage.worker().advance(stage.export())
    assert (job.state, job.effect, job.counts) == ("Aborted", "pending", None)
    assert stage.store.get("t", "j") == job


# ---- looking ------------------------------------------------------------------------------------------


def test_nothing_new_is_not_written(stage: Stage) -> None:
    job = stage.running()
    for seconds in (0, 10, 19):
        stage.clock.instant = after(seconds)
        assert stage.driver.carry_on(job, wait=1.5) == job
    assert stage.told == []
    assert [call[2] for call in stage.executor.calls] == [1.5] * 3


def test_a_lease_is_renewed_when_a_third_of_it_has_passed(stage: Stage) -> None:
    job = stage.running()
    stage.clock.instant = after(20)
    renewed = stage.driver.carry_on(job)
    assert (renewed.lease.until, renewed.due_at, renewed.version) == (after(80), after(80), job.version + 1)
    assert [event.name for event in stage.told] == ["job.progressed"]
    assert stage.told[0].before == "InProgress"


def test_a_lease_grows_with_the_job(stage: Stage) -> None:
    job = stage.running()
    for age, length in ((61, 61), (200, 200), (1000, 300)):
        stage.clock.instant = after(age)
        job = stage.driver.carry_on(job)
        assert job.lease.until == after(age + length)


def test_detached_work_is_looked_at_less_and_less(stage: Stage) -> None:
    stage.executor.is_detached = True
    job = stage.running()
    for age, pause in ((2, 2), (10, 10), (100, 100), (1000, 300)):
        stage.clock.instant = after(age)
        job = stage.driver.carry_on(job)
        assert job.due_at == after(age + pause)


def test_progress_is_written_once_a_second(stage: Stage) -> None:
    job = stage.running()
    stage.executor.executions = [Execution(status=Status.RUNNING, progress=Progress(5, 10.0), handle="h")]
    stage.clock.instant = after(0.9)
    assert stage.driver.carry_on(job) == job
    stage.clock.instant = after(1)
    told = stage.driver.carry_on(job)
    assert (told.progress, told.handle, told.lease.until) == (Progress(5, 10.0), "h", after(61))
    stage.clock.instant = after(5)
    assert stage.driver.carry_on(told) == told  # the same progress again
    stage.executor.executions = [Execution(status=Status.RUNNING, progress=Progress(4, 9.0))]
    assert stage.driver.carry_on(told) == told  # progress never falls


@pytest.mark.parametrize("seconds", [2.0, 30.0, 300.0])
def test_polls_of_detached_work_come_as_late_as_is_allowed(seconds: float) -> None:
    stage = Stage.build(max_poll_seconds=seconds)
    stage.executor.is_detached = True
    job = stage.driver.start(stage.export())
    longest = 0.0
    for _ in range(40):
        longest = max(longest, (job.due_at - stage.clock.now()).total_seconds())
        stage.clock.instant = job.due_at
        job = stage.driver.carry_on(job)
    assert longest == seconds


def test_failures_of_the_job_store_are_told_from_others() -> None:
    faults = Faults()
    stage = Stage.build()
    stage.ender = attrs.evolve(stage.ender, store=FaultyJobStore(stage.store, faults))
    stage.driver = attrs.evolve(stage.driver, ender=stage.ender)
    job = stage.export()
    faults.fail_before("replace", BackendUnavailableError("the store"))
    with pytest.raises(BackendUnavailableError, match="the store") as away:
        stage.worker().advance(job)
    assert away.value.of_job_store
    stage.executor.ready_error = BackendUnavailableError("the warehouse")
    with pytest.raises(BackendUnavailableError, match="the warehouse") as away:
        stage.worker().advance(job)
    assert not away.value.of_job_store


# ---- rounds ---------------------------------------------------------------------------------------------


def test_a_round_ends_with_two_pages_without_news_not_with_one() -> None:
    # A store that moves on through many tenants may have an empty page in the midst of a round.
    pages = [[], None, [], []]

    class Paged(MemoryJobStore):
        def due(self, now: Any, /, **asked: Any) -> Any:
            page = pages.pop(0)
            return super().due(now, **asked) if page is None else page

    stage = Stage.build(store=Paged(clock=ManualClock()))
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=COUNTS)]
    stage.export()
    assert stage.worker().run_once() == 1
    assert pages == []


def test_a_round_asks_before_each_step_and_says_what_it_did(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage.build()
    for number in range(5):
        stage.export(f"j{number}")
    stage.executor.is_detached = True
    worker = stage.worker()
    answers = [True, True, False]
    assert worker.take_due(may_begin=lambda: answers.pop(0)) == Round(touched=2, failed=0, complete=False)
    stage.executor.ready_error = BackendUnavailableError("away")
    assert worker.take_due() == Round(touched=3, failed=3, complete=True)
    assert len(facts_of(caplog, "step.failed")) == 3


def test_work_that_would_end_with_the_process_is_left_where_that_is_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage.build()
    jobs = [stage.export("a"), stage.export("b")]
    worker = stage.worker(attached=False)
    worker.run_once()
    assert [worker.advance(job) for job in jobs] == jobs
    assert stage.executor.names() == []  # not even asked whether it is ready
    (said,) = facts_of(caplog, "work.left")
    assert said["job"] in ("t/a", "t/b")
    assert said["why"] == "it needs a worker that stays"
    stage.executor.is_detached = True
    worker.run_once()
    assert stage.store.get("t", "a").state == stage.store.get("t", "b").state == "InProgress"


def test_an_idle_worker_looks_as_often_as_it_is_told() -> None:
    looks: list[float] = []
    stop = threading.Event()

    class Watched(MemoryJobStore):
        def due(self, now: Any, /, **asked: Any) -> Any:
            looks.append(time.monotonic())
            if len(looks) == 3:
                stop.set()
            return []

    stage = Stage.build(store=Watched(clock=ManualClock()))
    stage.worker(idle_seconds=0.2).serve(stop)
    assert looks[2] - looks[0] >= 0.4


def test_a_handle_that_was_learnt_later_is_kept(stage: Stage) -> None:
    job = stage.running()
    stage.executor.executions = [Execution(status=Status.RUNNING, handle="late")]
    stage.clock.instant = after(21)
    told = stage.driver.carry_on(job)
    assert (told.handle, told.progress) == ("late", Progress(0))
    stage.executor.executions = [Execution(status=Status.RUNNING)]
    stage.clock.instant = after(60)
    assert stage.driver.carry_on(told).handle == "late"


def test_another_workers_lease_is_respected_until_it_ends(stage: Stage) -> None:
    job = stage.elsewhere()
    stage.clock.instant = after(59.999)
    assert stage.driver.carry_on(job) == job
    assert stage.executor.calls == []
    stage.clock.instant = after(60)
    adopted = stage.driver.carry_on(job)
    assert (adopted.lease.worker, adopted.attempt) == ("me", 1)
    assert [event.name for event in stage.told] == ["job.adopted"]


def test_a_job_without_a_lease_waits_for_its_time_and_begins_another_attempt(
    stage: Stage, caplog: Any
) -> None:
    job = stage.running()
    job = stage.store.replace(job, job.reschedule(at=after(1), due_at=after(9), error=AWAY))
    stage.clock.instant = after(8.999)
    assert stage.driver.carry_on(job) == job
    stage.clock.instant = after(9)
    again = stage.driver.carry_on(job)
    assert (again.attempt, again.lease.worker, again.lease.until) == (2, "me", after(69))
    assert [event.name for event in stage.told] == ["job.reclaimed"]
    assert facts_of(caplog, "job.reclaimed")[0]["worker"] == "me"
    (_, task), looked = stage.executor.calls
    assert looked == ("poll", task, 0)
    assert (task.attempt, task.claimed_at) == (2, after(9))
    assert task.results == stage.results.location("t", "j", Area.RESULTS, 2)


# ---- ends -----------------------------------------------------------------------------------------------


def test_a_success(stage: Stage, caplog: Any) -> None:
    job = stage.running()
    rejected = Upload("memory:///r", 1, "e")
    stage.executor.executions = [
        Execution(
            status=Status.SUCCEEDED,
            counts=COUNTS,
            results=files(stage),
            failed_records=files(stage, kind="failed"),
            rejected_input=rejected,
            warnings=("w",),
        )
    ]
    stage.clock.instant = after(9)
    done = stage.driver.carry_on(job)
    assert (done.state, done.counts, done.warnings, done.rejected_input) == (
        "JobComplete",
        COUNTS,
        ("w",),
        rejected,
    )
    assert (done.results.parts, done.results.rows, done.results.bytes) == ((), 3, 11)
    assert (
        done.results.manifest == stage.results.location("t", "j", Area.RESULTS, 1) + "results-manifest.json"
    )
    failed = stage.results.location("t", "j", Area.FAILED, 1)
    assert done.failed_records.manifest == failed + "failed_records-manifest.json"
    assert (done.ttl, done.files_until) == (after(9) + RETENTION.jobs, after(9) + RETENTION.results)
    assert stage.faults == ["before-manifest", "before-complete"]
    (event,) = stage.told
    assert (event.name, event.before, event.job) == ("job.completed", "InProgress", done)
    (said,) = facts_of(caplog, "job.completed")
    assert {k: said[k] for k in ("records", "failed", "seconds_total", "seconds_running")} == {
        "records": 3,
        "failed": 1,
        "seconds_total": 9.0,
        "seconds_running": 9.0,
    }


def test_a_success_without_counts_counts_nothing(stage: Stage) -> None:
    stage.executor.executions = [Execution(status=Status.SUCCEEDED)]
    done = stage.driver.carry_on(stage.running())
    assert (done.counts, done.results) == (Counts(total=0), None)


def test_results_without_parts_need_no_manifest(stage: Stage) -> None:
    empty = Files(columns=(Column("a", "INT"),))
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=Counts(total=0), results=empty)]
    assert stage.driver.carry_on(stage.running()).results == empty


def test_the_leavings_of_other_attempts_go(stage: Stage) -> None:
    job = stage.running()
    for attempt in (1, 2, 3):
        with stage.results.open_write(
            stage.results.location("t", "j", Area.RESULTS, attempt) + "x"
        ) as writer:
            writer.write(b"x")
    job = stage.store.replace(job, job.reclaim(at=after(1), worker="me", until=after(60)))
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=Counts(total=0))]
    stage.driver.carry_on(job)
    left = [n for n in (1, 2, 3) if _there(stage, stage.results.location("t", "j", Area.RESULTS, n) + "x")]
    assert left == [2, 3]


def test_leavings_that_cannot_be_deleted_do_not_undo_the_end(stage: Stage) -> None:
    files = Faults()
    stage.ender = attrs.evolve(stage.ender, results=FaultyResultStore(stage.results, files))
    stage.driver = attrs.evolve(stage.driver, ender=stage.ender)
    job = stage.running()
    files.fail_before("delete", BackendUnavailableError("away"))
    stage.executor.executions = [Execution(status=Status.FAILED, error=REFUSED)]
    failed = stage.driver.carry_on(job)
    assert (failed.state, files.pending) == ("Failed", 0)
    assert stage.store.get("t", "j") == failed


def test_a_failed_export_leaves_no_results(stage: Stage) -> None:
    job = stage.running()
    with stage.results.open_write(stage.results.location("t", "j", Area.RESULTS, 1) + "x") as writer:
        writer.write(b"x")
    stage.executor.executions = [Execution(status=Status.FAILED, error=REFUSED)]
    stage.driver.carry_on(job)
    assert not _there(stage, stage.results.location("t", "j", Area.RESULTS, 1) + "x")


def _there(stage: Stage, location: str) -> bool:
    try:
        stage.results.stat(location)
    except LookupError:
        return False
    return True


def test_a_failure_is_told_with_all_that_is_known(stage: Stage, caplog: Any) -> None:
    job = stage.running(stage.load())
    rejected = Upload("memory:///r", 1, "e")
    stage.executor.executions = [
        Execution(
            status=Status.FAILED,
            error=REFUSED,
            counts=COUNTS,
            failed_records=files(stage, kind="failed"),
            unprocessed_records=files(stage, kind="failed"),
            rejected_input=rejected,
        )
    ]
    stage.clock.instant = after(9)
    failed = stage.driver.carry_on(job)
    assert (failed.state, failed.error, failed.counts, failed.effect) == ("Failed", REFUSED, COUNTS, "none")
    assert failed.failed_records.manifest.endswith("failed_records-manifest.json")
    assert failed.unprocessed_records.manifest.endswith("unprocessed_records-manifest.json")
    assert failed.rejected_input == rejected
    (event,) = stage.told
    assert (event.name, event.before) == ("job.failed", "InProgress")
    (said,) = facts_of(caplog, "job.failed")
    assert (said["error"], said["category"]) == ("QUERY_ERROR", "validation")
    assert [record.levelname for record in caplog.records if record.getMessage() == "job.failed"] == [
        "WARNING"
    ]
    assert [(name, *rest[1:]) for name, *rest in stage.executor.calls] == [("poll", 0), ("cancel", True)]


def test_a_failure_without_a_reason_is_internal(stage: Stage) -> None:
    stage.executor.executions = [Execution(status=Status.FAILED)]
    job = stage.driver.carry_on(stage.running())
    assert (job.last_error.code, job.last_error.message) == ("INTERNAL", "the executor gave no reason")


def test_a_failure_whose_effect_is_pending_waits(stage: Stage) -> None:
    stage.executor.executions = [Execution(status=Status.FAILED, error=REFUSED)]
    stage.executor.effects = [Effect.PENDING, Effect.UNKNOWN]
    job = stage.running(stage.load())
    waiting = stage.driver.carry_on(job)
    assert (waiting.state, waiting.lease.worker, waiting.due_at) == ("InProgress", "me", after(2))
    assert [event.name for event in stage.told] == ["job.progressed"]
    failed = stage.driver.carry_on(waiting)
    assert (failed.state, failed.effect) == ("Failed", "unknown")


def test_a_failure_that_was_applied_after_all_is_a_success(stage: Stage) -> None:
    stage.executor.executions = [
        Execution(status=Status.FAILED, error=REFUSED),
        Execution(status=Status.SUCCEEDED, counts=COUNTS),
    ]
    stage.executor.effects = [Effect.APPLIED]
    done = stage.driver.carry_on(stage.running(stage.load()))
    assert (done.state, done.counts) == ("JobComplete", COUNTS)


def test_transient_failures_pause_twice_as_long_each_time_until_the_budget_ends(stage: Stage) -> None:
    job = stage.running()
    stage.executor.executions = [Execution(status=Status.FAILED, error=AWAY)]
    pauses = []
    for attempt in (1, 2):
        job = stage.driver.carry_on(job)
        assert (job.attempt, job.lease, job.last_error) == (attempt, None, AWAY)
        pauses.append((job.due_at - stage.clock.now()).total_seconds())
        stage.clock.instant = job.due_at
        job = stage.driver.carry_on(job)
    assert pauses == [1.0, 2.0]
    failed = stage.driver.carry_on(job)
    assert (failed.state, failed.attempt, failed.error) == ("Failed", 3, AWAY)


def test_pauses_are_shortened_at_random_and_capped() -> None:
    stage = Stage.build(max_attempts=20, uniform=lambda: 1.0)
    job = stage.running()
    stage.executor.executions = [Execution(status=Status.FAILED, error=AWAY)]
    pauses = []
    for _ in range(9):
        job = stage.driver.carry_on(job)
        pauses.append((job.due_at - stage.clock.now()).total_seconds())
        stage.clock.instant = job.due_at
        job = stage.driver.carry_on(job)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("status", [Status.LOST, Status.CANCELLED])
def test_an_execution_that_is_gone_is_ended_before_the_next(stage: Stage, status: Status) -> None:
    job = stage.running(stage.load())
    stage.executor.executions = [Execution(status=status)]
    stage.executor.effects = [BackendUnavailableError("away"), Effect.PENDING, Effect.NONE]
    for _ in range(2):
        job = stage.driver.carry_on(job)
        assert (job.attempt, job.lease.worker, job.due_at) == (1, "me", after(2))
    job = stage.driver.carry_on(job)
    assert (job.lease, job.last_error.code) == (None, "EXECUTION_LOST")
    assert job.last_error.message == "the execution of attempt 1 is gone"
    assert job.last_error.category is Category.TRANSIENT
    assert {call[2] for call in stage.executor.calls if call[0] == "cancel"} == {False}


def test_a_lost_load_that_was_applied_is_a_success(stage: Stage) -> None:
    stage.executor.executions = [
        Execution(status=Status.LOST),
        Execution(status=Status.SUCCEEDED, counts=COUNTS),
    ]
    stage.executor.effects = [Effect.APPLIED]
    done = stage.driver.carry_on(stage.running(stage.load()))
    assert (done.state, done.counts) == ("JobComplete", COUNTS)


def test_a_job_that_runs_too_long_is_ended(stage: Stage) -> None:
    job = stage.running()
    stage.clock.instant = after(5 * 3600) - timedelta(milliseconds=1)
    job = stage.driver.carry_on(job)
    assert job.state == "InProgress"
    stage.clock.instant = after(5 * 3600)
    failed = stage.driver.carry_on(job)
    assert (failed.error.code, failed.error.category) == ("JOB_TIMEOUT", "resource")
    assert failed.error.message == (
        "the job was ended after 5 hours; split the work, or raise the job timeout"
    )


def test_handing_back(stage: Stage) -> None:
    job = stage.running(stage.load())
    back = stage.driver.hand_back(job)
    assert (back.lease, back.due_at, back.last_error) == (None, after(0), None)
    assert [event.name for event in stage.told] == ["job.rescheduled"]
    assert stage.executor.calls[0][2] is False


def test_handing_back_what_is_not_ended_yet_or_was_applied(stage: Stage) -> None:
    job = stage.running(stage.load())
    stage.executor.effects = [Effect.PENDING]
    assert stage.driver.hand_back(job).due_at == after(2)
    other = stage.running(stage.load("k"))
    stage.executor.effects = [Effect.APPLIED]
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=COUNTS)]
    assert stage.driver.hand_back(other).state == "JobComplete"


# ---- steps that end things ------------------------------------------------------------------------------


def test_uploads_and_queues_time_out(caplog: Any) -> None:
    from spectra.domain import Retention
    from spectra.testing.samples import load

    stage = Stage.build()
    job = stage.store.add(load()).job
    stage.clock.instant = job.deadline_at - timedelta(milliseconds=1)
    assert stage.ender.step(job) == job
    stage.clock.instant = job.deadline_at
    gone = stage.ender.step(job)
    assert (gone.state, gone.effect, gone.abort_info.code) == ("Aborted", "none", "UPLOAD_TIMEOUT")
    assert (gone.abort_info.actor, gone.abort_info.reason) == ("spectra", None)
    (event,) = stage.told
    assert (event.name, event.before, event.job) == ("job.aborted", "Open", gone)
    assert facts_of(caplog, "job.aborted")[0]["reason"] == "UPLOAD_TIMEOUT"
    queued = export("q").evolved(deadline_at=after(DAY * 9), due_at=after(0))
    queued = stage.store.add(queued).job
    assert stage.ender.step(queued) is None
    stage.clock.instant = after(DAY * 9)
    late = stage.ender.step(queued)
    assert (late.abort_info.code, stage.told[-1].before) == ("QUEUE_TIMEOUT", "UploadComplete")
    assert Retention().queue is None


def test_settling(stage: Stage, caplog: Any) -> None:
    job = stage.running(stage.load())
    for area in (Area.RESULTS, Area.FAILED, Area.INPUT):
        with stage.results.open_write(stage.results.location("t", "j", area) + "x") as writer:
            writer.write(b"x")
    job = stage.store.replace(job, job.abort(at=after(5), retention=RETENTION, actor="a"))
    stage.clock.instant = after(6)
    stage.executor.effects = [Effect.PENDING, Effect.APPLIED]
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=COUNTS)]
    waiting = stage.ender.step(job)
    assert (waiting.effect, waiting.due_at, waiting.updated_at) == ("pending", after(8), after(6))
    event = stage.told.pop()
    assert (event.name, event.before, event.job) == ("job.settling", "Aborted", waiting)
    assert event.facts == {"seconds_settling": 1.0}
    stage.clock.instant = after(8)
    settled = stage.ender.step(waiting)
    assert (settled.effect, settled.counts) == ("applied", COUNTS)
    assert (settled.ttl, settled.due_at) == (after(5) + RETENTION.jobs, after(5) + RETENTION.results)
    (event,) = stage.told
    assert (event.name, event.before, event.job) == ("job.settled", "Aborted", settled)
    assert facts_of(caplog, "job.settled")[0]["effect"] == "applied"
    # A retry needs the input.
    areas = [area for area in Area if _there(stage, stage.results.location("t", "j", area) + "x")]
    assert sorted(areas) == [Area.FAILED, Area.INPUT]
    assert [call[2] for call in stage.executor.calls if call[0] == "cancel"] == [True, True]


@pytest.mark.parametrize("effect", [Effect.NONE, Effect.UNKNOWN])
def test_settling_what_was_not_applied_counts_nothing(stage: Stage, effect: Effect) -> None:
    job = stage.running(stage.load())
    job = stage.store.replace(job, job.abort(at=after(5), retention=RETENTION))
    stage.executor.effects = [effect]
    settled = stage.ender.step(job)
    assert (settled.effect, settled.counts) == (effect, None)
    assert "poll" not in stage.executor.names()


def test_settling_what_was_applied_but_tells_no_counts(stage: Stage) -> None:
    job = stage.running(stage.load())
    job = stage.store.replace(job, job.abort(at=after(5), retention=RETENTION))
    stage.executor.effects = [Effect.APPLIED]
    stage.executor.executions = [Execution(status=Status.FAILED, counts=COUNTS, error=REFUSED)]
    assert stage.ender.step(job).counts is None


def test_expiry_takes_files_first_and_the_job_later(stage: Stage) -> None:
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=Counts(total=0))]
    job = stage.driver.carry_on(stage.running())
    with stage.results.open_write(stage.results.location("t", "j", Area.INPUT) + "x") as writer:
        writer.write(b"x")
    stage.clock.instant = job.files_until - timedelta(milliseconds=1)
    assert stage.ender.step(job) == job
    stage.told.clear()
    stage.clock.instant = job.files_until
    kept = stage.ender.step(job)
    assert (kept.due_at, kept.ttl, kept.updated_at) == (job.ttl, job.ttl, job.files_until)
    assert stage.results.jobs(older_than=after(99 * DAY)).items == ()
    assert stage.told == []
    stage.clock.instant = job.ttl
    assert stage.ender.step(kept) == kept
    assert ("forget", "t", "j") in stage.executor.calls
    (event,) = stage.told
    assert (event.name, event.before) == ("job.expired", "JobComplete")
    with pytest.raises(LookupError):
        stage.store.replace(kept, kept)


def test_expiry_of_what_never_ran_asks_nothing_of_the_warehouse(stage: Stage) -> None:
    job = stage.export()
    job = stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
    stage.clock.instant = job.ttl
    stage.ender.step(job)
    assert stage.executor.calls == []
    assert stage.store.due(after(99 * DAY), limit=9) == []


# ---- the sweeper ----------------------------------------------------------------------------------------


def test_a_sweep_counts_what_it_ended_and_starts_nothing(stage: Stage) -> None:
    for number in range(7):
        job = stage.export(f"a{number}")
        stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
    stage.export("waits")
    stage.elsewhere(stage.export("runs"))
    stage.clock.instant = after(30 * DAY)
    # Each aborted job loses its files and the job itself at once: its ttl has passed.
    assert stage.sweeper().sweep() == 7
    assert stage.executor.calls == []
    assert sorted(job.job_id for job in stage.store.live(limit=99).items) == ["runs", "waits"]
    assert stage.sweeper().sweep() == 0


def test_a_sweep_stops_at_its_limit(stage: Stage) -> None:
    for number in range(7):
        job = stage.export(f"a{number}")
        stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
    stage.clock.instant = after(30 * DAY)
    assert [stage.sweeper().sweep(limit=3) for _ in range(4)] == [3, 3, 1, 0]


def test_a_sweep_goes_on_past_a_job_that_somebody_else_took(stage: Stage) -> None:
    faults = Faults()
    stage = Stage.build(store=FaultyJobStore(stage.store, faults))
    for number in range(3):
        job = stage.export(f"a{number}")
        stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
    stage.clock.instant = after(2 * DAY)
    faults.fail_before("replace", JobConflictError(job, 1))
    assert stage.sweeper().sweep() == 2
    conflicts = [event for event in stage.told if event.name == "step.conflict"]
    assert [(event.before, event.facts) for event in conflicts] == [("Aborted", {"worker": "sweeper"})]


def test_a_sweep_that_meets_others_stops_at_its_limit_too(stage: Stage) -> None:
    inner, faults = stage.store, Faults()
    stage = Stage.build(store=FaultyJobStore(inner, faults))
    for number in range(7):
        job = stage.export(f"a{number}")
        stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
    stage.clock.instant = after(2 * DAY)
    met: list[Any] = []

    def faster(old: Any, new: Any, **_: Any) -> bool:
        if not met:
            met.append(inner.replace(old, new))
        return False

    faults.delay("replace", 0, when=faster)
    assert stage.sweeper().sweep(limit=3) == 3
    assert len(met) == 1


def test_a_sweep_ends_with_two_pages_without_news_not_with_one() -> None:
    pages = [[], None, [], []]

    class Paged(MemoryJobStore):
        def due(self, now: Any, /, **asked: Any) -> Any:
            page = pages.pop(0)
            return super().due(now, **asked) if page is None else page

    stage = Stage.build(store=Paged(clock=ManualClock()))
    job = stage.export()
    stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
    stage.clock.instant = after(30 * DAY)
    assert stage.sweeper().sweep() == 1
    assert pages == []


# ---- the worker -----------------------------------------------------------------------------------------


def test_a_stale_image_changes_nothing_and_the_loss_of_a_lease_is_told(stage: Stage, caplog: Any) -> None:
    job = stage.running()
    now = stage.store.replace(job, job.renew(at=after(1), worker="other", until=after(99)))
    stage.clock.instant = after(30)
    assert stage.worker().advance(job) == now
    assert stage.executor.names() == ["poll"]  # what another worker took over is not ended
    (event,) = stage.told
    assert (event.name, event.before, event.job) == ("lease.lost", "InProgress", now)
    (said,) = facts_of(caplog, "lease.lost")
    assert said["worker"] == "me"
    stage.store.delete("t", "j")
    stage.executor.effects = [BackendUnavailableError("away")]
    assert stage.worker().advance(job) == job
    assert stage.executor.names()[-1] == "cancel"


def test_nothing_is_claimed_while_the_warehouse_is_locked(stage: Stage) -> None:
    stage.executor.ready_error = WarehouseLockedError("w.duckdb", 7)
    job = stage.export()
    with pytest.raises(WarehouseLockedError):
        stage.worker().advance(job)
    assert stage.store.get("t", "j") == job


def test_driving_ends_with_the_job_or_at_its_instant(stage: Stage) -> None:
    stage.executor.executions = [Execution(status=Status.RUNNING)] * 3 + [
        Execution(status=Status.SUCCEEDED, counts=COUNTS)
    ]
    done = stage.worker().drive(stage.export(), until=after(99))
    assert done.state == "JobComplete"
    assert [call[2] for call in stage.executor.calls if call[0] == "poll"] == [0, 1.0, 1.0, 1.0]
    waiting = stage.elsewhere(stage.export("k"), seconds=10_000)
    with pytest.raises(WaitTimeoutError) as late:
        stage.worker().drive(waiting, until=after(7.5))
    assert (late.value.job, late.value.seconds) == (waiting, 7.5)
    assert stage.clock.slept == [1.0] * 7 + [0.5]


def test_driving_hands_back_what_does_not_end_in_time(stage: Stage) -> None:
    class Ticking(Scripted):
        def poll(self, task: Any, /, *, wait: float = 0) -> Execution:
            stage.clock.advance(seconds=wait)
            return super().poll(task, wait=wait)

    stage.executor.__class__ = Ticking
    with pytest.raises(WaitTimeoutError) as late:
        stage.worker().drive(stage.export(), until=after(5))
    assert (late.value.job.lease, late.value.job.state) == (None, "InProgress")
    assert late.value.seconds == 5
    assert stage.store.get("t", "j") == late.value.job


def test_one_run_takes_what_is_due_and_says_how_many(stage: Stage) -> None:
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=Counts(total=0))]
    for job_id in "abc":
        stage.export(job_id)
    stage.export("later", at=50)
    assert stage.worker().run_once() == 3
    assert {job.state for job in stage.store.find("t").jobs if job.job_id != "later"} == {"JobComplete"}
    assert stage.worker().run_once() == 0


def test_a_step_that_fails_rests_the_job_for_ten_seconds(caplog: Any) -> None:
    faults = Faults()
    inner = Stage.build().store
    stage = Stage.build(store=FaultyJobStore(inner, faults))
    stage.export()
    faults.fail_before("replace", BackendUnavailableError("away"))
    worker = stage.worker()
    worker.run_once()
    (said,) = facts_of(caplog, "step.failed")
    assert (said["job"], said["code"]) == ("t/j", "BACKEND_UNAVAILABLE")
    assert "away" in said["error"]
    assert facts_of(caplog, "step.bug") == []
    stage.clock.instant = after(9.999)
    assert worker.run_once() == 0
    stage.clock.instant = after(10)
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=Counts(total=0))]
    assert worker.run_once() == 1


def test_a_bug_of_ours_is_told_as_one_and_ends_no_worker(caplog: Any) -> None:
    faults = Faults()
    stage = Stage.build(store=FaultyJobStore(Stage.build().store, faults))
    stage.export()
    faults.fail_before("replace", ZeroDivisionError("oops"))
    stage.worker().run_once()
    (said,) = facts_of(caplog, "step.failed")
    assert (said["code"], said["error"]) == ("INTERNAL", "ZeroDivisionError('oops')")
    (bug,) = [record for record in caplog.records if record.getMessage() == "step.bug"]
    assert bug.job == "t/j"
    assert bug.exc_info


def test_serving_bears_a_queue_that_cannot_be_read(caplog: Any) -> None:
    faults = Faults()
    stage = Stage.build(store=FaultyJobStore(Stage.build().store, faults))
    stage.executor.executions = [Execution(status=Status.SUCCEEDED, counts=Counts(total=0))]
    job = stage.export()
    faults.fail_before("due", BackendUnavailableError("away"))
    stop = threading.Event()
    done = threading.Event()

    def ended(event: Any) -> None:
        if event.name == "job.completed":
            done.set()

    stage.ender.events.subscribe(ended)
    thread = threading.Thread(target=stage.worker(concurrency=2).serve, args=[stop])
    thread.start()
    assert done.wait(20)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    (said,) = facts_of(caplog, "due.failed")
    assert said["code"] == "BACKEND_UNAVAILABLE"
    assert "away" in said["error"]
    assert stage.store.get("t", job.job_id).state == "JobComplete"


def test_a_worker_needs_a_hand() -> None:
    with pytest.raises(ValueError, match="^concurrency must be at least 1$"):
        Stage.build().worker(concurrency=0)


def test_an_abort_is_seen_at_the_next_look(stage: Stage) -> None:
    looks: list[int] = []

    class Watched(Scripted):
        def poll(self, task: Any, /, *, wait: float = 0) -> Execution:
            looks.append(1)
            if len(looks) == 3:
                job = stage.store.get("t", "j")
                stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
            return super().poll(task, wait=wait)

    stage.executor.__class__ = Watched
    stage.export()
    stage.worker().run_once()
    job = stage.store.get("t", "j")
    assert (job.state, job.effect, len(looks)) == ("Aborted", "none", 3)
    assert stage.executor.names()[-1] == "cancel"


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("gone", [False, True])
def test_work_that_begins_after_its_job_has_ended_is_ended(stage: Stage, detached: bool, gone: bool) -> None:
    class Late(Scripted):
        def start(self, task: Any, /) -> str | None:
            if "start" not in self.names():
                job = stage.store.get("t", "j")
                job = stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
                stage.store.replace(job, job.settle(at=after(0), retention=RETENTION, effect=Effect.NONE))
                if gone:
                    stage.store.delete("t", "j")
            return super().start(task)

    stage.executor.__class__ = Late
    stage.executor.is_detached = detached
    stage.export()
    worker = stage.worker()
    worker.run_once()
    if detached and "cancel" not in stage.executor.names():
        job = stage.told[0].job
        stage.clock.instant = job.lease.until
        worker.advance(job)
    assert stage.executor.names()[-1] == "cancel"
    assert stage.executor.names().count("start") == 1


def test_looking_again_bears_a_store_that_is_away() -> None:
    faults = Faults()
    stage = Stage.build(store=FaultyJobStore(Stage.build().store, faults))
    stage.executor.executions = [Execution(status=Status.RUNNING)] * 3 + [
        Execution(status=Status.SUCCEEDED, counts=COUNTS)
    ]
    stage.export()
    faults.fail_before("get", BackendUnavailableError("away"), times=2)
    stage.worker().run_once()
    assert stage.store.get("t", "j").state == "JobComplete"
    assert faults.pending == 0


# ---- manifests ------------------------------------------------------------------------------------------


def test_a_manifest_lists_everything(stage: Stage) -> None:
    given = files(stage)
    folder = stage.results.location("t", "j", Area.RESULTS, 1)
    kept = write_manifest(stage.results, folder, given, "results")
    with stage.results.open_read(folder + "results-manifest.json") as stream:
        assert json.load(stream) == {
            "schema": 1,
            "content_type": "CSV",
            "compression": "NONE",
            "bytes": 11,
            "rows": 3,
            "columns": [{"name": "c0", "type": "INT"}],
            "parts": [
                {"name": "part-0.csv", "bytes": 5, "rows": 2},
                {"name": "part-1.csv", "bytes": 6, "rows": 1},
            ],
        }
    assert (kept.parts, kept.columns, kept.bytes, kept.rows) == ((), (), 11, 3)
    assert read_manifest(stage.results, kept) == Files(
        parts=given.parts, columns=given.columns, bytes=11, rows=3, manifest=kept.manifest
    )
    assert read_manifest(stage.results, given) is given


def test_columns_stand_in_the_manifest_and_not_in_the_job(stage: Stage) -> None:
    folder = stage.results.location("t", "j", Area.RESULTS, 1)
    listed = write_manifest(stage.results, folder, files(stage, columns=1_600), "results")
    assert listed.columns == ()
    assert len(read_manifest(stage.results, listed).columns) == 1_600
