"""`ExecutorContract` and `QueryRunnerContract`: what executors and runners promise, as tests."""

from __future__ import annotations

import functools
from concurrent.futures import Future, wait
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest

from spectra.errors import ClosedError, ExecutorError, QueryTimeoutError
from spectra.ports.query_runner import Query, QueryResult, QueryRunner
from spectra.testing.contracts.calls import at_once, idle
from spectra.testing.contracts.executor_cancelling import CancelPromises
from spectra.testing.contracts.executor_exports import ExportPromises
from spectra.testing.contracts.executor_harness import ExecutorHarness, OnTrial, Trial, thorough
from spectra.testing.contracts.executor_records import RecordPromises
from spectra.testing.contracts.executor_uploads import UploadPromises
from spectra.testing.contracts.executor_work import WorkPromises

__all__ = ["ExecutorContract", "QueryRunnerContract"]


class _OnTrial(OnTrial):
    @pytest.fixture
    def harness(self) -> ExecutorHarness:
        """Override: an executor, its files, and a way to its tables; close them afterwards."""
        pytest.fail("override the fixture harness")

    @pytest.fixture
    def trial(self, harness: ExecutorHarness) -> Trial:
        return Trial(harness)


class ExecutorContract(
    WorkPromises, ExportPromises, RecordPromises, UploadPromises, CancelPromises, _OnTrial
):
    """EX1 to EX7 and EX9. Subclass as ``Test…`` and override `harness`, nothing else.

    With *profile* ``"slow"`` at most 150 calls of the executor are made.
    """


