"""Measurements as lines of CloudWatch's Embedded Metric Format: written to a stream, they become metrics."""

from __future__ import annotations

import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TextIO, TypeAlias

from spectra.errors import InvalidSpecError
from spectra.monitoring.instruments import OPERATION, TENANT, TENANT_CLASS, Instrument, Kind, Measurement
from spectra.monitoring.measurements import one_class
from spectra.monitoring.recorder import Recorder
from spectra.ports import Clock

__all__ = ["EmfMetrics", "dimension_sets"]

SERVICE: Final = "service"
UNITS: Final[Mapping[str, str]] = {"s": "Seconds", "By": "Bytes"}
VALUES_OF_A_METRIC: Final = 100
KEPT_VALUES: Final = 1_000
LONGEST: Final = 250

_Attributes: TypeAlias = tuple[tuple[str, str], ...]


class EmfMetrics(Recorder):
    """Keeps measurements until `flush` writes them, one line for each combination of attributes.

    *stream* is what ``sys.stdout`` is at the time of the `flush`, unless given: on Lambda that is all it
    takes. After a thousand values it flushes by itself, so what is kept is bounded. *service* is a
    dimension of every metric, and tells deployments apart.
    """

    def __init__(
        self,
        namespace: str = "Spectra",
        *,
        service: str = "spectra",
        stream: TextIO | None = None,
        tenant_class: Callable[[str], str] = one_class,
        tenants: int = 0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(tenant_class=tenant_class, tenants=tenants, clock=clock)
        for name, text in (("namespace", namespace), ("service", service)):
            if not isinstance(text, str) or not text.strip() or text != _text(text):
                raise InvalidSpecError(name, f"must be 1 to {LONGEST} printable ASCII characters")
        self._namespace = namespace
        self._service = service
        self._stream = stream
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        # Attributes, then the instrument: what shares its attributes shares a line.
        self._kept: dict[_Attributes, dict[Instrument, list[float]]] = defaultdict(dict)
        self._count = 0

    def _record(self, measurements: list[Measurement], /) -> None:
        with self._lock:
            for one in measurements:
                values = self._kept[tuple(one.attributes.items())].setdefault(one.instrument, [])
                if values and one.instrument.kind is Kind.COUNTER:
                    values[0] += one.value
                else:
                    values.append(one.value)
                    self._count += 1
            if self._count >= KEPT_VALUES:
                self._write()

    def flush(self) -> None:
        """Write what was measured since the last time; call it before a function's environment freezes.

        Raises:
            OSError: the stream took nothing; these measurements are lost.
        """
        with self._lock:
            self._write()

    def _write(self) -> None:
        at = int(self._clock.now().timestamp() * 1000)
        lines = [line for kept in self._kept.items() for line in self._lines(at, *kept)]
        self._forget()
        if lines:
            stream = self._stream if self._stream is not None else sys.stdout
            stream.write("".join(f"{line}\n" for line in lines))
            stream.flush()

    def _lines(
        self, at: int, attributes: _Attributes, metrics: dict[Instrument, list[float]]
    ) -> Iterator[str]:
        sets = dimension_sets(tuple(name for name, _ in attributes))
        members = {SERVICE: self._service, **{name: _text(value) for name, value in attributes}}
        left = {one: iter(values) for one, values in metrics.items()}
        # A metric's values have room for a hundred; those with more go on in a further line.
        while page := {one.name: chunk for one, values in left.items() if (chunk := _chunk(values))}:
            definitions = [
                {"Name": one.name, "Unit": UNITS.get(one.unit, "Count")} for one in left if one.name in page
            ]
            directive = {"Namespace": self._namespace, "Dimensions": sets, "Metrics": definitions}
            line: dict[str, Any] = {"_aws": {"Timestamp": at, "CloudWatchMetrics": [directive]}}
            line |= members
            line |= {name: chunk[0] if len(chunk) == 1 else chunk for name, chunk in page.items()}
            yield json.dumps(line, separators=(",", ":"), allow_nan=False)


def dimension_sets(attributes: tuple[str, ...]) -> list[list[str]]:
    """By what CloudWatch puts values together: over everything, by operation and class, by one more.

    A tenant's queue alone is not put together over everything: of a gauge that would be no total.
    """
    if TENANT in attributes:
        return [[SERVICE, TENANT]]
    sets = [[SERVICE]]
    if attributes:
        sets.append([SERVICE, OPERATION, TENANT_CLASS])
    sets += [[SERVICE, name] for name in attributes if name not in (OPERATION, TENANT_CLASS)]
    return sets


def _chunk(values: Iterator[float]) -> list[float]:
    return list(islice(values, VALUES_OF_A_METRIC))


def _text(value: str) -> str:
    """*value* as CloudWatch takes it for a dimension: printable ASCII, not empty, not too long."""
    kept = "".join(c if c.isascii() and c.isprintable() else "?" for c in value[:LONGEST])
    return kept if kept.strip() else "?"
