"""`DynamoDBJobStore`: jobs in one table of Amazon DynamoDB."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from spectra.adapters.aws.dynamodb.calls import Calls, Refused, new_client
from spectra.adapters.aws.dynamodb.items import to_item
from spectra.adapters.aws.dynamodb.layout import Item, job_key, key_key, statement_key
from spectra.adapters.aws.dynamodb.listing import find
from spectra.adapters.aws.dynamodb.places import MOST_PLACES, Places, check_limit, give_back, take_place
from spectra.adapters.aws.dynamodb.queue import Queue
from spectra.adapters.aws.dynamodb.reading import Reader, expired
from spectra.adapters.aws.dynamodb.statements import digest_of, statement_item
from spectra.adapters.aws.dynamodb.writes import Action, Writer, delete, put
from spectra.domain import Job, JobState, Operation
from spectra.errors import (
    BackendUnavailableError,
    IdempotencyConflictError,
    InvalidSpecError,
    JobConflictError,
    JobExistsError,
    JobNotFoundError,
    OutcomeUnknownError,
    TenantBusyError,
)
from spectra.ports.clock import Clock, SystemClock
from spectra.ports.job_store import Added, Backlog, JobStore, Page
from spectra.ports.listing import Filters, check_page, instant

__all__ = ["DynamoDBJobStore"]

_CLOCK: Final = SystemClock()
_TRIES: Final = 6
_ABSENT: Final = "attribute_not_exists(pk)"


class DynamoDBJobStore(JobStore):
    """Keeps jobs in *table*, laid out as docs/dynamodb.md says; the template makes it: JS1 to JS9.

    *client* is a boto3 client of DynamoDB, or makes one; without it one is made, for *region* or the
    environment's. Clients are made on first use, and again after a fork.

    A write is one call: a conditional put, or one transaction where a key, a large statement or a place
    is concerned. A job below 1 KB costs one write unit and its two of the index for each change, twice
    that where a place is taken or given back. `find` and `get` read consistently; filtered, `find` reads
    what it passes over. A limit above 3,000 places is refused. `due` reads an index of up to 500 jobs
    whole; of a larger one it looks at 32 lanes, passes each tenant that has live jobs, and at most *limit*
    tenants that only wait for expiry. `backlog` reads the keys of the live jobs.
    """

    max_places = MOST_PLACES

    def __init__(
        self,
        table: str = "spectra-jobs",
        *,
        client: Any | Callable[[], Any] = None,
        region: str | None = None,
        clock: Clock = _CLOCK,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not isinstance(table, str) or not table:
            raise InvalidSpecError("table", "must be the name of a table")
        self._calls = Calls(
            client if client is not None else functools.partial(new_client, region), sleep=sleep
        )
        self._table = table
        self._clock = clock
        self._writer = Writer(self._calls, table)
        self._reader = Reader(self._calls, table)
        self._queue = Queue(self._reader)
        self._places = Places(self._reader, self._writer, clock)

    # ---- writes ---------------------------------------------------------------------------------------

    def add(self, job: Job, /) -> Added:
        stored = job.evolved(version=1)
        token, digest, key = secrets.token_bytes(8), digest_of(job), job.idempotency_key
        wake = stored.state is JobState.UPLOAD_COMPLETE
        writes = [put(to_item(stored, token=token, seated=False, wake=wake, statement=digest), _ABSENT)]
        if digest is not None:
            writes.append(put(statement_item(job, digest)))
        dead: str | None = None
        for _ in range(_TRIES):
            reserved = [] if key is None else [_reserve(job, key, dead)]
            try:
                self._writer.commit([*writes, *reserved])
            except Refused as refused:
                found = refused.found[0]
                if found is not None and _token(found) == token:
                    break
                if found and refused.doubtful:
                    # If an earlier try was applied, a worker may have gone on with the job by now.
                    raise OutcomeUnknownError(f"{job} may have been added; it is there") from None
                if key is not None and refused.found[-1] is not None:
                    holder = refused.found[-1].get("job", {}).get("S")
                    first = None if holder is None else self._first(job, holder)
                    if first is not None:
                        if first.fingerprint != job.fingerprint:
                            raise IdempotencyConflictError(key, first.job_id) from None
                        return Added(first, replayed=True)
                    dead = holder
                    continue
                raise JobExistsError(job.tenant_id, job.job_id) from None
            else:
                break
        else:
            raise BackendUnavailableError(f"the key of {job} changes hands again and again; repeat it")
        self._reader.seats.see((job.tenant_id, job.job_id), seated=False)
        return Added(stored)

    def _first(self, job: Job, holder: str) -> Job | None:
        """The job that a key was reserved by; None if it is gone, or past its ttl."""
        item = self._reader.item(job_key(job.tenant_id, holder))
        return None if item is None or expired(item, self._clock.now()) else self._reader.job(item)

    def replace(self, old: Job, new: Job, /, *, limit: int | None = None) -> Job:
        ids = (old.tenant_id, old.job_id)
        if ids != (new.tenant_id, new.job_id):
            raise InvalidSpecError("job_id", f"{new} cannot replace {old}")
        check_limit(limit)
        stored = new.evolved(version=old.version + 1)
        token, digest = secrets.token_bytes(8), digest_of(new)
        seated, has_statement = self._reader.seats.seated(ids), old.spec == new.spec
        healed = False
        for _ in range(_TRIES):
            takes = limit is not None and new.state is JobState.IN_PROGRESS and not seated
            ends = new.state is not JobState.IN_PROGRESS and not new.is_settling
            keeps = (seated or takes) and not ends
            item = to_item(stored, token=token, seated=keeps, wake=_wakes(old, new), statement=digest)
            known = digest if has_statement else None
            writes = [_replacement(item, old.version, seated=seated, digest=known)]
            if digest is not None and not has_statement:
                writes.append(put(statement_item(new, digest)))
            if takes:
                assert limit is not None
                writes.append(take_place(*ids, limit))
            elif ends and seated:
                writes.append(give_back(ids[0], ids[1:]))
            try:
                self._writer.commit(writes)
            except Refused as refused:
                found = refused.found[0]
                if found is None:
                    if healed or not self._places.heal(ids[0], refused.found[-1] or {}):
                        raise TenantBusyError(ids[0], limit or 0) from None
                    healed = True
                    continue
                if found and _token(found) == token:
                    break
                self._refuse(old, found, doubtful=refused.doubtful)
                # The version is right: what was wrong is what was thought of its place or statement.
                seated, has_statement = "seat" in found, digest == found.get("qd", {}).get("S")
            else:
                break
        else:
            raise BackendUnavailableError(f"{old} changes again and again; repeat it")
        self._reader.seats.see(ids, seated=keeps)
        return stored

    def _refuse(self, old: Job, found: Item, *, doubtful: bool) -> None:
        """Say what stands in the way of replacing *old*, unless its version is the right one.

        If an earlier try of the write may have been applied, and others have written since, nobody can
        tell the two cases apart.
        """
        version = int(found["v"]["N"]) if found else 0
        if version == old.version:
            return
        if doubtful and (not found or version > old.version + 1):
            raise OutcomeUnknownError(f"the write of {old} may have been done; it has changed since")
        if not found:
            raise JobNotFoundError(old.tenant_id, old.job_id)
        raise JobConflictError(self._reader.job(found), old.version)

    def delete(self, tenant_id: str, job_id: str, /) -> None:
        self._calls.check_open()
        for _ in range(_TRIES):
            item = self._reader.item(job_key(tenant_id, job_id))
            if item is None:
                return
            if self._deleted(tenant_id, job_id, item):
                return
        raise BackendUnavailableError(f"{tenant_id}/{job_id} changes again and again; repeat it")

    def _deleted(self, tenant_id: str, job_id: str, item: Item) -> bool:
        writes = [delete(job_key(tenant_id, job_id), "v = :v", v=item["v"])]
        if "qd" in item:
            writes.append(delete(statement_key(tenant_id, job_id, item["qd"]["S"])))
        if "seat" in item:
            writes.append(give_back(tenant_id, [job_id]))
        keys = (
            [delete(key_key(tenant_id, item["ik"]["S"]), "job = :job", job={"S": job_id})]
            if "ik" in item
            else []
        )
        try:
            self._writer.commit([*writes, *keys])
        except Refused as refused:
            if refused.found[0] is not None:
                return False  # it has changed, or is gone: the next look tells
            # The key belongs to a later job by now: this one had expired.
            try:
                self._writer.commit(writes)
            except Refused:
                return False
        return True

    # ---- reads ----------------------------------------------------------------------------------------

    def get(self, tenant_id: str, job_id: str, /) -> Job:
        self._calls.check_open()
        item = self._reader.item(job_key(tenant_id, job_id))
        if item is None or expired(item, self._clock.now()):
            raise JobNotFoundError(tenant_id, job_id)
        return self._reader.job(item)

    def find(
        self,
        tenant_id: str,
        /,
        *,
        states: Collection[JobState] | None = None,
        operations: Collection[Operation] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        check_page(limit)
        filters = Filters.of(states, operations, created_after, created_before)
        self._calls.check_open()
        return find(self._reader, tenant_id, filters, limit=limit, cursor=cursor, now=self._clock.now())

    def due(
        self, now: datetime, /, *, limit: int, per_tenant: int = 5, tenant_id: str | None = None
    ) -> Sequence[Job]:
        check_page(limit, per_tenant)
        return self._queue.due(instant("now", now), limit=limit, per_tenant=per_tenant, tenant_id=tenant_id)

    def live(self, *, limit: int, cursor: str | None = None) -> Page[Job]:
        check_page(limit)
        return self._queue.live(limit, cursor)

    def backlog(self, now: datetime, /) -> Backlog:
        return self._queue.backlog(instant("now", now))

    def job_of(self, image: Mapping[str, Any], /) -> Job | None:
        """The job of an item's image in the table's stream; None of an item that is no job's.

        It reads nothing, unless the statement is a large one.

        Raises:
            NewerSchemaError, BackendError: it cannot be read.
        """
        if not str(image["sk"]["S"]).startswith("j#"):
            return None
        return self._reader.job(dict(image))

    def close(self) -> None:
        self._calls.close()


def _token(item: Item) -> Any:
    return item.get("w", {}).get("B")


def _reserve(job: Job, key: str, dead: str | None) -> Action:
    item: Item = {**key_key(job.tenant_id, key), "job": {"S": job.job_id}}
    return put(item, _ABSENT) if dead is None else put(item, "job = :dead", dead={"S": dead})


def _wakes(old: Job, new: Job) -> bool:
    """Whether the write makes the job one that a worker should look at: the stream passes these on."""
    ready = new.state is JobState.UPLOAD_COMPLETE and old.state is not JobState.UPLOAD_COMPLETE
    return ready or (new.is_settling and not old.is_settling)


def _replacement(item: Item, version: int, *, seated: bool, digest: str | None) -> Action:
    condition = "v = :v AND " + ("attribute_exists(seat)" if seated else "attribute_not_exists(seat)")
    if digest is None:
        return put(item, condition, v={"N": str(version)})
    return put(item, condition + " AND qd = :qd", v={"N": str(version)}, qd={"S": digest})