class QueryRunnerContract(_OnTrial):
    """EX8. Subclass as ``Test…`` and override `harness`: its executor is the runner on trial."""

    @pytest.fixture
    def runner(self, harness: ExecutorHarness) -> QueryRunner:
        assert isinstance(harness.executor, QueryRunner)
        return harness.executor

    @staticmethod
    def ask(
        runner: QueryRunner, sql: str, *, limit: int = 10, timeout: float = 30, **parameters: Any
    ) -> QueryResult:
        """Run a small read."""
        facts: dict[str, Any] = {"tenant_id": "acme", "query_id": "q1", "parameters": parameters}
        return runner.query(Query(sql=sql, limit=limit, timeout=timeout, **facts))

    def test_ex8_rows_and_columns(self, runner: QueryRunner) -> None:
        # Of rows that are equal each is one.
        row = "select 1 as a, 'x' as b, null as c"
        result = self.ask(runner, f"{row} union all {row}")
        assert result.rows == ((1, "x", None),) * 2
        assert [column.name for column in result.columns] == ["a", "b", "c"]
        assert (result.truncated, result.query_id) == (False, "q1")

    def test_ex8_no_rows(self, runner: QueryRunner, trial: Trial) -> None:
        result = self.ask(runner, f"select id, name from {trial.table()}")
        assert (result.rows, result.truncated) == ((), False)
        assert [column.name for column in result.columns] == ["id", "name"]

    @pytest.mark.parametrize(
        ("limit", "count", "more"), [(1, 1, True), (19, 19, True), (20, 20, False), (21, 20, False)]
    )
    @thorough(but=lambda case: case.params["limit"] in (19, 20))
    def test_ex8_the_limit_is_exact(
        self,
        runner: QueryRunner,
        trial: Trial,
        limit: int,
        count: int,
        more: bool,
    ) -> None:
        table = trial.table([(number, "n", None) for number in range(20)])
        result = self.ask(runner, f"select id from {table} order by id", limit=limit)
        assert [row[0] for row in result.rows] == list(range(count))
        assert result.truncated is more

    def test_ex8_parameters_are_values(self, runner: QueryRunner, trial: Trial) -> None:
        table = trial.table([(1, "a", None)])
        texts = (f"'; drop table {table}; --", "\\'", '"', "%s :x $1 ?", "é\n𝄞", "")
        for hostile in texts[:1] if self.profile == "slow" else texts:
            assert self.ask(runner, "select :x as x", x=hostile).rows == ((hostile,),)
        assert self.ask(runner, f"select id from {table} where name = :n", n="a").rows == ((1,),)
        assert self.ask(runner, f"select id from {table} where id = :i and :t = 'x'", i=1, t="x").rows == (
            (1,),
        )
        assert self.ask(runner, "select :x as x", x=None).rows == ((None,),)
        # They compare as what they are: as texts, nine would be more than ten.
        pairs: list[tuple[Any, Any]] = [
            (9, 10),
            (9.5, 10.25),
            (Decimal("9.99"), Decimal("10.01")),
            (False, True),
            (date(2025, 12, 31), date(2026, 1, 1)),
            (datetime(2026, 1, 1, 9, 30, tzinfo=UTC), datetime(2026, 1, 1, 10, tzinfo=UTC)),
        ]
        for less, more in pairs[2:3] if self.profile == "slow" else pairs:
            found = self.ask(runner, f"select id from {table} where :less < :more", less=less, more=more)
            assert found.rows == ((1,),), f"{less!r} is not less than {more!r}"
        assert trial.rows(table) == [(1, "a", None)]

    def test_ex8_a_query_is_cut_off_at_its_timeout(self, runner: QueryRunner, trial: Trial) -> None:
        endless, told = trial.endless(), Future[QueryResult]()

        def ask() -> None:
            try:
                told.set_result(self.ask(runner, endless, timeout=0.5))
            except BaseException as exc:
                told.set_exception(exc)

        # What is never cut off is left to itself: it would keep the tests for ever.
        Thread(target=ask, daemon=True).start()
        wait([told], 0.5 + trial.harness.patience)
        assert told.done()
        assert isinstance(told.exception(), QueryTimeoutError)
        assert self.ask(runner, "select 1 as a").rows == ((1,),)
        # A warehouse of this process would still be busy with a statement that was only given up.
        assert idle(trial.harness.patience), "the statement goes on"

    @thorough()
    def test_ex8_of_queries_at_once_each_has_its_own_answer(
        self, request: pytest.FixtureRequest, runner: QueryRunner
    ) -> None:
        queries = [functools.partial(self.ask, runner, "select :n as n", n=number) for number in range(8)]
        answers = [one.rows for one in at_once(queries) if isinstance(one, QueryResult)]
        assert answers == [((number,),) for number in range(8)]

    def test_ex8_a_statement_that_fails_is_told(self, runner: QueryRunner) -> None:
        with pytest.raises(ExecutorError) as failed:
            self.ask(runner, "select nope from nothing_of_that_name")
        assert not failed.value.job_error.retryable
        assert self.ask(runner, "select 1 as a").rows == ((1,),)

    def test_ex8_a_session_is_left_behind_on_no_connection(
        self, harness: ExecutorHarness, runner: QueryRunner
    ) -> None:
        if harness.user is None:
            for session in (*harness.sessions, None):
                facts: dict[str, Any] = {} if session is None else {"session": session}
                query = Query(tenant_id="t", sql="select 1 as a", limit=1, timeout=30, query_id="q", **facts)
                assert runner.query(query).rows == ((1,),)
            return
        seen = []
        for session in (None, *harness.sessions, None, harness.sessions[0], None):
            facts = {} if session is None else {"session": session}
            sql = f"select {harness.user} as u"
            query = Query(tenant_id="t", sql=sql, limit=1, timeout=30, query_id="q", **facts)
            seen.append(runner.query(query).rows[0][0])
        own = seen[0]
        first, second = (session.db_user for session in harness.sessions)
        assert seen == [own, first, second, own, first, own]

    def test_ex8_after_close_everything_is_refused(self, runner: QueryRunner) -> None:
        runner.close()
        runner.close()
        with pytest.raises(ClosedError):
            self.ask(runner, "select 1 as a")
