"""Reading jobs: items, the statements that belong to them, and what is remembered of both."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from spectra.adapters.aws.dynamodb.calls import TRIES, Calls
from spectra.adapters.aws.dynamodb.items import from_item
from spectra.adapters.aws.dynamodb.layout import Item, Key, ids_of, statement_key
from spectra.adapters.aws.dynamodb.packing import EPOCH
from spectra.adapters.aws.dynamodb.statements import owner_of, text_of
from spectra.codec.documents import jobs_of
from spectra.domain import Job
from spectra.errors import BackendUnavailableError

__all__ = ["Reader", "Seats", "expired"]

BATCH: Final = 100
_REMEMBERED: Final = 10_000


def expired(item: Mapping[str, Any], now: datetime) -> bool:
    """Whether the job of *item* is past its ttl: to callers it exists no longer."""
    ttl = item.get("xa")
    return ttl is not None and EPOCH + timedelta(milliseconds=int(ttl["N"])) <= now


class Seats:
    """Which jobs have a place, as this process has last seen it; a hint that saves a write.

    The conditions of a write decide: a wrong hint costs one more.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], None] = {}
        self._lock = threading.Lock()

    def see(self, ids: tuple[str, str], *, seated: bool) -> None:
        """Remember it of the job *ids*."""
        if not seated and ids not in self._seen:
            return
        with self._lock:
            self._seen.pop(ids, None)
            if seated:
                self._seen[ids] = None
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]

    def seated(self, ids: tuple[str, str]) -> bool:
        """Whether the job *ids* had a place; False if it was never seen."""
        return ids in self._seen


class Reader:
    """Reads items of one table, always consistently, and makes jobs of them."""

    def __init__(self, calls: Calls, table: str) -> None:
        self._calls, self._table = calls, table
        self.seats = Seats()

    def item(self, key: Key) -> Item | None:
        """What is at *key*."""
        found: Item | None = self._calls.read(
            "get_item", TableName=self._table, Key=key, ConsistentRead=True
        ).get("Item")
        return found

    def items(self, keys: Sequence[Key]) -> list[Item]:
        """What there is at *keys*, in their order."""
        found: dict[tuple[str, str], Item] = {}
        left = list(keys)
        tries = 0
        while left:
            asked = {self._table: {"Keys": left[:BATCH], "ConsistentRead": True}}
            answer = self._calls.read("batch_get_item", RequestItems=asked)
            for item in answer.get("Responses", {}).get(self._table, ()):
                found[item["pk"]["S"], item["sk"]["S"]] = item
            # What one answer has no room for is asked for again, and what was throttled is, too.
            unread = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            tries = tries + 1 if len(unread) == len(left[:BATCH]) else 0
            if tries == TRIES:
                raise BackendUnavailableError("DynamoDB reads none of the items, again and again")
            if tries:
                self._calls.pause(tries)
            left = unread + left[BATCH:]
        places = ((key["pk"]["S"], key["sk"]["S"]) for key in keys)
        return [found[place] for place in places if place in found]

    def scan(self, **asked: Any) -> dict[str, Any]:
        """One answer to a scan."""
        return self._calls.read("scan", TableName=self._table, **asked)

    def page(self, **asked: Any) -> dict[str, Any]:
        """One answer to a query."""
        return self._calls.read("query", TableName=self._table, **asked)

    def job(self, item: Item) -> Job:
        """The job of *item*.

        Raises:
            NewerSchemaError: a newer Spectra wrote it.
            BackendError: it is no job, or its statement is gone.
        """
        self._see(item)
        return from_item(item, statement=self._statements([item]).get(ids_of(item)))

    def jobs(self, items: Sequence[Item]) -> Iterator[Job]:
        """The jobs of *items*, in their order; what cannot be read is passed over."""
        statements = self._statements(items)
        for item in items:
            self._see(item)

        def job(item: Item) -> Job:
            return from_item(item, statement=statements.get(ids_of(item)) if "qd" in item else None)

        return jobs_of(items, job, lambda item: "/".join(ids_of(item)))

    def _see(self, item: Item) -> None:
        self.seats.see(ids_of(item), seated="seat" in item)

    def _statements(self, items: Sequence[Item]) -> dict[tuple[str, str], str]:
        keys = [statement_key(*ids_of(item), item["qd"]["S"]) for item in items if "qd" in item]
        return {owner_of(item): text_of(item) for item in self.items(keys)} if keys else {}
