"""Every fault of a bucket that the check knows is provoked, on a real server where it has the fault."""

from __future__ import annotations

import json
import uuid

import boto3
import pytest
from botocore.stub import Stubber

from spectra.adapters.aws.infrastructure import Infrastructure, Severity, check
from spectra.adapters.aws.infrastructure.bucket import PRIVATE, bucket_policy, create_bucket, rules
from spectra.adapters.aws.infrastructure.check_bucket import check_bucket
from spectra.errors import InvalidSpecError
from spectra.settings import Settings

QUEUED = Infrastructure(prefix="spectra/", settings=Settings(queue_timeout_hours=24.0))
WAITING = Infrastructure(prefix="spectra/")
DAYS = QUEUED.expiry_days
LACKING = "could not be looked at: its server does not have this call"


@pytest.fixture
def s3(local_s3):
    return local_s3.client()


@pytest.fixture
def named(s3):
    name = f"b-{uuid.uuid4().hex}"
    create_bucket(s3, name, QUEUED)
    yield name
    s3.delete_bucket(Bucket=name)


def said(findings):
    """All but what the local server does not have, and what nobody can have there."""
    return [
        (str(one.severity), one.what)
        for one in findings
        if LACKING not in one.what and "without TLS" not in one.what
    ]


def test_the_bucket_of_the_definition_is_as_it_should_be(s3, named) -> None:
    assert said(check_bucket(s3, named, QUEUED)) == []


def test_what_the_server_does_not_have_is_not_fine(s3, named) -> None:
    found = [one for one in check_bucket(s3, named, QUEUED) if one.severity is Severity.UNKNOWN]
    assert [one.what for one in found] == [f"its public access block {LACKING}"]


def test_no_tls(s3, named) -> None:
    found = [one for one in check_bucket(s3, named, QUEUED) if "TLS" in one.what]
    assert [(one.severity, one.what) for one in found] == [
        (Severity.WARNING, "it may be reached without TLS")
    ]


def test_the_policy_keeps_out_what_comes_without_tls(s3) -> None:
    """On a real server, which is asked without TLS: the bucket cannot be removed any more."""
    name = "only-with-tls"
    create_bucket(s3, name, QUEUED)
    s3.put_object(Bucket=name, Key="before", Body=b"")
    arn = f"arn:aws:s3:::{name}"
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(bucket_policy(arn, f"{arn}/*")))
    for call in (
        lambda: s3.get_object(Bucket=name, Key="before"),
        lambda: s3.put_object(Bucket=name, Key="after", Body=b""),
        lambda: s3.list_objects_v2(Bucket=name),
    ):
        with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
            call()


def test_no_bucket(s3) -> None:
    (found,) = check_bucket(s3, "nowhere-at-all", QUEUED)
    assert (found.severity, found.what) == (Severity.ERROR, "there is no bucket nowhere-at-all")


def test_a_bucket_without_a_name(s3) -> None:
    with pytest.raises(InvalidSpecError, match="bucket_name"):
        check(QUEUED, s3=s3)


def test_no_encryption(s3, named) -> None:
    s3.delete_bucket_encryption(Bucket=named)
    assert said(check_bucket(s3, named, QUEUED)) == [("warning", "its objects are not encrypted by default")]


def test_versions(s3, named) -> None:
    s3.put_bucket_versioning(Bucket=named, VersioningConfiguration={"Status": "Enabled"})
    assert said(check_bucket(s3, named, QUEUED)) == [
        ("warning", "it keeps versions: what was deleted after its retention is still there")
    ]


