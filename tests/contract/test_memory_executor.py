"""The memory executor under the contract, and what is its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
from spectra.domain import ExportSpec, Session
from spectra.errors import ExecutorError, InvalidSpecError
from tests.contract.executor_contract import ExecutorContract, Harness, QueryRunnerContract

ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000000) select max(i) from n"


class TestMemoryExecutor(ExecutorContract, QueryRunnerContract):
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

    def test_an_open_transaction_of_the_host_delays_a_load(self, house: Harness) -> None:
        connection = house.executor.connect()
        connection.execute("begin immediate")
        connection.execute("insert into items values (5, 'host', 1)")
        connection.execute("commit")
        connection.close()
        assert house.load("id,name\n1,a\n").counts.succeeded == 1
        assert [row[0] for row in house.items()] == [1, 5]
