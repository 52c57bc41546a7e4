"""Listings of `SQLiteJobStore`: cursors, and the statement behind `find`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from spectra.adapters.embedded.job_store_schema import EPOCH, MS
from spectra.domain import JobState, Operation
from spectra.domain.text import check_id
from spectra.errors import InvalidCursorError, InvalidSpecError

__all__ = ["Cursors", "Filters", "check_limit"]

MAX_LIMIT: Final = 1000
_DIGEST: Final = 16


def check_limit(limit: int) -> None:
    """Refuse a page of no or too many jobs.

    Raises:
        InvalidSpecError: not 1 to 1000.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidSpecError("limit", f"must be 1 to {MAX_LIMIT}")


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
            digest, *found = text.split("/")
            for value in found:
                check_id("cursor", value)
        except (binascii.Error, TypeError, ValueError):
            raise InvalidCursorError from None
        # Base64 has several spellings of one text; only the one that was given out is taken back.
        if digest != self._digest or len(found) != ids or self.write(*found) != cursor:
            raise InvalidCursorError
        return found


def _members(field: str, kind: type[JobState | Operation], values: Any) -> tuple[str, ...]:
    if isinstance(values, str):
        raise InvalidSpecError(field, "must be a collection")
    try:
        return tuple(sorted({kind(value).value for value in values}))
    except ValueError as exc:
        raise InvalidSpecError(field, str(exc)) from None


def _bound(field: str, value: datetime | None) -> int | None:
    if value is None:
        return None
    if value.utcoffset() is None:
        raise InvalidSpecError(field, "must carry a time zone")
    # Upwards: stored instants are whole milliseconds, and what is before the bound must stay before it.
    return -((EPOCH - value) // MS)


@attrs.frozen
class Filters:
    """What `find` was asked for, in the terms of the table; None where nothing was."""

    states: tuple[str, ...] | None
    operations: tuple[str, ...] | None
    created_after: int | None
    created_before: int | None

    @classmethod
    def of(
        cls,
        states: Collection[JobState] | None,
        operations: Collection[Operation] | None,
        created_after: datetime | None,
        created_before: datetime | None,
    ) -> Filters:
        """Check what the caller gave.

        Raises:
            InvalidSpecError: an unknown state or operation, or an instant without a time zone.
        """
        return cls(
            None if states is None else _members("states", JobState, states),
            None if operations is None else _members("operations", Operation, operations),
            _bound("created_after", created_after),
            _bound("created_before", created_before),
        )

    @property
    def cursors(self) -> Cursors:
        """The cursors of this listing; pages of another size belong to it too."""
        return Cursors(json.dumps(["find", *attrs.astuple(self)]))

    def statement(
        self, tenant_id: str, *, now: int, before: str | None, count: int
    ) -> tuple[str, Mapping[str, Any]]:
        """The statement that reads *count* documents, newest first, and its parameters."""
        values: dict[str, Any] = {"tenant": tenant_id, "now": now, "before": before, "count": count}
        if self == Filters(None, None, None, None):
            return (
                "SELECT document FROM jobs INDEXED BY jobs_key WHERE tenant_id = :tenant"
                + ("" if before is None else " AND job_id < :before")
                + " AND (ttl IS NULL OR ttl > :now) ORDER BY job_id DESC LIMIT :count"
            ), values
        states = [*map(str, JobState)] if self.states is None else self.states
        operations = [*map(str, Operation)] if self.operations is None else self.operations
        if not states or not operations:
            return "SELECT document FROM jobs WHERE 0", {}
        values |= {f"state{n}": state for n, state in enumerate(states)}
        values |= {f"operation{n}": operation for n, operation in enumerate(operations)}
        terms = self._terms(values)
        # Each arm is one range of the index and stops after a page of its own: SQLite would otherwise
        # sort all that match, and look for the rare among the many.
        arms = [
            "SELECT * FROM (SELECT id, job_id FROM jobs INDEXED BY jobs_listing "
            f"WHERE tenant_id = :tenant AND state = :state{s} AND operation = :operation{o}{terms} "
            "ORDER BY job_id DESC LIMIT :count)"
            for s in range(len(states))
            for o in range(len(operations))
        ]
        hits = " UNION ALL ".join(arms) + " ORDER BY job_id DESC LIMIT :count"
        return (
            f"SELECT document FROM ({hits}) AS hits CROSS JOIN jobs ON jobs.id = hits.id "
            "ORDER BY hits.job_id DESC"
        ), values

    def _terms(self, values: dict[str, Any]) -> str:
        terms = " AND (ttl IS NULL OR ttl > :now)"
        if values["before"] is not None:
            terms += " AND job_id < :before"
        if self.created_after is not None:
            values["after"] = self.created_after
            terms += " AND created_at >= :after"
        if self.created_before is not None:
            values["until"] = self.created_before
            terms += " AND created_at < :until"
        return terms
