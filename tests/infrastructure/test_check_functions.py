"""Every fault of the stream's mapping that the check knows is provoked."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.stub import Stubber

from spectra.adapters.aws.infrastructure import Infrastructure, Severity, check
from spectra.adapters.aws.infrastructure.check_functions import check_functions
from spectra.adapters.aws.infrastructure.functions import mapping

ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/jobs/stream/2026-11-01T00:00:00.000"
DEPLOYED = {
    **mapping(Infrastructure()),
    "State": "Enabled",
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:111122223333:q"}},
}


@pytest.fixture
def said():
    """What the check says of mappings."""
    client = boto3.client("lambda", aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")

    def told(*mappings):
        with Stubber(client) as stubber:
            stubber.add_response(
                "list_event_source_mappings", {"EventSourceMappings": [*mappings]}, {"EventSourceArn": ARN}
            )
            return check_functions(client, ARN, Infrastructure())

    told.client = client
    return told


def test_the_mapping_of_the_template_gives_no_finding(said) -> None:
    assert said(DEPLOYED) == ()


@pytest.mark.parametrize(
    ("change", "severity", "fix"),
    [
        ({"State": "Disabled"}, "error", "enable it"),
        ({"MaximumRetryAttempts": -1}, "error", "set MaximumRetryAttempts to 3"),
        ({"BisectBatchOnFunctionError": False}, "warning", "set BisectBatchOnFunctionError"),
        ({"FunctionResponseTypes": []}, "error", "set FunctionResponseTypes to ReportBatchItemFailures"),
        ({"DestinationConfig": {}}, "warning", "set a queue as OnFailure"),
    ],
)
def test_a_mapping_that_differs(said, change, severity, fix) -> None:
    (found,) = said({**DEPLOYED, **change})
    assert (found.severity, found.fix) == (severity, fix)


def test_no_mapping(said) -> None:
    (found,) = said()
    assert found.severity is Severity.ERROR
    assert found.what.startswith("no function is woken")


def test_a_mapping_that_passes_on_everything_is_not_ours(said) -> None:
    """Every write of a worker would start a function, which would write."""
    (found,) = said({**DEPLOYED, "FilterCriteria": {}})
    assert found.severity is Severity.ERROR
    other = {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"]})}]}
    assert len(said({**DEPLOYED, "FilterCriteria": other})) == 1


def test_others_may_listen_too(said) -> None:
    assert said({"State": "Disabled", "FilterCriteria": {}}, DEPLOYED) == ()


def test_who_may_not_look(said) -> None:
    with Stubber(said.client) as stubber:
        stubber.add_client_error("list_event_source_mappings", "AccessDeniedException")
        (found,) = check_functions(said.client, ARN, Infrastructure())
    assert found.severity is Severity.UNKNOWN


def test_without_a_stream_nobody_knows(said) -> None:
    (found,) = check(Infrastructure(), functions=said.client)
    assert str(found) == (
        "unknown: functions: the stream's mapping could not be looked at: no stream of the table was found"
    )
