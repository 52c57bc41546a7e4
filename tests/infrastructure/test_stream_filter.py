"""The mapping's filter passes on what a worker should look at, on records of a real stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spectra import Caller, ExportSpec, Spectra
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.dynamodb.table import STREAM_FILTER, create_table
from spectra.adapters.aws.infrastructure.check_table import stream_of
from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
from spectra.testing.dynamodb import passes


@pytest.fixture
def table(local_dynamodb):
    client = local_dynamodb.client()
    create_table(client, "filtered")
    yield client
    client.delete_table(TableName="filtered")


def records(local_dynamodb, table):
    streams = local_dynamodb.streams()
    arn = stream_of(table, "filtered")
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    begin = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    return streams.get_records(ShardIterator=begin["ShardIterator"])["Records"]


def test_a_job_wakes_a_function_once_and_a_workers_own_writes_never(local_dynamodb, table) -> None:
    results = MemoryResultStore()
    with Spectra(
        job_store=DynamoDBJobStore("filtered", client=table),
        executor=MemoryExecutor(results),
        result_store=results,
    ) as spectra:
        job = spectra.jobs.create(Caller("acme"), ExportSpec(query="select 1 as one")).job
        spectra.worker().drive(job, until=datetime.now(UTC) + timedelta(seconds=60))
        assert spectra.jobs.get(Caller("acme"), job.job_id).state == "JobComplete"
    told = records(local_dynamodb, table)
    assert len(told) >= 3
    woken = [one for one in told if passes(STREAM_FILTER, one)]
    assert [one["dynamodb"]["NewImage"]["sk"]["S"] for one in woken] == [f"j#{job.job_id}"]
    assert woken == [
        one for one in told if one["eventName"] == "INSERT" and "j#" in str(one["dynamodb"]["Keys"])
    ]
