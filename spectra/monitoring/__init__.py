"""Figures of what Spectra does: through OpenTelemetry, or as CloudWatch's metric lines.

Nothing here is loaded or started by itself: ``spectra.subscribe(OpenTelemetryMetrics())``. Names are
loaded on first use; OpenTelemetry needs ``pip install 'redshift-spectra[otel]'``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spectra.errors import MissingExtraError

if TYPE_CHECKING:
    from spectra.alarms import ALARMS, Alarm
    from spectra.monitoring.emf import EmfMetrics
    from spectra.monitoring.instruments import INSTRUMENTS, Instrument, Measurement
    from spectra.monitoring.measurements import of_event
    from spectra.monitoring.opentelemetry import OpenTelemetryMetrics
    from spectra.monitoring.recorder import Recorder

__all__ = [
    "ALARMS",
    "INSTRUMENTS",
    "Alarm",
    "EmfMetrics",
    "Instrument",
    "Measurement",
    "OpenTelemetryMetrics",
    "Recorder",
    "of_event",
]

_HOMES = {
    "ALARMS": "spectra.alarms",
    "Alarm": "spectra.alarms",
    "EmfMetrics": f"{__name__}.emf",
    "OpenTelemetryMetrics": f"{__name__}.opentelemetry",
    "Recorder": f"{__name__}.recorder",
    "of_event": f"{__name__}.measurements",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(_HOMES.get(name, f"{__name__}.instruments"))
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        # Any other missing module is a mistake of ours, which advice about extras would hide.
        if missing != "opentelemetry":
            raise
        raise MissingExtraError("otel", "opentelemetry-api") from exc
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
