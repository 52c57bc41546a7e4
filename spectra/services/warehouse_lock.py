"""A warehouse that another process has."""

from __future__ import annotations

import threading
from typing import Final

from spectra.errors import WarehouseLockedError
from spectra.ports import Executor
from spectra.services.events import EventLog

__all__ = ["wait_until_ready"]

SECONDS_BETWEEN: Final = 5.0


def wait_until_ready(executor: Executor, stop: threading.Event, events: EventLog, *, patient: bool) -> None:
    """Return when *executor* has its warehouse, or, *patient*, when *stop* is set; looks every five seconds.

    That it waits is told at once as ``warehouse.locked``, and that it has it now as ``warehouse.free``.

    Raises:
        WarehouseLockedError: another process has it, and this one is not *patient*.
        BackendError: the warehouse cannot be used at all.
    """
    told = False
    while not (patient and stop.is_set()):
        try:
            executor.ready()
        except WarehouseLockedError as exc:
            if not patient:
                raise
            if not told:
                events.note("warehouse.locked", error=str(exc), code=exc.code)
            told = True
            stop.wait(SECONDS_BETWEEN)
        else:
            if told:
                events.note("warehouse.free")
            return
