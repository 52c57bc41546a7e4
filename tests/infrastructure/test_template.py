"""The template is what CloudFormation takes, protects what is kept, and says what the definition says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from spectra.adapters.aws import configured
from spectra.adapters.aws.dynamodb.table import STREAM_FILTER, TABLE
from spectra.adapters.aws.infrastructure import Infrastructure, rendered, template
from spectra.adapters.aws.infrastructure.alarms import alarms as all_alarms
from spectra.adapters.memory import MemoryResultStore
from spectra.alarms import ALARMS
from spectra.errors import InvalidSpecError
from spectra.ports import SystemClock
from spectra.settings import Settings

SETTINGS = Settings(
    queue_timeout_hours=48.0,
    bulk_max_concurrent_jobs=None,
    bulk_max_file_size_mb=1_234_567.5,
    max_poll_seconds=60,
    lambda_metrics=False,
    log_level="INFO",
    home="/never",
    redshift_password="never",
)
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
            "SPECTRA_BULK_MAX_CONCURRENT_JOBS": "none",
            "SPECTRA_BULK_MAX_FILE_SIZE_MB": "1234567.5",
            "SPECTRA_MAX_POLL_SECONDS": "60",
            "SPECTRA_LAMBDA_METRICS": "false",
            "SPECTRA_LOG_LEVEL": "INFO",
        }
    plain = template(Infrastructure())["Resources"]["StreamFunction"]["Properties"]
    assert plain["Handler"] == "spectra.hosts.aws_lambda.on_stream"
    assert plain["Environment"]["Variables"]["SPECTRA_REDSHIFT_SECRET_ARN"] == {"Ref": "RedshiftSecretArn"}


def test_the_functions_settings_are_the_hosts() -> None:
    variables = VARIANTS["everything"].variables()
    again = attrs.evolve(Settings.from_env(variables), home="/never", redshift_password="never")
    assert again == SETTINGS


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variable_of_the_functions_is_a_setting(name, recwarn) -> None:
    whole = template(VARIANTS[name])
    filled = lambda value: whole["Parameters"].get(value["Ref"], {}).get("Default", "x")  # noqa: E731
    for function in ("StreamFunction", "ScheduleFunction"):
        variables = whole["Resources"][function]["Properties"]["Environment"]["Variables"]
        settings = Settings.from_env(
            {name: value if isinstance(value, str) else filled(value) for name, value in variables.items()}
        )
        assert not recwarn.list  # an unknown one warns
        # The functions' adapters can be put together of them, and by the Data API.
        configured.executor(settings, MemoryResultStore(), SystemClock())


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
    infrastructure = Infrastructure(settings=Settings(metrics_namespace="Ours", metrics_service="one"))
    resources = template(infrastructure)["Resources"]
    alarms = {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert len(alarms) == len(all_alarms(infrastructure))
    watched = [json.dumps([a["Namespace"], a["MetricName"], a["Dimensions"]]) for a in alarms.values()]
    assert len(set(watched)) == len(watched)  # none is there twice
    metrics = {(a["Namespace"], a["MetricName"]) for a in alarms.values()}
    for of_issue in ("oldest.age", "jobs.failed", "executions.lost", "job.unsettled"):
        assert [m for n, m in metrics if n == "Ours" and m.endswith(of_issue)]
    assert ("AWS/Lambda", "IteratorAge") in metrics
    assert alarms["OldestDueJobAlarm"]["Dimensions"] == [{"Name": "service", "Value": "one"}]
    assert alarms["OldestDueJobAlarm"]["TreatMissingData"] == "breaching"
    assert "${Service}" not in json.dumps(resources)
    assert "${Namespace}" not in json.dumps(resources)
    named = set(re.findall(r"\$\{(\w+)", json.dumps([*alarms.values()])))
    assert named == {"StreamFunction", "ScheduleFunction", "FailureQueue", "Table"} <= {*resources}


def test_the_alarms_of_spectra_are_deployed_as_they_stand() -> None:
    resources = template(Infrastructure())["Resources"]
    for one in ALARMS:
        logical = "".join(word.capitalize() for word in one.name.split("-")) + "Alarm"
        alarm = resources[logical]["Properties"]
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        assert (one.metric, one.statistic, one.threshold, one.period, one.periods, one.missing) == (
            *(alarm["MetricName"], statistic, alarm["Threshold"], alarm["Period"]),
            *(alarm["EvaluationPeriods"], alarm["TreatMissingData"]),
        )
        assert one.why in alarm["AlarmDescription"] and len(alarm["AlarmDescription"]) <= 1_024


def test_what_a_run_of_the_schedule_tells_is_not_missed_between_two_runs() -> None:
    seldom = template(Infrastructure(schedule_minutes=15))["Resources"]
    assert seldom["OldestDueJobAlarm"]["Properties"]["Period"] == 900
    assert seldom["StreamBehindAlarm"]["Properties"]["Period"] == 60


def test_functions_that_tell_no_figures_have_no_alarm_about_them() -> None:
    silent = Infrastructure(settings=Settings(lambda_metrics=False))
    assert {one.namespace for one in all_alarms(silent)} == {"AWS/Lambda", "AWS/SQS", "AWS/DynamoDB"}


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
        "SPECTRA_DYNAMODB_TABLE_NAME": "ours",
        "SPECTRA_S3_BUCKET_NAME": "files",
    }
    told = subprocess.run(
        [sys.executable, "-W", "error", "-m", "spectra.adapters.aws.infrastructure"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = Infrastructure(
        settings=Settings(queue_timeout_hours=48.0),
        table_name="ours",
        bucket_name="files",
        prefix="spectra/",
        warehouse="cluster",
        login="user",
    )
    assert told.stdout == rendered(expected)
    assert "never" not in told.stdout
