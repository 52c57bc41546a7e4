"""The template is what CloudFormation takes, protects what is kept, and says what the definition says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spectra.adapters.aws.dynamodb.table import STREAM_FILTER, TABLE
from spectra.adapters.aws.infrastructure import Infrastructure, rendered, template
from spectra.adapters.aws.infrastructure.alarms import alarms
from spectra.errors import InvalidSpecError
from spectra.settings import Settings

SETTINGS = Settings(queue_timeout_hours=48.0, bulk_max_concurrent_jobs=3, log_level="INFO", home="/never")
VARIANTS = {
    "at first": Infrastructure(),
    "everything": Infrastructure(
        settings=SETTINGS,
        table_name="jobs",
        bucket_name="my-bucket",
        prefix="spectra/",
        warehouse="cluster",
        login="user",
        code="image",
        architecture="arm64",
        schedule_minutes=5,
        origins=("https://app.example.com",),
    ),
    "cluster and secret": Infrastructure(warehouse="cluster", prefix="a/b/"),
}
LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"


def test_cfn_lint_finds_nothing(tmp_path) -> None:
    files = []
    for number, infrastructure in enumerate(VARIANTS.values()):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(rendered(infrastructure))
    told = subprocess.run(
        [sys.executable, "-c", LINT, "-c", "I", "-r", "us-east-1", "eu-central-1", "--", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout.strip(), told.stderr.strip()) == (0, "", "")


def test_cfn_lint_would_find_something(tmp_path) -> None:
    broken = template(Infrastructure())
    broken["Resources"]["StreamFunction"]["Properties"]["Handlers"] = "x"
    broken["Resources"]["WorkerPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Action"] = [
        "dynamodb:Nothing"
    ]
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    told = subprocess.run(
        [sys.executable, "-c", LINT, "--", tmp_path / "broken.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "E3002" in told.stdout
    assert "W3037" in told.stdout


@pytest.mark.parametrize("name", VARIANTS)
def test_no_action_is_a_pattern_and_few_resources_are(name) -> None:
    resources = template(VARIANTS[name])["Resources"]
    documents = [r["Properties"]["PolicyDocument"] for n, r in resources.items() if n.endswith("Policy")]
    documents += [p["PolicyDocument"] for p in resources["FunctionRole"]["Properties"]["Policies"]]
    allowed = [s for d in documents for s in d["Statement"] if s["Effect"] == "Allow"]
    assert len(allowed) > 10
    assert not [a for s in allowed for a in s["Action"] if "*" in a]
    anywhere = {a for s in allowed if "*" in s["Resource"] for a in s["Action"]}
    # AWS has no resource type for these.
    assert anywhere == {
        "dynamodb:ListStreams",
        "redshift-data:DescribeStatement",
        "redshift-data:GetStatementResult",
        "redshift-data:ListStatements",
    }


def test_aws_has_no_resource_type_for_what_is_allowed_anywhere() -> None:
    import cfnlint

    known = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text())
    for service, action in (
        ("dynamodb", "liststreams"),
        ("redshift-data", "describestatement"),
        ("redshift-data", "getstatementresult"),
        ("redshift-data", "liststatements"),
    ):
        assert not known[service]["Actions"][action].get("Resources"), action


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_kept_outlives_the_stack(name) -> None:
    resources = template(VARIANTS[name])["Resources"]
    for kept in ("Table", "Bucket", "BucketPolicy"):
        assert resources[kept]["DeletionPolicy"] == resources[kept]["UpdateReplacePolicy"] == "Retain"
    table = resources["Table"]["Properties"]
    assert table["DeletionProtectionEnabled"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert set(resources["Bucket"]["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_template_deploys_the_table_of_the_tests() -> None:
    table = template(Infrastructure())["Resources"]["Table"]["Properties"]
    for part in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"):
        assert table[part] == TABLE[part]
    assert TABLE["StreamSpecification"] == {"StreamEnabled": True, **table["StreamSpecification"]}


def test_the_functions_know_where_everything_is() -> None:
    resources = template(VARIANTS["everything"])["Resources"]
    for name, handler in (("StreamFunction", "on_stream"), ("ScheduleFunction", "on_schedule")):
        properties = resources[name]["Properties"]
        assert properties["ImageConfig"] == {"Command": [f"spectra.hosts.aws_lambda.{handler}"]}
        assert properties["Environment"]["Variables"] == {
            "SPECTRA_AWS_REGION": {"Ref": "AWS::Region"},
            "SPECTRA_DYNAMODB_TABLE_NAME": {"Ref": "Table"},
            "SPECTRA_S3_BUCKET_NAME": {"Ref": "Bucket"},
            "SPECTRA_S3_PREFIX": "spectra/",
            "SPECTRA_REDSHIFT_DATABASE": {"Ref": "RedshiftDatabase"},
            "SPECTRA_REDSHIFT_IAM_ROLE": {"Ref": "RedshiftRole"},
            "SPECTRA_REDSHIFT_CLUSTER": {"Ref": "RedshiftCluster"},
            "SPECTRA_REDSHIFT_USER": {"Ref": "RedshiftUser"},
            "SPECTRA_QUEUE_TIMEOUT_HOURS": "48",
            "SPECTRA_BULK_MAX_CONCURRENT_JOBS": "3",
            "SPECTRA_LOG_LEVEL": "INFO",
        }
    plain = template(Infrastructure())["Resources"]["StreamFunction"]["Properties"]
    assert plain["Handler"] == "spectra.hosts.aws_lambda.on_stream"
    assert plain["Environment"]["Variables"]["SPECTRA_REDSHIFT_SECRET_ARN"] == {"Ref": "RedshiftSecretArn"}


def test_the_functions_settings_are_the_hosts() -> None:
    variables = VARIANTS["everything"].variables()
    import attrs

    again = attrs.evolve(Settings.from_env(variables), home="/never")
    assert again == SETTINGS


def test_a_record_that_fails_holds_nothing_up() -> None:
    mapping = template(Infrastructure())["Resources"]["StreamMapping"]["Properties"]
    assert mapping["BisectBatchOnFunctionError"]
    assert mapping["MaximumRetryAttempts"] == 3
    assert mapping["MaximumRecordAgeInSeconds"] == 3_600
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["FailureQueue", "Arn"]}
    (one,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(one["Pattern"]) == STREAM_FILTER


def test_every_alarm_is_about_something_that_is_deployed() -> None:
    resources = template(Infrastructure(namespace="Ours", service="one"))["Resources"]
    alarms = {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert len(alarms) == len(ALARMS)
    metrics = {(a["Namespace"], a["MetricName"]) for a in alarms.values()}
    for of_issue in ("oldest.age", "jobs.failed", "executions.lost", "job.unsettled"):
        assert [m for n, m in metrics if n == "Ours" and m.endswith(of_issue)]
    assert ("AWS/Lambda", "IteratorAge") in metrics
    assert alarms["OldestDueJobAlarm"]["Dimensions"] == [{"Name": "service", "Value": "one"}]
    assert alarms["OldestDueJobAlarm"]["TreatMissingData"] == "breaching"
    assert "${Service}" not in json.dumps(resources)
    assert "${Namespace}" not in json.dumps(resources)


def test_browsers_may_upload_only_from_where_it_was_allowed() -> None:
    assert "CorsConfiguration" not in template(Infrastructure())["Resources"]["Bucket"]["Properties"]
    bucket = template(VARIANTS["everything"])["Resources"]["Bucket"]["Properties"]
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["https://app.example.com"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("table_name", "a b"),
        ("bucket_name", "Upper"),
        ("prefix", "no-slash"),
        ("prefix", "/first/"),
        ("prefix", "a*/"),
        ("warehouse", "lake"),
        ("login", "user"),
        ("code", "tar"),
        ("runtime", "node"),
        ("architecture", "vax"),
        ("memory_mb", 64),
        ("stream_batch", 0),
        ("stream_retries", -1),
        ("stream_age_seconds", 59),
        ("stream_timeout", 901),
        ("schedule_minutes", 0),
        ("schedule_minutes", True),
        ("schedule_timeout", 5),
        ("log_days", 2),
        ("origins", ("*",)),
        ("namespace", ""),
        ("service", "a b"),
    ],
)
def test_what_cannot_be_deployed_is_refused(field, wrong) -> None:
    with pytest.raises(InvalidSpecError) as told:
        Infrastructure(**{field: wrong})
    assert field in str(told.value)


def test_the_command_prints_the_template_for_its_environment() -> None:
    environ = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SPECTRA_S3_PREFIX": "spectra/",
        "SPECTRA_QUEUE_TIMEOUT_HOURS": "48",
        "SPECTRA_REDSHIFT_CLUSTER": "main",
        "SPECTRA_REDSHIFT_PASSWORD": "never-in-a-template",
    }
    told = subprocess.run(
        [sys.executable, "-W", "error", "-m", "spectra.adapters.aws.infrastructure"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = Infrastructure(
        settings=Settings(queue_timeout_hours=48.0), prefix="spectra/", warehouse="cluster", login="user"
    )
    assert told.stdout == rendered(expected)
    assert "never" not in told.stdout
