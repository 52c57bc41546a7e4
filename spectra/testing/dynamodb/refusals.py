"""What DynamoDB answers when it is throttled, meets a transaction, or fails."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from spectra.testing.dynamodb.calls import TRANSACTIONS, Call
from spectra.testing.dynamodb.faults import Fault, FaultKind

__all__ = ["divided", "refusal", "with_unprocessed"]

_SERVICE: Final = "com.amazonaws.dynamodb.v20120810#"
_BUSY: Final = "Transaction is ongoing for the item"
_EXCEEDED: Final = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)

_ERRORS: Final[Mapping[FaultKind, tuple[int, str, str]]] = {
    FaultKind.THROTTLE: (400, _SERVICE + "ProvisionedThroughputExceededException", _EXCEEDED),
    FaultKind.RATE: (
        400,
        "com.amazon.coral.availability#ThrottlingException",
        "Rate of requests exceeds the allowed one",
    ),
    FaultKind.CONFLICT: (400, _SERVICE + "TransactionConflictException", _BUSY),
    FaultKind.IN_PROGRESS: (
        400,
        _SERVICE + "TransactionInProgressException",
        "The transaction with the given request token is already in progress",
    ),
    FaultKind.INTERNAL: (500, _SERVICE + "InternalServerError", "Internal server error"),
    FaultKind.FAILED_REPLY: (500, _SERVICE + "InternalServerError", "Internal server error"),
    FaultKind.UNAVAILABLE: (
        503,
        "com.amazon.coral.service#ServiceUnavailableException",
        "Service is unavailable",
    ),
}

_REASONS: Final[Mapping[FaultKind, tuple[str, str]]] = {
    FaultKind.THROTTLE: ("ProvisionedThroughputExceeded", _EXCEEDED),
    FaultKind.CONFLICT: ("TransactionConflict", _BUSY),
}


def refusal(fault: Fault, call: Call) -> tuple[int, dict[str, Any]] | None:
    """Status and body of the error that *fault* is answered with; None if it is no error."""
    if fault.kind not in _ERRORS:
        return None
    if call.operation in TRANSACTIONS and fault.kind in _REASONS:
        count = len(call.request["TransactItems"])
        code, message = _REASONS[fault.kind]
        reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in range(count)]
        reasons[min(fault.action, count - 1)] = {"Code": code, "Message": message}
        codes = ", ".join(reason["Code"] for reason in reasons)
        return 400, {
            "__type": _SERVICE + "TransactionCanceledException",
            "CancellationReasons": reasons,
            "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        }
    status, kind, message = _ERRORS[fault.kind]
    return status, {"__type": kind, "message": message}


def divided(request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first half of a batch, rounded down, as a request; and the ``RequestItems`` of the rest."""
    wanted = request["RequestItems"]
    left = sum(map(_size, wanted.values())) // 2
    first: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for table, entry in wanted.items():
        here = min(left, _size(entry))
        left -= here
        if here:
            first[table] = _cut(entry, slice(None, here))
        if here < _size(entry):
            rest[table] = _cut(entry, slice(here, None))
    return {**request, "RequestItems": first}, rest


def with_unprocessed(operation: str, answer: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """*answer*, with *rest* added to what it says was not done."""
    field = "UnprocessedItems" if operation == "BatchWriteItem" else "UnprocessedKeys"
    together = copy.deepcopy(answer.get(field, {}))
    for table, entry in rest.items():
        if table not in together:
            together[table] = entry
        elif isinstance(entry, list):
            together[table] += entry
        else:
            together[table]["Keys"] += entry["Keys"]
    return {**answer, field: together}


def _size(entry: Any) -> int:
    return len(entry if isinstance(entry, list) else entry["Keys"])


def _cut(entry: Any, part: slice) -> Any:
    return entry[part] if isinstance(entry, list) else {**entry, "Keys": entry["Keys"][part]}
