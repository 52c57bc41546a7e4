"""Whole jobs of a host and a worker: what is asked for is allowed, and the reverse; what is written expires."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from spectra import LoadSpec
from spectra.adapters.aws.dynamodb import queue
from spectra.adapters.aws.dynamodb.table import create_table
from spectra.adapters.aws.infrastructure import Infrastructure, template
from spectra.adapters.aws.infrastructure.bucket import create_bucket, matching, rules
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "_FEW", 1)  # the index looks large, and is read by lanes
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


def test_counting_both_ways_finds_both(run) -> None:
    house, _, infrastructure, *_ = run
    narrow, wide = policy(infrastructure, "HostPolicy"), policy(infrastructure, "HostPolicy")
    narrow.statements = [one for one in narrow.statements if one[0] != "Due"]
    wide.statements.append(("More", ["s3:GetObject"], ["arn:aws:s3:::policies/elsewhere/*"], {}))
    missing, _ = missing_and_idle(narrow, house.host_calls)
    index = f"{TABLE}policies/index/due"
    assert missing == {("dynamodb:Query", index), ("dynamodb:Scan", index)}
    _, idle = missing_and_idle(wide, house.host_calls)
    assert idle == {("s3:GetObject", "arn:aws:s3:::policies/elsewhere/*")}


@pytest.mark.parametrize("name", ["HostPolicy", "WorkerPolicy", "RedshiftPolicy"])
def test_nobody_reaches_beyond_the_prefix(run, name) -> None:
    allowed = policy(run[2], name).allowing
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        for key in ("x", "others/acme/job/input/x", "spectra/of-others/acme/job/results/x"):
            assert not allowed((action, f"arn:aws:s3:::policies/{key}", None))
        assert not allowed((action, f"arn:aws:s3:::others/{PREFIX}acme/job/input/x", None))
    assert not allowed(("s3:ListBucket", "arn:aws:s3:::policies", "spectra/of-others/"))
    assert allowed(("s3:ListBucket", "arn:aws:s3:::policies", f"{PREFIX}acme/job/"))
    # So that a missing object is told from a forbidden one.
    assert allowed(("s3:ListBucket", "arn:aws:s3:::policies", None))


def test_a_worker_cannot_touch_uploads_nor_a_host_results(run) -> None:
    worker, host = policy(run[2], "WorkerPolicy"), policy(run[2], "HostPolicy")
    of = lambda area: f"arn:aws:s3:::policies/{PREFIX}acme/job/{area}/x"  # noqa: E731
    assert not worker.allowing(("s3:PutObject", of("input"), None))
    assert not worker.allowing(("s3:GetObject", of("upload"), None))
    assert not host.allowing(("s3:PutObject", of("results"), None))
    assert not {action for action, _ in host.pairs() if action.startswith("redshift")}


def test_redshift_is_allowed_what_it_does(run) -> None:
    _, recorder, infrastructure, *_ = run
    missing, idle = missing_and_idle(policy(infrastructure, "RedshiftPolicy"), recorder)
    assert missing == set()
    # The local Redshift does not read back what it has written.
    assert idle == {("s3:GetObject", f"arn:aws:s3:::policies/{PREFIX}*/results/*")}


# ---- what is written ----------------------------------------------------------------------------------


def written(run):
    """Keys of everything that was ever put into the bucket."""
    house, of_redshift, *_ = run
    asked = house.host_calls.asked | house.worker_calls.asked | of_redshift.asked
    begin = "arn:aws:s3:::policies/"
    return {arn.removeprefix(begin) for action, arn, _ in asked if action == "s3:PutObject"}


def test_every_kind_of_file_was_written(run) -> None:
    keys = written(run)
    assert run[3] <= keys
    kinds = {(key.split("/")[4], key.split("/")[-1].partition(".")[0]) for key in keys}
    names = {name for area, name in kinds if area != "input"}
    assert {area for area, _ in kinds} == {"upload", "input", "results", "failed"}
    # A new kind of file belongs here, so that somebody thinks of its age.
    assert {re.sub(r"\d+", "#", name) for name in names} == {
        "data",
        "part-#_part_#",
        "part-crlf-#",
        "part-empty",
        "part-manifest",
        "results-manifest",
        "failed-records",
        "failed_records-manifest",
        "rejected-input",
        "unprocessed-records",
        "unprocessed_records-manifest",
        "numbered",
    }


def test_every_file_is_removed_by_exactly_one_rule(run) -> None:
    infrastructure = run[2]
    for key in written(run):
        assert [rule.name for rule in matching(infrastructure, key)] == ["spectra-expired"], key
    for others in ("other/file", "spectra/of-others/acme/job/results/x", "acme/job/results/~1/x"):
        assert matching(infrastructure, others) == ()


def test_the_bucket_of_the_tests_has_these_rules(local_s3) -> None:
    infrastructure = Infrastructure(
        prefix=PREFIX, settings=Settings(queue_timeout_hours=24.0), origins=("https://app.example.com",)
    )
    client = local_s3.client()
    lacking = create_bucket(client, "with-rules", infrastructure)
    assert set(lacking) <= {"put_public_access_block"}
    told = client.get_bucket_lifecycle_configuration(Bucket="with-rules")["Rules"]
    assert sorted(told, key=lambda rule: rule["ID"], reverse=True) == [
        rule.call() for rule in rules(infrastructure)
    ]
    resources = template(infrastructure)["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]
    assert resources["Rules"] == [
        {"Id": "spectra-unfinished", "Status": "Enabled", "Prefix": PREFIX,
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}},
        {"Id": "spectra-expired", "Status": "Enabled", "Prefix": PREFIX, "ExpirationInDays": 11},
    ]  # fmt: skip
    (cors,) = client.get_bucket_cors(Bucket="with-rules")["CORSRules"]
    assert cors["AllowedOrigins"] == ["https://app.example.com"]
    client.delete_bucket(Bucket="with-rules")


def test_nothing_is_left_when_retention_has_ended(run) -> None:
    house, *_, left, jobs = run
    assert {key for key in left if any(job.job_id in key for job in jobs)} == set()
    assert left == set()
