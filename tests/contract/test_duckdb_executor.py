"""The DuckDB executor under the contract, and what is its own: formats, speed, the lock, the guard."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import duckdb
import pytest
from backports import zstd

from spectra.adapters.embedded import DirectoryResultStore, DuckDBExecutor
from spectra.domain import Effect, ExportSpec, LoadSpec
from spectra.errors import BackendError, WarehouseLockedError
from spectra.ports import Status
from tests.contract.local_executors import HEADER, LocalExecutors, Harness, LocalRunners

ENDLESS = "select count(*) from range(100000) a, range(10000000) b where a.range + b.range = -1"


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    with (
        DirectoryResultStore(tmp_path / "fi[l]es*") as results,
        DuckDBExecutor(tmp_path / "warehouse.duckdb") as executor,
    ):
        yield Harness(executor, results, ENDLESS)


@pytest.fixture
def house(harness: Harness) -> Harness:
    harness.sql("create table items (id integer primary key, name varchar not null, price double)")
    return harness


def parquet(sql: str, tmp_path: Path) -> bytes:
    path = tmp_path / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({sql}) to '{path}' (format parquet)")
    return path.read_bytes()


class TestDuckDBExecutor(LocalExecutors, LocalRunners):
    @pytest.fixture
    def harness(self, harness: Harness) -> Harness:
        return harness


# ---- formats --------------------------------------------------------------------------------------


def test_parquet_there_and_back(house: Harness) -> None:
    house.load(HEADER + "1,a,0.5\n2,b,\n")
    execution = house.export("select * from items order by id", content_type="PARQUET")
    data = house.read(execution.results)
    assert execution.results.rows == 2
    house.sql("delete from items")
    assert house.load(data, content_type="PARQUET").counts.succeeded == 2
    assert house.items() == [(1, "a", 0.5), (2, "b", None)]


def test_parquet_of_no_rows_has_a_schema(house: Harness, tmp_path: Path) -> None:
    execution = house.export("select * from items", content_type="PARQUET")
    path = tmp_path / "x.parquet"
    path.write_bytes(house.read(execution.results))
    with duckdb.connect() as connection:
        assert [row[0] for row in connection.execute(f"describe select * from '{path}'").fetchall()] == [
            "id",
            "name",
            "price",
        ]


def test_parquet_of_other_types(house: Harness, tmp_path: Path) -> None:
    data = parquet(
        "select 1.0::double as id, 'a' as name, 2 as price union all select 2.5, 'b', 3"
        " union all select null, 'c', 4 union all select 4, 'd', 5",
        tmp_path,
    )
    execution = house.load(data, content_type="PARQUET", max_failed_records=2)
    assert execution.status is Status.SUCCEEDED, execution.error
    assert house.items() == [(1, "a", 2.0), (4, "d", 5.0)]
    rows = house.read(execution.failed_records).decode().splitlines()[1:]
    assert [row.split(",")[3] for row in rows] == ["2", "3"]
    again = house.load(house.rejected(execution), content_type="PARQUET", max_failed_records=2)
    assert again.counts.failed == 2
    failed = house.load(data, content_type="PARQUET", max_failed_records=1)
    assert failed.status is Status.FAILED
    assert failed.unprocessed_records.rows == 2


def test_broken_parquet(house: Harness, tmp_path: Path) -> None:
    data = parquet("select 1 as id, 'a' as name", tmp_path)
    for broken in (data[: len(data) // 2], b"PAR1", b"not parquet at all"):
        execution = house.load(broken, content_type="PARQUET")
        assert (execution.status, execution.error.category) == (Status.FAILED, "validation"), execution.error
        assert str(tmp_path) not in execution.error.message


@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_zstd(house: Harness, kind: str) -> None:
    house.load(HEADER + "1,a,0.5\n")
    execution = house.export("select * from items", content_type=kind, compression="ZSTD")
    packed = house.read(execution.results)
    assert zstd.decompress(packed)
    house.sql("delete from items")
    assert house.load(packed, content_type=kind, compression="ZSTD").counts.succeeded == 1
    assert house.items() == [(1, "a", 0.5)]
    house.sql("delete from items")
    broken = house.load(packed[:-4], content_type=kind, compression="ZSTD")
    assert broken.error.code == "BROKEN_FILE"
    bad = house.load(zstd.compress(b"id,name\nx,a\n"), compression="ZSTD", max_failed_records=1)
    assert zstd.decompress(house.rejected(bad)) == b"id,name\nx,a\n"


def test_types_survive(harness: Harness) -> None:
    harness.sql(
        "create table kinds (i hugeint, d decimal(38, 19), b boolean, t timestamp, z timestamptz, y date,"
        " l integer[], e enum ('x', 'y'), u uuid, w blob)"
    )
    line = (
        "170141183460469231731687303715884105727,0.1000000000000000055,true,2020-01-02 03:04:05.678901,"
        '2020-01-02 03:04:05+01:00,2020-02-29,"[1, 2]",x,00000000-0000-0000-0000-000000000001,ab\n'
    )
    execution = harness.load("i,d,b,t,z,y,l,e,u,w\n" + line, object="kinds")
    assert execution.status is Status.SUCCEEDED, execution.error
    i, d, b, t, z, y, length, e = harness.sql("select i, d, b, t, z, y, len(l), e from kinds")[0]
    assert (i, d, b, y, length, e) == (
        2**127 - 1,
        Decimal("0.1000000000000000055"),
        True,
        date(2020, 2, 29),
        2,
        "x",
    )
    assert t == datetime(2020, 1, 2, 3, 4, 5, 678901)
    assert z == datetime(2020, 1, 2, 2, 4, 5, tzinfo=UTC)
    data = '{"i": 9007199254740993, "d": 12345678901234567.125}\n'
    harness.sql("delete from kinds")
    execution = harness.load(data, object="kinds", content_type="JSON")
    assert execution.status is Status.SUCCEEDED, execution.error
    assert harness.sql("select i, d from kinds") == [(9007199254740993, Decimal("12345678901234567.125"))]


def test_ten_megabytes_in_one_field(house: Harness) -> None:
    house.load(f"id,name\n1,{'x' * 10_000_000}\n2,b\n")
    assert house.sql("select id, length(name) from items order by id") == [(1, 10_000_000), (2, 1)]


def test_schemas_defaults_and_generated_columns(harness: Harness) -> None:
    harness.sql("create schema sales")
    harness.sql(
        "create table sales.t (id integer, n integer default 7, twice integer generated always as (n * 2))"
    )
    execution = harness.load("id\n1\n", object="sales.t")
    assert execution.status is Status.SUCCEEDED, execution.error
    assert harness.sql("select id, n, twice from sales.t") == [(1, 7, 14)]


def test_check_constraints_fail_the_load_and_say_so(harness: Harness) -> None:
    harness.sql("create table t (id integer check (id < 10))")
    execution = harness.load("id\n1\n11\n", object="t")
    assert (execution.status, execution.error.code) == (Status.FAILED, "TOO_MANY_FAILED_RECORDS")
    assert execution.error.details["reason"] == "CHECK"
    assert harness.sql("select * from t") == []


def test_views_and_the_ledger_cannot_be_loaded(house: Harness) -> None:
    house.sql("create view v as select * from items")
    for name in ("v", "spectra.spectra_ledger"):
        execution = house.load("id,name\n1,a\n", object=name)
        assert (execution.status, execution.error.code) == (Status.FAILED, "QUERY_ERROR")


# ---- progress, cancelling, conflicts ----------------------------------------------------------------


def test_progress_rises_and_an_abort_changes_nothing(house: Harness) -> None:
    data = HEADER + "".join(f"{i},name {i},{i}.5\n" for i in range(1_000_000))
    task = house.task(LoadSpec(operation="insert", object="items"), data)
    house.executor.start(task)
    seen = []
    until = time.monotonic() + 20
    while time.monotonic() < until:
        execution = house.executor.poll(task, wait=0.02)
        if execution.status is not Status.RUNNING:
            break
        seen.append((execution.progress.records, execution.progress.percent))
        if seen[-1][0] > 0 and len(set(seen)) > 3:
            break
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert house.executor.cancel(task) is Effect.NONE
    assert house.items() == []


def test_a_change_of_the_table_by_the_host_is_a_conflict_or_waits(house: Harness) -> None:
    cursor = house.executor.connect()
    cursor.execute("insert into items values (1, 'a', 1)")
    cursor.execute("begin")
    cursor.execute("update items set name = 'host' where id = 1")
    execution = house.load("id,name\n1,load\n", operation="update", key_columns=("id",))
    assert (execution.status, execution.error.retryable) == (Status.FAILED, True)
    cursor.execute("commit")
    cursor.close()
    assert house.items() == [(1, "host", 1.0)]


def test_a_fault_after_the_commit_is_a_success(tmp_path: Path) -> None:
    def fault(point: str) -> None:
        if point == "after-commit":
            raise OSError("the disk went away")

    with (
        DirectoryResultStore(tmp_path / "files") as results,
        DuckDBExecutor(tmp_path / "w.duckdb", fault=fault) as executor,
    ):
        house = Harness(executor, results, ENDLESS)
        house.sql("create table items (id integer)")
        assert house.load("id\n1\n").counts.succeeded == 1


@pytest.mark.parametrize("point", ["before-ledger", "after-ledger", "before-commit"])
def test_a_fault_before_the_commit_changes_nothing(tmp_path: Path, point: str) -> None:
    def fault(passed: str) -> None:
        if passed == point:
            raise OSError("the disk went away")

    with (
        DirectoryResultStore(tmp_path / "files") as results,
        DuckDBExecutor(tmp_path / "w.duckdb", fault=fault) as executor,
    ):
        house = Harness(executor, results, ENDLESS)
        house.sql("create table items (id integer)")
        assert house.load("id\n1\n").status is Status.FAILED
        assert house.sql("select * from items") == []
        assert not list((tmp_path / "w.duckdb.scratch").glob("*"))


# ---- the file ---------------------------------------------------------------------------------------


def test_another_process_has_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    program = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print(1, flush=True); sys.stdin.read()"
    with (
        DuckDBExecutor(path) as executor,
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder,
    ):
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdout.readline()
        try:
            with pytest.raises(WarehouseLockedError) as locked:
                executor.ready()
            assert locked.value.pid == holder.pid
        finally:
            holder.stdin.close()
            holder.wait(20)
        executor.ready()


def test_a_file_that_is_no_warehouse(tmp_path: Path) -> None:
    (tmp_path / "w.duckdb").write_bytes(b"not a database" * 1000)
    with DuckDBExecutor(tmp_path / "w.duckdb") as executor, pytest.raises(BackendError):
        executor.ready()


def test_loads_survive_a_restart(tmp_path: Path) -> None:
    with DirectoryResultStore(tmp_path / "files") as results:
        with DuckDBExecutor(tmp_path / "w.duckdb") as executor:
            house = Harness(executor, results, ENDLESS)
            house.sql("create table items (id integer)")
            task = house.task(
                LoadSpec(operation="insert", object="items", max_failed_records=1), "id\n1\nx\n"
            )
            counts = house.done(task).counts
        with DuckDBExecutor(tmp_path / "w.duckdb") as executor:
            house = Harness(executor, results, ENDLESS)
            execution = executor.poll(task)
            assert (execution.status, execution.counts) == (Status.SUCCEEDED, counts)
            assert house.failed(execution) == [(2, 3, "id", "CAST")]


# ---- the second guard -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd', header = false, columns = {'l': 'VARCHAR'}, delim = '')",
        "select * from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        'select * from "data.csv"',
        "select * from glob('/*')",
        "select getenv('HOME')",
        "select * from duckdb_settings()",
        "select * from spectra.spectra_ledger",
        "select * from query('select 1')",
        "select * from query_table('items')",
        "insert into items values (1, 'a', 1)",
        "copy items to '/tmp/evil.csv'",
        "attach '/tmp/evil.db'",
        "select 1; drop table items",
        "pragma database_list",
        "set memory_limit = '1GB'",
        "select nextval('s')",
        # What binds its text reads files, settings and statistics for whoever asks.
        "select json_serialize_plan('select zzz from read_csv(''/etc/passwd'')')",
        "select JSON_serialize_plan('select current_setting(''temp_directory'')', optimize := true)",
        "select json_serialize_sql('select 1')",
        "select json_deserialize_sql(x) from (select 'a' as x)",
        "select * from json_execute_serialized_sql('{}')",
        "select current_query()",
        "select * from pg_settings",
        "select path from duckdb_databases",
        "select file from pragma_database_list",
        "select * from sqlite_master",
        "select * from pg_catalog.pg_settings",
        "select * from system.main.duckdb_databases",
    ],
)
def test_statements_cannot_do_harm_even_unguarded(house: Harness, sql: str) -> None:
    execution = house.done(house.task(ExportSpec(query=sql)))
    assert execution.status is Status.FAILED, sql
    assert execution.error.category in ("validation", "resource", "permission")
    assert house.items() == []


def test_a_database_that_duckdb_gives_up_is_opened_anew(house: Harness) -> None:
    """A fault at a checkpoint, a full disk say, makes DuckDB refuse everything until it is opened again."""
    house.sql("insert into items values (1, 'kept', 1)")
    broken = house.executor.connect()
    broken.execute("set debug_checkpoint_abort = 'before_header'")
    with pytest.raises(Exception, match="[Cc]heckpoint"):
        broken.execute("checkpoint")
    with suppress(Exception):
        broken.close()
    house.executor.ready()
    task = house.task(ExportSpec(query="select id from items"))
    execution = house.done(task)
    if execution.status is Status.FAILED:
        assert execution.error.retryable, execution.error
        execution = house.done(attrs.evolve(task, attempt=2))
    assert execution.status is Status.SUCCEEDED, execution.error
    assert house.items() == [(1, "kept", 1.0)]


def test_a_very_long_sum_is_told_what_is_wrong(house: Harness) -> None:
    query = "select " + "+".join(["1"] * 900) + " as a"
    execution = house.done(house.task(ExportSpec(query=query)))
    if execution.status is Status.FAILED:
        assert (execution.error.code, execution.error.category) == ("SQL_BLOCKED", "validation")


def test_python_variables_are_out_of_reach(house: Harness) -> None:
    secret_frame = [1, 2, 3]
    assert secret_frame
    execution = house.export("select * from secret_frame")
    assert execution.error.details["sql_state"] == "42P01"


def test_time_zones_arrive_in_python(house: Harness) -> None:
    cls: Any = TestDuckDBExecutor()
    (row,) = cls.query(house, "select timestamptz '2020-01-02 03:04:05+00' as z").rows
    assert row[0] == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
