"""Listing a tenant's jobs: its partition downwards, where ids sort by the time of their making."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from spectra.adapters.aws.dynamodb.layout import JOB, Item, ids_of, job_key
from spectra.adapters.aws.dynamodb.packing import EPOCH
from spectra.adapters.aws.dynamodb.reading import Reader
from spectra.domain import Job
from spectra.ports.job_store import Page
from spectra.ports.listing import Filters

__all__ = ["find"]

_MOST_READ: Final = 1_000
_MILLISECOND: Final = timedelta(milliseconds=1)


def find(
    reader: Reader, tenant_id: str, filters: Filters, *, limit: int, cursor: str | None, now: datetime
) -> Page[Job]:
    """A page of the tenant's jobs, newest first; *now* says which are past their ttl."""
    cursors = filters.cursors
    after = None if cursor is None else cursors.read(cursor, ids=1)[0]
    if filters.states == () or filters.operations == ():
        return Page(())
    items = _items(reader, tenant_id, filters, limit + 1, after, now)
    more = len(items) > limit
    jobs = tuple(reader.jobs(items[:limit]))
    return Page(jobs, cursors.write(ids_of(items[limit - 1])[1]) if more else None)


def _items(
    reader: Reader, tenant_id: str, filters: Filters, count: int, after: str | None, now: datetime
) -> list[Item]:
    condition, values = _condition(filters, now)
    asked: dict[str, Any] = {
        "KeyConditionExpression": "pk = :tenant AND begins_with(sk, :jobs)",
        "FilterExpression": condition,
        "ExpressionAttributeValues": {":tenant": {"S": tenant_id}, ":jobs": {"S": JOB}, **values},
        "ScanIndexForward": False,
        "ConsistentRead": True,
    }
    if after is not None:
        asked["ExclusiveStartKey"] = job_key(tenant_id, after)
    found: list[Item] = []
    size = count
    while True:
        # What is read is billed, not what matches; so pages grow only while few match.
        answer = reader.page(**asked, Limit=size)
        found += answer["Items"]
        if len(found) >= count or "LastEvaluatedKey" not in answer:
            return found[:count]
        asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        size = min(2 * size, _MOST_READ)


def _condition(filters: Filters, now: datetime) -> tuple[str, dict[str, Any]]:
    clauses = ["(attribute_not_exists(xa) OR xa > :now)"]
    values: dict[str, Any] = {":now": {"N": str((now - EPOCH) // _MILLISECOND)}}
    for name, wanted in (("st", filters.states), ("op", filters.operations)):
        if wanted is not None:
            texts = {f":{name}{n}": {"S": str(one)} for n, one in enumerate(wanted)}
            clauses.append(f"{name} IN ({', '.join(texts)})")
            values |= texts
    for operator, bound in ((">=", filters.created_after), ("<", filters.created_before)):
        if bound is not None:
            name = f":at{len(values)}"
            clauses.append(f"ca {operator} {name}")
            # Jobs are dated to the millisecond: the first that is not before the bound decides both.
            values[name] = {"N": str(-((EPOCH - bound) // _MILLISECOND))}
    return " AND ".join(clauses), values
