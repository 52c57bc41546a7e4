"""UNLOAD's text is parsed twice: hostile values, comments, limits and orders come through both parsers."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectra.adapters.aws.redshift import RedshiftExecutor
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import ExportSpec
from spectra.ports import Status
from spectra.testing.contracts.executor_harness import Trial
from tests.contract.redshift_house import RedshiftHarness

HOSTILE = st.text(
    st.sampled_from("\\'\"$;-/*:%&\n\t,|é𝄞 aNn0x?")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=20,
)


@pytest.fixture
def trial(redshift, local_s3, bucket, prefix):
    results = S3ResultStore(bucket, prefix=prefix, client=local_s3.client)
    with results, RedshiftExecutor(results, redshift.parameters) as executor:
        yield Trial(RedshiftHarness(executor, results, redshift))


def rows_of(trial, spec):
    execution = trial.export(spec.query, **{})
    return trial.records(execution, spec)


@pytest.mark.parametrize("escapes", [True, False])
def test_every_value_comes_through_both_parsers(trial, redshift, escapes) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        texts=st.lists(HOSTILE, min_size=1, max_size=3),
        number=st.integers(-(2**63), 2**63 - 1),
        decimal=st.decimals(-(10**9), 10**9, places=4),
        day=st.dates(date(1900, 1, 1), date(2200, 1, 1)),
        flag=st.booleans(),
    )
    def check(texts, number, decimal, day, flag) -> None:
        values = {f"t{i}": text for i, text in enumerate(texts)}
        values |= {"n": number, "d": decimal, "day": day, "flag": flag, "nil": None}
        chosen = ", ".join(f":{name} as {name}" for name in values)
        spec = ExportSpec(query=f"select {chosen} -- 'a \\ comment\n", parameters=values, content_type="JSON")
        execution = trial.done(trial.task(spec))
        assert execution.status is Status.SUCCEEDED, execution.error
        found = json.loads(trial.parts(execution.results)[0], parse_float=Decimal)
        assert found == {**values, "day": day.isoformat()}

    redshift.behaviour.backslash_escapes = escapes
    try:
        check()
    finally:
        redshift.behaviour.backslash_escapes = True


@pytest.mark.parametrize("escapes", [True, False])
@pytest.mark.parametrize(
    ("query", "value"),
    [
        (r"select 'a\\b' as x", "a\\b"),
        (r"select 'it\'s' as x", "it's"),
        ("select 'a''b' as x", "a'b"),
        (r"select 'tab\there' as x", "tab\there"),
        (r"select '\101\\\\' as x", "A\\\\"),
        ("select $$it's \\ raw$$ as x", "it's \\ raw"),
        ("select 'x' as x /* it's \\ */ -- \\ '", "x"),
        ("select 'x' as x;", "x"),
        ("select 'x' as x; -- the end '", "x"),
        ("select x from (select 'limit 3' as x) limit 1", "limit 3"),
        ('select "A ""b""" as x from (select 1 as "A ""b""")', "1"),
    ],
)
def test_texts_and_comments(trial, redshift, escapes, query, value) -> None:
    redshift.behaviour.backslash_escapes = escapes
    try:
        execution = trial.export(query)
    finally:
        redshift.behaviour.backslash_escapes = True
    assert execution.status is Status.SUCCEEDED, execution.error
    lines = list(csv.reader(io.StringIO(trial.parts(execution.results)[0].decode(), newline="")))
    assert lines[1:] == [[value]]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("select id, name from {} order by id desc", [5, 4, 3, 2, 1]),
        ("select id, name from {} order by 1 desc limit 3", [5, 4, 3]),
        ("select id, name from {} order by name limit 3", [5, 4, 3]),
        ("select id, name from {} order by name || 'x' desc, id limit 4 offset 1", [2, 3, 4, 5]),
        ("select id as k, name from {} order by k limit 2", [1, 2]),
        ("select * from {} order by -id limit 2", [5, 4]),
        ("select id from {} where id in (select id from {} order by id limit 3) order by id desc", [3, 2, 1]),
        ("with w as (select * from {} limit 100) select id, name from w order by id limit 2", [1, 2]),
        (
            "select id, name from {} union all select 9, 'z' from {} where id = 1 order by id desc limit 2",
            [9, 5],
        ),
        ("select distinct id from {} order by id desc limit 2", [5, 4]),
        ("select id, id from {} order by 1 limit 2", [1, 2]),
    ],
)
def test_a_single_file_keeps_its_order(trial, query, ids) -> None:
    table = trial.table([(number, "zyxwv"[number - 1], None) for number in range(1, 6)])
    execution = trial.export(query.format(table, table), single_file=True)
    assert execution.status is Status.SUCCEEDED, execution.error
    (part,) = trial.parts(execution.results)
    assert [int(line[0]) for line in list(csv.reader(io.StringIO(part.decode())))[1:]] == ids


