"""The append-only history of a job."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from spectra.domain.instants import utc_ms
from spectra.domain.state import JobState
from spectra.domain.text import optional_text

__all__ = ["HISTORY_LIMIT", "HistoryEntry", "appended"]

HISTORY_LIMIT: Final = 64


@attrs.frozen(kw_only=True)
class HistoryEntry:
    """One thing that happened: *event* took the job from *before* to *after*.

    Renewals and progress are not entered. *before* is None for the creation.
    """

    event: str
    before: JobState | None = None
    after: JobState
    at: datetime = attrs.field(converter=utc_ms)
    actor: str | None = attrs.field(default=None, validator=optional_text(255))
    reason: str | None = attrs.field(default=None, validator=optional_text(4096))
    attempt: int = 0


def appended(history: tuple[HistoryEntry, ...], entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    """Append *entry*; of a full history the second entry goes, so that creation and the newest stay."""
    if len(history) >= HISTORY_LIMIT:
        history = (history[0], *history[2 - HISTORY_LIMIT :])
    return (*history, entry)
