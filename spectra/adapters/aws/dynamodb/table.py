"""The table's definition: what the template deploys, and what tests create."""

from __future__ import annotations

from typing import Any, Final

from spectra.adapters.aws.dynamodb.layout import INDEX

__all__ = ["STREAM_FILTER", "TABLE", "TTL_ATTRIBUTE", "create_table"]

TTL_ATTRIBUTE: Final = "ttl"

STREAM_FILTER: Final[dict[str, Any]] = {"dynamodb": {"NewImage": {"wake": {"N": ["1"]}}}}
"""What of the table's stream starts a function: the write by which a job came to need a worker, no other."""

TABLE: Final[dict[str, Any]] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "lane", "at")
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": INDEX,
            "KeySchema": [
                {"AttributeName": "lane", "KeyType": "HASH"},
                {"AttributeName": "at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
}
"""Parameters of CreateTable, without the name."""


def create_table(client: Any, name: str, *, ttl: bool = True) -> None:
    """Create the table by a boto3 *client* and wait until it can be used; for tests and for trying things.

    In production the template makes it, with what protects it. Without *ttl* DynamoDB deletes nothing by
    itself: it looks at its own clock, which may not be that of a test.
    """
    client.create_table(TableName=name, **TABLE)
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    if ttl:
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
        )
