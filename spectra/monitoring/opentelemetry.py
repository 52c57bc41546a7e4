"""Measurements through the OpenTelemetry API; where they go, the host's SDK decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter_provider

from spectra import __version__
from spectra.monitoring.instruments import INSTRUMENTS, Instrument, Kind, Measurement
from spectra.monitoring.measurements import one_class
from spectra.monitoring.recorder import Recorder
from spectra.ports import Clock

__all__ = ["OpenTelemetryMetrics"]

# From a second to the day after which a job is ended; the API's own bounds are made for milliseconds.
BOUNDS: Final = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0)
LOOK_LASTS: Final = timedelta(minutes=5)

_Take: TypeAlias = Callable[[float, Mapping[str, str]], None]


class OpenTelemetryMetrics(Recorder):
    """Tells a meter called ``spectra``; without a *meter_provider* that of the process.

    Without an SDK the API does nothing, and so does this. Gauges give what the last `observe` saw, for
    five minutes: a collection never reads the job store, and a look that is not repeated is forgotten.
    """

    def __init__(
        self,
        meter_provider: MeterProvider | None = None,
        *,
        tenant_class: Callable[[str], str] = one_class,
        tenants: int = 0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(tenant_class=tenant_class, tenants=tenants, clock=clock)
        provider = meter_provider if meter_provider is not None else get_meter_provider()
        meter = provider.get_meter("spectra", __version__)
        self._look: tuple[datetime, list[Measurement]] = (self._clock.now(), [])
        self._take: dict[str, _Take] = {}
        for one in INSTRUMENTS:
            match one.kind:
                case Kind.COUNTER:
                    self._take[one.name] = meter.create_counter(one.name, one.unit, one.meaning).add
                case Kind.HISTOGRAM:
                    self._take[one.name] = meter.create_histogram(
                        one.name, one.unit, one.meaning, explicit_bucket_boundaries_advisory=BOUNDS
                    ).record
                case Kind.GAUGE:
                    # Observed and not set: of a gauge that is set an SDK repeats the last value for ever,
                    # also for a tenant that has left.
                    meter.create_observable_gauge(one.name, [self._telling(one)], one.unit, one.meaning)

    def _record(self, measurements: list[Measurement], /) -> None:
        seen = [one for one in measurements if one.instrument.kind is Kind.GAUGE]
        if seen:
            self._look = (self._clock.now(), seen)
        for one in measurements:
            if one.instrument.kind is not Kind.GAUGE:
                self._take[one.instrument.name](one.value, one.attributes)

    def _telling(self, one: Instrument) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def tell(_: CallbackOptions) -> Iterable[Observation]:
            at, seen = self._look
            if self._clock.now() - at > LOOK_LASTS:
                return []
            return [Observation(look.value, look.attributes) for look in seen if look.instrument is one]

        return tell
