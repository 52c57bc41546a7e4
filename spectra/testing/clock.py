"""A clock that tests move."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["START", "ManualClock"]

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """A `Clock` that stands still until it is moved; sleeping moves it, and takes no time.

    Safe to share between threads. *slept* lists the seconds of every sleep.
    """

    def __init__(self, now: datetime = START) -> None:
        if now.utcoffset() is None:
            raise ValueError("the instant must carry a time zone")
        self.slept: list[float] = []
        self._lock = threading.Lock()
        self._instant = now

    @property
    def instant(self) -> datetime:
        """The present instant; set it to go anywhere, back too."""
        return self._instant

    @instant.setter
    def instant(self, value: datetime) -> None:
        if value.utcoffset() is None:
            raise ValueError("the instant must carry a time zone")
        with self._lock:
            self._instant = value

    def now(self) -> datetime:
        return self._instant

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.advance(seconds=seconds)

    def advance(self, **parts: float) -> None:
        """Go on by a `timedelta` of these *parts*: ``advance(hours=2)``."""
        with self._lock:
            self._instant += timedelta(**parts)
