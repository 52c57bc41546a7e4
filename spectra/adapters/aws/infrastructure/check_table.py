"""Is the table as the store needs it, and protected?"""

from __future__ import annotations

from typing import Any, Final

from spectra.adapters.aws.dynamodb.layout import INDEX
from spectra.adapters.aws.dynamodb.table import TABLE, TTL_ATTRIBUTE
from spectra.adapters.aws.infrastructure.findings import ABSENT, Finding, Findings

__all__ = ["check_table", "stream_of"]

_NEW_TABLE: Final = "keys cannot be changed: deploy the template with another TableName"
_DEPLOY: Final = "deploy the template"


def stream_of(client: Any, name: str) -> str | None:
    """The ARN of the table's stream, if it has one and can be looked at."""
    answer = Findings("table").ask("the table", client.describe_table, TableName=name) or {}
    arn = answer.get("Table", {}).get("LatestStreamArn")
    return str(arn) if arn else None


def check_table(client: Any, name: str) -> tuple[Finding, ...]:
    """Look at the table *name* by a boto3 client of DynamoDB."""
    found = Findings("table")
    answer = found.ask(
        f"the table {name}", client.describe_table, absent=("ResourceNotFoundException",), TableName=name
    )
    if answer is None:
        return found.all()
    if answer is ABSENT:
        return found.error(
            f"there is no table {name}", f"{_DEPLOY}, or check SPECTRA_DYNAMODB_TABLE_NAME and the region"
        ).all()
    table = answer["Table"]
    if table["TableStatus"] not in ("ACTIVE", "UPDATING"):
        found.error(f"the table is {table['TableStatus']}", "wait until it is active")
    if not _same(table, TABLE):
        found.error(f"its keys are {_keys(table)} and not {_keys(TABLE)}", _NEW_TABLE)
    _index(found, table)
    _stream(found, table)
    if not table.get("DeletionProtectionEnabled"):
        found.warning("anybody who may delete tables can delete it", "turn its deletion protection on")
    _ttl(found, client, name)
    _backups(found, client, name)
    return found.all()


def _keys(table: dict[str, Any]) -> str:
    return ", ".join(key["AttributeName"] for key in table["KeySchema"])


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the two have the same keys, of the same types."""

    def typed(table: dict[str, Any]) -> list[tuple[str, str, str]]:
        types = {a["AttributeName"]: a["AttributeType"] for a in table.get("AttributeDefinitions", ())}
        return sorted(
            (key["KeyType"], key["AttributeName"], types.get(key["AttributeName"], "S"))
            for key in table["KeySchema"]
        )

    return typed(one) == typed(other)


def _index(found: Findings, table: dict[str, Any]) -> None:
    (wanted,) = TABLE["GlobalSecondaryIndexes"]
    types = table.get("AttributeDefinitions", [])
    index = next((i for i in table.get("GlobalSecondaryIndexes", ()) if i["IndexName"] == INDEX), None)
    if index is None:
        found.error(f"it has no index {INDEX}: no worker finds what is due", _DEPLOY)
        return
    if not _same({**index, "AttributeDefinitions": types}, wanted):
        found.error(
            f"the keys of its index {INDEX} are {_keys(index)} and not {_keys(wanted)}",
            f"delete the index, then {_DEPLOY}",
        )
    if index["Projection"]["ProjectionType"] != wanted["Projection"]["ProjectionType"]:
        found.warning(
            f"its index {INDEX} holds more than keys, so that each write costs more",
            f"delete the index, then {_DEPLOY}",
        )
    if index.get("IndexStatus", "ACTIVE") == "CREATING":
        found.error(f"its index {INDEX} is still being filled", "wait until it is active")


def _stream(found: Findings, table: dict[str, Any]) -> None:
    stream = table.get("StreamSpecification") or {}
    kind = stream.get("StreamViewType")
    if not stream.get("StreamEnabled"):
        found.warning("it has no stream: jobs start only when the schedule finds them", _DEPLOY)
    elif kind not in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        found.error(
            f"its stream carries {kind}: no function sees which job it is about",
            "turn the stream off and on again with NEW_IMAGE, and make the mapping anew",
        )


def _ttl(found: Findings, client: Any, name: str) -> None:
    answer = found.ask("its TTL", client.describe_time_to_live, TableName=name)
    if answer is None:
        return
    told = answer.get("TimeToLiveDescription", {})
    attribute = told.get("AttributeName")
    if told.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        found.warning(
            "it has no TTL: where no worker runs, nothing of ended jobs is ever removed",
            f"turn TTL on, with the attribute {TTL_ATTRIBUTE}",
        )
    elif attribute != TTL_ATTRIBUTE:
        found.error(
            f"its TTL looks at {attribute} and not at {TTL_ATTRIBUTE}",
            f"turn it off, and on with {TTL_ATTRIBUTE}",
        )


def _backups(found: Findings, client: Any, name: str) -> None:
    answer = found.ask("its point-in-time recovery", client.describe_continuous_backups, TableName=name)
    if answer is None:
        return
    told = answer.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    if told.get("PointInTimeRecoveryStatus") != "ENABLED":
        found.warning("what is overwritten or deleted is lost", "turn its point-in-time recovery on")
