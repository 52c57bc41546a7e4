"""The contracts on a real Redshift, in the slow profile: at most 150 calls of each executor."""

from __future__ import annotations

import uuid

import boto3
import pytest

from spectra.adapters.aws.redshift import RedshiftDataExecutor, RedshiftExecutor, RedshiftOptions
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import Session
from spectra.testing import ExecutorContract, ExecutorHarness, QueryRunnerContract
from tests.contract.redshift_house import batched, sql_value


class LiveHarness(ExecutorHarness):
    """Tables of the cluster."""

    user = "current_user"
    patience = 60.0

    def __init__(self, executor, results, live, tables):
        self.executor, self.results, self.live, self.tables = executor, results, live, tables
        self.sessions = tuple(Session(name) for name in live.users)

    def create(self, table, columns, rows=()):
        self.live.run(f"create table {table} ({', '.join(map(' '.join, columns.items()))})")
        self.tables.append(table)
        self.live.run(f"grant all on {table} to public")
        for some in batched(list(rows), 500):
            values = ", ".join("(" + ", ".join(sql_value(v) for v in row) + ")" for row in some)
            self.live.run(f"insert into {table} values {values}")

    def rows(self, table):
        return self.live.run(f"select * from {table}")


class _Live(ExecutorContract, QueryRunnerContract):
    __test__ = False
    profile = "slow"

    def made(self, live, results):
        """The executor on trial."""
        raise NotImplementedError

    @pytest.fixture
    def harness(self, live, tables):
        prefix = f"{live.prefix}{uuid.uuid4().hex}/"
        with S3ResultStore(live.bucket, prefix=prefix) as results:
            try:
                with self.made(live, results) as executor:
                    yield LiveHarness(executor, results, live, tables)
            finally:
                boto3.resource("s3").Bucket(live.bucket).objects.filter(Prefix=prefix).delete()


class TestLiveRedshift(_Live):
    __test__ = True

    def made(self, live, results):
        return RedshiftExecutor(results, live.connect, options=RedshiftOptions(iam_role=live.role))


class TestLiveDataApi(_Live):
    __test__ = True

    def made(self, live, results):
        if len(live.target) == 1:
            pytest.skip("neither SPECTRA_LIVE_CLUSTER nor SPECTRA_LIVE_WORKGROUP is set")
        client = boto3.client("redshift-data")
        return RedshiftDataExecutor(results, client, live.target, options=RedshiftOptions(iam_role=live.role))
