"""What waits and runs, measured when the host asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from spectra.monitoring.instruments import TENANT, Measurement, instrument
from spectra.ports import Backlog, JobStore

__all__ = ["of_backlog"]

OVERDUE_TENANTS: Final = 20
OTHER: Final = "other"


def of_backlog(store: JobStore, now: datetime, *, tenants: int = 0) -> list[Measurement]:
    """Ask the store what waits and runs: one `backlog`, and `due` of at most 20 tenants.

    *tenants* is how many tenants with the longest queues are named; the rest is one sum, ``other``.

    Raises:
        BackendUnavailableError, BackendError: the store could not be asked.
    """
    backlog = store.backlog(now)
    # A backlog tells of what waits. Work that was begun and that nobody looks after any more is due too.
    begun = sorted(
        (t for t, (_, running) in backlog.by_tenant.items() if running), key=_most_first(backlog, 1)
    )
    found = [
        job.due_at
        for tenant in begun[:OVERDUE_TENANTS]
        for job in store.due(now, limit=1, per_tenant=1, tenant_id=tenant)
    ]
    oldest = min((at for at in (backlog.oldest_due_at, *found) if at is not None), default=now)
    measured = [
        Measurement(instrument("backlog.waiting"), backlog.waiting),
        Measurement(instrument("backlog.running"), backlog.running),
        Measurement(instrument("backlog.oldest.age"), max((now - oldest).total_seconds(), 0.0)),
    ]
    if tenants:
        queues = sorted(backlog.by_tenant, key=_most_first(backlog, 0))
        named = {tenant: backlog.by_tenant[tenant][0] for tenant in queues[:tenants]}
        rest = sum(backlog.by_tenant[tenant][0] for tenant in queues[tenants:])
        measured += [
            Measurement(instrument("tenant.waiting"), count, {TENANT: tenant})
            for tenant, count in {**named, OTHER: named.get(OTHER, 0) + rest}.items()
        ]
    return measured


def _most_first(backlog: Backlog, place: int) -> Callable[[str], tuple[int, str]]:
    """Sorts tenants by what waits (0) or runs (1), most first, equals by name."""
    return lambda tenant: (-backlog.by_tenant[tenant][place], tenant)
