"""EX4: loads are atomic, and applied once."""

from __future__ import annotations

import functools
import gzip
import json
from typing import Any

import attrs
import pytest

from spectra.domain import Compression, ContentType, LoadSpec, Operation, Session
from spectra.errors import InvalidSpecError
from spectra.ports.executor import Status
from spectra.testing.contracts.calls import at_once
from spectra.testing.contracts.contract import Lack
from spectra.testing.contracts.executor_harness import OnTrial, Trial, thorough

HEADER = "id,name,price\n"
BEFORE = [(1, "a", 1.0), (2, "b", 2.0), (3, "c", 3.0)]


class LoadPromises(OnTrial):
    """See `ExecutorContract`."""

    def load_spec(self, request: pytest.FixtureRequest, trial: Trial, table: str, **options: Any) -> LoadSpec:
        """How to load; a lack that is declared is proved by `Executor.check`, and skips the test."""
        spec = LoadSpec(**{"operation": "insert", "object": table, **options})
        lacking = [
            lack
            for lack, asked in (
                (Lack.UPDATE, spec.operation is Operation.UPDATE),
                (Lack.UPSERT, spec.operation is Operation.UPSERT),
                (Lack.DELETE, spec.operation is Operation.DELETE),
                (Lack.JSON_LOADS, spec.content_type is ContentType.JSON),
                (Lack.GZIP, spec.compression is Compression.GZIP),
                (Lack.SET_ASIDE, spec.max_failed_records > 0),
            )
            if asked and lack in self.lacks
        ]
        if lacking:
            with pytest.raises(InvalidSpecError):
                trial.executor.check(spec, Session())
            self.needs(request, *lacking)
        trial.executor.check(spec, Session())
        return spec

    def test_ex4_columns_are_found_by_name(self, trial: Trial) -> None:
        table = trial.table()
        execution = trial.load(table, "price,NAME,id\n0.5,nut,1\n,bolt,2\n")
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.rows(table) == [(1, "nut", 0.5), (2, "bolt", None)]
        assert execution.counts is not None
        assert attrs.astuple(execution.counts) == (2, 2, 0, 0)

    @thorough()
    def test_ex4_without_a_header_columns_are_in_their_order(self, trial: Trial) -> None:
        table = trial.table()
        options = {"delimiter": ";", "header": False, "null_token": "\\N"}
        execution = trial.load(table, "1;a;\\N\n2;;3\n", **options)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.rows(table) == [(1, "a", None), (2, "", 3.0)]

    @pytest.mark.parametrize(
        ("operation", "data", "after"),
        [
            ("update", "id,price\n2,20\n", [(1, "a", 1.0), (2, "b", 20.0), (3, "c", 3.0)]),
            (
                "upsert",
                HEADER + "3,C,\n4,d,4\n",
                [(1, "a", 1.0), (2, "b", 2.0), (3, "C", None), (4, "d", 4.0)],
            ),
            ("delete", "id\n1\n3\n", [(2, "b", 2.0)]),
        ],
    )
    @thorough(
        but=lambda case: case.params["operation"] != "update"
    )  # which the slow profile tries on failed records
    def test_ex4_operations(
        self, request: pytest.FixtureRequest, trial: Trial, operation: str, data: str, after: list[Any]
    ) -> None:
        table = trial.table(BEFORE)
        spec = self.load_spec(request, trial, table, operation=operation, key_columns=("id",))
        execution = trial.done(trial.task(spec, data))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.rows(table) == after
        assert execution.counts is not None
        assert execution.counts.succeeded == data.count("\n") - 1

    def test_ex4_json_lines(self, request: pytest.FixtureRequest, trial: Trial) -> None:
        table = trial.table()
        spec = self.load_spec(request, trial, table, content_type="JSON")
        facts = [{"id": 1, "name": 'a\n"é', "price": 2.5}, {"name": "b", "id": 2}, {"id": 3, "name": None}]
        data = "\n".join(json.dumps(fact) for fact in facts)
        execution = trial.done(trial.task(spec, data))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.rows(table) == [(1, 'a\n"é', 2.5), (2, "b", None), (3, None, None)]

    def test_ex4_gzip(self, request: pytest.FixtureRequest, trial: Trial) -> None:
        table = trial.table()
        spec = self.load_spec(request, trial, table, compression="GZIP")
        data = gzip.compress((HEADER + "1,a,\n").encode()) + gzip.compress(b"2,b,\n")
        execution = trial.done(trial.task(spec, data))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.rows(table) == [(1, "a", None), (2, "b", None)]

    def test_ex4_a_load_that_fails_at_its_end_changes_nothing(self, trial: Trial) -> None:
        count = 500 if self.profile == "slow" else 30_000
        table = trial.table(BEFORE)
        data = HEADER + "".join(f"{number},n,\n" for number in range(10, count)) + "x,n,\n"
        execution = trial.load(table, data)
        assert execution.status is Status.FAILED
        assert trial.rows(table) == BEFORE

    def test_ex4_it_is_applied_once_whatever_the_attempts(self, trial: Trial) -> None:
        table = trial.table()
        first = trial.task(trial.insert(table), HEADER + "1,a,\n2,b,\n")
        told = trial.done(first)
        assert told.status is Status.SUCCEEDED, told.error
        for attempt in (2,) if self.profile == "slow" else (2, 3):
            again = trial.done(trial.again(first, attempt))
            assert (again.status, again.counts) == (Status.SUCCEEDED, told.counts)
        assert trial.executor.poll(trial.again(first, 4)).status is Status.SUCCEEDED
        assert trial.rows(table) == [(1, "a", None), (2, "b", None)]

    @thorough()
    def test_ex4_what_was_applied_is_told_with_what_was_set_aside(
        self, request: pytest.FixtureRequest, trial: Trial
    ) -> None:
        table = trial.table()
        spec = self.load_spec(request, trial, table, max_failed_records=2)
        first = trial.task(spec, HEADER + "1,a,\nx,b,\n2,c,\n")
        told, again = trial.done(first), trial.done(trial.again(first, 2))
        assert told.status is again.status is Status.SUCCEEDED
        assert told.counts is not None
        assert attrs.astuple(told.counts) == (3, 2, 1, 0)
        assert again.counts == told.counts
        assert [row[0] for row in trial.rows(table)] == [1, 2]

    @thorough()
    def test_ex4_attempts_that_race_apply_it_once(self, trial: Trial) -> None:
        for number in range(6):
            table = trial.table()
            first = trial.task(trial.insert(table), HEADER + f"{number},a,\n")
            tasks = [first, trial.again(first, 2), trial.again(first, 3)]
            at_once([functools.partial(trial.done, task) for task in tasks])
            assert trial.rows(table) in ([], [(number, "a", None)])
            # Of racing attempts all may have lost; the next one does not.
            assert trial.done(trial.again(first, 4)).status is Status.SUCCEEDED
            assert trial.rows(table) == [(number, "a", None)]

    def test_ex4_a_load_is_known_by_tenant_and_job(self, trial: Trial) -> None:
        table = trial.table()
        spec = trial.insert(table)
        job = f"same-{trial.mark}"
        for number, tenant in enumerate(("acme", "bcme")):
            task = trial.task(spec, HEADER + f"{number},{tenant},\n", tenant=tenant, job=job)
            assert trial.done(task).status is Status.SUCCEEDED
        assert trial.rows(table) == [(0, "acme", None), (1, "bcme", None)]

    @thorough()
    def test_ex4_loads_of_one_table_at_once(self, trial: Trial) -> None:
        table = trial.table()
        count = 5
        tasks = [
            trial.task(trial.insert(table), HEADER + "".join(f"{n}{i:04},a,\n" for i in range(300)))
            for n in range(1, count + 1)
        ]
        for task in tasks:
            trial.executor.start(task)
        for task in tasks:
            execution = trial.done(task)
            # A conflict is transient: a worker would begin another attempt.
            for attempt in range(2, 9):
                if execution.error is None or not execution.error.retryable:
                    break
                execution = trial.done(trial.again(task, attempt))
            assert execution.status is Status.SUCCEEDED, execution.error
        assert len(trial.harness.rows(table)) == 300 * count
