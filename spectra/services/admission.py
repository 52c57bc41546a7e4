"""Admission: how many queries may run at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from spectra.errors import QueryBusyError

__all__ = ["Admission"]


class Admission:
    """At most *limit* queries of this process at once, at most *per_tenant* of one tenant.

    Nobody waits: a caller that is told at once can come back, one that hangs holds a thread of its host.
    """

    def __init__(self, *, limit: int, per_tenant: int) -> None:
        self._limit = limit
        self._per_tenant = per_tenant
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, tenant_id: str) -> Iterator[None]:
        """Admit one query of *tenant_id* for as long as the context lasts.

        Raises:
            QueryBusyError: as many run as may.
        """
        with self._lock:
            if self._running[tenant_id] >= self._per_tenant:
                raise QueryBusyError("tenant", self._per_tenant)
            if self._running.total() >= self._limit:
                raise QueryBusyError("process", self._limit)
            self._running[tenant_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[tenant_id] -= 1
                if not self._running[tenant_id]:
                    del self._running[tenant_id]
