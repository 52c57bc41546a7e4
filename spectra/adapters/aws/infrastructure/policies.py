"""Who may do what: each action here is used, and what is used is here; the tests count both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from spectra.adapters.aws.dynamodb.layout import INDEX
from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.ports import Area

__all__ = ["Statement", "document", "for_functions", "for_host", "for_redshift", "for_worker"]

EVERYTHING: Final = "*"


@attrs.frozen(kw_only=True)
class Statement:
    """What is allowed on which resources, and what for.

    *resources* and values of *condition* are texts for CloudFormation's ``Fn::Sub``.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str
    condition: Mapping[str, Mapping[str, str]] | None = None

    def rendered(self) -> dict[str, Any]:
        """As a policy has it."""
        made: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": [*self.actions],
            "Resource": [_sub(one) for one in self.resources],
        }
        if self.condition is not None:
            made["Condition"] = {
                operator: {key: _sub(value) for key, value in keys.items()}
                for operator, keys in self.condition.items()
            }
        return made


def _sub(text: str) -> Any:
    return {"Fn::Sub": text} if "${" in text else text


def document(statements: Iterable[Statement]) -> dict[str, Any]:
    """The policy of *statements*."""
    return {"Version": "2012-10-17", "Statement": [one.rendered() for one in statements]}


def for_host(infrastructure: Infrastructure) -> tuple[Statement, ...]:
    """For programs that embed `JobService`: jobs, uploads, links; nothing of Redshift."""
    return (
        *_jobs(("BatchGetItem", "GetItem", "PutItem", "Query"), "jobs are made, read, listed, changed"),
        *_files(
            infrastructure,
            reads=(Area.UPLOAD, Area.INPUT, Area.RESULTS, Area.FAILED),
            writes=(Area.UPLOAD, Area.INPUT, Area.FAILED),
        ),
    )


def for_worker(infrastructure: Infrastructure) -> tuple[Statement, ...]:
    """For what runs `Worker` or `Sweeper`, in a function or elsewhere."""
    return (
        *_jobs(
            ("BatchGetItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem"),
            "jobs are read, carried on, forgotten; places are taken and given back",
        ),
        *_files(
            infrastructure,
            reads=(Area.INPUT, Area.RESULTS, Area.FAILED),
            writes=(Area.RESULTS, Area.FAILED),
        ),
        *_redshift(infrastructure),
    )


def _jobs(actions: Sequence[str], why: str) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="Jobs",
            actions=tuple(f"dynamodb:{one}" for one in actions),
            resources=("${Table.Arn}",),
            why=f"{why}; a transaction needs the rights of its parts",
        ),
        Statement(
            sid="Due",
            actions=("dynamodb:Query", "dynamodb:Scan"),
            resources=(f"${{Table.Arn}}/index/{INDEX}",),
            why="what is due, and why a job waits, is read from the index: whole while it is small, else by lanes",
        ),
    )


def _areas(infrastructure: Infrastructure, areas: Sequence[Area]) -> tuple[str, ...]:
    return tuple(f"${{Bucket.Arn}}/{infrastructure.prefix}*/{area}/*" for area in areas)


def _files(
    infrastructure: Infrastructure, *, reads: Sequence[Area], writes: Sequence[Area]
) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="ReadFiles",
            actions=("s3:GetObject",),
            resources=_areas(infrastructure, reads),
            why="files are read and copied; a link has the rights of who made it",
        ),
        Statement(
            sid="WriteFiles",
            actions=("s3:PutObject",),
            resources=_areas(infrastructure, writes),
            why="files are written, whole and in parts, and copied to",
        ),
        Statement(
            sid="DeleteFiles",
            actions=("s3:AbortMultipartUpload", "s3:DeleteObject"),
            resources=(f"${{Bucket.Arn}}/{infrastructure.prefix}*",),
            why="whatever a job has is deleted with it",
        ),
        _list(
            infrastructure, "folders are deleted file by file; a missing file is told from a forbidden one"
        ),
        Statement(
            sid="ListUnfinished",
            actions=("s3:ListBucketMultipartUploads",),
            resources=("${Bucket.Arn}",),  # S3 has no condition on a prefix here
            why="uploads in parts that nobody completed are deleted with the folder",
        ),
    )


