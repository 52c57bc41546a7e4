"""Writes as DynamoDB takes them: one action by itself, several as one transaction, all or none."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from spectra.adapters.aws.dynamodb.calls import Calls
from spectra.adapters.aws.dynamodb.layout import Item, Key, places_key

__all__ = ["Action", "Writer"]

_KINDS: Final = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}


@attrs.frozen
class Action:
    """One action of a write; refused, it shows what stood in its way."""

    kind: str
    asked: Mapping[str, Any]
    condition: str | None = None
    values: Mapping[str, Any] = attrs.field(factory=dict)

    def parameters(self, table: str) -> dict[str, Any]:
        """What DynamoDB wants to know of it."""
        said: dict[str, Any] = {"TableName": table, **self.asked}
        if self.condition is not None:
            said["ConditionExpression"] = self.condition
            said["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if self.values:
            said["ExpressionAttributeValues"] = dict(self.values)
        return said


def put(item: Item, condition: str | None = None, **values: Any) -> Action:
    """Store *item* whole."""
    return Action("Put", {"Item": item}, condition, _named(values))


def delete(key: Key, condition: str | None = None, **values: Any) -> Action:
    """Remove what is at *key*."""
    return Action("Delete", {"Key": key}, condition, _named(values))


def take_place(tenant_id: str, job_id: str, limit: int) -> Action:
    """Take one of the tenant's *limit* places.

    DynamoDB has no empty set: with its last place given back, the attribute is gone.
    """
    free = "attribute_not_exists(places) OR contains(places, :job) OR size(places) < :limit"
    values = {":me": {"SS": [job_id]}, ":job": {"S": job_id}, ":limit": {"N": str(limit)}}
    return Action(
        "Update", {"Key": places_key(tenant_id), "UpdateExpression": "ADD places :me"}, free, values
    )


def give_back(tenant_id: str, job_ids: Sequence[str]) -> Action:
    """Give places back; silent about those that were not taken."""
    asked = {"Key": places_key(tenant_id), "UpdateExpression": "DELETE places :them"}
    return Action("Update", asked, None, {":them": {"SS": list(job_ids)}})


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f":{name}": value for name, value in values.items()}


@attrs.frozen
class Writer:
    """Commits actions to one table."""

    calls: Calls
    table: str

    def commit(self, actions: Sequence[Action]) -> None:
        """Do all of *actions* or none.

        Raises:
            Refused: a condition did not hold; in the order of *actions*.
            BackendError: as `Calls.write`.
        """
        if len(actions) == 1:
            (one,) = actions
            self.calls.write(_KINDS[one.kind], **one.parameters(self.table))
            return
        self.calls.write(
            "transact_write_items",
            TransactItems=[{one.kind: one.parameters(self.table)} for one in actions],
            ClientRequestToken=secrets.token_hex(16),
        )
