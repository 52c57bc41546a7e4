"""Job stores that break one promise each; half of them on SQLite. `test_broken_adapters.py` judges them."""

from __future__ import annotations

from collections import defaultdict

import pytest

from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.memory import MemoryJobs, MemoryJobStore
from spectra.errors import IdempotencyConflictError, JobNotFoundError, TenantBusyError
from spectra.ports.job_store import Page
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


class TestDroppedField(OnMemory):
    kind, breaks = DroppedField, "JS1"


class TestMillisecondsLost(OnSQLite):
    kind, breaks = sqlite.MillisecondsLost, "JS1"


# ---- JS2 ----------------------------------------------------------------------------------------------


class TestLastWriteWins(OnSQLite):
    kind, breaks = sqlite.LastWriteWins, "JS2"
    also = {"JS4"}  # where there are no conflicts, none is reported before a busy tenant


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


class TestUnorderedFind(OnMemory):
    kind, breaks = UnorderedFind, "JS5"


class TestUnstableFind(OnSQLite):
    kind, breaks = sqlite.UnstableFind, "JS5"


class TestCursorCarriesTheTenant(OnMemory):
    kind, breaks = CursorCarriesTheTenant, "JS5"


# ---- JS6 to JS9 ---------------------------------------------------------------------------------------


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
