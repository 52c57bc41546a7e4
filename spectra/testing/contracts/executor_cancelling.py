"""EX6: cancelling, and the truth about its effect."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from spectra.domain import Effect, ExportSpec
from spectra.ports.executor import Status, Task
from spectra.testing.contracts.calls import everything_of
from spectra.testing.contracts.executor_harness import OnTrial, Trial

HEADER = "id,name,price\n"


class CancelPromises(OnTrial):
    """See `ExecutorContract`."""

    def cancelled(self, trial: Trial, task: Task, *, close_ledger: bool = True) -> Effect:
        """What cancelling has come to, once it is proved."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            effect = trial.executor.cancel(task, close_ledger=close_ledger)
            if effect is not Effect.PENDING:
                return effect
        raise AssertionError("the effect stays pending")

    def test_ex6_a_load_that_was_cancelled_first_is_never_applied(self, trial: Trial) -> None:
        table = trial.table()
        task = trial.task(trial.insert(table), HEADER + "1,a,\n")
        assert self.cancelled(trial, task) is Effect.NONE
        for attempt in (2,) if self.profile == "slow" else (1, 2):
            again = task if attempt == 1 else trial.again(task, attempt)
            assert trial.done(again).status in (Status.CANCELLED, Status.FAILED)
        assert trial.rows(table) == []
        assert self.cancelled(trial, task) is Effect.NONE

    def test_ex6_a_load_that_was_applied_stays_applied(self, trial: Trial) -> None:
        table = trial.table()
        task = trial.task(trial.insert(table), HEADER + "1,a,\n")
        assert trial.done(task).status is Status.SUCCEEDED
        assert self.cancelled(trial, task) is Effect.APPLIED
        if self.profile != "slow":
            later = trial.again(task, 2)
            for one, close in ((task, True), (task, False), (later, True), (later, False)):
                assert self.cancelled(trial, one, close_ledger=close) is Effect.APPLIED
        assert trial.executor.poll(task).status is Status.SUCCEEDED
        assert trial.rows(table) == [(1, "a", None)]

    def test_ex6_a_lost_attempt_can_be_followed(self, trial: Trial) -> None:
        table = trial.table()
        task = trial.task(trial.insert(table), HEADER + "1,a,\n")
        assert trial.executor.cancel(task, close_ledger=False) is Effect.NONE
        assert trial.done(trial.again(task, 2)).status is Status.SUCCEEDED
        # The first one comes too late: it finds the load applied, and does nothing.
        trial.done(task)
        assert trial.rows(table) == [(1, "a", None)]

    def test_ex6_a_lost_attempt_that_was_closed_for_good_is_not_followed(self, trial: Trial) -> None:
        table = trial.table()
        task = trial.task(trial.insert(table), HEADER + "1,a,\n")
        assert trial.executor.cancel(task, close_ledger=False) is Effect.NONE
        assert self.cancelled(trial, trial.again(task, 2)) is Effect.NONE
        assert trial.done(trial.again(task, 3)).status in (Status.CANCELLED, Status.FAILED)
        assert trial.rows(table) == []

    def test_ex6_a_running_export_ends(self, trial: Trial) -> None:
        task, _ = trial.begin(trial.task(ExportSpec(query=trial.endless())))
        trial.glance(task, wait=0.3)
        for _ in range(2):
            assert self.cancelled(trial, task) is Effect.NONE
        execution = trial.executor.poll(task)
        assert (execution.status, execution.results) == (Status.CANCELLED, None)
        found = everything_of(trial.executor.known, older_than=datetime.now(UTC) + timedelta(days=1))
        assert not any(one.running for one in found if one.job_id == task.job_id)
        assert trial.export("select 1 as a").status is Status.SUCCEEDED

    def test_ex6_an_export_that_was_cancelled_first_writes_nothing_that_counts(self, trial: Trial) -> None:
        task = trial.task(ExportSpec(query="select 1 as a"))
        assert self.cancelled(trial, task) is Effect.NONE
        assert trial.executor.poll(task).status is not Status.SUCCEEDED

    def test_ex6_cancelling_at_any_moment_tells_the_truth(self, trial: Trial) -> None:
        slow = self.profile == "slow"
        count = 2_000 if slow else 20_000
        data = HEADER + "".join(f"{number},name {number},0.5\n" for number in range(count))
        for moment in range(1 if slow else 10):
            table = trial.table()
            task = trial.task(trial.insert(table), data)
            trial.executor.start(task)
            time.sleep(moment * 0.03)
            # A lost attempt is ended like any other, though its row stays open for the next.
            close = moment % 2 == 0
            effect = self.cancelled(trial, task, close_ledger=close)
            assert effect in (Effect.NONE, Effect.APPLIED)
            wanted = {Effect.NONE: 0, Effect.APPLIED: count}[effect]
            assert len(trial.harness.rows(table)) == wanted
            if effect is Effect.NONE:
                # What was said to have no effect has none later either.
                status = trial.executor.poll(task, wait=2).status
                assert status in (Status.CANCELLED, Status.FAILED, *(() if close else (Status.LOST,)))
                time.sleep(0.2)
                assert trial.harness.rows(table) == []
            assert self.cancelled(trial, task) is effect