def test_what_cannot_be_said_is_told(trial) -> None:
    table = trial.table([(1, "a", None)])
    for query, options, word in (
        (
            f"select distinct id + 1 from {table} order by id + 1 limit 2",
            {"single_file": True},
            "order by their names",
        ),
        ("select 1 as a, 2 as a", {"content_type": "JSON"}, "two columns"),
        ('select 1 as "a\\b"', {}, "backslash"),
        ("select 'a", {}, "not closed"),
        ("-- nothing", {}, "says nothing"),
    ):
        execution = trial.export(query, **options)
        assert execution.status is Status.FAILED
        assert execution.error is not None
        assert (execution.error.code, execution.error.retryable) == ("QUERY_ERROR", False)
        assert word in execution.error.message


@pytest.mark.parametrize("kind", ["CSV", "JSON", "PARQUET"])
@pytest.mark.parametrize("zero", ["nothing", "manifest", "files"])
def test_no_rows(trial, redshift, kind, zero) -> None:
    redshift.behaviour.zero_rows = zero
    try:
        execution = trial.export("select 1::integer as a, 'x'::varchar(9) as b limit 0", content_type=kind)
    finally:
        redshift.behaviour.zero_rows = "nothing"
    assert execution.status is Status.SUCCEEDED, execution.error
    assert [(c.name, c.type) for c in execution.results.columns] == [
        ("a", "integer"),
        ("b", "character varying"),
    ]
    assert trial.parts(execution.results) == ({"CSV": [b"a,b\n"], "JSON": [b""], "PARQUET": []}[kind])


def test_values_of_every_type(trial) -> None:
    table = trial.table([(1,)], {"i": "integer"})
    query = (
        "select true as yes, false as no, null::boolean as nil, 1.50::numeric(9,2) as n, 0.5::float8 as f, "
        "date '2026-01-02' as d, timestamp '2026-01-02 03:04:05.678' as ts, 'é' as t from " + table
    )
    (found,) = trial.records(
        trial.export(query, content_type="JSON"), ExportSpec(query="select 1", content_type="JSON")
    )
    assert found == {
        "yes": True, "no": False, "nil": None, "n": 1.5, "f": 0.5, "d": "2026-01-02",
        "ts": "2026-01-02 03:04:05.678", "t": "é",
    }  # fmt: skip
    assert datetime.fromisoformat(found["ts"]).replace(tzinfo=UTC)


def test_crlf_is_written_between_records_and_not_inside_them(trial) -> None:
    table = trial.table([(n, 'two\nlines, and "quotes"', None) for n in range(3)])
    for compression in ("NONE", "GZIP", "BZIP2", "ZSTD"):
        execution = trial.export(f"select id, name from {table}", line_ending="CRLF", compression=compression)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert execution.results.rows == 3
        if compression == "NONE":
            text = b"".join(trial.parts(execution.results))
            assert text.count(b"\r\n") == 4
            assert text.count(b"two\nlines") == 3
