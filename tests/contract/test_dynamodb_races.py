"""Workers race for one tenant's places on DynamoDB; the warehouse counts how many executions run at once.

Eight workers and forty jobs; fifty and five hundred with ``SPECTRA_THOROUGH=1``. DynamoDB Local never throttles
and knows no conflict of transactions: so the race is run again through a proxy that does both, and loses replies.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import threading
import time
import uuid
from collections import Counter

import pytest

from spectra import Caller, ExportSpec, Settings, Spectra
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import JobState
from spectra.errors import BackendError, JobConflictError, JobNotFoundError, TenantBusyError
from spectra.testing import ManualClock
from spectra.testing.dynamodb import FaultProxy
from spectra.testing.samples import claimed, completed, export
from tests.contract.redshift_house import by_data_api

THOROUGH = bool(os.environ.get("SPECTRA_THOROUGH"))
WORKERS, JOBS, PLACES = (50, 500, 5) if THOROUGH else (8, 40, 5)
TURNS = 200 if THOROUGH else 20
PATIENCE = 1_500.0 if THOROUGH else 400.0
FAULTS = {
    "throttle": 0.02,
    "conflict": 0.05,
    "internal": 0.01,
    "cut": 0.01,
    "lost reply": 0.02,
    "failed reply": 0.01,
}


@pytest.fixture(params=["as it is", "with faults"])
def endpoint(request, local_dynamodb):
    if not local_dynamodb.name.startswith("DynamoDB Local"):
        pytest.skip("moto takes one request at a time and says nothing about races")
    if request.param == "as it is":
        yield local_dynamodb.endpoint
        return
    with FaultProxy(local_dynamodb.endpoint) as proxy:
        proxy.faults.at_random(11, FAULTS, seconds=0.0)
        yield proxy.endpoint
        proxy.faults.clear()


def most_at_once(intervals):
    moments = sorted([(begin, 1) for begin, _ in intervals] + [(end, -1) for _, end in intervals])
    running = most = 0
    for _, change in moments:
        running += change
        most = max(most, running)
    return most


def test_places_are_exact_however_many_workers_race(
    endpoint, local_dynamodb, dynamodb_table, local_s3, bucket, prefix, redshift
) -> None:
    table, tenant = dynamodb_table(f"n{uuid.uuid4().hex}"), f"t{uuid.uuid4().hex[:8]}"
    me = Caller(tenant)
    settings = Settings(bulk_max_concurrent_jobs=PLACES, idle_seconds=0.2)
    client = functools.partial(local_dynamodb.client, endpoint=endpoint, total_max_attempts=1)
    with contextlib.ExitStack() as stack:
        results = stack.enter_context(S3ResultStore(bucket, prefix=prefix, client=local_s3.client))
        executor = stack.enter_context(by_data_api(results, redshift, connections=2 * PLACES))

        def house():
            store = stack.enter_context(DynamoDBJobStore(table, client=client))
            return Spectra(job_store=store, executor=executor, result_store=results, settings=settings)

        host = house()
        made = [host.jobs.create(me, ExportSpec(query=f"select {n} as n")).job.job_id for n in range(JOBS)]
        stop = threading.Event()
        workers = [house().worker() for _ in range(WORKERS)]
        threads = [threading.Thread(target=worker.serve, args=[stop]) for worker in workers]
        for thread in threads:
            thread.start()
        try:
            until = time.monotonic() + PATIENCE
            open_states = [JobState.UPLOAD_COMPLETE, JobState.IN_PROGRESS]
            while host.jobs.find(me, states=open_states, limit=1).jobs and time.monotonic() < until:
                time.sleep(0.5)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        ended = {job.job_id: job for job in host.jobs.find(me, limit=1_000).jobs}

    assert sorted(ended) == sorted(made)
    assert {job.state for job in ended.values()} == {JobState.JOB_COMPLETE}
    ran = redshift.typed(
        "select query_label, start_time, end_time from sys_query_history "
        f"where query_type = 'UNLOAD' and query_label like 'spectra:{tenant}/%'"
    )
    assert Counter(label.split("/")[1] for label, *_ in ran) == Counter(made)
    assert most_at_once([(begin, end) for _, begin, end in ran]) <= PLACES
    places = dynamodb_table.client.get_item(
        TableName=table, Key={"pk": {"S": tenant}, "sk": {"S": "p"}}, ConsistentRead=True
    )["Item"]
    assert "places" not in places


def test_keys_statements_and_places_go_with_their_jobs_whoever_races(
    endpoint, local_dynamodb, dynamodb_table
) -> None:
    """One key, one job at a time, two places; whoever meets it claims, completes, deletes, or makes it anew."""
    table = dynamodb_table(f"n{uuid.uuid4().hex}")
    client = functools.partial(local_dynamodb.client, endpoint=endpoint, total_max_attempts=1)
    query = "select '" + "x" * 2_000 + "'"
    clock = ManualClock()
    done, wrong = Counter(), []

    def race(number: int) -> None:
        dice = random.Random(number)
        with DynamoDBJobStore(table, client=client, clock=clock, sleep=lambda _: None) as store:
            for turn in range(TURNS):
                name = f"j{number}x{turn}"
                try:
                    job = store.add(export(name, query=query, idempotency_key="k")).job
                    done["replayed" if job.job_id != name else "added"] += 1
                    steps = [claimed, completed][job.state == "InProgress" :] if not job.is_terminal else []
                    for step in steps[: dice.randint(0, 2)]:
                        job = store.replace(job, step(job), limit=2)
                        done[step.__name__] += 1
                    if dice.random() < 0.4:
                        store.delete("t", job.job_id)
                        done["deleted"] += 1
                except (JobConflictError, JobNotFoundError, TenantBusyError, BackendError) as exc:
                    done[exc.code] += 1
                except Exception as exc:
                    wrong.append(exc)

    threads = [threading.Thread(target=race, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not wrong
    assert min(done[one] for one in ("added", "replayed", "claimed", "completed", "deleted")) > 3, done
    with DynamoDBJobStore(table, client=local_dynamodb.client, clock=clock) as store:
        left = dynamodb_table.client.scan(TableName=table, ConsistentRead=True)["Items"]
        jobs = {item["sk"]["S"][2:] for item in left if item["sk"]["S"].startswith("j#")}
        running = {item["sk"]["S"][2:] for item in left if "seat" in item}
        assert {item["job"]["S"] for item in left if item["sk"]["S"].startswith("k#")} <= jobs
        assert {item["sk"]["S"].split("#")[1] for item in left if item["sk"]["S"].startswith("s#")} == jobs
        places = next((item for item in left if item["sk"]["S"] == "p"), {})
        assert set(places.get("places", {}).get("SS", ())) == running
        for name in jobs:
            store.delete("t", name)
    rest = dynamodb_table.client.scan(TableName=table, ConsistentRead=True)["Items"]
    assert [(item["sk"]["S"], set(item)) for item in rest] == [("p", {"pk", "sk"})]
