"""What the proxy before DynamoDB can be told to do to a call, and which calls it happens to."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias

import attrs

from spectra.testing.dynamodb.calls import BATCHES, PLAIN_WRITES, TRANSACTIONS, Call

__all__ = ["Fault", "FaultKind", "Faults"]

When: TypeAlias = Callable[[Call], bool]


class FaultKind(StrEnum):
    """What can be made to go wrong. Only the last four let DynamoDB see the call."""

    THROTTLE = "throttle"
    """The table's throughput is exceeded; a transaction is cancelled for that reason."""
    RATE = "rate"
    """``ThrottlingException``, which is about the account or the table as a whole."""
    CONFLICT = "conflict"
    """A transaction holds the item: of plain writes of one item, and of transactions."""
    IN_PROGRESS = "in progress"
    """The transaction of this token is still running: of ``TransactWriteItems``."""
    INTERNAL = "internal"
    """500, ``InternalServerError``."""
    UNAVAILABLE = "unavailable"
    """503, ``ServiceUnavailable``."""
    CUT = "cut"
    """The connection breaks before the call is passed on."""
    LOST_REPLY = "lost reply"
    """The connection breaks after it was done."""
    FAILED_REPLY = "failed reply"
    """It is done, and answered with 500."""
    UNPROCESSED = "unprocessed"
    """Half of a batch, rounded down, is done, and the rest handed back."""
    DELAY = "delay"
    """It is passed on after some seconds, even if nobody waits for the answer any more."""


_ONLY: Final[Mapping[FaultKind, frozenset[str]]] = {
    FaultKind.CONFLICT: PLAIN_WRITES | TRANSACTIONS,
    FaultKind.IN_PROGRESS: frozenset({"TransactWriteItems"}),
    FaultKind.UNPROCESSED: BATCHES,
}


def _always(_: Call) -> bool:
    return True


@attrs.define
class Fault:
    """*kind* happens to *times* calls of *operation* (``*``: of any) that *when* picks.

    *when* is asked while other calls wait, and so makes none itself.
    """

    kind: FaultKind
    operation: str = "*"
    times: int = 1
    when: When = _always
    seconds: float = 0.0
    """How long a delay is."""
    action: int = 0
    """Which action of a transaction is at fault, counted from 0; the last one if there are fewer."""

    def __attrs_post_init__(self) -> None:
        if self.times < 1:
            raise ValueError("times must be at least 1")
        if self.operation != "*" and self.operation not in _ONLY.get(self.kind, {self.operation}):
            raise ValueError(f"{self.operation} never meets the fault {self.kind.value!r}")

    def about(self, call: Call) -> bool:
        """Whether *call* is meant."""
        return (
            self.operation in {"*", call.operation}
            and call.operation in _ONLY.get(self.kind, {call.operation})
            and self.when(call)
        )


class Faults:
    """The faults that are still to happen; safe to share between threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._chances: Mapping[FaultKind, float] = {}
        self._seconds = 0.0
        self._random = random.Random(0)  # noqa: S311 - chance, and no secret
        self._lock = threading.Lock()

    def add(
        self,
        kind: FaultKind | str,
        operation: str = "*",
        *,
        times: int = 1,
        when: When = _always,
        seconds: float = 0.0,
        action: int = 0,
    ) -> None:
        """Let *kind* happen; see `Fault`.

        Raises:
            ValueError: DynamoDB never does that to this operation.
        """
        fault = Fault(FaultKind(kind), operation, times, when, seconds, action)
        with self._lock:
            self._faults.append(fault)

    def at_random(
        self, seed: int, chances: Mapping[FaultKind | str, float], *, seconds: float = 0.05
    ) -> None:
        """Let each kind happen to any call with the given probability, until `clear`.

        One generator, begun with *seed*, draws for all calls in the order in which they arrive.
        Delays last up to *seconds*.

        Raises:
            ValueError: an unknown kind; a probability that is none, or a sum above 1.
        """
        known = {FaultKind(kind): chance for kind, chance in chances.items()}
        if min(known.values(), default=0.0) < 0 or sum(known.values()) > 1:
            raise ValueError("probabilities must be 0 or more, and at most 1 in sum")
        with self._lock:
            self._chances, self._seconds, self._random = known, seconds, random.Random(seed)  # noqa: S311 - ditto

    def take(self, call: Call) -> list[Fault]:
        """What is to happen to *call*, which uses it up: at most one delay and one other fault."""
        with self._lock:
            found: dict[bool, Fault] = {}
            for fault in self._faults:
                slot = fault.kind is FaultKind.DELAY
                if slot not in found and fault.about(call):
                    found[slot] = fault
                    fault.times -= 1
            self._faults = [fault for fault in self._faults if fault.times > 0]
            return list(found.values()) or self._drawn(call)

    def _drawn(self, call: Call) -> list[Fault]:
        if not self._chances:
            return []
        drawn, part, action = self._random.random(), self._random.random(), self._random.randrange(100)
        for kind, chance in self._chances.items():
            if drawn < chance:
                fault = Fault(kind, seconds=self._seconds * part, action=action)
                return [fault] if fault.about(call) else []
            drawn -= chance
        return []

    @property
    def pending(self) -> int:
        """How many faults have not happened yet; those at random are not counted."""
        with self._lock:
            return sum(fault.times for fault in self._faults)

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._faults.clear()
            self._chances = {}
