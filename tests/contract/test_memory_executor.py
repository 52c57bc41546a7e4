"""The memory executor under the contract, and what is its own."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress

import attrs
import pytest

from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
from spectra.domain import Effect, ExportSpec, LoadSpec, Session
from spectra.errors import BackendUnavailableError, ExecutorError, InvalidSpecError, QueryTimeoutError
from spectra.ports import Status
from tests.contract.local_executors import LocalExecutors, Harness, LocalRunners

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000000) select max(i) from n"


class TestMemoryExecutor(LocalExecutors, LocalRunners):
    @pytest.fixture
    def harness(self) -> Iterator[Harness]:
        with MemoryResultStore() as results, MemoryExecutor(results) as executor:
            yield Harness(executor, results, ENDLESS)

    def test_what_sqlite_lacks_is_refused_at_once(self, house: Harness) -> None:
        for options in ({"content_type": "PARQUET"}, {"compression": "ZSTD"}):
            with pytest.raises(InvalidSpecError):
                house.executor.check(ExportSpec(query="select 1", **options), Session())

    @pytest.mark.parametrize(
        "sql",
        [
            "insert into items values (1, 'a', 1)",
            "delete from items",
            "create table evil (x int)",
            "attach database '/tmp/evil.db' as e",
            "pragma query_only = off",
            "select * from spectra_ledger",
        ],
    )
    def test_statements_cannot_do_harm_even_unguarded(self, house: Harness, sql: str) -> None:
        house.sql("insert into items values (7, 'kept', 1)")
        with pytest.raises(ExecutorError):
            self.query(house, sql)
        assert house.items() == [(7, "kept", 1.0)]

    def test_a_name_is_no_verdict(self, house: Harness) -> None:
        for sql in ("select * from interrupted", "select locked from items", "select * from readonly"):
            with pytest.raises(ExecutorError) as failed:
                self.query(house, sql)
            assert failed.value.job_error.details["sql_state"] in ("42P01", "42703")
            assert house.export(sql).status is Status.FAILED

    @pytest.mark.parametrize(
        "sql", ["", ";", "-- nothing", "select 1; select 2", "select 'a", "explain select 1"]
    )
    def test_strange_statements_end_well(self, house: Harness, sql: str) -> None:
        with suppress(ExecutorError):
            assert self.query(house, sql).truncated is False

    def test_ex3_names_are_different_whatever_they_are(self, house: Harness) -> None:
        execution = house.export("select 1 as a, 2 as a, 3 as a_1, 4 as a", content_type="JSON")
        facts = json.loads(house.read(execution.results))
        assert facts == {"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}

    def test_ex3_values_of_every_kind(self, house: Harness) -> None:
        query = "select x'00ff' as b, 9e999 as i, -9e999 as j, 0.1 as r, 9223372036854775807 as n, '' as e, null as z"
        execution = house.export(query, content_type="JSON")
        line = house.read(execution.results)
        assert json.loads(line, parse_constant=pytest.fail) == {
            "b": "00ff",
            "i": "inf",
            "j": "-inf",
            "r": 0.1,
            "n": 2**63 - 1,
            "e": "",
            "z": None,
        }
        assert house.read(house.export(query, header=False).results) == (
            b'00ff,inf,-inf,0.1,9223372036854775807,"",\n'
        )

    # ---- while a transaction is open, which shuts everybody out ---------------------------------

    @pytest.fixture
    def held(self, house: Harness) -> Iterator[sqlite3.Connection]:
        connection = house.executor.connect()
        connection.execute("begin immediate")
        connection.execute("insert into items values (5, 'host', 1)")
        yield connection
        if connection.in_transaction:
            connection.execute("rollback")
        connection.close()

    def test_an_open_transaction_of_the_host_delays_a_load(
        self, house: Harness, held: sqlite3.Connection
    ) -> None:
        task = house.task(LoadSpec(operation="insert", object="items"), "id,name\n1,a\n")
        house.executor.start(task)
        begun = time.monotonic()
        assert house.executor.poll(task, wait=0.5).status is Status.RUNNING
        assert time.monotonic() - begun < 1.5
        held.execute("commit")
        assert house.done(task).counts.succeeded == 1
        assert [row[0] for row in house.items()] == [1, 5]

    def test_ex6_cancelling_behind_a_lock_is_pending_and_then_told(
        self, house: Harness, held: sqlite3.Connection
    ) -> None:
        task = house.task(LoadSpec(operation="insert", object="items"), "id,name\n1,a\n")
        house.executor.start(task)
        for close_ledger in (True, False):
            begun = time.monotonic()
            assert house.executor.cancel(task, close_ledger=close_ledger) is Effect.PENDING
            assert time.monotonic() - begun < 4
        held.execute("rollback")
        assert house.executor.cancel(task) is Effect.NONE
        assert house.done(task).status is Status.CANCELLED
        assert house.items() == []

    def test_ex2_polling_behind_a_lock_does_not_wait_for_it(
        self, house: Harness, held: sqlite3.Connection
    ) -> None:
        stranger = house.task(LoadSpec(operation="insert", object="items"), "id,name\n1,a\n")
        begun = time.monotonic()
        assert house.executor.poll(stranger).status is Status.RUNNING, "nobody can tell yet"
        assert time.monotonic() - begun < 1
        with pytest.raises(BackendUnavailableError):
            house.executor.forget("acme", "nobody")
        held.execute("rollback")
        assert house.executor.poll(stranger).status is Status.LOST

    def test_ex8_a_timeout_covers_the_lock_too(self, house: Harness, held: sqlite3.Connection) -> None:
        begun = time.monotonic()
        with pytest.raises(QueryTimeoutError):
            self.query(house, "select 1 as a", timeout=0.3)
        assert time.monotonic() - begun < 3
        task = house.task(ExportSpec(query="select 1 as a"))
        house.executor.start(task)
        assert house.executor.cancel(task) is Effect.NONE
        assert house.executor.poll(task).status is Status.CANCELLED

    def test_close_behind_a_lock(self, house: Harness, held: sqlite3.Connection) -> None:
        for _ in range(3):
            house.executor.start(house.task(LoadSpec(operation="insert", object="items"), "id,name\n1,a\n"))
        begun = time.monotonic()
        house.executor.close()
        assert time.monotonic() - begun < 5

    # ---- attempts -------------------------------------------------------------------------------

    def test_ex4_an_attempt_that_was_overtaken_tells_what_was_applied(self, house: Harness) -> None:
        late = house.task(LoadSpec(operation="insert", object="items"), "id,name\n1,a\n", job="j")
        held = house.executor.connect()
        held.execute("begin immediate")
        house.executor.start(late)
        assert house.executor.cancel(late, close_ledger=False) is Effect.PENDING
        held.execute("rollback")
        held.close()
        assert house.executor.cancel(late, close_ledger=False) is Effect.NONE
        assert house.done(attrs.evolve(late, attempt=2)).counts.succeeded == 1
        assert house.executor.cancel(late) is Effect.APPLIED
        told = house.executor.poll(late)
        assert (told.status, told.counts.succeeded) == (Status.SUCCEEDED, 1)
        assert len(house.items()) == 1

    def test_ex4_the_outcome_of_an_applied_load_is_kept_whole(self, house: Harness) -> None:
        task = house.task(
            LoadSpec(
                operation="update",
                object="items",
                key_columns=("id",),
                on_missing_key="ignore",
                max_failed_records=1,
            ),
            "id,name\n7,a\nx,b\n",
        )
        first = house.done(task)
        again = house.done(attrs.evolve(task, attempt=2))
        assert attrs.evolve(again, handle=first.handle) == first
        assert first.warnings
        assert again.handle == attrs.evolve(task, attempt=2).label

    def test_many_loads_take_turns(self, house: Harness) -> None:
        tasks = [
            house.task(
                LoadSpec(operation="insert", object="items"),
                "id,name\n" + "".join(f"{n}{i:05},a\n" for i in range(3_000)),
            )
            for n in range(1, 9)
        ]
        for task in tasks:
            house.executor.start(task)
        assert [house.done(task).status for task in tasks] == [Status.SUCCEEDED] * 8
        assert len(house.items()) == 24_000
