"""Job stores that break one promise each; half of them on SQLite. `test_broken_adapters.py` judges them."""

from __future__ import annotations

import base64
import itertools
import json
import sqlite3
import threading
import time
from collections import defaultdict

import pytest

from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.embedded.job_store_schema import parsed, to_ms
from spectra.adapters.memory import MemoryJobs, MemoryJobStore
from spectra.codec import to_document
from spectra.errors import IdempotencyConflictError, InvalidCursorError, JobConflictError, JobNotFoundError
from spectra.ports.job_store import Added, Page
from spectra.testing import JobStoreContract, ManualClock


class OnMemory(JobStoreContract):
    kind: type[MemoryJobStore]

    @pytest.fixture
    def open_store(self):
        kept = defaultdict(MemoryJobs)
        return lambda namespace, clock: self.kind(kept[namespace], clock=clock)


class OnSQLite(JobStoreContract):
    kind: type[SQLiteJobStore]

    @pytest.fixture
    def open_store(self, tmp_path):
        made = []

        def open_store(namespace, clock):
            made.append(self.kind(tmp_path / f"{namespace}.db", clock=clock))
            return made[-1]

        yield open_store
        for store in made:
            SQLiteJobStore.close(store)


# ---- JS1 ----------------------------------------------------------------------------------------------


class DroppedField(MemoryJobStore):
    def get(self, tenant_id, job_id, /):
        return super().get(tenant_id, job_id).evolved(warnings=())


class MillisecondsLost(SQLiteJobStore):
    def add(self, job, /):
        return super().add(job.evolved(created_at=job.created_at.replace(microsecond=0)))


class TestDroppedField(OnMemory):
    kind, breaks = DroppedField, "JS1"


class TestMillisecondsLost(OnSQLite):
    kind, breaks = MillisecondsLost, "JS1"


# ---- JS2 ----------------------------------------------------------------------------------------------


class Unconditional(SQLiteJobStore):
    """Has a `replace` that asks for no version; places are counted all the same."""

    def now(self, job):
        with self._db.reading() as connection:
            row = connection.execute(
                "SELECT document FROM jobs WHERE tenant_id = ? AND job_id = ?", (job.tenant_id, job.job_id)
            ).fetchone()
        if row is None:
            raise JobNotFoundError(job.tenant_id, job.job_id)
        return parsed(row[0])

    def put(self, old, new, limit):
        while True:
            try:
                return SQLiteJobStore.replace(
                    self, old.evolved(version=self.now(old).version), new, limit=limit
                )
            except JobConflictError:
                continue


class LastWriteWins(Unconditional):
    def replace(self, old, new, /, *, limit=None):
        return self.put(old, new, limit)


class CheckThenAct(Unconditional):
    def replace(self, old, new, /, *, limit=None):
        now = self.now(old)
        if now.version != old.version:
            raise JobConflictError(now, old.version)
        time.sleep(0.002)
        return self.put(old, new, limit)


class LockOfOneProcess(CheckThenAct):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.lock = threading.Lock()

    def replace(self, old, new, /, *, limit=None):
        with self.lock:
            return super().replace(old, new, limit=limit)


class TestLastWriteWins(OnSQLite):
    kind, breaks = LastWriteWins, "JS2"
    also = {"JS4"}  # where there are no conflicts, none is reported before a busy tenant


class TestCheckThenAct(OnSQLite):
    kind, breaks = CheckThenAct, "JS2"


class TestLockOfOneProcess(OnSQLite):
    kind, breaks = LockOfOneProcess, "JS2"


# ---- JS3 ----------------------------------------------------------------------------------------------


class OverwritingAdd(MemoryJobStore):
    def add(self, job, /):
        with self._kept.lock:
            held = self._kept.keys.get((job.tenant_id, job.idempotency_key))
            if held is None:
                self.delete(job.tenant_id, job.job_id)
            return super().add(job)


