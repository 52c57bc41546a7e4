"""Job stores that break one promise each; half of them on SQLite. `test_broken_adapters.py` judges them."""

from __future__ import annotations

from collections import defaultdict

import pytest

from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.memory import MemoryJobs, MemoryJobStore
from spectra.errors import IdempotencyConflictError, JobConflictError, JobNotFoundError, TenantBusyError
from spectra.ports.job_store import Page
from spectra.ports.listing import Filters
from spectra.testing import JobStoreContract
from tests.broken import stores_on_sqlite as sqlite


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


class JoinedNames(MemoryJobStore):
    """The key of a job is its two names with a dash between them."""

    def get(self, tenant_id, job_id, /):
        for tenant, job in list(self._kept.jobs):
            if f"{tenant}-{job}" == f"{tenant_id}-{job_id}":
                tenant_id, job_id = tenant, job
                break
        return super().get(tenant_id, job_id)


class TestJoinedNames(OnMemory):
    kind, breaks = JoinedNames, "JS1"


class TestTextCut(OnSQLite):
    kind, breaks = sqlite.TextCut, "JS1"


class TestDroppedField(OnMemory):
    kind, breaks = DroppedField, "JS1"


class TestMillisecondsLost(OnSQLite):
    kind, breaks = sqlite.MillisecondsLost, "JS1"


# ---- JS2 ----------------------------------------------------------------------------------------------


class TestLastWriteWins(OnSQLite):
    kind, breaks = sqlite.LastWriteWins, "JS2"
    also = {"JS4"}  # where there are no conflicts, none is reported before a busy tenant


class TestTheEndIsWrittenOver(OnSQLite):
    kind, breaks = sqlite.TheEndIsWrittenOver, "JS2"
    also = {"JS4"}  # a conflict with what has ended is no conflict there either


class TestCheckThenAct(OnSQLite):
    kind, breaks = sqlite.CheckThenAct, "JS2"


class TestLockOfOneProcess(OnSQLite):
    kind, breaks = sqlite.LockOfOneProcess, "JS2"


# ---- JS3 ----------------------------------------------------------------------------------------------


class OverwritingAdd(MemoryJobStore):
    def add(self, job, /):
        with self._kept.lock:
            held = self._kept.keys.get((job.tenant_id, job.idempotency_key))
            if held is None:
                self.delete(job.tenant_id, job.job_id)
            return super().add(job)


class KeyOutlivesItsJob(MemoryJobStore):
    def add(self, job, /):
        with self._kept.lock:
            holder = self._kept.keys.get((job.tenant_id, job.idempotency_key))
            if holder is not None and (job.tenant_id, holder) not in self._kept.jobs:
                raise IdempotencyConflictError(job.idempotency_key, holder)
            return super().add(job)

    def delete(self, tenant_id, job_id, /):
        with self._kept.lock:
            keys = {**self._kept.keys}
            super().delete(tenant_id, job_id)
            self._kept.keys.update(keys)


class TestOverwritingAdd(OnMemory):
    kind, breaks = OverwritingAdd, "JS3"


class TestKeyAfterTheJob(OnSQLite):
    kind, breaks = sqlite.KeyAfterTheJob, "JS3"


class TestKeyOutlivesItsJob(OnMemory):
    kind, breaks = KeyOutlivesItsJob, "JS3"


# ---- JS4 ----------------------------------------------------------------------------------------------


class CapOffByOne(MemoryJobStore):
    def replace(self, old, new, /, *, limit=None):
        try:
            return super().replace(old, new, limit=None if limit is None else limit + 1)
        except TenantBusyError as exc:
            raise TenantBusyError(exc.tenant_id, limit) from None


class FullWhenEqual(MemoryJobStore):
    """Only as many as the limit are too many; a limit that was lowered is passed already."""

    def replace(self, old, new, /, *, limit=None):
        with self._kept.lock:
            places = self._kept.places[new.tenant_id]
            if limit is None or len(places) <= limit or new.job_id in places:
                return super().replace(old, new, limit=limit)
            return super().replace(old, new, limit=len(places) + 1)


class TestFullWhenEqual(OnMemory):
    kind, breaks = FullWhenEqual, "JS4"


class PlaceOfTheRefused(MemoryJobStore):
    """The place is taken before anything else is looked at."""

    def replace(self, old, new, /, *, limit=None):
        with self._kept.lock:
            try:
                return super().replace(old, new, limit=limit)
            except JobConflictError:
                if limit is not None:
                    self._kept.places[new.tenant_id].add(new.job_id)
                raise


