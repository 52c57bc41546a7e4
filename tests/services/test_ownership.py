"""Whose work it is: what others took over goes on, and what was ours is handed back or ended."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from spectra.domain import Effect
from spectra.errors import BackendUnavailableError
from spectra.ports import Execution
from spectra.testing.samples import after
from tests.services.scripted import RETENTION, Scripted, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage.build()


def at_look(stage: Stage, number: int, do: Any) -> None:
    """Call *do* with the job as it is stored, in the look of that *number*; bounded."""

    class Watched(Scripted):
        def poll(self, task: Any, /, *, wait: float = 0) -> Execution:
            found = super().poll(task, wait=wait)
            looks = self.names().count("poll")
            assert looks < 20
            if looks == number:
                do(stage.store.get("t", "j"))
            return found

    stage.executor.__class__ = Watched


def carry(stage: Stage, how: str) -> None:
    job = stage.export()
    if how == "drive":
        stage.worker().drive(job, until=after(60))
    else:
        stage.worker().run_once()


@pytest.mark.parametrize("how", ["drive", "run_once"])
def test_an_abort_by_others_is_seen_at_the_next_look(stage: Stage, how: str) -> None:
    at_look(stage, 3, lambda job: stage.store.replace(job, job.abort(at=after(0), retention=RETENTION)))
    carry(stage, how)
    job = stage.store.get("t", "j")
    assert (job.state, job.effect) == ("Aborted", "none")
    assert stage.executor.names() == ["ready", "start", "poll", "poll", "poll", "cancel"]


def test_work_that_another_worker_took_over_goes_on(stage: Stage) -> None:
    at_look(
        stage,
        3,
        lambda job: stage.store.replace(job, job.renew(at=after(0), worker="other", until=after(60))),
    )
    carry(stage, "run_once")
    assert stage.store.get("t", "j").lease.worker == "other"
    assert "cancel" not in stage.executor.names()


@pytest.mark.parametrize("how", ["drive", "run_once"])
def test_an_interrupt_hands_the_work_back(stage: Stage, how: str) -> None:
    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    at_look(stage, 3, interrupt)
    with pytest.raises(KeyboardInterrupt):
        carry(stage, how)
    job = stage.store.get("t", "j")
    assert (job.state, job.lease, job.attempt) == ("InProgress", None, 1)
    assert stage.executor.names()[-1] == "cancel"


@pytest.mark.parametrize("away", [False, True])
def test_a_worker_that_is_stopped_hands_the_work_back_or_says_why_not(stage: Stage, away: bool) -> None:
    stop = threading.Event()
    at_look(stage, 3, lambda _: stop.set())
    stage.executor.effects = [BackendUnavailableError("away") if away else Effect.NONE]
    stage.export()
    stage.worker().serve(stop)
    job = stage.store.get("t", "j")
    assert (job.state, job.lease is None) == ("InProgress", not away)
    failed = [event for event in stage.told if event.name == "step.failed"]
    assert [(str(event.job), event.before) for event in failed] == [("t/j", "InProgress")] * away
