"""The worker as two functions: one that the stream wakes, one that looks at what is due."""

from __future__ import annotations

import json
from typing import Any, Final

from spectra.adapters.aws.dynamodb.table import STREAM_FILTER
from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.policies import document, for_functions

__all__ = ["functions", "mapping"]

MODULE: Final = "spectra.hosts.aws_lambda"

_QUEUE_SECONDS: Final = 14 * 24 * 3_600


def mapping(infrastructure: Infrastructure) -> dict[str, Any]:
    """How the stream is handed over: what the template says of it, and the check compares.

    A record that fails is split off from its batch, tried again, and given up: it would hold up what is
    behind it, and the schedule finds the job all the same.
    """
    return {
        "BatchSize": infrastructure.stream_batch,
        "BisectBatchOnFunctionError": True,
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(STREAM_FILTER)}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRecordAgeInSeconds": infrastructure.stream_age_seconds,
        "MaximumRetryAttempts": infrastructure.stream_retries,
    }


def functions(infrastructure: Infrastructure) -> dict[str, Any]:
    """The resources: two functions with their logs and role, the mapping, the schedule, the queue."""
    return {
        **_function(infrastructure, "Stream", "on_stream", infrastructure.stream_timeout),
        **_function(infrastructure, "Schedule", "on_schedule", infrastructure.schedule_timeout),
        "FunctionRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
                "ManagedPolicyArns": [{"Ref": "WorkerPolicy"}],
                "Policies": [{"PolicyName": "lambda", "PolicyDocument": document(for_functions())}],
            },
        },
        "FailureQueue": {
            "Type": "AWS::SQS::Queue",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"MessageRetentionPeriod": _QUEUE_SECONDS, "SqsManagedSseEnabled": True},
        },
        "StreamMapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Table", "StreamArn"]},
                "FunctionName": {"Fn::GetAtt": ["StreamFunction", "Arn"]},
                # From the beginning: with LATEST a job made while the mapping is would be missed.
                "StartingPosition": "TRIM_HORIZON",
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailureQueue", "Arn"]}}},
                **mapping(infrastructure),
            },
        },
        "ScheduleRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Description": "Takes the steps of jobs that are due",
                "ScheduleExpression": _rate(infrastructure.schedule_minutes),
                "Targets": [{"Id": "schedule", "Arn": {"Fn::GetAtt": ["ScheduleFunction", "Arn"]}}],
            },
        },
        "SchedulePermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Fn::GetAtt": ["ScheduleFunction", "Arn"]},
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": ["ScheduleRule", "Arn"]},
            },
        },
        "ScheduleInvocation": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "ScheduleFunction"},
                "Qualifier": "$LATEST",
                # The next run comes anyway, and sees everything that this one would have seen.
                "MaximumEventAgeInSeconds": 60,
                "MaximumRetryAttempts": 0,
            },
        },
    }


def _rate(minutes: int) -> str:
    return f"rate({minutes} minute{'s' if minutes > 1 else ''})"


def _function(infrastructure: Infrastructure, name: str, handler: str, timeout: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "Architectures": [infrastructure.architecture],
        "Environment": {"Variables": variables(infrastructure)},
        "LoggingConfig": {"LogGroup": {"Ref": f"{name}Log"}},
        "MemorySize": infrastructure.memory_mb,
        "Role": {"Fn::GetAtt": ["FunctionRole", "Arn"]},
        "Timeout": timeout,
    }
    if infrastructure.code == "zip":
        properties |= {
            "Runtime": infrastructure.runtime,
            "Handler": f"{MODULE}.{handler}",
            "Code": {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}},
        }
    else:
        properties |= {
            "PackageType": "Image",
            "Code": {"ImageUri": {"Ref": "ImageUri"}},
            "ImageConfig": {"Command": [f"{MODULE}.{handler}"]},
        }
    return {
        f"{name}Log": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"RetentionInDays": infrastructure.log_days},
        },
        f"{name}Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
    }


def variables(infrastructure: Infrastructure) -> dict[str, Any]:
    """The functions' settings; which Redshift it is, the template's parameters say."""
    made: dict[str, Any] = {
        "SPECTRA_AWS_REGION": {"Ref": "AWS::Region"},
        "SPECTRA_DYNAMODB_TABLE_NAME": {"Ref": "Table"},
        "SPECTRA_S3_BUCKET_NAME": {"Ref": "Bucket"},
        "SPECTRA_REDSHIFT_DATABASE": {"Ref": "RedshiftDatabase"},
        "SPECTRA_REDSHIFT_IAM_ROLE": {"Ref": "RedshiftRole"},
        **infrastructure.variables(),
    }
    if infrastructure.prefix:
        made["SPECTRA_S3_PREFIX"] = infrastructure.prefix
    if infrastructure.warehouse == "workgroup":
        made["SPECTRA_REDSHIFT_WORKGROUP"] = {"Ref": "RedshiftWorkgroup"}
    else:
        made["SPECTRA_REDSHIFT_CLUSTER"] = {"Ref": "RedshiftCluster"}
    if infrastructure.login == "secret":
        made["SPECTRA_REDSHIFT_SECRET_ARN"] = {"Ref": "RedshiftSecretArn"}
    else:
        made["SPECTRA_REDSHIFT_USER"] = {"Ref": "RedshiftUser"}
    return made
