"""How long to wait between two looks: pure iterators of delays, in seconds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Protocol

import attrs

from spectra.errors import InvalidSpecError

__all__ = ["ExponentialBackoff", "FixedInterval", "Polling"]


class Polling(Protocol):
    """A strategy of waiting."""

    def delays(self) -> Iterator[float]:
        """Yield the seconds before the first look, the second, and so on, without end."""
        ...


def _positive(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 < value < float("inf"):
        raise InvalidSpecError(attribute.name, "must be more than 0 seconds")


@attrs.frozen
class FixedInterval:
    """*first* seconds before the first look, *seconds* between the others."""

    seconds: float = attrs.field(default=5.0, validator=_positive)
    first: float = attrs.field(default=2.0, validator=_positive)

    def delays(self) -> Iterator[float]:
        """Yield the delays."""
        yield self.first
        while True:
            yield self.seconds


@attrs.frozen
class ExponentialBackoff:
    """1, 2, 4, 8, 16, 30, 30, … seconds; jitter makes a delay shorter, never longer.

    A share *jitter* of each delay is random: 0 is exact, 1 is anything down to nothing.
    """

    first: float = attrs.field(default=1.0, validator=_positive)
    factor: float = attrs.field(default=2.0, validator=attrs.validators.ge(1))
    cap: float = attrs.field(default=30.0, validator=_positive)
    jitter: float = attrs.field(default=0.0, validator=(attrs.validators.ge(0), attrs.validators.le(1)))
    uniform: Callable[[], float] = attrs.field(default=random.random, eq=False, repr=False)

    def delays(self) -> Iterator[float]:
        """Yield the delays."""
        nominal = min(self.first, self.cap)
        while True:
            yield nominal * (1 - self.jitter * self.uniform())
            nominal = min(nominal * self.factor, self.cap)
