"""What every job store does alike: checking what a listing was asked for, and its cursors."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

import attrs

from spectra.domain import Job, JobState, Operation
from spectra.domain.text import is_id
from spectra.errors import InvalidCursorError, InvalidSpecError
from spectra.ports.job_store import Page

__all__ = ["LIVE", "Cursors", "Filters", "check_page", "instant", "page_of"]

MAX_LIMIT: Final = 1_000
_DIGEST: Final = 16
_E = TypeVar("_E", bound=StrEnum)


def check_page(limit: int, per_tenant: int = 1) -> None:
    """Refuse a page of no or too many jobs.

    Raises:
        InvalidSpecError: *limit* is not 1 to 1,000, or *per_tenant* is less than 1.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidSpecError("limit", f"must be 1 to {MAX_LIMIT:,}")
    if per_tenant < 1:
        raise InvalidSpecError("per_tenant", "must be at least 1")


def instant(field: str, value: datetime) -> datetime:
    """The instant *value* in UTC, or its nearest neighbour there at the edges of the calendar.

    Raises:
        InvalidSpecError: it has no time zone; *field* names it.
    """
    if value.utcoffset() is None:
        raise InvalidSpecError(field, "must carry a time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return value.replace(tzinfo=UTC)


def page_of(jobs: Sequence[Job], limit: int, cursor: Callable[[Job], str]) -> Page[Job]:
    """The page of *jobs*, of which one more than *limit* was asked for, and the cursor after its last."""
    if len(jobs) <= limit:
        return Page(tuple(jobs))
    return Page(tuple(jobs[:limit]), cursor(jobs[limit - 1]))


class Cursors:
    """Places in one listing: ids, behind a digest of what was asked for.

    A listing of one tenant writes job ids only. The tenant then comes from the caller at every page,
    so that no cursor, however made, reaches another's jobs.
    """

    def __init__(self, listing: str) -> None:
        self._digest = hashlib.sha256(listing.encode()).hexdigest()[:_DIGEST]

    def write(self, *ids: str) -> str:
        """Make the cursor of the place after *ids*."""
        return base64.urlsafe_b64encode("/".join((self._digest, *ids)).encode()).decode()

    def read(self, cursor: str, *, ids: int) -> list[str]:
        """Take a cursor apart into its *ids*.

        Raises:
            InvalidCursorError: this listing never wrote it.
        """
        try:
            text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii")
        except (binascii.Error, TypeError, ValueError):
            raise InvalidCursorError from None
        _, *found = text.split("/")
        # Base64 has several spellings of one text; only the one that was given out is taken back.
        if len(found) != ids or not all(map(is_id, found)) or self.write(*found) != cursor:
            raise InvalidCursorError
        return found


LIVE: Final = Cursors("live")


@attrs.frozen
class Filters:
    """What `JobStore.find` was asked for, checked; None where nothing was. Instants are in UTC."""

    states: tuple[JobState, ...] | None
    operations: tuple[Operation, ...] | None
    created_after: datetime | None
    created_before: datetime | None

    @classmethod
    def of(
        cls,
        states: Collection[JobState] | None = None,
        operations: Collection[Operation] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> Filters:
        """Check what the caller gave.

        Raises:
            InvalidSpecError: an unknown state or operation, or an instant without a time zone.
        """
        return cls(
            _members("states", JobState, states),
            _members("operations", Operation, operations),
            None if created_after is None else instant("created_after", created_after),
            None if created_before is None else instant("created_before", created_before),
        )

    @property
    def cursors(self) -> Cursors:
        """The cursors of this listing; pages of another size belong to it too."""
        asked = (self.states, self.operations, self.created_after, self.created_before)
        return Cursors(repr(("find", *(str(one) for one in asked))))

    def wants(self, job: Job) -> bool:
        """Whether *job* is one that was asked for."""
        return (
            (self.states is None or job.state in self.states)
            and (self.operations is None or job.operation in self.operations)
            and (self.created_after is None or job.created_at >= self.created_after)
            and (self.created_before is None or job.created_at < self.created_before)
        )


def _members(field: str, kind: type[_E], values: Collection[_E] | None) -> tuple[_E, ...] | None:
    if values is None:
        return None
    if isinstance(values, str):
        raise InvalidSpecError(field, "must be a collection")
    try:
        return tuple(sorted({kind(value) for value in values}))
    except ValueError as exc:
        raise InvalidSpecError(field, str(exc)) from None