class KeyAfterTheJob(SQLiteJobStore):
    def add(self, job, /):
        key = job.idempotency_key
        if key is None:
            return super().add(job)
        with self._db.reading() as connection:
            free = not self.holders(connection, job)
        if not free:
            return super().add(job)
        added = super().add(job.evolved(idempotency_key=None))
        time.sleep(0.002)
        stored = added.job.evolved(idempotency_key=key)

        def reserve(connection):
            connection.execute(
                "UPDATE jobs SET idempotency_key = ?, document = ? WHERE tenant_id = ? AND job_id = ?",
                (key, json.dumps(to_document(stored)), job.tenant_id, job.job_id),
            )
            return Added(stored)

        with self._db.reading() as connection:
            first = self.holders(connection, job)
        if first:
            return Added(parsed(first[0][0]), replayed=True)
        try:
            return self._db.write(reserve)
        except Exception:
            with self._db.reading() as connection:
                return Added(parsed(self.holders(connection, job)[0][0]), replayed=True)

    def holders(self, connection: sqlite3.Connection, job):
        return connection.execute(
            "SELECT document FROM jobs WHERE tenant_id = ? AND idempotency_key = ?",
            (job.tenant_id, job.idempotency_key),
        ).fetchall()


class KeyOutlivesItsJob(MemoryJobStore):
    def add(self, job, /):
        grave = getattr(type(self), "graves", {}).get((id(self._kept), job.tenant_id, job.idempotency_key))
        if grave is not None:
            raise IdempotencyConflictError(job.idempotency_key, grave)
        return super().add(job)

    def delete(self, tenant_id, job_id, /):
        for (tenant, key), holder in list(self._kept.keys.items()):
            if (tenant, holder) == (tenant_id, job_id):
                type(self).graves[id(self._kept), tenant, key] = job_id
        super().delete(tenant_id, job_id)

    graves: dict = {}


class TestOverwritingAdd(OnMemory):
    kind, breaks = OverwritingAdd, "JS3"


class TestKeyAfterTheJob(OnSQLite):
    kind, breaks = KeyAfterTheJob, "JS3"


class TestKeyOutlivesItsJob(OnMemory):
    kind, breaks = KeyOutlivesItsJob, "JS3"


# ---- JS4 ----------------------------------------------------------------------------------------------


class CapOffByOne(MemoryJobStore):
    def replace(self, old, new, /, *, limit=None):
        return super().replace(old, new, limit=None if limit is None else limit + 1)


class PlaceGivenBackTwice(SQLiteJobStore):
    def replace(self, old, new, /, *, limit=None):
        stored = super().replace(old, new, limit=limit)
        if old.is_terminal and not new.is_settling:
            self._db.write(
                lambda connection: connection.execute(
                    "UPDATE jobs SET place = 0 WHERE id = (SELECT min(id) FROM jobs WHERE tenant_id = ? AND place = 1)",
                    (old.tenant_id,),
                )
            )
        return stored


class PlaceNeverGivenBack(MemoryJobStore):
    def replace(self, old, new, /, *, limit=None):
        with self._kept.lock:
            had = old.job_id in self._kept.places[old.tenant_id]
            stored = super().replace(old, new, limit=limit)
            if had:
                self._kept.places[old.tenant_id].add(old.job_id)
            return stored


class TestCapOffByOne(OnMemory):
    kind, breaks = CapOffByOne, "JS4"


class TestPlaceGivenBackTwice(OnSQLite):
    kind, breaks = PlaceGivenBackTwice, "JS4"


class TestPlaceNeverGivenBack(OnMemory):
    kind, breaks = PlaceNeverGivenBack, "JS4"


# ---- JS5 ----------------------------------------------------------------------------------------------


class UnorderedFind(MemoryJobStore):
    def find(self, tenant_id, /, **asked):
        page = super().find(tenant_id, **asked)
        return Page(page.items[::-1], page.next_cursor)


