"""The page says what is deployed, and its examples run."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from spectra import Caller, LoadSpec, Spectra
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.infrastructure import Infrastructure, rendered
from spectra.adapters.aws.infrastructure.pages import alarms_table, permissions_table
from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
from spectra.hosts.aws_lambda import StreamWorker
from spectra.monitoring import EmfMetrics
from spectra.settings import Settings
from spectra.testing.dynamodb import FaultProxy

PAGE = Path(__file__).parents[2] / "docs" / "aws-infrastructure.md"
TABLES = {
    "permissions": lambda: permissions_table(Infrastructure(prefix="spectra/")),
    "alarms": lambda: alarms_table(Infrastructure()),
}


class Unhurried:
    """An invocation that has time."""

    def get_remaining_time_in_millis(self):
        return 60_000


def write_tables() -> None:
    """Bring the page up to date: ``python -m tests.infrastructure.test_pages``."""
    text = PAGE.read_text()
    for name, table in TABLES.items():
        before, rest = text.split(f"<!-- {name} -->\n")
        text = f"{before}<!-- {name} -->\n{table()}<!-- /{name} -->" + rest.split(f"<!-- /{name} -->")[1]
    PAGE.write_text(text)


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_what_is_deployed(name) -> None:
    told = PAGE.read_text().split(f"<!-- {name} -->\n")[1].split(f"<!-- /{name} -->")[0]
    assert told == TABLES[name](), "run: python -m tests.infrastructure.test_pages"


def examples():
    return [part.split("```")[0] for part in PAGE.read_text().split("```python\n")[1:]]


def test_the_first_example(capsys) -> None:
    exec(compile(examples()[0], "docs/aws-infrastructure.md", "exec"), {})
    assert (
        capsys.readouterr().out.strip()
        == rendered(
            Infrastructure(
                settings=Settings(queue_timeout_hours=72.0),
                bucket_name="my-bucket",
                prefix="spectra/",
                code="image",
            )
        ).strip()
    )


def test_the_check_of_the_page(monkeypatch, local_dynamodb, local_s3, redshift, capsys) -> None:
    import boto3
    from botocore.stub import Stubber

    real = boto3.client("lambda", aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    made = {
        "dynamodb": local_dynamodb.client(),
        "s3": local_s3.client(),
        "redshift-data": redshift.data_client(),
        "lambda": real,
    }
    monkeypatch.setattr(boto3, "client", made.__getitem__)
    code = examples()[1].replace('"WorkgroupName": "…"', '"ClusterIdentifier": "local"')
    code = code.replace('"SecretArn": "…"', '"DbUser": "spectra"')
    with Stubber(real):
        exec(compile(code, "docs/aws-infrastructure.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[:4] == [
        "error: table: there is no table spectra-jobs; "
        "deploy the template, or check SPECTRA_DYNAMODB_TABLE_NAME and the region",
        "error: bucket: there is no bucket my-bucket; deploy the template, or check SPECTRA_S3_BUCKET_NAME",
        "unknown: functions: the stream's mapping could not be looked at: no stream of the table was found",
        "note: redshift: its isolation level is Serializable: loads into tables that others read and write in one "
        "transaction may be begun again; SNAPSHOT spares that",
    ]


def test_idle_runs_cost_what_the_pages_say(local_dynamodb, dynamodb_table) -> None:
    table = dynamodb_table("idle")
    results = MemoryResultStore()
    with (
        FaultProxy(local_dynamodb.endpoint, measure=True) as proxy,
        Spectra(
            job_store=DynamoDBJobStore(table, client=local_dynamodb.client(endpoint=proxy.endpoint)),
            executor=MemoryExecutor(results),
            result_store=results,
        ) as spectra,
    ):
        # Not empty: DynamoDB Local counts nothing for an empty answer, and DynamoDB half a unit.
        spectra.jobs.create(Caller("acme"), LoadSpec(operation="insert", object="sales"))
        proxy.forget()
        told = StreamWorker(spectra, metrics=EmfMetrics(stream=io.StringIO())).on_schedule({}, Unhurried())
        calls = [(call.operation, call.capacity) for call in proxy.calls]
    assert told == {"touched": 0, "failed": 0, "complete": True}
    assert calls == [("Scan", 0.5)] * 3
    month = round(sum(units for _, units in calls) * 60 * 24 * 30)
    for page in (PAGE, PAGE.with_name("aws-lambda.md")):
        assert f"three scans of the index, half a read unit each: {month:,} units a month" in page.read_text()


if __name__ == "__main__":
    write_tables()
    sys.exit(subprocess.call(["git", "diff", "--stat", str(PAGE)]))
