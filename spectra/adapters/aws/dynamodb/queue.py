"""What is due, what lives: reading the index.

A lane holds a tenant's jobs side by side, oldest due first, so that one seek finds the next tenant and its
oldest job, whatever any tenant has queued. Live and ended jobs have lanes of their own: the first are
looked at in every call, the others, of which there are many and none is in a hurry, in turns.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from spectra.adapters.aws.dynamodb.layout import (
    AFTER_TENANT,
    INDEX,
    KEPT_LANES,
    LIVE_LANES,
    Item,
    due_text,
    lanes_of,
    read_at,
)
from spectra.adapters.aws.dynamodb.reading import Reader
from spectra.domain import Job
from spectra.errors import InvalidCursorError
from spectra.ports.job_store import Backlog, Page
from spectra.ports.listing import Cursors

__all__ = ["Queue"]

_KEYS: Final = 25
"""Keys of one look into a lane: about as many as fit into 4 KB, which are billed anyway."""

_PAGES_OF_BACKLOG: Final = 200
_LIVE: Final = Cursors("live by lane")
_WAITING, _RUNNING = "U", "I"


@attrs.frozen
class _Head:
    tenant_id: str
    due_at: datetime
    kept: bool


class Queue:
    """Looks into the index of one table; remembers where the last call stopped."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._served: set[str] = set()
        self._round = self._heads(LIVE_LANES + KEPT_LANES)
        self._begun = False

    # ---- due ------------------------------------------------------------------------------------------

    def due(self, now: datetime, *, limit: int, per_tenant: int, tenant_id: str | None) -> list[Job]:
        """See `JobStore.due`."""
        if tenant_id is not None:
            return self._of_tenant(tenant_id, now, min(limit, per_tenant))
        with self._lock:
            tenants = self._tenants(now, limit)
        # One of each tenant before a second of any: a page reaches as many tenants as it can.
        rounds = itertools.zip_longest(*(self._of_tenant(one, now, per_tenant) for one in tenants))
        return [job for jobs in rounds for job in jobs if job is not None][:limit]

    def _tenants(self, now: datetime, limit: int) -> list[str]:
        """Up to *limit* tenants with a due job, in turns: each once in a round through all lanes.

        It goes on where the last call stopped, until it has found so many, has passed so many tenants
        that only wait for expiry, or has been through. Then it looks at the live lanes in any case: what
        waits to be begun must not wait for a round.
        """
        found: dict[str, None] = {}
        passed = 0
        laps = 1 if self._begun else 0  # a round that is under way has more than one end ahead
        while len(found) < limit and passed < limit:
            head = next(self._round, None)
            if head is None:
                self._round, self._begun = self._heads(LIVE_LANES + KEPT_LANES), False
                self._served = set(found) if laps else set()
                if not laps:
                    break
                laps -= 1
                continue
            self._begun = True
            if head.due_at <= now and head.tenant_id not in self._served:
                found[head.tenant_id] = None
                self._served.add(head.tenant_id)
            elif head.kept:
                passed += 1
        if len(found) < limit and self._begun:
            for head in self._heads(LIVE_LANES):
                if head.due_at <= now:
                    found[head.tenant_id] = None
                    if len(found) == limit:
                        break
        return [*found]

    def _heads(self, lanes: Sequence[str]) -> Iterator[_Head]:
        """The tenants of *lanes*, each with its oldest job there."""
        for lane in lanes:
            after = ""
            while True:
                keys = self._keys(lane, after, "~", count=_KEYS)
                for at in keys:
                    if at > after:
                        tenant_id, due_at, _, _ = read_at(at)
                        yield _Head(tenant_id, due_at, lane in KEPT_LANES)
                        after = tenant_id + AFTER_TENANT
                if len(keys) < _KEYS:
                    break

    def _of_tenant(self, tenant_id: str, now: datetime, count: int) -> list[Job]:
        """Its oldest due jobs of those that can be read."""
        ends = due_text(now) + AFTER_TENANT
        lanes = [
            self._keyed(lane, f"{tenant_id}#", f"{tenant_id}#{ends}", count) for lane in lanes_of(tenant_id)
        ]
        merged = heapq.merge(*lanes, key=lambda key: read_at(key["at"]["S"])[1:3])
        jobs: list[Job] = []
        while len(jobs) < count and (keys := [*itertools.islice(merged, count - len(jobs))]):
            items = self._reader.items([{"pk": key["pk"], "sk": key["sk"]} for key in keys])
            # The index may be behind the items, which are read as they are now.
            jobs += [job for job in self._reader.jobs(items) if job.due_at is not None and job.due_at <= now]
        return jobs

    # ---- live -----------------------------------------------------------------------------------------

    def live(self, limit: int, cursor: str | None) -> Page[Job]:
        """See `JobStore.live`: in the order of the lanes."""
        number, after = (0, "") if cursor is None else _read_cursor(cursor)
        keys: list[Item] = []
        for lane in LIVE_LANES[number:]:
            keys += itertools.islice(self._keyed(lane, after, "~", _KEYS), limit + 1 - len(keys))
            after = ""
            if len(keys) > limit:
                break
        items = self._reader.items([{"pk": key["pk"], "sk": key["sk"]} for key in keys[:limit]])
        jobs = tuple(job for job in self._reader.jobs(items) if not job.is_terminal or job.is_settling)
        return Page(jobs, _cursor(keys[limit - 1]) if len(keys) > limit else None)

    def backlog(self, now: datetime) -> Backlog:
        """See `JobStore.backlog`: from the keys alone."""
        waiting: Counter[str] = Counter()
        running: Counter[str] = Counter()
        oldest: datetime | None = None
        pages = 0
        for lane in LIVE_LANES:
            for answer in self._pages(lane, "", "~"):
                pages += 1
                for key in answer["Items"]:
                    tenant_id, due_at, _, phase = read_at(key["at"]["S"])
                    running[tenant_id] += phase == _RUNNING
                    if phase == _WAITING and due_at <= now:
                        waiting[tenant_id] += 1
                        oldest = due_at if oldest is None else min(oldest, due_at)
                if pages >= _PAGES_OF_BACKLOG:
                    break
        tenants = sorted(+waiting | +running)
        return Backlog(
            waiting=waiting.total(),
            running=running.total(),
            oldest_due_at=oldest,
            by_tenant={tenant: (waiting[tenant], running[tenant]) for tenant in tenants},
            complete=pages < _PAGES_OF_BACKLOG,
        )

    # ---- plumbing -------------------------------------------------------------------------------------

    def _keys(self, lane: str, after: str, until: str, *, count: int) -> list[str]:
        answer = self._reader.page(**_asked(lane, after, until), Limit=count)
        return [key["at"]["S"] for key in answer["Items"]]

    def _keyed(self, lane: str, after: str, until: str, count: int) -> Iterator[Item]:
        for answer in self._pages(lane, after, until, Limit=max(count, 1)):
            yield from answer["Items"]

    def _pages(self, lane: str, after: str, until: str, **more: Any) -> Iterator[dict[str, Any]]:
        asked = _asked(lane, after, until) | more
        while True:
            answer = self._reader.page(**asked)
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _asked(lane: str, after: str, until: str) -> dict[str, Any]:
    """A query for the keys of *lane* from *after* to *until*; no id has a ``~``."""
    return {
        "IndexName": INDEX,
        "KeyConditionExpression": "lane = :lane AND #at BETWEEN :after AND :until",
        "ExpressionAttributeNames": {"#at": "at"},
        "ExpressionAttributeValues": {
            ":lane": {"S": lane},
            ":after": {"S": after or "!"},
            ":until": {"S": until},
        },
    }


def _cursor(key: Item) -> str:
    tenant_id, due_at, job_id, phase = read_at(key["at"]["S"])
    return _LIVE.write(str(LIVE_LANES.index(key["lane"]["S"])), tenant_id, due_text(due_at), job_id, phase)


def _read_cursor(cursor: str) -> tuple[int, str]:
    number, *rest = _LIVE.read(cursor, ids=5)
    if not number.isdecimal() or int(number) >= len(LIVE_LANES):
        raise InvalidCursorError
    return int(number), "#".join(rest) + "#"
