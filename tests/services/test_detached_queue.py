"""A tenant that queues more than a page of `due` does not hide its own running work."""

from __future__ import annotations

from spectra.domain import JobState
from spectra.ports import Execution, Status
from tests.services.scripted import Stage


def test_detached_work_ends_although_more_wait_than_a_look_shows() -> None:
    """Nobody holds detached work in hand: whoever finds it due looks at it."""
    stage = Stage.build(tenant_limit=1)
    stage.executor.is_detached = True
    jobs = [stage.export(f"j{n}") for n in range(8)]
    worker = stage.worker()
    worker.run_once()
    stage.executor.executions = [Execution(status=Status.SUCCEEDED)]
    for _ in range(3 * len(jobs)):
        stage.clock.advance(seconds=10)
        worker.run_once()
    states = {stage.store.get("t", job.job_id).state for job in jobs}
    assert states == {JobState.JOB_COMPLETE}
