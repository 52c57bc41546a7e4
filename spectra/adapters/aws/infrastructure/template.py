"""The CloudFormation template, rendered from the definition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from spectra.adapters.aws.infrastructure.alarms import alarm, alarms
from spectra.adapters.aws.infrastructure.bucket import bucket, bucket_policy
from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.functions import functions
from spectra.adapters.aws.infrastructure.policies import (
    Statement,
    document,
    for_host,
    for_redshift,
    for_worker,
)
from spectra.adapters.aws.infrastructure.table import table

__all__ = ["rendered", "template"]

_ALARMED: Final = "Alarmed"


def template(infrastructure: Infrastructure) -> dict[str, Any]:
    """The template, as data: give it to CloudFormation as JSON; see docs/aws-infrastructure.md."""
    actions = {"Fn::If": [_ALARMED, [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Spectra: table, bucket, worker functions, policies, alarms",
        "Parameters": _parameters(infrastructure),
        "Conditions": {_ALARMED: {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}},
        "Resources": {
            "Table": table({"Ref": "TableName"}),
            "Bucket": bucket(infrastructure, {"Ref": "BucketName"}),
            "BucketPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": {
                    "Bucket": {"Ref": "Bucket"},
                    "PolicyDocument": bucket_policy(
                        {"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"}
                    ),
                },
            },
            "HostPolicy": _managed("Programs that embed Spectra", for_host(infrastructure)),
            "WorkerPolicy": _managed("Workers of Spectra", for_worker(infrastructure)),
            "RedshiftPolicy": _managed(
                "The role that Redshift takes on in COPY and UNLOAD", for_redshift(infrastructure)
            ),
            **functions(infrastructure),
            **{_logical(one.name): alarm(one, infrastructure, actions) for one in alarms(infrastructure)},
        },
        "Outputs": {
            "TableName": _output("SPECTRA_DYNAMODB_TABLE_NAME of the hosts", {"Ref": "Table"}),
            "BucketName": _output("SPECTRA_S3_BUCKET_NAME of the hosts", {"Ref": "Bucket"}),
            "StreamArn": _output(
                "Every change of a job, for consumers of your own", {"Fn::GetAtt": ["Table", "StreamArn"]}
            ),
            "HostPolicyArn": _output("Attach it to the roles of the hosts", {"Ref": "HostPolicy"}),
            "WorkerPolicyArn": _output(
                "Attach it to the roles of workers outside Lambda", {"Ref": "WorkerPolicy"}
            ),
            "RedshiftPolicyArn": _output("Attach it to Redshift's role", {"Ref": "RedshiftPolicy"}),
            "FailureQueueUrl": _output("Records of the stream that were given up", {"Ref": "FailureQueue"}),
        },
    }


def rendered(infrastructure: Infrastructure) -> str:
    """The template's text: JSON, which YAML's readers take as well."""
    return json.dumps(template(infrastructure), indent=2) + "\n"


def _parameters(infrastructure: Infrastructure) -> dict[str, Any]:
    made: dict[str, Any] = {
        "TableName": _parameter("Name of the table", infrastructure.table_name),
        "BucketName": _parameter("Name of the bucket", infrastructure.bucket_name),
    }
    if infrastructure.code == "zip":
        made["CodeBucket"] = _parameter("Bucket with the functions' code")
        made["CodeKey"] = _parameter("Key of the code, a zip with Spectra and what it needs")
    else:
        made["ImageUri"] = _parameter("Image with the functions' code, in ECR")
    made["RedshiftDatabase"] = _parameter("Database that the jobs work in")
    if infrastructure.warehouse == "workgroup":
        made["RedshiftWorkgroup"] = _parameter("Name of the serverless workgroup")
        made["RedshiftWorkgroupArn"] = _parameter("Its ARN, which ends with an id and not with the name")
    else:
        made["RedshiftCluster"] = _parameter("Identifier of the cluster")
    if infrastructure.login == "secret":
        made["RedshiftSecretArn"] = _parameter("Secret of the worker's database user, a superuser")
    else:
        made["RedshiftUser"] = _parameter("The worker's database user, a superuser")
    made["RedshiftRole"] = _parameter("ARN of the role for COPY and UNLOAD; or: default", "default")
    made["AlarmTopicArn"] = _parameter("Topic that alarms are sent to; empty: nobody is told", "")
    return made


def _parameter(description: str, default: str | None = None) -> dict[str, Any]:
    return {"Type": "String", "Description": description} | ({} if default is None else {"Default": default})


def _managed(description: str, statements: Sequence[Statement]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"Description": description, "PolicyDocument": document(statements)},
    }


def _output(description: str, value: Any) -> dict[str, Any]:
    return {"Description": description, "Value": value}


def _logical(name: str) -> str:
    """``oldest-due-job`` as ``OldestDueJobAlarm``."""
    return "".join(word.capitalize() for word in name.split("-")) + "Alarm"
