"""The table of the jobs as it is deployed: the store's definition, and what protects it."""

from __future__ import annotations

from typing import Any

from spectra.adapters.aws.dynamodb.table import TABLE, TTL_ATTRIBUTE

__all__ = ["table"]


def table(name: Any) -> dict[str, Any]:
    """The resource; *name* may be a reference."""
    properties = {key: value for key, value in TABLE.items() if key != "StreamSpecification"}
    return {
        "Type": "AWS::DynamoDB::Table",
        # What the stack loses is what nobody can bring back.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "TableName": name,
            **properties,
            "StreamSpecification": {"StreamViewType": TABLE["StreamSpecification"]["StreamViewType"]},
            "TimeToLiveSpecification": {"AttributeName": TTL_ATTRIBUTE, "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "DeletionProtectionEnabled": True,
            "SSESpecification": {"SSEEnabled": True},
        },
    }
