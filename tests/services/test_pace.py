"""How often a worker looks: it waits where nothing can be done, and not where something can."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from spectra.adapters.memory import MemoryJobStore
from spectra.domain import Counts
from spectra.errors import BackendUnavailableError, WaitTimeoutError
from spectra.ports import Execution, Status
from spectra.services import Round
from spectra.testing import ManualClock
from spectra.testing.samples import after
from tests.services.scripted import Scripted, Stage

RUNNING = Execution(status=Status.RUNNING)
DONE = Execution(status=Status.SUCCEEDED, counts=Counts(total=0))


@pytest.fixture
def stage() -> Stage:
    return Stage.build()


def polls(stage: Stage) -> list[float]:
    return [call[2] for call in stage.executor.calls if call[0] == "poll"]


def test_one_step_does_not_wait_unless_it_is_told_to(stage: Stage) -> None:
    job = stage.running()
    stage.worker().advance(job)
    stage.worker().advance(job, wait=2.5)
    assert polls(stage) == [0, 2.5]


def test_carrying_work_to_its_end_waits_in_each_look_but_the_first(stage: Stage) -> None:
    stage.executor.executions = [RUNNING] * 3 + [DONE]
    stage.export()
    assert stage.worker().run_once() == 1
    assert polls(stage) == [0, 1.0, 1.0, 1.0]


def test_driving_what_waits_for_its_tenant_looks_at_the_pace_of_an_idle_worker() -> None:
    stage = Stage.build(tenant_limit=1)
    stage.running()
    waiting = stage.export("k")
    with pytest.raises(WaitTimeoutError):
        stage.worker(idle_seconds=0.25).drive(waiting, until=after(1))
    assert stage.clock.slept == [0.25] * 4


def test_driving_what_is_due_soon_sleeps_until_then(stage: Stage) -> None:
    stage.executor.executions = [DONE]
    job = stage.running()
    job = stage.store.replace(job, job.reschedule(at=after(0), due_at=after(0.25)))
    assert stage.worker().drive(job, until=after(9)).state == "JobComplete"
    assert stage.clock.slept == [0.25]


# ---- serving --------------------------------------------------------------------------------------------


def test_a_queue_that_cannot_be_read_is_not_asked_again_at_once() -> None:
    looks: list[float] = []
    stop = threading.Event()

    class Away(MemoryJobStore):
        def due(self, now: Any, /, **asked: Any) -> Any:
            looks.append(time.monotonic())
            if len(looks) == 3:
                stop.set()
            raise BackendUnavailableError("away")

    stage = Stage.build(store=Away(clock=ManualClock()))
    stage.worker(idle_seconds=0.1).serve(stop)
    assert looks[2] - looks[0] >= 0.2


class Counted(threading.Event):
    """Counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return super().is_set()


def test_a_worker_whose_hands_are_full_waits(stage: Stage) -> None:
    stop = Counted()

    class Slow(Scripted):
        def poll(self, task: Any, /, *, wait: float = 0) -> Execution:
            time.sleep(0.3)
            stop.set()
            return DONE

    stage.executor.__class__ = Slow
    stage.export()
    stage.worker(idle_seconds=0.1).serve(stop)
    assert stop.asked < 20


def test_a_hand_that_becomes_free_is_used_at_once(stage: Stage) -> None:
    stage.executor.executions = [DONE]
    jobs = [stage.export(name) for name in "abc"]
    begun = time.monotonic()
    stage.worker(idle_seconds=5).serve(threading.Event(), drain=True)
    assert time.monotonic() - begun < 5
    assert {stage.store.get("t", job.job_id).state for job in jobs} == {"JobComplete"}


# ---- rest -----------------------------------------------------------------------------------------------


def test_an_end_is_no_failure_and_ends_the_rest_of_its_tenant() -> None:
    stage = Stage.build(tenant_limit=1)
    stage.executor.executions, stage.executor.is_detached = [DONE], True
    stage.running()  # the next look at it is in two seconds
    busy = stage.export("k")
    worker = stage.worker()
    assert worker.advance(busy) == busy  # and now its tenant rests for three
    assert worker.take_due() == Round(touched=0, failed=0, complete=True)
    stage.clock.instant = after(2)
    assert worker.take_due() == Round(touched=2, failed=0, complete=True)
    assert stage.store.get("t", "k").state == "JobComplete"


def test_a_job_that_goes_meanwhile_is_no_failure(stage: Stage) -> None:
    class Late(Scripted):
        def poll(self, task: Any, /, *, wait: float = 0) -> Execution:
            if stage.executor.names().count("poll"):
                stage.store.delete("t", "j")
            return super().poll(task, wait=wait)

    stage.executor.__class__ = Late
    stage.export()
    assert stage.worker().take_due() == Round(touched=1, failed=0, complete=True)
    assert stage.executor.names()[-1] == "cancel"
