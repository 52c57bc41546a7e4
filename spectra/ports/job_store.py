"""The port where jobs are kept."""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Generic, Self, TypeVar

import attrs

from spectra.domain import Job, JobState, Operation

__all__ = ["Added", "Backlog", "JobStore", "Page"]

T = TypeVar("T")


@attrs.frozen
class Added:
    """What `JobStore.add` did: *job* as stored; *replayed* if an earlier request had made it."""

    job: Job
    replayed: bool = False


@attrs.frozen
class Page(Generic[T]):
    """One page of a listing; *next_cursor* is None on the last."""

    items: tuple[T, ...] = attrs.field(converter=tuple)
    next_cursor: str | None = None

    @property
    def jobs(self) -> tuple[T, ...]:
        """The items, by the name that a listing of jobs uses."""
        return self.items


@attrs.frozen(kw_only=True)
class Backlog:
    """How much is waiting and running. *complete* is False where the bound of pages was reached."""

    waiting: int
    running: int
    oldest_due_at: datetime | None
    by_tenant: Mapping[str, tuple[int, int]]
    complete: bool = True


class JobStore(abc.ABC):
    """Keeps jobs, one per (tenant, job id). Every implementation promises:

    JS1  `get` returns exactly what was last stored, field for field, and sees every finished write.
         The domain bounds a job's size, so that no write fails for it (256 KB as a document).
    JS2  `replace` is a compare-and-set on the version: of concurrent calls from one version exactly
         one wins; a loser gets `JobConflictError` with the job as it now is, and nothing changed.
         A try that the adapter or its driver repeats within one call is one write: its late or lost
         reply is no conflict. After `OutcomeUnknownError` the caller reads before it repeats.
    JS3  `add` never overwrites (`JobExistsError`). A job with an idempotency key reserves (tenant,
         key) in the same atomic write: same key and same `Job.fingerprint` returns the first job,
         replayed; another fingerprint raises `IdempotencyConflictError`. A refused `add` does not
         use the key up; a key lives exactly as long as its job.
    JS4  A `replace` into InProgress with a *limit* takes one of the tenant's places, and succeeds
         only while fewer than *limit* are taken, exactly, however many race; else `TenantBusyError`
         (a conflict is reported first). The write that records the end of the execution gives the
         place back, once: the terminal event, or, of a job aborted InProgress, the one that settles
         it. Deleting a job gives its place back.
    JS5  `find` is newest first, by job id; pages are full; a job that existed throughout appears
         exactly once; the cursor is opaque and only ever yields the asking tenant's jobs.
    JS6  `due` gives at most *per_tenant* jobs of one tenant, oldest first, but those that wait for their
         start (UploadComplete) behind all others: they may have to wait for just these. It moves on
         through the tenants from call to call: each tenant with a due job is reached within
         ``ceil(tenants / limit) + 1`` calls on one instance, *tenants* being those with any ``due_at``,
         whatever any of them has queued. It costs one index seek per tenant passed; may lag by
         seconds, may repeat, never loses. What this version cannot read is passed over.
    JS7  For `get`, `find` and keys a job past its ttl, by the store's clock, does not exist, deleted or
         not; `add` of its id, `replace` and `due` still see it until `delete`.
    JS8  `live` and `backlog` cost what they return.
    JS9  `delete` and `close` may be repeated; after `close` everything raises `ClosedError`, and the data
         stay. What makes no sense raises `InvalidSpecError` before anything is written: a limit outside
         1 to 1,000, an unknown state, an instant without a time zone, a job that replaces another.
         A cursor that the listing never gave raises `InvalidCursorError`.
         One instance serves any number of threads, many may share the data; construction does no I/O.

    Not promised: a snapshot over several calls; an order between tenants; that a job past its ttl is
    deleted by the store itself.

    Driver exceptions arrive as `BackendUnavailableError` (no try of it was done),
    `OutcomeUnknownError` (one may have been) or `BackendError`, the original as ``__cause__``.
    """

    __slots__ = ()

    max_places: int | None = None
    """The highest *limit* that `replace` takes; None if there is no bound."""

    @abc.abstractmethod
    def add(self, job: Job, /) -> Added:
        """Store a new job at version 1 and return it so.

        Raises:
            JobExistsError: this id is taken.
            IdempotencyConflictError: the key belongs to another request.
        """

    @abc.abstractmethod
    def get(self, tenant_id: str, job_id: str, /) -> Job:
        """Read a job.

        Raises:
            JobNotFoundError: there is none, or it is past its ttl.
        """

    @abc.abstractmethod
    def replace(self, old: Job, new: Job, /, *, limit: int | None = None) -> Job:
        """Store *new* at version ``old.version + 1``, if the stored job is at ``old.version``.

        Raises:
            JobNotFoundError: the job was deleted.
            JobConflictError: it is at another version.
            TenantBusyError: *limit* was given, and all places are taken.
            InvalidSpecError: *limit* is above `max_places`.
        """

    @abc.abstractmethod
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
        """List a tenant's jobs; *created_after* is inclusive, *created_before* exclusive.

        Raises:
            InvalidCursorError: *cursor* is not of this listing.
        """

    @abc.abstractmethod
    def due(
        self, now: datetime, /, *, limit: int, per_tenant: int = 5, tenant_id: str | None = None
    ) -> Sequence[Job]:
        """Jobs whose ``due_at`` is not after *now*, of all tenants or of one."""

    @abc.abstractmethod
    def live(self, *, limit: int, cursor: str | None = None) -> Page[Job]:
        """Jobs that have not ended or not settled, of all tenants; for operators.

        Raises:
            InvalidCursorError: *cursor* is not of this listing.
        """

    @abc.abstractmethod
    def backlog(self, now: datetime, /) -> Backlog:
        """Count what waits (due UploadComplete) and runs (InProgress)."""

    @abc.abstractmethod
    def delete(self, tenant_id: str, job_id: str, /) -> None:
        """Remove the job, its key and its place; silent if there is none."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release everything; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
