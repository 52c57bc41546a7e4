"""The executors, which are query runners too, keep the promises."""

from __future__ import annotations

import pytest

from spectra.adapters.aws.redshift import RedshiftDataExecutor, RedshiftExecutor
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.adapters.embedded import DirectoryResultStore, DuckDBExecutor
from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
from spectra.testing import ExecutorContract, ExecutorHarness, QueryRunnerContract
from tests.contract.redshift_house import TARGET, RedshiftHarness


class LocalHarness(ExecutorHarness):
    """Tables through the executor's own `connect`."""

    def __init__(self, executor, results):
        self.executor, self.results = executor, results

    def create(self, table, columns, rows=()):
        connection = self.executor.connect()
        connection.execute(f"create table {table} ({', '.join(map(' '.join, columns.items()))})")
        if rows := [tuple(row) for row in rows]:
            connection.executemany(f"insert into {table} values ({', '.join('?' * len(columns))})", rows)
        connection.close()

    def rows(self, table):
        connection = self.executor.connect()
        found = connection.execute(f"select * from {table}").fetchall()
        connection.close()
        return found


class TestMemoryExecutor(ExecutorContract, QueryRunnerContract):
    @pytest.fixture
    def harness(self):
        with MemoryResultStore() as results, MemoryExecutor(results) as executor:
            yield LocalHarness(executor, results)


class TestDuckDBExecutor(ExecutorContract, QueryRunnerContract):
    @pytest.fixture
    def harness(self, tmp_path):
        results = DirectoryResultStore(tmp_path / "files")
        with results, DuckDBExecutor(tmp_path / "warehouse.duckdb") as executor:
            yield LocalHarness(executor, results)


class TestDuckDBExecutorInRedshiftsDialect(ExecutorContract, QueryRunnerContract):
    @pytest.fixture
    def harness(self, tmp_path):
        results = DirectoryResultStore(tmp_path / "files")
        warehouse = tmp_path / "warehouse.duckdb"
        with results, DuckDBExecutor(warehouse, dialect="redshift") as executor:
            yield LocalHarness(executor, results)


class TestRedshiftExecutor(ExecutorContract, QueryRunnerContract):
    @pytest.fixture
    def harness(self, redshift, local_s3, bucket, prefix):
        results = S3ResultStore(bucket, prefix=prefix, client=local_s3.client)
        with results, RedshiftExecutor(results, redshift.parameters) as executor:
            yield RedshiftHarness(executor, results, redshift)


class TestRedshiftDataExecutor(ExecutorContract, QueryRunnerContract):
    @pytest.fixture
    def harness(self, redshift, local_s3, bucket, prefix):
        results = S3ResultStore(bucket, prefix=prefix, client=local_s3.client)
        with results, RedshiftDataExecutor(results, redshift.data_client, TARGET) as executor:
            yield RedshiftHarness(executor, results, redshift)
