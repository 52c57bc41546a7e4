"""What is due, what lives: reading the index.

A small index is read whole. Of a large one, a lane holds a tenant's jobs side by side, oldest due first, so
that one seek finds the next tenant and its oldest job, whatever any tenant has queued. Live and ended jobs have
lanes of their own: the first are looked at in every call, the others, of which there are many and none is in a
hurry, in turns.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from spectra.adapters.aws.dynamodb.layout import (
    AFTER,
    BEGUN,
    INDEX,
    KEPT_LANES,
    LIVE_LANES,
    WAITING,
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

_FEW: Final = 500
"""Keys of the whole index up to which one look at all of it costs less than one into each lane."""

_LARGE_FOR: Final = 60.0
_PAGES_OF_BACKLOG: Final = 200
_LIVE: Final = Cursors("live by lane")
_WAITING, _RUNNING = "U", "I"


@attrs.frozen
class _Head:
    tenant_id: str
    due_at: datetime
    kept: bool


class Queue:
    """Looks into the index of one table; remembers where the last call stopped.

    Where it begins is drawn by *uniform*: processes that live for one call would else all look at the
    same few tenants first.
    """

    def __init__(self, reader: Reader, *, uniform: Callable[[], float] = random.random) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._begin = uniform()
        self._live, self._kept = (_from(self._begin, lanes) for lanes in (LIVE_LANES, KEPT_LANES))
        self._visited: str | None = None
        self._served: set[str] = set()
        self._round = self._heads(self._live + self._kept)
        self._begun = False
        self._large_until = 0.0

    # ---- due ------------------------------------------------------------------------------------------

    def due(self, now: datetime, *, limit: int, per_tenant: int, tenant_id: str | None) -> list[Job]:
        """See `JobStore.due`."""
        if tenant_id is not None:
            queues = {tenant_id: self._of_tenant(tenant_id, now, per_tenant)}
            return self._read(queues, now, limit, per_tenant)[tenant_id]
        with self._lock:
            queues = self._queues(now, limit, per_tenant)
        # One of each tenant before a second of any: a page reaches as many tenants as it can.
        rounds = itertools.zip_longest(*self._read(queues, now, limit, per_tenant).values())
        return [job for jobs in rounds for job in jobs if job is not None][:limit]

    def _queues(self, now: datetime, limit: int, per_tenant: int) -> dict[str, Iterator[Item]]:
        """The keys of what is due, oldest first, of up to *limit* tenants, who take turns."""
        keys = self._whole()
        if keys is None:
            return {one: self._of_tenant(one, now, per_tenant) for one in self._tenants(now, limit)}
        queues: dict[str, list[Item]] = {}
        for key in sorted(keys, key=_turn_of):
            if _due_of(key)[0] <= now:
                queues.setdefault(key["pk"]["S"], []).append(key)
        tenants = tuple(sorted(queues))
        if self._visited is None:
            turn = _from(self._begin, tenants)[:limit]
        else:
            start = bisect.bisect_right(tenants, self._visited)
            turn = (tenants[start:] + tenants[:start])[:limit]
        if turn:
            self._visited = turn[-1]
        return {one: iter(queues[one]) for one in turn}

    def _whole(self) -> list[Item] | None:
        """All keys of the index, if they are so few that one look at all costs less than one into each lane."""
        if time.monotonic() < self._large_until:
            return None
        answer = self._reader.scan(IndexName=INDEX, Limit=_FEW)
        if "LastEvaluatedKey" in answer:
            self._large_until = time.monotonic() + _LARGE_FOR
            return None
        keys: list[Item] = answer["Items"]
        return keys

    def _of_tenant(self, tenant_id: str, now: datetime, count: int) -> Iterator[Item]:
        """The keys of what is due of a tenant, oldest first, what waits last; read as they are taken."""
        live, kept = lanes_of(tenant_id)

        def queue(lane: str, name: str) -> Iterator[Item]:
            begin = f"{tenant_id}#{name}#"
            return self._keyed(lane, begin, f"{begin}{due_text(now)}{AFTER}", count)

        begun = heapq.merge(queue(live, BEGUN), queue(kept, BEGUN), key=_due_of)
        return itertools.chain(begun, queue(live, WAITING))

    def _read(
        self, queues: dict[str, Iterator[Item]], now: datetime, limit: int, per_tenant: int
    ) -> dict[str, list[Job]]:
        """About *limit* jobs that can be read, and are due still: the first of each queue, as many of each.

        A queue gives *per_tenant* at most. Those that have fewer leave the rest to the others.
        """
        jobs: dict[str, list[Job]] = {tenant_id: [] for tenant_id in queues}
        share = min(-(-limit // max(len(queues), 1)), per_tenant)
        while True:
            keys = [
                {"pk": key["pk"], "sk": key["sk"]}
                for tenant_id, queue in queues.items()
                for key in itertools.islice(queue, share - len(jobs[tenant_id]))
            ]
            # The index may be behind the items, which are read as they are now.
            for job in self._reader.jobs(self._reader.items(keys)):
                if job.due_at is not None and job.due_at <= now:
                    jobs[job.tenant_id].append(job)
            if not keys:
                if share == per_tenant or sum(map(len, jobs.values())) >= limit:
                    return jobs
                share = min(2 * share, per_tenant)

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
                self._round, self._begun = self._heads(self._live + self._kept), False
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
            for head in self._heads(self._live):
                if head.due_at <= now:
                    found[head.tenant_id] = None
                    if len(found) == limit:
                        break
        return [*found]

    def _heads(self, lanes: Sequence[str]) -> Iterator[_Head]:
        """The queues of the tenants of *lanes*, each with its oldest job there."""
        for lane in lanes:
            after = ""
            while True:
                keys = self._keys(lane, after, "~", count=_KEYS)
                for at in keys:
                    if at > after:
                        tenant_id, due_at, _, _ = read_at(at)
                        yield _Head(tenant_id, due_at, lane in KEPT_LANES)
                        after = at[: len(tenant_id) + 2] + AFTER
                if len(keys) < _KEYS:
                    break

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
        for keys in self._live_keys():
            pages += 1
            for key in keys:
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

    def _live_keys(self) -> Iterator[list[Item]]:
        """The keys of the live jobs, a page at a time; in the index read whole others are among them."""
        whole = self._whole()
        if whole is not None:
            yield whole
            return
        for lane in LIVE_LANES:
            for answer in self._pages(lane, "", "~"):
                yield answer["Items"]

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


def _from(share: float, circle: tuple[str, ...]) -> tuple[str, ...]:
    """*circle*, beginning at this share of it."""
    start = int(share * len(circle))
    return circle[start:] + circle[:start]


def _turn_of(key: Item) -> tuple[bool, datetime, str]:
    return read_at(key["at"]["S"])[3] == _WAITING, *_due_of(key)


def _due_of(key: Item) -> tuple[datetime, str]:
    _, due_at, job_id, _ = read_at(key["at"]["S"])
    return due_at, job_id


def _cursor(key: Item) -> str:
    return _LIVE.write(str(LIVE_LANES.index(key["lane"]["S"])), *key["at"]["S"].split("#"))


def _read_cursor(cursor: str) -> tuple[int, str]:
    number, *rest = _LIVE.read(cursor, ids=6)
    if not number.isdecimal() or int(number) >= len(LIVE_LANES):
        raise InvalidCursorError
    return int(number), "#".join(rest) + "#"
