"""Rows as JSON: the column's type decides, and nothing is lost."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.codec import query_json, to_public_result
from spectra.codec.lines import from_lines
from spectra.domain import Column
from spectra.ports import QueryResult


def result(*columns: tuple[str, str], rows: list[tuple[Any, ...]], **facts: Any) -> QueryResult:
    named = tuple(Column(name, kind) for name, kind in columns)
    return QueryResult(
        columns=named,
        rows=tuple(rows),
        **{"truncated": False, "query_id": "q1", "execution_time_ms": 7, **facts},
    )


def written(kind: str, value: Any) -> Any:
    """One value in a column of *kind*, as a reader of the JSON gets it."""
    ((cell,),) = [row.values() for row in to_public_result(result(("x", kind), rows=[(value,)]))["data"]]
    return cell


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("integer", 7, 7),
        ("BIGINT", -(2**63), -(2**63)),
        ("HUGEINT", 2**100, 2**100),
        ("numeric", Decimal("1.50"), "1.50"),
        ("DECIMAL(38,0)", Decimal(10**30), str(10**30)),
        ("numeric", Decimal("1E+3"), "1000"),
        ("numeric", Decimal("0E-8"), "0.00000000"),
        ("numeric", 3, "3"),
        ("double precision", 1.0, 1.0),
        ("double precision", 1e300, 1e300),
        ("DOUBLE", math.nan, "NaN"),
        ("real", math.inf, "Infinity"),
        ("real", -math.inf, "-Infinity"),
        ("boolean", True, True),
        ("character varying", 'é "quoted"\n\0\\', 'é "quoted"\n\0\\'),
        ("VARCHAR", "1", "1"),
        ("VARCHAR", "", ""),
        ("date", dt.date(2026, 1, 2), "2026-01-02"),
        ("timestamp without time zone", dt.datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02T03:04:05.000006"),
        (
            "TIMESTAMP WITH TIME ZONE",
            dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2))),
            "2026-01-02T01:00:00Z",
        ),
        ("time without time zone", dt.time(23, 59), "23:59:00"),
        ("INTERVAL", dt.timedelta(days=1, hours=2), "P1DT7200S"),
        ("INTERVAL", dt.timedelta(days=1), "P1D"),
        ("INTERVAL", dt.timedelta(0), "PT0S"),
        ("INTERVAL", -dt.timedelta(milliseconds=1500), "-PT1.5S"),
        ("varbyte", b"\x00\xff", "00ff"),
        ("super", '{"a": [1, 2.50, "x"]}', {"a": [1, 2.5, "x"]}),
        ("JSON", '"text"', "text"),
        ("super", "not json", "not json"),
        ("super", "NaN", "NaN"),
        ("INTEGER[]", [1, None], [1, None]),
        ("STRUCT(a DECIMAL(3,1), b DATE)", {"a": Decimal("1.5"), "b": dt.date(2026, 1, 1)}, {"a": "1.5", "b": "2026-01-01"}),
        ("UUID", uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("type 4711", "whatever", "whatever"),
    ],
)  # fmt: skip
def test_values_by_type(kind: str, value: Any, expected: Any) -> None:
    assert written(kind, value) == expected
    assert written(kind, None) is None
    # Beside a NULL and beside others it is written as it is alone.
    rows = [(value,), (None,), (value,)]
    data = to_public_result(result(("x", kind), rows=rows))["data"]
    assert [row["x"] for row in data] == [expected, None, expected]


def test_whole_reply() -> None:
    reply = to_public_result(
        result(("a", "integer"), ('100% "b"', "numeric"), rows=[(1, Decimal("2.0"))], truncated=True)
    )
    assert reply == {
        "data": [{"a": 1, '100% "b"': "2.0"}],
        "metadata": {
            "columns": ["a", '100% "b"'],
            "column_types": ["integer", "numeric"],
            "row_count": 1,
            "truncated": True,
            "message": "there are more rows than the 1 here; make the query an export to get all",
            "execution_time_ms": 7,
            "query_id": "q1",
        },
    }


def test_no_rows_still_have_columns() -> None:
    reply = to_public_result(result(("a", "integer"), rows=[]))
    assert (reply["data"], reply["metadata"]["columns"], reply["metadata"]["message"]) == ([], ["a"], None)


def test_a_lone_surrogate_is_json_still() -> None:
    assert json.loads(query_json(result(("x", "VARCHAR"), rows=[("a\udc80b",)])))["data"] == [
        {"x": "a\udc80b"}
    ]


def test_what_is_not_of_the_columns_type_is_written_all_the_same() -> None:
    """SQLite has types of values, not of columns."""
    rows = [(1, 1.5, "a"), ("b", 2, 3), (None, "c", b"\x01")]
    data = to_public_result(result(("i", "INTEGER"), ("f", "REAL"), ("t", "TEXT"), rows=rows))["data"]
    assert [tuple(row.values()) for row in data] == [(1, 1.5, "a"), ("b", 2, 3), (None, "c", "01")]


_KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False),
    "double precision": st.floats(allow_nan=False, allow_infinity=False),
    "character varying": st.text(st.characters(exclude_categories=["Cs"])),
    "boolean": st.booleans(),
    "date": st.dates(),
    "timestamp without time zone": st.datetimes(),
}


@st.composite
def tables(draw: st.DrawFn) -> QueryResult:
    kinds = draw(st.lists(st.sampled_from(sorted(_KINDS)), min_size=1, max_size=6))
    names = draw(st.lists(st.text(min_size=1), min_size=len(kinds), max_size=len(kinds), unique=True))
    row = st.tuples(*(st.none() | _KINDS[kind] for kind in kinds))
    return result(*zip(names, kinds, strict=True), rows=draw(st.lists(row, max_size=8)))


@given(table=tables())
def test_every_table_is_json_of_one_type_a_column(table: QueryResult) -> None:
    data = json.loads(query_json(table).decode("utf-8", "surrogatepass"), parse_float=str, parse_int=str)[
        "data"
    ]
    assert len(data) == len(table.rows)
    for row, values in zip(data, table.rows, strict=True):
        assert list(row) == [column.name for column in table.columns]
        for cell, value in zip(row.values(), values, strict=True):
            match value:
                case None | bool():
                    assert cell is value
                case int():
                    assert int(cell) == value
                case float():
                    assert float(cell) == value
                case Decimal():
                    assert Decimal(cell) == value
                    assert "E" not in cell
                case str():
                    assert cell == value
                case _:
                    assert type(value).fromisoformat(cell) == value


def test_lines_of_an_export_are_read_by_type() -> None:
    columns = [
        Column("i", "bigint"),
        Column("n", "numeric(20,4)"),
        Column("f", "double precision"),
        Column("t", "timestamp without time zone"),
        Column("d", "date"),
        Column("s", "super"),
        Column("gone", "integer"),
    ]
    line = b'{"i": 9007199254740993, "n": 1234567890123456.7891, "f": 1, "t": "2026-01-02 03:04:05", "d": "2026-01-02", "s": {"a": [1.10, "x"]}}'
    assert list(from_lines([line], columns)) == [
        (
            9007199254740993,
            Decimal("1234567890123456.7891"),
            1.0,
            dt.datetime(2026, 1, 2, 3, 4, 5),
            dt.date(2026, 1, 2),
            '{"a":[1.10,"x"]}',
            None,
        )
    ]


def test_a_json_value_too_deep_to_be_looked_at_is_text() -> None:
    deep = "[" * 200_000 + "]" * 200_000
    assert written("super", deep) == deep


def test_keys_of_maps_are_written_as_values_are() -> None:
    keys = {True: 1, dt.date(2026, 1, 2): 2, b"\xaa": 3, 4: 4}
    assert written("MAP", keys) == {"true": 1, "2026-01-02": 2, "aa": 3, "4": 4}
