"""Every fault of a table that the check knows is provoked, on a real server where it has the fault."""

from __future__ import annotations

import copy
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from spectra.adapters.aws.dynamodb.table import TABLE, create_table
from spectra.adapters.aws.infrastructure import Infrastructure, Severity, check
from spectra.adapters.aws.infrastructure.check_table import check_table, stream_of

CREDENTIALS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}


@pytest.fixture
def dynamodb(local_dynamodb):
    return local_dynamodb.client()


@pytest.fixture
def made(dynamodb):
    """Makes a table that differs; what the check says of it."""
    names = []

    def make(ttl="ttl", types={}, **changes):
        names.append(f"t-{uuid.uuid4().hex}")
        asked = {**copy.deepcopy(TABLE), **changes}
        used = {k["AttributeName"] for k in asked["KeySchema"]}
        for index in asked.get("GlobalSecondaryIndexes") or ():
            used |= {k["AttributeName"] for k in index["KeySchema"]}
        asked["AttributeDefinitions"] = [
            {"AttributeName": name, "AttributeType": types.get(name, "S")} for name in sorted(used)
        ]
        dynamodb.create_table(
            TableName=names[-1], **{key: value for key, value in asked.items() if value is not None}
        )
        if ttl:
            dynamodb.update_time_to_live(
                TableName=names[-1], TimeToLiveSpecification={"Enabled": True, "AttributeName": ttl}
            )
        return said(check_table(dynamodb, names[-1]))

    yield make
    for name in names:
        dynamodb.delete_table(TableName=name)


def said(findings):
    """Severity and text, but what no local server can be."""
    return [
        (str(one.severity), one.what)
        for one in findings
        if "delete tables" not in one.what and "point-in-time" not in one.what
    ]


def index(**changes):
    return [{**copy.deepcopy(TABLE["GlobalSecondaryIndexes"][0]), **changes}]


def test_the_table_of_the_definition_is_as_it_should_be(dynamodb) -> None:
    create_table(dynamodb, "as-it-should")
    found = check(Infrastructure(table_name="as-it-should"), dynamodb=dynamodb)
    assert said(found) == []
    # DynamoDB Local protects nothing, and has no backups to tell of.
    assert [str(one.severity) for one in found] == ["warning", "unknown"]
    assert "deletion protection" in found[0].fix
    assert found[1].what == (
        "its point-in-time recovery could not be looked at: its server does not have this call"
    )
    assert stream_of(dynamodb, "as-it-should").endswith(
        dynamodb.describe_table(TableName="as-it-should")["Table"]["LatestStreamLabel"]
    )
    dynamodb.update_table(TableName="as-it-should", DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName="as-it-should")


def test_no_table(dynamodb) -> None:
    (found,) = check_table(dynamodb, "nowhere")
    assert (found.severity, found.what) == (Severity.ERROR, "there is no table nowhere")
    assert "SPECTRA_DYNAMODB_TABLE_NAME" in str(found)


def test_other_keys(made) -> None:
    other = [{"AttributeName": "id", "KeyType": "HASH"}]
    assert ("error", "its keys are id and not pk, sk") in made(KeySchema=other)


def test_keys_of_another_type(made) -> None:
    assert ("error", "its keys are pk, sk and not pk, sk") in made(types={"sk": "B"})


def test_no_index(made) -> None:
    assert made(GlobalSecondaryIndexes=None) == [
        ("error", "it has no index due: no worker finds what is due")
    ]


def test_an_index_with_other_keys(made) -> None:
    other = [{"AttributeName": "lane", "KeyType": "HASH"}]
    assert made(GlobalSecondaryIndexes=index(KeySchema=other)) == [
        ("error", "the keys of its index due are lane and not lane, at")
    ]


def test_an_index_that_holds_everything(made) -> None:
    assert made(GlobalSecondaryIndexes=index(Projection={"ProjectionType": "ALL"})) == [
        ("warning", "its index due holds more than keys, so that each write costs more")
    ]


def test_no_stream(made) -> None:
    assert made(StreamSpecification={"StreamEnabled": False}) == [
        ("warning", "it has no stream: jobs start only when the schedule finds them")
    ]


def test_a_stream_without_images(made) -> None:
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    assert made(StreamSpecification=stream) == [
        ("error", "its stream carries KEYS_ONLY: no function sees which job it is about")
    ]


def test_a_stream_with_more_than_is_needed_will_do(made) -> None:
    assert made(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}) == []


def test_no_ttl(made) -> None:
    ((severity, what),) = made(ttl=None)
    assert (severity, what.partition(":")[0]) == ("warning", "it has no TTL")


def test_another_ttl(made) -> None:
    assert made(ttl="due_at") == [("error", "its TTL looks at due_at and not at ttl")]


@pytest.fixture
def scripted():
    """A client that answers as AWS would, checked against the service's model."""
    client = boto3.client("dynamodb", **CREDENTIALS)
    with Stubber(client) as stubber:
        yield client, stubber


def described(**changes):
    table = {
        "TableStatus": "ACTIVE",
        "DeletionProtectionEnabled": True,
        **{k: v for k, v in copy.deepcopy(TABLE).items() if k != "BillingMode"},
        **changes,
    }
    return {"Table": table}


def backups(status):
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status},
        }
    }


TTL = {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}}


def answer(scripted, table, ttl=TTL, recovery="ENABLED"):
    client, stubber = scripted
    stubber.add_response("describe_table", table)
    stubber.add_response("describe_time_to_live", ttl)
    stubber.add_response("describe_continuous_backups", backups(recovery))
    return check_table(client, "jobs")


def test_a_table_of_the_template_gives_no_finding(scripted) -> None:
    assert answer(scripted, described()) == ()


def test_no_recovery(scripted) -> None:
    (found,) = answer(scripted, described(), recovery="DISABLED")
    assert (found.severity, found.fix) == (Severity.WARNING, "turn its point-in-time recovery on")


def test_no_deletion_protection(scripted) -> None:
    (found,) = answer(scripted, described(DeletionProtectionEnabled=False))
    assert (found.severity, found.fix) == (Severity.WARNING, "turn its deletion protection on")


def test_a_table_that_is_not_ready(scripted) -> None:
    creating = index(IndexStatus="CREATING")
    found = answer(scripted, described(TableStatus="CREATING", GlobalSecondaryIndexes=creating))
    assert [one.what for one in found] == [
        "the table is CREATING",
        "its index due is still being filled",
    ]
    assert {one.severity for one in found} == {Severity.ERROR}


def test_what_may_not_be_looked_at_is_not_fine(scripted) -> None:
    client, stubber = scripted
    stubber.add_response("describe_table", described())
    stubber.add_client_error("describe_time_to_live", "AccessDeniedException", http_status_code=400)
    stubber.add_client_error("describe_continuous_backups", "InternalServerError", http_status_code=500)
    assert [(str(one.severity), one.what) for one in check_table(client, "jobs")] == [
        ("unknown", "its TTL could not be looked at: these credentials may not look at it"),
        ("unknown", "its point-in-time recovery could not be looked at: InternalServerError"),
    ]


def test_an_endpoint_that_is_not_there() -> None:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=2)
    client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:9", config=config, **CREDENTIALS)
    (found,) = check_table(client, "jobs")
    assert str(found) == "unknown: table: the table jobs could not be looked at: EndpointConnectionError"
    assert stream_of(client, "jobs") is None