def _list(infrastructure: Infrastructure, why: str) -> Statement:
    # A look at an object that is missing names no prefix. S3 says 404 only to who may list, and 403 to
    # others: without IfExists nobody could tell a missing upload from a missing right.
    below = {"StringLikeIfExists": {"s3:prefix": f"{infrastructure.prefix}*"}}
    return Statement(
        sid="ListFiles",
        actions=("s3:ListBucket",),
        resources=("${Bucket.Arn}",),
        condition=below if infrastructure.prefix else None,
        why=why,
    )


def _redshift(infrastructure: Infrastructure) -> tuple[Statement, ...]:
    of_account = "arn:${AWS::Partition}:redshift:${AWS::Region}:${AWS::AccountId}"
    cluster = f"{of_account}:cluster:${{RedshiftCluster}}"
    target = "${RedshiftWorkgroupArn}" if infrastructure.warehouse == "workgroup" else cluster
    statements = [
        Statement(
            sid="Send",
            actions=("redshift-data:BatchExecuteStatement", "redshift-data:ExecuteStatement"),
            resources=(target,),
            why="statements are handed to the Data API",
        ),
        Statement(
            sid="Ask",
            actions=(
                "redshift-data:DescribeStatement",
                "redshift-data:GetStatementResult",
                "redshift-data:ListStatements",
            ),
            # The Data API has no resource type for these: it shows a role its own statements. A
            # condition on the statement's owner would name one session of the role, and what one function
            # sent could not be asked for by the other.
            resources=(EVERYTHING,),
            why="whoever polls asks how a statement goes on, and whether it was sent before",
        ),
    ]
    if infrastructure.login == "secret":
        statements.append(
            Statement(
                sid="LogIn",
                actions=("secretsmanager:GetSecretValue",),
                resources=("${RedshiftSecretArn}",),
                why="the Data API logs in by the secret, with its caller's rights",
            )
        )
    else:
        statements.append(
            Statement(
                sid="LogIn",
                actions=("redshift:GetClusterCredentials",),
                resources=(
                    f"{of_account}:dbuser:${{RedshiftCluster}}/${{RedshiftUser}}",
                    f"{of_account}:dbname:${{RedshiftCluster}}/${{RedshiftDatabase}}",
                ),
                why="the Data API logs in as the database user, with its caller's rights",
            )
        )
    return tuple(statements)


def for_redshift(infrastructure: Infrastructure) -> tuple[Statement, ...]:
    """For the role that Redshift itself takes on in COPY and UNLOAD."""
    return (
        Statement(
            sid="ReadFiles",
            actions=("s3:GetObject",),
            # UNLOAD is documented to need it, for what it has written.
            resources=_areas(infrastructure, (Area.INPUT, Area.FAILED, Area.RESULTS)),
            why="COPY reads inputs, and failed loads once more with their records numbered",
        ),
        Statement(
            sid="WriteFiles",
            actions=("s3:PutObject",),
            resources=_areas(infrastructure, (Area.RESULTS,)),
            why="UNLOAD writes results and their manifest",
        ),
        _list(infrastructure, "COPY lists what it reads; UNLOAD looks whether its folder is empty"),
    )


def for_functions() -> tuple[Statement, ...]:
    """For what Lambda does in the functions' name: no call of the library shows these."""
    return (
        Statement(
            sid="Stream",
            actions=("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
            resources=("${Table.StreamArn}",),
            why="Lambda reads the table's stream",
        ),
        Statement(
            sid="Streams",
            actions=("dynamodb:ListStreams",),
            resources=(EVERYTHING,),  # DynamoDB has no resource type for it
            why="Lambda looks for the table's stream",
        ),
        Statement(
            sid="Failures",
            actions=("sqs:SendMessage",),
            resources=("${FailureQueue.Arn}",),
            why="Lambda tells of records that it gave up",
        ),
        Statement(
            sid="Logs",
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=("${StreamLog.Arn}", "${ScheduleLog.Arn}"),
            why="the functions log, and their figures are log lines",
        ),
    )
