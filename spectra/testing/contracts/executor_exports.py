"""EX3: exports."""

from __future__ import annotations

from typing import Any

import pytest

from spectra.domain import Compression, ContentType, ExportSpec, JobError, Session
from spectra.errors import InvalidSpecError
from spectra.ports.executor import Status
from spectra.testing.contracts.contract import Lack
from spectra.testing.contracts.executor_harness import OnTrial, Trial, thorough

MAGIC = {"PARQUET": b"PAR1", "ZSTD": b"\x28\xb5\x2f\xfd", "BZIP2": b"BZh"}
STRANGE = ["", "a,b", 'say "hi"', "line\nbreak", "\\", "é 𝄞", " x ", "'", "|;\t"]


class ExportPromises(OnTrial):
    """See `ExecutorContract`."""

    def spec(self, request: pytest.FixtureRequest, trial: Trial, query: str, **options: Any) -> ExportSpec:
        """What to export; a lack that is declared is proved by `Executor.check`, and skips the test."""
        spec = ExportSpec(query=query, **options)
        lacking = [
            lack
            for lack, asked in (
                (Lack.JSON_EXPORTS, spec.content_type is ContentType.JSON),
                (Lack.GZIP, spec.compression is Compression.GZIP),
            )
            if asked and lack in self.lacks
        ]
        if lacking:
            with pytest.raises(InvalidSpecError):
                trial.executor.check(spec, Session())
            self.needs(request, *lacking)
        trial.executor.check(spec, Session())
        return spec

    @pytest.mark.parametrize("compression", ["NONE", "GZIP"])
    @pytest.mark.parametrize("kind", ["CSV", "JSON"])
    @thorough(but=lambda case: (case.params["kind"] == "JSON") == (case.params["compression"] == "GZIP"))
    def test_ex3_what_is_selected_is_what_is_read(
        self, request: pytest.FixtureRequest, trial: Trial, kind: str, compression: str
    ) -> None:
        rows = [(number, text, number / 4) for number, text in enumerate(STRANGE)] + [(99, None, None)]
        query = f"select id, name, price from {trial.table(rows)}"
        spec = self.spec(request, trial, query, content_type=kind, compression=compression)
        task = trial.task(spec)
        execution = trial.done(task)
        found = trial.records(execution, spec)
        assert execution.results is not None
        assert execution.counts is not None
        assert (execution.counts.total, execution.counts.succeeded) == (len(rows), len(rows))
        assert all(part.location.startswith(task.results) for part in execution.results.parts)
        if kind == "JSON":
            assert sorted((one["id"], one["name"], one["price"]) for one in found) == rows
        else:
            texts = sorted((int(one["id"]), one["name"], one["price"]) for one in found)
            assert [(number, text) for number, text, _ in texts] == [(n, t or "") for n, t, _ in rows]
            assert [float(price) if price else None for _, _, price in texts] == [p for *_, p in rows]

    def test_ex3_csv_options(self, request: pytest.FixtureRequest, trial: Trial) -> None:
        table = trial.table([(1, None, None), (2, "", 0.5)])
        spec = self.spec(
            request,
            trial,
            f"select id, name from {table}",
            delimiter="|",
            header=False,
            line_ending="CRLF",
            null_token="\\N",  # noqa: S106
        )
        execution = trial.done(trial.task(spec))
        assert b"\r\n" in b"".join(trial.parts(execution.results))
        found = trial.records(execution, spec)
        assert sorted((one["id"], one["name"]) for one in found) == [("1", "\\N"), ("2", "")]

    @pytest.mark.parametrize("kind", ["CSV", "JSON"])
    @thorough(but=lambda case: case.params["kind"] == "CSV")
    def test_ex3_no_rows_are_a_success_with_columns(
        self, request: pytest.FixtureRequest, trial: Trial, kind: str
    ) -> None:
        query = f"select id, name from {trial.table()} where id < 0"
        spec = self.spec(request, trial, query, content_type=kind)
        execution = trial.done(trial.task(spec))
        assert trial.records(execution, spec) == []
        assert execution.results is not None
        assert [column.name for column in execution.results.columns] == ["id", "name"]

    def test_ex3_parameters_are_values(self, request: pytest.FixtureRequest, trial: Trial) -> None:
        table = trial.table([(1, "a", None)])
        hostile = f"x'; drop table {table}; --"
        spec = self.spec(
            request, trial, "select :a as a, :b as b", parameters={"a": hostile, "b": 'é\\ "%s $1 ?'}
        )
        assert trial.records(trial.done(trial.task(spec)), spec) == [{"a": hostile, "b": 'é\\ "%s $1 ?'}]
        assert trial.rows(table) == [(1, "a", None)]

    def test_ex3_attempts_share_nothing(self, trial: Trial) -> None:
        spec = ExportSpec(query="select 1 as a")
        first = trial.task(spec)
        second = trial.again(first, 2)
        places = []
        for task in (first, second):
            execution = trial.done(task)
            assert trial.records(execution, spec) == [{"a": "1"}]
            assert execution.results is not None
            places.append({part.location for part in execution.results.parts})
        assert not places[0] & places[1]
        assert all(place.startswith(second.results) for place in places[1])

    @thorough()
    def test_ex3_many_rows(self, request: pytest.FixtureRequest, trial: Trial) -> None:
        table = trial.table([(number, "name", None) for number in range(100)])
        query = f"select a.id * 100 + b.id as n from {table} a, {table} b"
        spec = self.spec(request, trial, query)
        found = trial.records(trial.done(trial.task(spec)), spec)
        assert sorted(int(one["n"]) for one in found) == list(range(10_000))

    @pytest.mark.parametrize(
        "query", ["select nmae from {}", "select * from {}_of_no_name", "select 1 wher 2 3"]
    )
    @thorough(but=lambda case: "nmae" in case.params["query"])
    def test_ex3_a_statement_that_fails_says_why(self, trial: Trial, query: str) -> None:
        execution = trial.export(query.format(trial.table()))
        assert (execution.status, execution.results) == (Status.FAILED, None)
        assert isinstance(execution.error, JobError)
        assert execution.error.message
        assert not execution.error.retryable

    @pytest.mark.parametrize(
        "options",
        [{"content_type": "PARQUET"}, {"compression": "ZSTD"}, {"compression": "BZIP2"}],
        ids=lambda options: "-".join(options.values()),
    )
    def test_ex9_a_format_is_had_or_refused(self, trial: Trial, options: dict[str, str]) -> None:
        spec = ExportSpec(query="select 1 as a", **options)  # type: ignore[arg-type] # converted
        try:
            trial.executor.check(spec, Session())
        except InvalidSpecError as exc:
            assert exc.field in options  # noqa: PT017 - either way is right
            return
        execution = trial.done(trial.task(spec))
        assert execution.status is Status.SUCCEEDED
        # What was written in another form than was asked for did not run.
        (magic,) = (MAGIC[asked] for asked in options.values())
        parts = trial.parts(execution.results)
        assert parts
        assert all(part.startswith(magic) for part in parts)
