"""What a job costs on DynamoDB: all calls counted, units from the items' bytes by the documented rules."""

from __future__ import annotations

import base64
import functools
import random
import time
import uuid

import pytest

from spectra import Caller, ExportSpec, Settings, Spectra
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import JobState
from spectra.services.ending import task_of
from spectra.testing.dynamodb import FaultProxy
from tests.contract.redshift_house import by_data_api
from tests.dynamodb_units import write_units

ME = Caller("tenant-123", actor="alice")
SHORT = (
    "select s.id, s.customer_id, s.sold_at, s.region, s.amount, s.currency, c.name, c.country, c.segment, "
    "p.sku, p.category, p.list_price, s.amount / nullif(p.list_price, 0) as share, coalesce(s.discount, 0) as "
    "discount from sales s join customers c on c.id = s.customer_id join products p on p.id = s.product_id "
    "where s.sold_at >= '2026-01-01' and s.sold_at < '2026-02-01' and c.country in ('DE', 'FR', 'IT', 'ES') and "
    "p.category <> 'internal' and s.amount > 0 order by s.sold_at, s.id"
).ljust(480)[:480]


def long_statement() -> str:
    """90 KB as reports have it: many sources, long lists of columns and of literal values."""
    draw = random.Random(7)
    words = "amount price region customer order ship tax cost day month net gross unit count rate".split()
    parts = []
    while sum(map(len, parts)) < 90_000:
        n = len(parts)
        columns = [f"{draw.choice(words)}_{draw.choice(words)}" for _ in range(40)]
        sums = ",\n  ".join(
            f"sum(case when t{n}.{c} > {draw.randrange(10**4)} then t{n}.{c} else 0 end) as {c}_{i}"
            for i, c in enumerate(columns)
        )
        ids = ", ".join(str(draw.randrange(10**3)) for _ in range(20))
        parts.append(
            f"select '{n}' as source,\n  {sums}\nfrom warehouse.facts_{n} t{n}\nwhere t{n}.store_id in ({ids})"
        )
    return "select * from (\n" + "\nunion all\n".join(parts)[:89_000] + "\n"


class House:
    def __init__(self, spectra, store, proxy):
        self.spectra, self.store, self.proxy = spectra, store, proxy

    def images(self):
        """Each write of the table so far: before, after, whether it was in a transaction."""
        items: dict[tuple[str, str], dict] = {}
        for call in self.proxy.calls:
            actions = call.request.get("TransactItems", [{"Put": call.request}])
            for action in actions if call.is_write else []:
                ((kind, asked),) = action.items()
                key = asked.get("Key") or {name: asked["Item"][name] for name in ("pk", "sk")}
                place = (key["pk"]["S"], key["sk"]["S"])
                before = items.get(place)
                after = decoded(asked["Item"]) if kind == "Put" else updated(key, before, asked)
                items[place] = after
                yield before, after, len(actions) > 1

    def units(self):
        return sum(write_units(before, after, transactional=both) for before, after, both in self.images())


def decoded(item):
    return {n: {"B": base64.b64decode(v["B"])} if "B" in v else v for n, v in item.items()}


def updated(key, before, asked):
    """The places, of which each update here adds or removes some."""
    ((_, change),) = [v for v in asked["ExpressionAttributeValues"].items() if "SS" in v[1]]
    places = set((before or {}).get("places", {"SS": []})["SS"])
    places = (
        places | set(change["SS"])
        if asked["UpdateExpression"].startswith("ADD")
        else places - set(change["SS"])
    )
    return key | ({"places": {"SS": sorted(places)}} if places else {})


@pytest.fixture
def house(request, local_dynamodb, dynamodb_table, local_s3, bucket, redshift):
    settings = Settings(bulk_max_concurrent_jobs=request.param)
    with (
        FaultProxy(local_dynamodb.endpoint) as proxy,
        S3ResultStore(bucket, prefix="exports/spectra/", client=local_s3.client) as results,
    ):
        client = functools.partial(local_dynamodb.client, endpoint=proxy.endpoint)
        table = dynamodb_table(f"n{uuid.uuid4().hex}")
        with (
            by_data_api(results, redshift) as executor,
            DynamoDBJobStore(table, client=client) as store,
            Spectra(job_store=store, executor=executor, result_store=results, settings=settings) as spectra,
        ):
            executor.ready()
            house = House(spectra, store, proxy)
            house.streams, house.arn = (
                local_dynamodb.streams(),
                dynamodb_table.client.describe_table(TableName=table)["Table"]["LatestStreamArn"],
            )
            yield house


def record_of_creation(house):
    """The image that the stream tells of the job's creation."""
    (shard,) = house.streams.describe_stream(StreamArn=house.arn)["StreamDescription"]["Shards"]
    iterator = house.streams.get_shard_iterator(
        StreamArn=house.arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    until = time.monotonic() + 60
    while time.monotonic() < until:
        answer = house.streams.get_records(ShardIterator=iterator)
        for record in answer["Records"]:
            if "wake" in record["dynamodb"]["NewImage"]:
                return record["dynamodb"]["NewImage"]
        iterator = answer["NextShardIterator"]
        time.sleep(0.1)
    raise AssertionError("the stream is silent")


def run_a_job(house, query):
    """From create to JobComplete by what the stream tells, with the image in hand."""
    made = house.spectra.jobs.create(ME, ExportSpec(query=query, compression="GZIP", object="sales")).job
    worker = house.spectra.worker(name="lambda-0123456789abcdef")
    job = worker.advance(house.store.job_of(record_of_creation(house)))
    assert job.job_id == made.job_id
    executor = house.spectra.executor
    for _ in range(200):
        if job.is_terminal:
            break
        # The look that waits belongs to the warehouse; the store is not asked until there is news.
        executor.poll(task_of(job, house.spectra.result_store, "spectra"), wait=5)
        job = worker.advance(job)
    assert job.state is JobState.JOB_COMPLETE
    return job


def query_of(statement):
    """A statement of just the bytes of *statement* that the local Redshift can run."""
    return ("select 1 as a /* " + statement.replace("*/", "").replace("/*", ""))[: len(statement) - 3] + " */"


@pytest.mark.parametrize(("house", "most"), [(None, 8), (5, 18)], indirect=["house"], ids=["free", "capped"])
def test_a_short_export_driven_by_the_stream_is_three_writes_and_no_read(house, most) -> None:
    assert len(SHORT) == 480
    run_a_job(house, query_of(SHORT))
    calls = house.proxy.calls
    assert [call.is_write for call in calls] == [True] * 3, [call.operation for call in calls]
    print(f"units: {house.units()} of {most}")
    assert house.units() <= most


@pytest.mark.parametrize("house", [None], indirect=True)
def test_a_large_statement_adds_its_bytes_once(house) -> None:
    statement = query_of(long_statement())
    assert len(statement) > 88_000
    run_a_job(house, statement)
    calls = house.proxy.calls
    assert sum(call.is_write for call in calls) == 3
    assert [call.operation for call in calls if call.is_read] == ["BatchGetItem"]  # the statement itself
    print(f"units: {house.units()} of 38")
    assert house.units() <= 8 + 30
