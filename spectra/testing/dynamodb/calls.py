"""A call of DynamoDB, as the proxy saw it."""

from __future__ import annotations

from typing import Any, Final

import attrs

__all__ = ["BATCHES", "PLAIN_WRITES", "READS", "TRANSACTIONS", "WRITES", "Call"]

PLAIN_WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
TRANSACTIONS: Final = frozenset({"TransactWriteItems", "TransactGetItems"})
BATCHES: Final = frozenset({"BatchWriteItem", "BatchGetItem"})
WRITES: Final = PLAIN_WRITES | {"BatchWriteItem", "TransactWriteItems"}
READS: Final = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})

_ACTIONS: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


@attrs.define(kw_only=True)
class Call:
    """One request, and what became of it."""

    operation: str
    """``PutItem``, ``Query``, and so on."""
    request: dict[str, Any]
    """What the client sent, as JSON."""
    request_bytes: int
    status: int | None = None
    """The HTTP status that DynamoDB answered with; None if it never saw the call."""
    response: dict[str, Any] | None = None
    """What DynamoDB answered, whether or not the client was told."""
    response_bytes: int = 0
    faults: tuple[str, ...] = ()
    """The kinds of the faults that happened to it."""

    @property
    def is_write(self) -> bool:
        """It writes items."""
        return self.operation in WRITES

    @property
    def is_read(self) -> bool:
        """It reads items."""
        return self.operation in READS

    @property
    def error(self) -> str | None:
        """The name of the error that DynamoDB answered with."""
        kind: str | None = (self.response or {}).get("__type")
        return None if kind is None else kind.rpartition("#")[2]

    @property
    def capacity(self) -> float:
        """The units that the answer names; 0 unless they were asked for."""
        found = (self.response or {}).get("ConsumedCapacity", [])
        return sum(float(one["CapacityUnits"]) for one in (found if isinstance(found, list) else [found]))

    @property
    def actions(self) -> frozenset[tuple[str, str]]:
        """What IAM has to allow: pairs of an action and a resource (``table``, ``table/index/name``, or ``*``)."""
        if self.operation in TRANSACTIONS:
            pairs = {
                (_ACTIONS[kind], asked["TableName"])
                for item in self.request["TransactItems"]
                for kind, asked in item.items()
            }
        elif self.operation in BATCHES:
            pairs = {(self.operation, table) for table in self.request["RequestItems"]}
        else:
            table = str(self.request.get("TableName", "*"))
            index = self.request.get("IndexName")
            pairs = {(self.operation, f"{table}/index/{index}" if index else table)}
        return frozenset((f"dynamodb:{action}", resource) for action, resource in pairs)
