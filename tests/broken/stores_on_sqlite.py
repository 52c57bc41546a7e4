"""`SQLiteJobStore`, broken in one way each: they are for `job_stores.py`."""

from __future__ import annotations

import itertools
import json
import re
import threading

import attrs

from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.embedded.job_store_listing import listing
from spectra.adapters.embedded.job_store_schema import fields, parsed, to_ms
from spectra.codec import readable, to_document
from spectra.errors import InvalidCursorError, JobConflictError, JobNotFoundError
from spectra.ports.job_store import Added, Page
from spectra.ports.listing import Filters, check_page, instant
from spectra.testing import ManualClock

# ---- JS1 ----------------------------------------------------------------------------------------------


class MillisecondsLost(SQLiteJobStore):
    """Writes whole seconds into the document; what the call returns, and the columns, are right."""

    def add(self, job, /):
        added = super().add(job)
        if not added.replayed:
            self.shorten(added.job)
        return added

    def replace(self, old, new, /, *, limit=None):
        stored = super().replace(old, new, limit=limit)
        self.shorten(stored)
        return stored

    def shorten(self, job):
        exact = json.dumps(to_document(job))
        short = re.sub(r"(T\d\d:\d\d:\d\d)\.\d{3}Z", r"\1.000Z", exact)
        if short != exact:
            which = (job.tenant_id, job.job_id, job.version)
            update = "UPDATE jobs SET document = ? WHERE tenant_id = ? AND job_id = ? AND version = ?"
            self._db.write(lambda connection: connection.execute(update, (short, *which)))


class TextCut(SQLiteJobStore):
    """A column of 64 KB, in a database that cuts what does not fit."""

    def get(self, tenant_id, job_id, /):
        job = super().get(tenant_id, job_id)
        text = getattr(job.spec, "query", "")
        short = text.encode()[:65_535].decode(errors="ignore")
        return job if short == text else attrs.evolve(job, spec=attrs.evolve(job.spec, query=short))


# ---- JS2 ----------------------------------------------------------------------------------------------


class Unconditional(SQLiteJobStore):
    """Can store over whatever version is there; places are counted all the same."""

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
            there = old.evolved(version=self.now(old).version)
            try:
                return SQLiteJobStore.replace(self, there, new, limit=limit)
            except JobConflictError:
                continue


class LastWriteWins(Unconditional):
    def replace(self, old, new, /, *, limit=None):
        return self.put(old, new, limit)


class TheEndIsWrittenOver(Unconditional):
    """The version is compared while the job lives."""

    def replace(self, old, new, /, *, limit=None):
        if (old.tenant_id, old.job_id) == (new.tenant_id, new.job_id) and self.now(old).is_terminal:
            return self.put(old, new, limit)
        return super().replace(old, new, limit=limit)


class CheckThenAct(Unconditional):
    """The window is what lies between two statements, and nothing more."""

    def replace(self, old, new, /, *, limit=None):
        now = self.now(old)
        if now.version != old.version:
            raise JobConflictError(now, old.version)
        return self.put(old, new, limit)


class LockOfOneProcess(CheckThenAct):
    """Threads of one instance exclude each other, two instances do not."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._lock = threading.Lock()

    def replace(self, old, new, /, *, limit=None):
        with self._lock:
            return super().replace(old, new, limit=limit)


# ---- JS3 ----------------------------------------------------------------------------------------------


class KeyAfterTheJob(SQLiteJobStore):
    """Looks whether the key is free, stores the job, and then gives it the key if that is still free."""

    def add(self, job, /):
        key, which = job.idempotency_key, (job.tenant_id, job.job_id)
        if key is None or self.is_taken(job.tenant_id, key):
            return super().add(job)
        super().add(job.evolved(idempotency_key=None))
        stored = job.evolved(version=1)
        row = (key, json.dumps(to_document(stored)), *which)
        reserve = (
            "UPDATE OR IGNORE jobs SET idempotency_key = ?, document = ? WHERE tenant_id = ? AND job_id = ?"
        )
        self._db.write(lambda connection: connection.execute(reserve, row))
        return Added(stored)

    def is_taken(self, tenant_id, key):
        holder = "SELECT 1 FROM jobs WHERE tenant_id = ? AND idempotency_key = ?"
        with self._db.reading() as connection:
            return connection.execute(holder, (tenant_id, key)).fetchone() is not None


# ---- JS4 ----------------------------------------------------------------------------------------------


class PlaceGivenBackTwice(SQLiteJobStore):
    """A later write of an ended job gives a place back once more: another's, who still runs."""

    def replace(self, old, new, /, *, limit=None):
        stored = super().replace(old, new, limit=limit)
        if old.is_terminal and not new.is_settling:
            give = (
                "UPDATE jobs SET place = 0 "
                "WHERE id = (SELECT min(id) FROM jobs WHERE tenant_id = ? AND place = 1)"
            )
            self._db.write(lambda connection: connection.execute(give, (old.tenant_id,)))
        return stored


