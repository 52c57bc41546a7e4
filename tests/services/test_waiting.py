"""Why jobs wait, and waiting for them, to the letter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from spectra.domain import Category, FixedInterval, JobError
from spectra.errors import BackendUnavailableError, WaitTimeoutError
from spectra.services.waiting import Waiting, explain, wait
from spectra.testing.samples import aborted, after, claimed, completed, export, failed, load
from tests.services.scripted import RETENTION, Stage

S = timedelta(seconds=1)


@pytest.fixture
def stage() -> Stage:
    return Stage.build()


def why(stage: Stage, job: Any, limit: int | None = None) -> Waiting | None:
    return explain(job, stage.store, stage.clock, limit)


def test_an_open_job_waits_for_its_upload(stage: Stage) -> None:
    job = load()
    assert why(stage, job) == Waiting(
        reason="upload",
        text="nobody has closed the upload; it is given up at 2026-01-02 00:00:00Z",
        until=job.deadline_at,
    )


def test_a_settling_job_waits_for_its_execution(stage: Stage) -> None:
    job = aborted(claimed(export()))
    assert why(stage, job) == Waiting(reason="settling", text="its execution is being ended", until=after(2))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, "the next step is at 2026-01-01 00:01:30Z"),
        (
            JobError("LOCKED", Category.TRANSIENT, "the table is locked"),
            "the next step is at 2026-01-01 00:01:30Z after LOCKED: the table is locked",
        ),
    ],
)
def test_a_rescheduled_job_waits_for_its_time(stage: Stage, error: JobError | None, text: str) -> None:
    job = claimed(export()).reschedule(at=after(3), due_at=after(90), error=error)
    assert why(stage, job) == Waiting(reason="rescheduled", text=text, until=after(90))
    stage.clock.instant = after(90)
    assert why(stage, job) is None


def test_what_runs_or_has_ended_does_not_wait(stage: Stage) -> None:
    for job in (
        claimed(export()),
        completed(claimed(export())),
        failed(claimed(export())),
        aborted(export()),
    ):
        assert why(stage, job) is None


def test_a_queued_job_waits_for_a_worker_or_for_the_tenants_limit(stage: Stage) -> None:
    jobs = [stage.export(f"j{number}", at=number) for number in range(3)]
    stage.export("x", tenant="other")
    stage.clock.instant = after(10)
    waiting = Waiting(
        reason="no_worker",
        text="nobody has tried it for 9 s; is a worker running?",
        position=2,
        running=0,
        limit=None,
    )
    assert why(stage, jobs[1]) == waiting
    stage.elsewhere(jobs[0])
    assert why(stage, jobs[2], 2) == Waiting(
        reason="no_worker",
        text="nobody has tried it for 8 s; is a worker running?",
        position=2,
        running=1,
        limit=2,
    )
    for limit in (0, 1):
        assert why(stage, jobs[2], limit) == Waiting(
            reason="tenant_limit",
            text=f"the tenant runs 1 of {limit} jobs",
            position=2,
            running=1,
            limit=limit,
        )


def test_a_job_that_is_not_in_the_queue_has_no_position(stage: Stage) -> None:
    waiting = why(stage, export("nobody-stored-it"))
    assert waiting is not None
    assert (waiting.reason, waiting.position, waiting.running) == ("no_worker", None, 0)


def test_a_position_is_told_in_a_long_queue_too(stage: Stage) -> None:
    jobs = [stage.export(f"j{number:02}", at=number) for number in range(12)]
    stage.clock.instant = after(20)
    waiting = why(stage, jobs[-1])
    assert waiting is not None
    assert waiting.position == 12


# ---- waiting ------------------------------------------------------------------------------------------


def looking(*seen: Any) -> Any:
    """Reads *seen*, one after the other, the last for ever; what is an exception is raised."""
    left = list(seen)

    def read() -> Any:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return one

    return read


def test_an_end_is_seen_at_once(stage: Stage) -> None:
    done = completed(claimed(export()))
    polled: list[Any] = []
    got = wait(looking(done), stage.clock, timeout=S, polling=FixedInterval(5), on_poll=polled.append)
    assert (got, polled, stage.clock.slept) == (done, [done], [])


def test_a_settling_job_has_not_ended(stage: Stage) -> None:
    settling = aborted(claimed(export()))
    done = aborted(export())
    got = wait(looking(settling, done), stage.clock, timeout=9 * S, polling=FixedInterval(5), on_poll=None)
    assert got == done
    assert len(stage.clock.slept) == 1


def test_the_last_look_is_at_the_deadline(stage: Stage) -> None:
    job = export()
    polled: list[Any] = []
    with pytest.raises(WaitTimeoutError) as late:
        wait(looking(job), stage.clock, timeout=8 * S, polling=FixedInterval(5), on_poll=polled.append)
    assert (late.value.job, late.value.seconds) == (job, 8.0)
    assert sum(stage.clock.slept) == 8
    assert polled == [job] * (len(stage.clock.slept) + 1)


def test_four_failed_looks_in_a_row_are_borne_and_five_are_not(stage: Stage) -> None:
    away = BackendUnavailableError("away")
    done = completed(claimed(export()))
    options: dict[str, Any] = {"timeout": 999 * S, "polling": FixedInterval(5), "on_poll": None}
    assert wait(looking(*[away] * 4, export(), *[away] * 4, done), stage.clock, **options) == done
    with pytest.raises(BackendUnavailableError):
        wait(looking(*[away] * 5, done), stage.clock, **options)


def test_a_deadline_without_a_single_look_looks_once_more(stage: Stage) -> None:
    away = BackendUnavailableError("away")
    job = export()
    with pytest.raises(WaitTimeoutError) as late:
        wait(looking(away, job), stage.clock, timeout=timedelta(0), polling=FixedInterval(5), on_poll=None)
    assert late.value.job == job


def test_retention_is_what_it_says() -> None:
    assert RETENTION.ttl(after(0)) == after(0) + timedelta(days=7)
    assert RETENTION.files_until(after(0)) == after(0) + timedelta(days=2)
