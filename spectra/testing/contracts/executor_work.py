"""EX1, EX2, EX7 and EX9: starting, polling, sessions, and what an executor knows."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from spectra.domain import Effect, ExportSpec, Session
from spectra.errors import ClosedError, InvalidCursorError, InvalidSpecError
from spectra.ports.executor import Status
from spectra.testing.contracts.calls import everything_of
from spectra.testing.contracts.executor_harness import ExecutorHarness, OnTrial, Trial, thorough


class WorkPromises(OnTrial):
    """See `ExecutorContract`."""

    # ---- EX1: starting ----------------------------------------------------------------------------

    def test_ex1_starting_twice_is_starting_once(self, trial: Trial) -> None:
        table = trial.table()
        spec = ExportSpec(query=f"select count(*) as n from {table}")
        export = trial.task(spec)
        assert trial.records(trial.done(export), spec) == [{"n": "0"}]
        task = trial.task(trial.insert(table), "id,name,price\n1,a,\n")
        assert trial.executor.start(task) == trial.executor.start(task)
        execution = trial.done(task)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert execution.counts is not None
        assert execution.counts.succeeded == 1
        assert trial.rows(table) == [(1, "a", None)]
        # A second run would see the row; the first one is found.
        assert trial.records(trial.done(export), spec) == [{"n": "0"}]

    def test_ex1_starting_does_not_wait_for_the_work(self, trial: Trial) -> None:
        task = trial.task(ExportSpec(query=trial.endless()))
        begun, in_time = trial.begin(task)
        again, in_time_again = trial.begin(task)
        assert isinstance(trial.executor.detached(task), bool)
        trial.executor.cancel(task)
        assert (in_time, in_time_again) == (True, True)
        assert again.handle == begun.handle

    @thorough()
    def test_ex1_of_two_tenants_each_job_has_its_own_work(
        self, request: pytest.FixtureRequest, trial: Trial
    ) -> None:
        job, found = f"same-{trial.mark}", []
        for tenant in ("acme", "bcme"):
            spec = ExportSpec(query=f"select '{tenant}' as t")
            found += trial.records(trial.done(trial.task(spec, tenant=tenant, job=job)), spec)
        assert found == [{"t": "acme"}, {"t": "bcme"}]

    # ---- EX2: polling -----------------------------------------------------------------------------

    def test_ex2_polling_waits_no_longer_than_asked_and_ends_with_the_work(self, trial: Trial) -> None:
        task = trial.task(ExportSpec(query=trial.endless()))
        trial.begin(task)
        begun = time.monotonic()
        assert trial.glance(task, wait=0.3).status is Status.RUNNING
        assert time.monotonic() - begun < 0.3 + trial.harness.patience
        canceller = threading.Timer(0.3, trial.executor.cancel, [task])
        canceller.start()
        execution = trial.executor.poll(task, wait=60)
        canceller.join()
        assert execution.status is Status.CANCELLED
        assert time.monotonic() - begun < 50

    def test_ex2_no_handle_is_needed_and_the_answer_stays(self, trial: Trial) -> None:
        task = trial.task(ExportSpec(query="select 1 as a"))
        handle = trial.executor.start(task)
        first = trial.executor.poll(task, wait=trial.wait)
        assert first.status is Status.SUCCEEDED
        for one in (task, attrs.evolve(task, handle=handle)):
            again = trial.executor.poll(one)
            assert (again.status, again.counts) == (first.status, first.counts)

    @thorough()
    def test_ex2_no_handle_is_needed_of_a_load(self, request: pytest.FixtureRequest, trial: Trial) -> None:
        task = trial.task(trial.insert(trial.table()), "id,name,price\n1,a,\n")
        first = trial.done(task)
        again = trial.executor.poll(task)
        assert (again.status, again.counts) == (Status.SUCCEEDED, first.counts)

    def test_ex2_what_never_began_is_no_success(self, trial: Trial) -> None:
        task = trial.task(trial.insert(trial.table()), "id\n1\n")
        assert trial.executor.poll(task).status in (Status.LOST, Status.RUNNING)

    @thorough()
    def test_ex2_of_many_tasks_each_has_its_own_answer(self, trial: Trial) -> None:
        tasks = [trial.task(ExportSpec(query=f"select {number} as n")) for number in range(12)]
        for task in tasks:
            trial.executor.start(task)
        for number, task in enumerate(tasks):
            assert trial.records(trial.done(task), ExportSpec(query="select 1")) == [{"n": str(number)}]

    # ---- EX7: sessions and labels -----------------------------------------------------------------

    def test_ex7_the_work_runs_under_its_session_and_leaves_none_behind(
        self, harness: ExecutorHarness, trial: Trial
    ) -> None:
        sessions: tuple[Session, ...] = (
            Session(),
            *harness.sessions,
            Session(),
            harness.sessions[0],
            Session(),
        )
        if self.profile == "slow":
            sessions = sessions[:2] + sessions[3:4]
        seen = []
        for session in sessions:
            spec = ExportSpec(query=f"select {harness.user or '1'} as u")
            try:
                trial.executor.check(spec, session)
            except InvalidSpecError:
                assert harness.user is None
                continue
            seen.append(trial.records(trial.done(trial.task(spec, session=session)), spec)[0]["u"])
        if harness.user is not None:
            own = seen[0]
            assert seen == [session.db_user or own for session in sessions]

    # ---- EX9: check, known, forget, close -----------------------------------------------------------

    def test_ex9_known_and_forget(self, trial: Trial) -> None:
        later = datetime.now(UTC) + timedelta(days=1)
        load = trial.task(trial.insert(trial.table()), "id,name,price\n1,a,\n")
        assert trial.done(load).status is Status.SUCCEEDED
        running = trial.task(ExportSpec(query=trial.endless()))
        trial.begin(running)

        def known() -> list[tuple[str, int, bool]]:
            found = everything_of(trial.executor.known, older_than=later)
            mine = [one for one in found if one.job_id in (load.job_id, running.job_id)]
            assert all(one.tenant_id == "acme" and one.since.utcoffset() is not None for one in mine)
            return sorted((one.job_id, one.attempt, one.running) for one in mine)

        assert known() == sorted([(load.job_id, 1, False), (running.job_id, 1, True)])
        trial.executor.cancel(running)
        for _ in range(1 if self.profile == "slow" else 2):
            for task in (load, running):
                trial.executor.forget(task.tenant_id, task.job_id)
        assert known() == []
        with pytest.raises(InvalidCursorError):
            trial.executor.known(older_than=later, cursor="nonsense")

    @thorough()
    def test_ex9_known_and_forget_keep_traces_apart(
        self, request: pytest.FixtureRequest, trial: Trial
    ) -> None:
        now = datetime.now(UTC)
        load = trial.task(trial.insert(trial.table()), "id,name,price\n1,a,\n")
        twin = trial.again(trial.task(load.spec, "id\n1\n", tenant="bcme", job=load.job_id), 2)
        closed = trial.task(load.spec, "id\n1\n", job=f"{load.job_id}-2")
        for task in (load, twin):
            assert trial.done(task).status is Status.SUCCEEDED
        while trial.executor.cancel(closed) is Effect.PENDING:
            time.sleep(0.1)

        def known(older_than: datetime) -> set[tuple[str, str, int]]:
            found = everything_of(trial.executor.known, older_than=older_than)
            mine = [one for one in found if one.job_id.startswith(load.job_id)]
            assert not any(one.running for one in mine)
            return {(one.tenant_id, one.job_id, one.attempt) for one in mine}

        traces = {(one.tenant_id, one.job_id, one.attempt) for one in (load, twin, closed)}
        assert known(now - timedelta(days=1)) == set()
        assert known(now + timedelta(days=1)) == traces
        trial.executor.forget("acme", load.job_id)
        assert known(now + timedelta(days=1)) == traces - {("acme", load.job_id, 1)}

    def test_ex9_ready_says_nothing_if_work_can_begin(self, trial: Trial) -> None:
        trial.executor.ready()
        assert trial.results.scheme in trial.executor.schemes

    def test_ex9_close_ends_the_work_and_is_final(self, trial: Trial) -> None:
        executor = trial.executor
        task = trial.task(ExportSpec(query=trial.endless()))
        trial.begin(task)
        if executor.detached(task):
            executor.cancel(task)  # such work outlives the executor that began it
        executor.close()
        executor.close()
        for call in (
            lambda: executor.start(task),
            lambda: executor.poll(task),
            lambda: executor.cancel(task),
            executor.ready,
            lambda: executor.forget("acme", "j"),
            lambda: executor.known(older_than=task.claimed_at),
        ):
            with pytest.raises(ClosedError):
                call()