def test_other_owners(s3, named) -> None:
    s3.put_bucket_ownership_controls(
        Bucket=named, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    ((severity, what),) = said(check_bucket(s3, named, QUEUED))
    assert severity == "warning"
    assert what.startswith("objects belong to who writes them")


# ---- rules ------------------------------------------------------------------------------------------

UNFINISHED, EXPIRED = (rule.call() for rule in rules(QUEUED))


def rule(**changes):
    return {key: value for key, value in {**EXPIRED, "ID": "theirs", **changes}.items() if value is not None}


def with_rules(s3, named, *given, infrastructure=QUEUED):
    s3.put_bucket_lifecycle_configuration(Bucket=named, LifecycleConfiguration={"Rules": [*given]})
    return said(check_bucket(s3, named, infrastructure))


ABANDONED = ("warning", "uploads in parts that nobody completed stay, and are paid for")
LEFT = ("warning", "what jobs leave behind by mistake is never removed")
NO_RULE = (
    "note",
    "no rule removes files by age, for jobs may wait without limit; set SPECTRA_QUEUE_TIMEOUT_HOURS to have one",
)


def test_no_rules(s3, named) -> None:
    s3.delete_bucket_lifecycle(Bucket=named)
    assert said(check_bucket(s3, named, QUEUED)) == [ABANDONED, LEFT]


def test_only_one_of_the_rules(s3, named) -> None:
    assert with_rules(s3, named, UNFINISHED) == [LEFT]
    assert with_rules(s3, named, EXPIRED) == [ABANDONED]


def test_a_rule_that_is_too_fast(s3, named) -> None:
    assert with_rules(s3, named, UNFINISHED, rule(Expiration={"Days": DAYS - 1})) == [
        (
            "error",
            f"its rule 'theirs' removes files after {DAYS - 1} days, and a job may need them for {DAYS}",
        )
    ]


def test_a_fast_rule_for_a_part_of_the_keys(s3, named) -> None:
    found = with_rules(
        s3, named, UNFINISHED, EXPIRED, rule(Filter={"Prefix": "spectra/acme/"}, Expiration={"Days": 1})
    )
    assert [severity for severity, _ in found] == ["error"]


def test_rules_for_others_keys_are_others_business(s3, named) -> None:
    others = rule(Filter={"Prefix": "others/"}, Expiration={"Days": 1})
    assert with_rules(s3, named, UNFINISHED, EXPIRED, others) == []


def test_a_rule_for_everything_will_do(s3, named) -> None:
    everything = rule(Filter={"Prefix": ""}, Expiration={"Days": DAYS + 50})
    assert with_rules(s3, named, UNFINISHED, everything) == []


def test_a_rule_that_is_off_does_nothing(s3, named) -> None:
    off = rule(Status="Disabled", Expiration={"Days": 1})
    assert with_rules(s3, named, UNFINISHED, off) == [LEFT]


def test_parts_that_are_aborted_too_fast(s3, named) -> None:
    fast = {**UNFINISHED, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    ((severity, what),) = with_rules(s3, named, fast, EXPIRED)
    assert severity == "error"
    assert "aborts uploads in parts after 1 days" in what


def test_a_rule_by_age_where_jobs_wait_without_limit(s3, named) -> None:
    assert with_rules(s3, named, UNFINISHED, EXPIRED, infrastructure=WAITING) == [
        (
            "error",
            f"its rule 'spectra-expired' removes files after {DAYS} days, also those of jobs that still wait",
        ),
        NO_RULE,
    ]


def test_the_rule_where_jobs_wait_without_limit(s3, named) -> None:
    (only,) = rules(WAITING)
    assert with_rules(s3, named, only.call(), infrastructure=WAITING) == [NO_RULE]


# ---- what the local server does not have ------------------------------------------------------------


@pytest.fixture
def answers():
    """A client that answers as AWS would, checked against the service's model; what the check says."""
    client = boto3.client("s3", aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")

    def answered(*, block=None, lifecycle=None, policy=None):
        with Stubber(client) as stubber:
            stubber.add_response("head_bucket", {})
            if block is None:
                stubber.add_client_error("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
            else:
                stubber.add_response("get_public_access_block", {"PublicAccessBlockConfiguration": block})
            stubber.add_response(
                "get_bucket_ownership_controls",
                {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
            )
            if policy is None:
                stubber.add_client_error("get_bucket_policy", "AccessDenied", http_status_code=403)
            else:
                stubber.add_response("get_bucket_policy", {"Policy": json.dumps(policy)})
            default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
            stubber.add_response(
                "get_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [default]}}
            )
            stubber.add_response("get_bucket_versioning", {})
            stubber.add_response(
                "get_bucket_lifecycle_configuration",
                {"Rules": lifecycle or [rule.call() for rule in rules(QUEUED)]},
            )
            return check_bucket(client, "jobs", QUEUED)

    return answered


TLS = bucket_policy("arn:aws:s3:::jobs", "arn:aws:s3:::jobs/*")


def test_a_bucket_of_the_template_gives_no_finding(answers) -> None:
    assert answers(block=PRIVATE, policy=TLS) == ()


def test_a_bucket_that_can_be_made_public(answers) -> None:
    (found,) = answers(block={**PRIVATE, "BlockPublicPolicy": False}, policy=TLS)
    assert (found.severity, found.what) == (
        Severity.ERROR,
        "it can be made public: BlockPublicPolicy is not set",
    )
    (found,) = answers(policy=TLS)
    assert found.what == f"it can be made public: {', '.join(PRIVATE)} is not set"


def test_a_policy_that_may_not_be_read(answers) -> None:
    (found,) = answers(block=PRIVATE)
    assert str(found) == (
        "unknown: bucket: its policy could not be looked at: these credentials may not look at it"
    )


def test_a_rule_by_date_and_one_for_large_files(answers) -> None:
    from datetime import UTC, datetime

    dated = rule(Expiration={"Date": datetime(2030, 1, 1, tzinfo=UTC)})
    large = rule(Filter={"And": {"Prefix": "spectra/", "ObjectSizeGreaterThan": 9}}, Expiration={"Days": 1})
    found = answers(block=PRIVATE, policy=TLS, lifecycle=[UNFINISHED, dated, large])
    assert [str(one.severity) for one in found] == ["error", "error", "warning"]
    assert "from a date on" in found[0].what
    assert "after 1 days" in found[1].what
