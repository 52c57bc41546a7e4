"""What has a few fields in a fixed order, as short lists; and instants as numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from spectra.codec.documents import instant
from spectra.domain import JobState
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

Shape: TypeAlias = tuple[tuple[str, ...], tuple[Any, ...]]
"""Names, and what each is if nothing is said of it."""


def pack_instant(text: str) -> int:
    """Milliseconds since 1970."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def unpack_instant(milliseconds: int) -> str:
    """The instant as documents spell it."""
    return instant(EPOCH + timedelta(milliseconds=milliseconds))


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


_ENTRY: Final = frozenset({"event", "before", "after", "at", "actor", "reason", "attempt"})


def _following(before: str | None, event: str) -> str:
    """The state after *event*, as the state machine has it."""
    if before is None:
        return str(JobState.OPEN)
    return str(TRANSITIONS[JobState(before)].get(event, before))  # type: ignore[call-overload]


def pack_history(entries: list[dict[str, Any]]) -> list[Any] | None:
    """Each entry as event, instant, actor, reason, attempt; the states follow from the events.

    An instant is left out where it is the last entry's, an attempt where it is the expected one. None if
    a state does not follow, or if an entry has more to say.
    """
    rows = []
    before: str | None = None
    attempt, last = 0, None
    for entry in entries:
        after = _following(before, entry["event"])
        if not entry.keys() <= _ENTRY or (entry.get("before"), entry["after"]) != (before, after):
            return None
        at = None if entry["at"] == last else pack_instant(entry["at"])
        row = [entry["event"], at, entry.get("actor"), entry.get("reason")]
        # Most often the attempt is the one before, or the next one where a worker begins it.
        expected = attempt + (entry["event"] in ("claim", "reclaim"))
        attempt = entry.get("attempt", 0)
        row.append(None if attempt == expected else attempt)
        while row[-1] is None:
            row.pop()
        rows.append(row)
        before, last = after, entry["at"]
    return rows


def unpack_history(rows: list[Any]) -> list[dict[str, Any]]:
    """What `pack_history` was given."""
    entries = []
    before: str | None = None
    attempt, last = 0, 0
    for row in rows:
        event, at, actor, reason, said = [*row, None, None, None, None][:5]
        last = last if at is None else at
        attempt = attempt + (event in ("claim", "reclaim")) if said is None else said
        entry = {
            "event": event,
            "before": before,
            "after": _following(before, event),
            "at": unpack_instant(last),
        }
        entry |= {"actor": actor, "reason": reason, "attempt": attempt}
        entries.append({name: value for name, value in entry.items() if value is not None})
        before = entry["after"]
    return entries
