"""What is asked for is allowed, and what is allowed is asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spectra import LoadSpec
from spectra.adapters.aws.infrastructure import Infrastructure, template
from spectra.settings import Settings
from tests.infrastructure import house as houses
from tests.infrastructure.house import ME, House
from tests.infrastructure.recording import TABLE, WAREHOUSE, Policy, Recorder

PREFIX = "spectra/of-tests/"

UNSEEN = {
    "secretsmanager:GetSecretValue": "the Data API reads the secret, as its caller",
    "redshift:GetClusterCredentials": "the Data API logs in, as its caller",
}
"""Actions that no call of a client shows."""


@pytest.fixture(scope="module")
def run(local_dynamodb, local_s3, redshift):
    """Everything that hosts and workers do, done once."""
    from spectra.adapters.aws.dynamodb.table import create_table
    from spectra.adapters.aws.infrastructure.bucket import create_bucket

    infrastructure = Infrastructure(
        prefix=PREFIX, warehouse="cluster", login="user", settings=Settings(queue_timeout_hours=24.0)
    )
    dynamodb = local_dynamodb.client()
    create_table(dynamodb, "policies", ttl=False)
    create_bucket(local_s3.client(), "policies", infrastructure)
    of_redshift = Recorder()
    theirs, redshift.storage._client = redshift.storage._client, of_redshift.listen(local_s3.client())
    house = House(
        (local_dynamodb, local_s3, redshift, "policies", "policies", PREFIX), infrastructure.settings
    )
    ended = houses.every_day(house)
    again = house.work(*houses.links(house, ended))
    linked = house.host.jobs.create(ME, LoadSpec(operation="insert", object="sales")).job
    target = house.host.jobs.upload_target(ME, linked.job_id, size=len(houses.DATA))
    assert houses.sent(target, houses.DATA) == 200
    houses.broken_upload(house)
    stopped = houses.aborted(house)
    keys = house.keys()
    house.unfinished(ended[0])
    house.host.jobs.delete(ME, ended[0].job_id)
    house.unfinished(ended[1])
    house.clock.later = timedelta(days=30)
    for _ in range(3):
        house.working.run_once()
        house.clock.later += timedelta(days=8)
    left = house.keys()
    house.close()
    redshift.storage._client = theirs
    dynamodb.delete_table(TableName="policies")
    return house, of_redshift, infrastructure, keys, left, (*ended, *again, linked, stopped)


def policy(infrastructure, name):
    resource = template(infrastructure)["Resources"][name]["Properties"]
    return Policy(
        resource["PolicyDocument"],
        {
            "Table.Arn": TABLE + "policies",
            "Bucket.Arn": "arn:aws:s3:::policies",
            "AWS::Partition": "aws",
            "AWS::Region": "us-east-1",
            "AWS::AccountId": "111122223333",
            "RedshiftCluster": "local",
            "RedshiftUser": "spectra",
            "RedshiftDatabase": "dev",
        },
    )


def missing_and_idle(policy, recorder):
    """What was asked for and is not allowed; what is allowed and was not asked for."""
    missing = {
        (action, arn) for action, arn, prefix in recorder.asked if not policy.allowing((action, arn, prefix))
    }
    used = set().union(*map(policy.allowing, recorder.asked))
    return missing, {(action, arn) for action, arn in policy.pairs() - used if action not in UNSEEN}


def test_a_host_is_allowed_what_it_does_and_no_more(run) -> None:
    house, _, infrastructure, *_ = run
    assert missing_and_idle(policy(infrastructure, "HostPolicy"), house.host_calls) == (set(), set())


def test_a_worker_is_allowed_what_it_does_and_no_more(run) -> None:
    house, _, infrastructure, *_ = run
    assert missing_and_idle(policy(infrastructure, "WorkerPolicy"), house.worker_calls) == (set(), set())


def test_redshift_is_allowed_what_it_does(run) -> None:
    _, recorder, infrastructure, *_ = run
    missing, idle = missing_and_idle(policy(infrastructure, "RedshiftPolicy"), recorder)
    assert missing == set()
    # The local Redshift does not read back what it has written.
    assert idle == {("s3:GetObject", f"arn:aws:s3:::policies/{PREFIX}*/results/*")}
