"""The statement behind `find` of `SQLiteJobStore`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from spectra.adapters.embedded.job_store_schema import EPOCH, MS
from spectra.domain import JobState, Operation
from spectra.ports.listing import Filters

__all__ = ["listing"]


def listing(
    filters: Filters, tenant_id: str, *, now: int, before: str | None, count: int
) -> tuple[str, Mapping[str, Any]]:
    """The statement that reads *count* documents, newest first, and its parameters."""
    values: dict[str, Any] = {"tenant": tenant_id, "now": now, "before": before, "count": count}
    if filters == Filters(None, None, None, None):
        return (
            "SELECT document FROM jobs INDEXED BY jobs_key WHERE tenant_id = :tenant"
            + ("" if before is None else " AND job_id < :before")
            + " AND (ttl IS NULL OR ttl > :now) ORDER BY job_id DESC LIMIT :count"
        ), values
    states = [*JobState] if filters.states is None else filters.states
    operations = [*Operation] if filters.operations is None else filters.operations
    if not states or not operations:
        return "SELECT document FROM jobs WHERE 0", {}
    values |= {f"state{n}": str(state) for n, state in enumerate(states)}
    values |= {f"operation{n}": str(operation) for n, operation in enumerate(operations)}
    terms = _terms(filters, values)
    # Each arm is one range of the index and stops after a page of its own: SQLite would otherwise
    # sort all that match, and look for the rare among the many.
    arms = [
        "SELECT * FROM (SELECT id, job_id FROM jobs INDEXED BY jobs_listing "
        f"WHERE tenant_id = :tenant AND state = :state{s} AND operation = :operation{o}{terms} "
        "ORDER BY job_id DESC LIMIT :count)"
        for s in range(len(states))
        for o in range(len(operations))
    ]
    hits = " UNION ALL ".join(arms) + " ORDER BY job_id DESC LIMIT :count"
    return (
        f"SELECT document FROM ({hits}) AS hits CROSS JOIN jobs ON jobs.id = hits.id "
        "ORDER BY hits.job_id DESC"
    ), values


def _terms(filters: Filters, values: dict[str, Any]) -> str:
    terms = " AND (ttl IS NULL OR ttl > :now)"
    if values["before"] is not None:
        terms += " AND job_id < :before"
    if filters.created_after is not None:
        values["after"] = _milliseconds(filters.created_after)
        terms += " AND created_at >= :after"
    if filters.created_before is not None:
        values["until"] = _milliseconds(filters.created_before)
        terms += " AND created_at < :until"
    return terms


def _milliseconds(bound: datetime) -> int:
    # Upwards: stored instants are whole milliseconds, and what is before the bound must stay before it.
    return -((EPOCH - bound) // MS)
