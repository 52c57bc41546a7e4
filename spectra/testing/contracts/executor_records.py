"""EX5: failed records are set aside, counted exactly, in their order."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectra.domain import LoadSpec
from spectra.ports.executor import Status
from spectra.testing.contracts.contract import Lack
from spectra.testing.contracts.executor_harness import Trial, thorough
from spectra.testing.contracts.executor_loads import BEFORE, HEADER, LoadPromises

Record = tuple[str, str, str]
RECORDS = st.lists(
    st.tuples(
        st.integers(0, 6).map(str) | st.sampled_from(["", "x"]),
        st.sampled_from(["a", "two\nlines", 'q"', "", "é,"]),
        st.sampled_from(["", "1.5", "bad"]),
    ),
    max_size=8,
)


class RecordPromises(LoadPromises):
    """See `ExecutorContract`."""

    def test_ex5_bad_records_are_set_aside_in_order(
        self, request: pytest.FixtureRequest, trial: Trial
    ) -> None:
        table = trial.table()
        spec = self.load_spec(request, trial, table, max_failed_records=4)
        bad = {2: "x,b,2", 3: "3,c,dear", 5: "y,e,5", 90: "z,f,6"}
        lines = [bad.get(number, f"{number},n,0.5") for number in range(1, 101)]
        execution = trial.done(trial.task(spec, HEADER + "\n".join(lines) + "\n"))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.ordinals(execution) == [*bad]
        # Where the column is known it is the right one.
        columns = [record["spectra_column"] for record in trial.failed(execution)]
        assert all(
            told in ("", right) for told, right in zip(columns, ("id", "price", "id", "id"), strict=True)
        )
        # They are told as they were sent; of record and line each that is known is the right one.
        for record, (number, line) in zip(trial.failed(execution), bad.items(), strict=True):
            assert list(record)[:3] == ["id", "name", "price"]
            assert [record["id"], record["name"], record["price"]] == line.split(",")
            assert record["spectra_record"] in ("", str(number))
            assert record["spectra_line"] in ("", str(number + 1))
        assert execution.counts is not None
        assert attrs.astuple(execution.counts) == (100, 96, 4, 0)
        assert {row[0] for row in trial.harness.rows(table)} == set(range(1, 101)) - set(bad)

    @pytest.mark.parametrize("budget", [0, 2, 3])
    @thorough(but=lambda case: case.params["budget"] == 2)
    def test_ex5_the_budget_is_exact(self, request: pytest.FixtureRequest, trial: Trial, budget: int) -> None:
        table = trial.table(BEFORE)
        spec = self.load_spec(request, trial, table, max_failed_records=budget)
        data = HEADER + "11,a,\nx,b,\n12,c,\ny,d,\nz,e,\n13,f,\n"
        execution = trial.done(trial.task(spec, data))
        assert trial.ordinals(execution) == [2, 4, 5][: budget + 1]
        assert execution.counts is not None
        if budget == 3:
            assert execution.status is Status.SUCCEEDED, execution.error
            assert [row[0] for row in trial.rows(table)] == [1, 11, 12, 13, 2, 3] or len(
                trial.rows(table)
            ) == 6
            assert (execution.counts.succeeded, execution.counts.failed) == (3, 3)
            return
        assert execution.status is Status.FAILED
        assert execution.error is not None
        assert not execution.error.retryable
        assert trial.rows(table) == BEFORE
        assert (execution.counts.succeeded, execution.counts.failed) == (0, budget + 1)

    @thorough()
    def test_ex5_what_was_rejected_can_be_loaded_again(
        self, request: pytest.FixtureRequest, trial: Trial
    ) -> None:
        table = trial.table()
        spec = self.load_spec(request, trial, table, max_failed_records=1)
        execution = trial.done(trial.task(spec, HEADER + '1,a,\nx,"b\nc",\n2,d,\n'))
        assert execution.status is Status.SUCCEEDED, execution.error
        if execution.rejected_input is None:
            return
        with trial.results.open_read(execution.rejected_input.location) as stream:
            rejected = stream.read()
        again = trial.done(trial.task(spec, rejected))
        assert trial.ordinals(again) == [1]
        mended = trial.done(trial.task(spec, rejected.replace(b"x,", b"3,")))
        assert mended.counts is not None
        assert mended.counts.succeeded == 1
        assert trial.rows(table) == [(1, "a", None), (2, "d", None), (3, "b\nc", None)]

    @pytest.mark.parametrize(
        ("policy", "price", "failed", "idle"),
        [("error", 2.0, [1, 2], 0), ("first", 21.0, [], 1), ("last", 22.0, [], 1)],
    )
    @thorough(but=lambda case: case.params["policy"] == "last")
    def test_ex5_duplicate_keys(
        self,
        request: pytest.FixtureRequest,
        trial: Trial,
        policy: str,
        price: float,
        failed: list[int],
        idle: int,
    ) -> None:
        table = trial.table(BEFORE)
        spec = self.load_spec(
            request,
            trial,
            table,
            operation="update",
            key_columns=("id",),
            on_duplicate_key=policy,
            max_failed_records=9 if failed else 0,
        )
        execution = trial.done(trial.task(spec, "id,price\n2,21\n2,22\n3,30\n"))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.ordinals(execution) == failed
        assert execution.counts is not None
        assert attrs.astuple(execution.counts) == (3, 3 - len(failed) - idle, len(failed), idle)
        assert trial.rows(table) == [(1, "a", 1.0), (2, "b", price), (3, "c", 30.0)]

    @pytest.mark.parametrize(
        ("operation", "policy"), [("update", "error"), ("upsert", "first"), ("delete", "last")]
    )
    @thorough()
    def test_ex5_null_keys_are_failed_records(
        self, request: pytest.FixtureRequest, trial: Trial, operation: str, policy: str
    ) -> None:
        # A NULL matches nothing, itself neither: whatever it were taken for, it would be lost.
        table = trial.table([*BEFORE, (None, "nobody", 0.0)])
        spec = self.load_spec(
            request,
            trial,
            table,
            operation=operation,
            key_columns=("id",),
            on_duplicate_key=policy,
            max_failed_records=2,
        )
        data = 'id\n""\n1\n""\n' if operation == "delete" else HEADER + ",z,9\n1,A,9\n,y,8\n"
        execution = trial.done(trial.task(spec, data))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.ordinals(execution) == [1, 3]
        rows = trial.rows(table)
        assert (None, "nobody", 0.0) in rows
        assert len(rows) == (3 if operation == "delete" else 4)

    @pytest.mark.parametrize("operation", ["update", "delete"])
    @pytest.mark.parametrize("policy", ["reject", "ignore"])
    @thorough(but=lambda case: case.id == "reject-update")
    def test_ex5_keys_that_match_nothing(
        self, request: pytest.FixtureRequest, trial: Trial, operation: str, policy: str
    ) -> None:
        table = trial.table(BEFORE)
        spec = self.load_spec(
            request,
            trial,
            table,
            operation=operation,
            key_columns=("id",),
            on_missing_key=policy,
            max_failed_records=1 if policy == "reject" else 0,
        )
        data = "id\n7\n1\n" if operation == "delete" else "id,price\n7,9\n1,9\n"
        execution = trial.done(trial.task(spec, data))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.ordinals(execution) == ([1] if policy == "reject" else [])
        assert execution.counts is not None
        reject = policy == "reject"
        assert attrs.astuple(execution.counts) == (2, 1, int(reject), int(not reject))
        assert trial.rows(table) == (BEFORE[1:] if operation == "delete" else [(1, "a", 9.0), *BEFORE[1:]])

    @thorough()
    def test_ex5_no_upload_tells_it_from_a_model(self, trial: Trial) -> None:
        """EX4 and EX5: loads beside a dict, for whatever records, operations and policies."""
        lacks = self.lacks
        operations = [
            name
            for name, lack in (("update", Lack.UPDATE), ("upsert", Lack.UPSERT), ("delete", Lack.DELETE))
            if lack not in lacks
        ]

        @settings(suppress_health_check=list(HealthCheck), deadline=None)
        @given(
            operation=st.sampled_from(["insert", *operations]),
            policy=st.sampled_from(["error", "first", "last"]),
            missing=st.sampled_from(["reject", "ignore"]),
            budget=st.just(0) if Lack.SET_ASIDE in lacks else st.integers(0, 6),
            kind=st.sampled_from(["CSV"] if Lack.JSON_LOADS in lacks else ["CSV", "JSON"]),
            records=RECORDS,
        )
        def compare(
            operation: str, policy: str, missing: str, budget: int, kind: str, records: list[Record]
        ) -> None:
            table = trial.table(BEFORE)
            options: dict[str, Any] = {"max_failed_records": budget, "content_type": kind}
            if operation != "insert":
                options |= {"key_columns": ("id",), "on_duplicate_key": policy, "on_missing_key": missing}
            names = ["id"] if operation == "delete" else ["id", "name", "price"]
            rows = [record[: len(names)] for record in records]
            spec = LoadSpec(**{"operation": operation, "object": table, **options})
            execution = trial.done(trial.task(spec, _encoded(kind, names, rows)))
            after, failed, idle = _model(operation, policy, missing, rows)
            if len(failed) > budget:
                assert execution.status is Status.FAILED
                after, failed = BEFORE, failed[: budget + 1]
            else:
                assert execution.status is Status.SUCCEEDED, execution.error
                assert execution.counts is not None
                counts = (len(rows), len(rows) - len(failed) - idle, len(failed), idle)
                assert attrs.astuple(execution.counts) == counts
            told = [int(record["spectra_record"] or 0) for record in trial.failed(execution)]
            assert told == failed or 0 in told
            assert trial.rows(table) == sorted(after, key=repr)

        compare()


def _encoded(kind: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    if kind == "CSV":
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(names)
        writer.writerows(rows)
        return text.getvalue().encode()
    facts = [{name: value or None for name, value in zip(names, row, strict=True)} for row in rows]
    # An upload without a byte is refused before an executor sees it; a blank line is no record.
    return "".join(json.dumps(fact) + "\n" for fact in facts).encode() or b"\n"


def _model(
    operation: str, policy: str, missing: str, rows: Sequence[Sequence[str]]
) -> tuple[list[tuple[Any, ...]], list[int], int]:
    """The table afterwards, the ordinals of the failed records, and how many had no effect."""
    failed: list[int] = []
    good: dict[int, tuple[int | None, Any, Any]] = {}
    for ordinal, row in enumerate(rows, 1):
        key, name, price = (*row, "", "")[:3]
        if key == "x" or price == "bad" or (not key and operation != "insert"):
            failed.append(ordinal)
        else:
            good[ordinal] = (int(key) if key else None, name or None, float(price) if price else None)
    if operation == "insert":
        return [*BEFORE, *good.values()], failed, 0
    idle = 0
    by_key: dict[int | None, list[int]] = {}
    for ordinal, (number, *_) in good.items():
        by_key.setdefault(number, []).append(ordinal)
    for ordinals in by_key.values():
        if len(ordinals) == 1:
            continue
        kept = {"error": None, "first": ordinals[0], "last": ordinals[-1]}[policy]
        for ordinal in ordinals:
            if ordinal != kept:
                del good[ordinal]
                idle += kept is not None
                failed += [ordinal] if kept is None else []
    after: dict[int | None, tuple[Any, ...]] = {row[0]: row for row in BEFORE}
    for ordinal, (number, *_) in list(good.items()):
        if operation != "upsert" and number not in after:
            del good[ordinal]
            idle += missing == "ignore"
            failed += [] if missing == "ignore" else [ordinal]
    for record in good.values():
        if operation == "delete":
            del after[record[0]]
        else:
            after[record[0]] = record
    return [*after.values()], sorted(failed), idle