# ---- JS5 ----------------------------------------------------------------------------------------------


class UnstableFind(SQLiteJobStore):
    """Pages by ``OFFSET``."""

    def find(self, tenant_id, /, *, limit=50, cursor=None, **asked):
        check_page(limit)
        filters = Filters.of(**asked)
        try:
            shown = 0 if cursor is None else int(filters.cursors.read(cursor, ids=1)[0])
        except ValueError:
            raise InvalidCursorError from None
        now = to_ms(self._clock.now())
        statement, values = listing(filters, tenant_id, now=now, before=None, count=-1)
        page = f"SELECT * FROM ({statement}) LIMIT :page OFFSET :shown"
        with self._db.reading() as connection:
            rows = connection.execute(page, {**values, "page": limit + 1, "shown": shown}).fetchall()
        jobs = [parsed(document) for (document,) in rows[:limit]]
        return Page(jobs, filters.cursors.write(str(shown + limit)) if len(rows) > limit else None)


# ---- JS6 to JS9 ---------------------------------------------------------------------------------------


class CollatedFind(SQLiteJobStore):
    """Sorts as people do."""

    def find(self, tenant_id, /, **asked):
        page = super().find(tenant_id, **asked)
        return Page(sorted(page.items, key=lambda j: j.job_id.casefold(), reverse=True), page.next_cursor)


class AtMostAHundred(SQLiteJobStore):
    """More than a hundred jobs are not given at once, whatever was asked for."""

    def find(self, tenant_id, /, *, limit=50, **asked):
        check_page(limit)
        return super().find(tenant_id, limit=min(limit, 100), **asked)


class DueThatOneTenantBlocks(SQLiteJobStore):
    """Reads the oldest of all, and only then looks whose they are."""

    def due(self, now, /, *, limit, per_tenant=5, tenant_id=None):
        if tenant_id is not None:
            return super().due(now, limit=limit, per_tenant=per_tenant, tenant_id=tenant_id)
        check_page(limit, per_tenant)
        oldest = "SELECT document FROM jobs WHERE due_at <= ? ORDER BY due_at LIMIT ?"
        with self._db.reading() as connection:
            rows = connection.execute(oldest, (to_ms(instant("now", now)), limit)).fetchall()
        jobs = sorted(readable(fields(document) for (document,) in rows), key=lambda job: job.tenant_id)
        by_tenant = itertools.groupby(jobs, lambda job: job.tenant_id)
        return [job for _, group in by_tenant for job in itertools.islice(group, per_tenant)]


class DueThatOneDocumentStops(SQLiteJobStore):
    """Reads every document, also those that a newer Spectra wrote."""

    def due(self, now, /, **asked):
        with self._db.reading() as connection:
            at = to_ms(instant("now", now))
            for (document,) in connection.execute("SELECT document FROM jobs WHERE due_at <= ?", (at,)):
                parsed(document)
        return super().due(now, **asked)


class ExpiredJobFound(SQLiteJobStore):
    def find(self, tenant_id, /, **asked):
        clock, self._clock = self._clock, ManualClock()  # it stands still
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
