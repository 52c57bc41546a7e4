"""EX4 and EX5 on uploads that break loaders: nothing half loaded, nothing mangled, a clear answer."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from spectra.domain import Effect, Session
from spectra.errors import InvalidSpecError
from spectra.ports.executor import Status
from spectra.testing.contracts.executor_harness import Trial, thorough
from spectra.testing.contracts.executor_loads import BEFORE, HEADER, LoadPromises

GOOD = (HEADER + "1,a,\n" * 2_000).encode()
RECORDS = b'{"id": 1, "name": "a"}\n'
# One row of id 'x', name 'a', price 1.5: the first is text where the table has a number.
PARQUET = gzip.decompress(
    base64.b85decode(
        "ABzY8000000t0Q4!D_-l5QhIORYI^}4zpw-hg=LP1Tn!<3jt9)_8@%$joAf*)fPqZ8T!OMc9LKf>M}4hKl9D(&dw+A34t7PViFv*"
        "sSQ{F&Ue+ElP+~{)aLw*NvOAHc#ry6Z1iezDAs11a{+aF@I<M5Xu^kGzBN_iaMJqPmxX~8%2!zkpE`=5s&Zmc#xf4=%(KpH5>f44"
        "7s}`1Ai;C5Ox^d78Zwo$RaE8wQ%+4a7pSpRrr|R4?8}3$5jVM`x~{}+Q~7O45!&n!MKj*QY#N-*{!o7If>YWb^phZ39m@|LjP%PW"
        "NrvWi@T4*yXbe+c@SMNn7me<dZ<7H400"
    )
)


class UploadPromises(LoadPromises):
    """See `ExecutorContract`."""

    @pytest.mark.parametrize(
        ("data", "options"),
        [
            pytest.param(gzip.compress(GOOD)[:-9], {"compression": "GZIP"}, id="truncated-gzip"),
            pytest.param(gzip.compress(GOOD) + b"junk", {"compression": "GZIP"}, id="junk-after-gzip"),
            pytest.param(GOOD, {"compression": "GZIP"}, id="gzip-was-said"),
            pytest.param(gzip.compress(GOOD), {}, id="gzip-was-not-said"),
            pytest.param(b"[" + RECORDS.strip() + b"]", {"content_type": "JSON"}, id="json-array"),
            pytest.param(RECORDS, {}, id="json-as-csv"),
            pytest.param(GOOD, {"content_type": "JSON"}, id="csv-as-json"),
            pytest.param(b"id,name,price,colour\n1,a,1,red\n", {}, id="unknown-column"),
            pytest.param(b"id,name,ID\n1,a,1\n", {}, id="column-twice"),
            pytest.param(b"", {}, id="empty"),
            pytest.param(bytes(range(256)) * 40, {}, id="binary"),
            pytest.param(GOOD.decode().encode("utf-16"), {}, id="utf-16"),
        ],
    )
    @thorough(but=lambda case: case.id == "truncated-gzip")
    def test_ex4_a_file_that_is_wrong_as_a_whole_changes_nothing(
        self, request: pytest.FixtureRequest, trial: Trial, data: bytes, options: dict[str, Any]
    ) -> None:
        table = trial.table(BEFORE)
        task = trial.task(self.load_spec(request, trial, table, **options), data)
        execution = trial.done(task)
        assert execution.status is Status.FAILED
        assert execution.error is not None
        assert not execution.error.retryable
        assert execution.error.message
        assert trial.rows(table) == BEFORE
        assert trial.executor.cancel(task) is Effect.NONE

    def test_ex4_a_table_that_does_not_exist(self, trial: Trial) -> None:
        execution = trial.load(f"nothing_{trial.mark}", GOOD)
        assert execution.status is Status.FAILED
        assert execution.error is not None
        assert not execution.error.retryable

    @thorough()
    def test_ex4_a_header_alone_loads_nothing(self, trial: Trial) -> None:
        table = trial.table(BEFORE)
        execution = trial.load(table, HEADER)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert execution.counts is not None
        assert execution.counts.total == 0
        assert trial.rows(table) == BEFORE

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param("\ufeff" + HEADER + "1,a,\n2,b,\n", id="byte-order-mark"),
            pytest.param(HEADER.replace("\n", "\r\n") + "1,a,\r\n2,b,\r\n", id="CRLF-where-LF-was-said"),
            pytest.param(HEADER + "1,a,\n2,b,", id="no-last-line-ending"),
            pytest.param('id,"name",price\n"1","a",""\n2,b,\n', id="quotes"),
        ],
    )
    @thorough()
    def test_ex4_what_is_harmless_is_loaded(self, trial: Trial, data: str) -> None:
        table = trial.table()
        execution = trial.load(table, data)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.rows(table) == [(1, "a", None), (2, "b", None)]

    def test_ex4_quoted_newlines_and_quotes(self, trial: Trial) -> None:
        table = trial.table()
        execution = trial.load(table, HEADER + '1,"two\nlines",1\n2,"say ""hi"", x",2\n3,"\r\n",3\n')
        assert execution.status is Status.SUCCEEDED, execution.error
        names = [row[1] for row in trial.rows(table)]
        assert names == ["two\nlines", 'say "hi", x', "\r\n"]

    @thorough()
    def test_ex5_ten_megabytes_in_one_field_are_kept_or_told(self, trial: Trial) -> None:
        table = trial.table((), {"id": "integer", "name": "varchar(65535)"})
        size = 10_000_000
        execution = trial.load(table, f"id,name\n1,a\n2,{'x' * size}\n3,c\n")
        if execution.status is Status.SUCCEEDED:
            assert [len(row[1]) for row in trial.rows(table)] == [1, size, 1]
            return
        assert execution.status is Status.FAILED
        assert execution.error is not None
        assert not execution.error.retryable
        assert trial.rows(table) == []

    @thorough()
    def test_ex5_invalid_utf8_is_a_failed_record(self, request: pytest.FixtureRequest, trial: Trial) -> None:
        table = trial.table()
        spec = self.load_spec(request, trial, table, max_failed_records=1)
        execution = trial.done(trial.task(spec, HEADER.encode() + b"1,\xff\xfe,\n2,b,\n"))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.ordinals(execution) == [1]
        assert trial.rows(table) == [(2, "b", None)]

    @thorough()
    def test_ex5_malformed_json_is_a_failed_record(
        self, request: pytest.FixtureRequest, trial: Trial
    ) -> None:
        table = trial.table()
        spec = self.load_spec(request, trial, table, content_type="JSON", max_failed_records=9)
        lines = ['{"id": 1, "name": "a"}', '{"id": ', '{"id": "x"}', "[1]", "7", '{"id": 2, "name": "b"}']
        execution = trial.done(trial.task(spec, "\n".join(lines)))
        assert execution.status is Status.SUCCEEDED, execution.error
        assert trial.ordinals(execution, header=False) == [2, 3, 4, 5]
        assert trial.rows(table) == [(1, "a", None), (2, "b", None)]

    @thorough()
    def test_ex5_parquet_of_other_types_is_told(self, trial: Trial) -> None:
        spec = trial.insert(trial.table(), content_type="PARQUET")
        try:
            trial.executor.check(spec, Session())
        except InvalidSpecError:
            return  # it is refused before any upload
        for data in (PARQUET, PARQUET[:-9], b"PAR1 and no more", RECORDS):
            table = trial.table(BEFORE)
            execution = trial.load(table, data, content_type="PARQUET")
            assert execution.status is Status.FAILED
            assert execution.error is not None
            assert not execution.error.retryable
            assert trial.rows(table) == BEFORE
