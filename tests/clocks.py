"""A clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Stands still until it is advanced; sleeping advances it."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.instant = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.advance(seconds=seconds)

    def advance(self, **parts: float) -> None:
        self.instant += timedelta(**parts)