class UnstableFind(SQLiteJobStore):
    """Counts what it has shown, as ``OFFSET`` does."""

    def find(self, tenant_id, /, *, limit=50, cursor=None, **asked):
        offset = 0
        if cursor is not None:
            try:
                offset = int(base64.b64decode(cursor, validate=True).decode().removeprefix("offset "))
            except ValueError:
                raise InvalidCursorError from None
        super().find(tenant_id, limit=limit)
        found = super().find(tenant_id, limit=1000, **asked).items
        more = len(found) > offset + limit
        after = base64.b64encode(f"offset {offset + limit}".encode()).decode() if more else None
        return Page(found[offset : offset + limit], after)


class CursorCarriesTheTenant(MemoryJobStore):
    def find(self, tenant_id, /, *, cursor=None, **asked):
        if cursor is not None:
            tenant_id, _, cursor = cursor.partition(":")
        page = super().find(tenant_id, cursor=cursor, **asked)
        return Page(page.items, page.next_cursor and f"{tenant_id}:{page.next_cursor}")


class TestUnorderedFind(OnMemory):
    kind, breaks = UnorderedFind, "JS5"


class TestUnstableFind(OnSQLite):
    kind, breaks = UnstableFind, "JS5"


class TestCursorCarriesTheTenant(OnMemory):
    kind, breaks = CursorCarriesTheTenant, "JS5"


# ---- JS6 to JS9 ---------------------------------------------------------------------------------------


class DueThatOneTenantBlocks(SQLiteJobStore):
    def due(self, now, /, *, limit, per_tenant=5, tenant_id=None):
        if tenant_id is not None:
            return super().due(now, limit=limit, per_tenant=per_tenant, tenant_id=tenant_id)
        super().due(now, limit=limit, per_tenant=per_tenant)  # for what it refuses
        with self._db.reading() as connection:
            rows = connection.execute(
                "SELECT document FROM jobs WHERE due_at <= ? ORDER BY due_at, tenant_id, job_id LIMIT ?",
                (to_ms(now), limit),
            ).fetchall()
        jobs = [parsed(document) for (document,) in rows]
        by_tenant = itertools.groupby(sorted(jobs, key=lambda job: job.tenant_id), lambda job: job.tenant_id)
        return [job for _, group in by_tenant for job in itertools.islice(group, per_tenant)]


class DueForgetsTheEnded(MemoryJobStore):
    def due(self, now, /, **asked):
        return [job for job in super().due(now, **asked) if job.ttl is None]


class ExpiredJobRead(MemoryJobStore):
    def get(self, tenant_id, job_id, /):
        with self._kept.lock:
            self._now()
            try:
                return self._kept.jobs[tenant_id, job_id]
            except KeyError:
                raise JobNotFoundError(tenant_id, job_id) from None


class ExpiredJobFound(SQLiteJobStore):
    def find(self, tenant_id, /, **asked):
        clock, self._clock = self._clock, ManualClock()
        try:
            return super().find(tenant_id, **asked)
        finally:
            self._clock = clock


class LiveWithoutWhatSettles(SQLiteJobStore):
    def live(self, *, limit, cursor=None):
        page = super().live(limit=limit, cursor=cursor)
        return Page([job for job in page.items if not job.is_settling], page.next_cursor)


class CloseIsNotFinal(SQLiteJobStore):
    def close(self):
        pass


class CloseForgets(MemoryJobStore):
    def close(self):
        self._kept.jobs.clear()
        super().close()


class TestDueThatOneTenantBlocks(OnSQLite):
    kind, breaks = DueThatOneTenantBlocks, "JS6"


class TestDueForgetsTheEnded(OnMemory):
    kind, breaks = DueForgetsTheEnded, "JS7"


class TestExpiredJobRead(OnMemory):
    kind, breaks = ExpiredJobRead, "JS7"


class TestExpiredJobFound(OnSQLite):
    kind, breaks = ExpiredJobFound, "JS7"


class TestLiveWithoutWhatSettles(OnSQLite):
    kind, breaks = LiveWithoutWhatSettles, "JS8"


class TestCloseIsNotFinal(OnSQLite):
    kind, breaks = CloseIsNotFinal, "JS9"


class TestCloseForgets(OnMemory):
    kind, breaks = CloseForgets, "JS9"