class TestPlaceOfTheRefused(OnMemory):
    kind, breaks = PlaceOfTheRefused, "JS4"


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
    kind, breaks = sqlite.PlaceGivenBackTwice, "JS4"


class TestPlaceNeverGivenBack(OnMemory):
    kind, breaks = PlaceNeverGivenBack, "JS4"


# ---- JS5 ----------------------------------------------------------------------------------------------


class UnorderedFind(MemoryJobStore):
    def find(self, tenant_id, /, **asked):
        page = super().find(tenant_id, **asked)
        return Page(page.items[::-1], page.next_cursor)


class CursorCarriesTheTenant(MemoryJobStore):
    def find(self, tenant_id, /, *, cursor=None, **asked):
        if cursor is not None:
            tenant_id, _, cursor = cursor.partition(":")
        page = super().find(tenant_id, cursor=cursor, **asked)
        return Page(page.items, page.next_cursor and f"{tenant_id}:{page.next_cursor}")


class TestCollatedFind(OnSQLite):
    kind, breaks = sqlite.CollatedFind, "JS5"


class TestAtMostAHundred(OnSQLite):
    kind, breaks = sqlite.AtMostAHundred, "JS5"


class TestUnorderedFind(OnMemory):
    kind, breaks = UnorderedFind, "JS5"


class TestUnstableFind(OnSQLite):
    kind, breaks = sqlite.UnstableFind, "JS5"


class TestCursorCarriesTheTenant(OnMemory):
    kind, breaks = CursorCarriesTheTenant, "JS5"


# ---- JS6 to JS9 ---------------------------------------------------------------------------------------


class DueForgetsTheAborted(MemoryJobStore):
    """What has ended is not due, though its execution goes on."""

    def due(self, now, /, **asked):
        return [job for job in super().due(now, **asked) if not job.is_settling]


class DueOldestFirstOnly(MemoryJobStore):
    """What waits for its start may stand before what has begun, and hide it."""

    def due(self, now, /, *, limit, per_tenant=5, tenant_id=None):
        right = super().due(now, limit=limit, per_tenant=per_tenant, tenant_id=tenant_id)
        tenants = {job.tenant_id for job in right}
        found = []
        for tenant in sorted(tenants):
            jobs = super().due(now, limit=1_000, per_tenant=1_000, tenant_id=tenant)
            found += sorted(jobs, key=lambda job: (job.due_at, job.job_id))[:per_tenant]
        return found[:limit]


class AnyCursor(MemoryJobStore):
    """A cursor is a job's id, and good for whatever is asked next."""

    def find(self, tenant_id, /, *, cursor=None, limit=50, **asked):
        given, general = Filters.of(**asked).cursors, Filters.of().cursors
        if cursor is not None:
            cursor = given.write(*general.read(cursor, ids=1))
        page = super().find(tenant_id, cursor=cursor, limit=limit, **asked)
        following = page.next_cursor and general.write(*given.read(page.next_cursor, ids=1))
        return Page(page.items, following)


class TestDueForgetsTheAborted(OnMemory):
    kind, breaks = DueForgetsTheAborted, "JS6"


class TestAnyCursor(OnMemory):
    kind, breaks = AnyCursor, "JS9"


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


class CloseForgets(MemoryJobStore):
    def close(self):
        self._kept.jobs.clear()
        super().close()


class TestDueOldestFirstOnly(OnMemory):
    kind, breaks = DueOldestFirstOnly, "JS6"


class TestDueThatOneTenantBlocks(OnSQLite):
    kind, breaks = sqlite.DueThatOneTenantBlocks, "JS6"


class TestDueThatOneDocumentStops(OnSQLite):
    kind, breaks = sqlite.DueThatOneDocumentStops, "JS6"


class TestDueForgetsTheEnded(OnMemory):
    kind, breaks = DueForgetsTheEnded, "JS7"


class TestExpiredJobRead(OnMemory):
    kind, breaks = ExpiredJobRead, "JS7"


class TestExpiredJobFound(OnSQLite):
    kind, breaks = sqlite.ExpiredJobFound, "JS7"


class TestLiveWithoutWhatSettles(OnSQLite):
    kind, breaks = sqlite.LiveWithoutWhatSettles, "JS8"


class TestCloseIsNotFinal(OnSQLite):
    kind, breaks = sqlite.CloseIsNotFinal, "JS9"


class TestCloseForgets(OnMemory):
    kind, breaks = CloseForgets, "JS9"
