"""What a caller gives arrives where it is used, and what a worker does is told as it was."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from spectra import Caller, ExportSpec, LoadSpec, Session, Spectra
from spectra.domain import Category, Effect, JobError
from spectra.ports import Execution, Status
from spectra.errors import InvalidSpecError
from spectra.services.asking import check_listing
from spectra.services.ending import task_of
from spectra.testing import CountingIds, ManualClock
from spectra.testing.samples import after
from tests.services.scripted import Scripted, Stage, facts_of

ME = Caller("acme", actor="ann", session=Session("analyst", db_groups=("readers",)))
EXPORT = ExportSpec(query="select 1 as a")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def spectra(clock: ManualClock) -> Any:
    with Spectra.in_memory(clock=clock, new_id=CountingIds()) as spectra:
        yield spectra


def test_the_session_of_the_caller_is_the_session_of_the_work(spectra: Any) -> None:
    seen = []
    start = spectra.executor.start

    def watched(task: Any, /) -> Any:
        seen.append(task)
        return start(task)

    spectra.executor.start = watched
    job = spectra.jobs.create(ME, EXPORT).job
    assert job.session == ME.session
    spectra.worker().run_once()
    assert [task.session for task in seen] == [ME.session]


def test_a_task_has_what_its_job_has() -> None:
    stage = Stage.build()
    stage.executor.handle = "h-1"
    job = stage.running(stage.load())
    task = task_of(job, stage.results, "g")
    assert (task.handle, task.session, task.upload) == ("h-1", job.session, job.upload)
    assert (task.attempt, task.group, task.claimed_at) == (1, "g", stage.clock.now())
    stage.clock.advance(seconds=30)
    job = stage.store.replace(job, job.renew(at=stage.clock.now(), worker="me", until=after(90)))
    assert task_of(job, stage.results, "g").claimed_at == after(0)
    never = stage.load("k")
    assert never.updated_at > after(0)
    assert task_of(never, stage.results, "g").claimed_at == never.updated_at


@pytest.mark.parametrize("status", [Status.FAILED, Status.LOST])
def test_the_executor_is_asked_about_the_task_of_the_job(status: Status) -> None:
    """Whether it outlives the process, and after an end that is in doubt what it has counted."""
    asked: list[Any] = []

    class Watched(Scripted):
        def detached(self, task: Any, /) -> bool:
            asked.append(task)
            return super().detached(task)

    stage = Stage.build()
    stage.executor.__class__ = Watched
    job = stage.running(stage.load())
    error = JobError("QUERY_ERROR", Category.VALIDATION, "no such column")
    stage.executor.executions = [
        Execution(status=status, error=error if status is Status.FAILED else None),
        Execution(status=Status.SUCCEEDED),
    ]
    stage.executor.effects = [Effect.APPLIED]
    assert stage.driver.carry_on(job).state == "JobComplete"
    asked += [call[1] for call in stage.executor.calls]
    assert stage.executor.names() == ["poll", "cancel", "poll"]
    assert [(task.job_id, task.attempt) for task in asked] == [("j", 1)] * len(asked)
    assert len(asked) > 3


def test_an_ended_job_settles_with_its_own_task() -> None:
    stage = Stage.build()
    stage.executor.handle = "h-1"
    job = stage.running(stage.load())
    job = stage.store.replace(job, job.abort(at=stage.clock.now(), retention=stage.ender.retention))
    stage.executor.effects = [Effect.APPLIED]
    stage.executor.executions = [Execution(status=Status.CANCELLED)]
    stage.executor.calls.clear()
    assert stage.ender.step(job) is not None
    tasks = [call[1] for call in stage.executor.calls if call[0] in ("cancel", "poll")]
    assert len(tasks) == 2
    assert {(task.job_id, task.handle, task.group) for task in tasks} == {("j", "h-1", "g")}


def test_closing_and_aborting_tell_who_and_how_much(spectra: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    job = spectra.jobs.create(ME, LoadSpec(operation="insert", object="t")).job
    with spectra.jobs.open_upload(ME, job.job_id) as upload:
        upload.write(b"id\n1\n")
    job = spectra.jobs.close_upload(ME, job.job_id)
    assert [entry.actor for entry in job.history][-1] == "ann"
    (closed,) = facts_of(caplog, "job.upload_closed")
    assert closed["bytes"] == 5
    spectra.jobs.abort(ME, job.job_id, reason="a mistake")
    (aborted,) = facts_of(caplog, "job.aborted")
    assert aborted["reason"] == "a mistake"


def test_sql_is_checked_as_the_executor_reads_it(spectra: Any) -> None:
    checked: list[Any] = []
    object.__setattr__(spectra.jobs, "check_sql", lambda *given: checked.append(given))
    spectra.jobs.create(ME, EXPORT)
    assert checked == [(EXPORT, spectra.executor.dialect)]


def test_pages_are_as_long_as_asked(spectra: Any) -> None:
    with pytest.raises(InvalidSpecError):
        check_listing(1_001, None, None)
    check_listing(1_000, None, None)
    for _ in range(52):
        spectra.jobs.create(ME, EXPORT)
    assert len(spectra.jobs.find(ME).jobs) == 50
    assert len(spectra.jobs.find(ME, limit=51).jobs) == 51


def test_links_live_as_long_as_asked(spectra: Any, clock: ManualClock) -> None:
    spectra.executor.connect().execute("create table t (id integer)")
    job = spectra.jobs.create(ME, LoadSpec(operation="insert", object="t")).job
    with spectra.jobs.open_upload(ME, job.job_id) as upload:
        upload.write(b"id\nx\n")
    spectra.jobs.close_upload(ME, job.job_id)
    spectra.worker().run_once()
    for call in (spectra.jobs.failed_records, spectra.jobs.unprocessed_records):
        links = call(ME, job.job_id, expires_in=MINUTE)
        assert links.expires_at == clock.now() + MINUTE
        assert call(ME, job.job_id).expires_at > clock.now() + MINUTE
