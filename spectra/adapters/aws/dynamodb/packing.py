"""What has a few fields in a fixed order, as short lists; and instants as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from spectra.domain import JobState
from spectra.domain.history import HistoryEntry
from spectra.domain.state import TRANSITIONS

__all__ = [
    "COUNTS",
    "EPOCH",
    "LEASE",
    "PROGRESS",
    "UPLOAD",
    "Shape",
    "pack_files",
    "pack_history",
    "pack_instant",
    "pack_row",
    "unpack_files",
    "unpack_history",
    "unpack_instant",
    "unpack_row",
]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

Shape: TypeAlias = tuple[tuple[str, ...], tuple[Any, ...]]
"""Names, and what each is if nothing is said of it."""


def pack_instant(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - EPOCH) // _MILLISECOND


def unpack_instant(milliseconds: int) -> datetime:
    """What `pack_instant` was given."""
    return EPOCH + milliseconds * _MILLISECOND


def pack_row(shape: Shape, value: dict[str, Any]) -> Any:
    """The values in their order, without the defaults at the end; *value* itself if it has other names."""
    names, defaults = shape
    if not value.keys() <= set(names):
        return value
    row = [value.get(name) for name in names]
    while row and row[-1] == defaults[len(row) - 1]:
        row.pop()
    return row


def unpack_row(shape: Shape, row: Any) -> Any:
    """What `pack_row` was given."""
    if isinstance(row, dict):
        return row
    names, defaults = shape
    values = [*row, *defaults[len(row) :]]
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


COUNTS: Final[Shape] = ("total", "succeeded", "failed", "unprocessed"), (0, 0, 0, 0)
LEASE: Final[Shape] = ("worker", "until"), (None, None)
PROGRESS: Final[Shape] = ("records", "percent"), (0, None)
_PART: Final[Shape] = ("location", "bytes", "rows"), (None, None, None)
_COLUMN: Final[Shape] = ("name", "type"), (None, None)
UPLOAD: Final[Shape] = ("location", "bytes", "etag"), (None, None, None)
_FILES: Final[Shape] = (
    ("manifest", "bytes", "rows", "columns", "compression", "content_type", "parts"),
    (None, 0, 0, [], "NONE", "CSV", []),
)


def pack_files(files: dict[str, Any]) -> Any:
    """Files as a row, and so their columns and parts."""
    row = pack_row(_FILES, files)
    if isinstance(row, list):
        for place, shape in ((3, _COLUMN), (6, _PART)):
            if len(row) > place:
                row[place] = [pack_row(shape, one) for one in row[place]]
    return row


def unpack_files(row: Any) -> Any:
    """What `pack_files` was given."""
    files = unpack_row(_FILES, row)
    if isinstance(row, list):
        for name, shape in (("columns", _COLUMN), ("parts", _PART)):
            files[name] = [unpack_row(shape, one) for one in files[name]]
    return files


_AFTER: Final[Mapping[tuple[JobState, str], JobState]] = {
    (state, event): after for state, row in TRANSITIONS.items() for event, after in row.items()
}
_ABSENT: Final = [{"NULL": True}] * 5
_BEGINNINGS: Final = ("claim", "reclaim")


def _following(before: JobState | None, event: str) -> JobState:
    """The state after *event*, as the state machine has it."""
    return JobState.OPEN if before is None else _AFTER.get((before, event), before)


def pack_history(entries: Sequence[HistoryEntry]) -> list[list[Any]] | None:
    """Each entry as event, instant, actor, reason, attempt; the states follow from the events.

    An instant is left out where it is the last entry's, an attempt where it is the expected one. None if
    a state does not follow.
    """
    rows = []
    before: JobState | None = None
    attempt, last = 0, None
    for entry in entries:
        if (entry.before, entry.after) != (before, _following(before, entry.event)):
            return None
        # Most often the attempt is the one before, or the next one where a worker begins it.
        expected = attempt + (entry.event in _BEGINNINGS)
        row = [
            entry.event,
            None if entry.at == last else pack_instant(entry.at),
            entry.actor,
            entry.reason,
            None if entry.attempt == expected else entry.attempt,
        ]
        while row[-1] is None:
            row.pop()
        rows.append(row)
        before, attempt, last = entry.after, entry.attempt, entry.at
    return rows


def unpack_history(rows: list[dict[str, Any]]) -> tuple[HistoryEntry, ...]:
    """The history that `pack_history` was given, from the lists that DynamoDB keeps."""
    entries = []
    before: JobState | None = None
    attempt, last = 0, EPOCH
    for row in rows:
        cells = row["L"]
        event, at, actor, reason, number = cells + _ABSENT[len(cells) :]
        if "NULL" not in at:
            last = unpack_instant(int(at["N"]))
        attempt = attempt + (event["S"] in _BEGINNINGS) if "NULL" in number else int(number["N"])
        entry = HistoryEntry(
            event=event["S"],
            before=before,
            after=_following(before, event["S"]),
            at=last,
            actor=None if "NULL" in actor else actor["S"],
            reason=None if "NULL" in reason else reason["S"],
            attempt=attempt,
        )
        entries.append(entry)
        before = entry.after
    return tuple(entries)
