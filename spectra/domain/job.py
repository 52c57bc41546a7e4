"""The `Job` aggregate: immutable, every event returns a new one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

import attrs

from spectra.domain.caller import Session
from spectra.domain.counts import Counts, Progress
from spectra.domain.failure import JobError
from spectra.domain.files import Files, Upload
from spectra.domain.history import HistoryEntry, appended
from spectra.domain.instants import utc_ms
from spectra.domain.lease import Lease
from spectra.domain.record import Abort, Effect, JobRecord
from spectra.domain.retention import Retention
from spectra.domain.spec import LoadSpec, Spec
from spectra.domain.state import TRANSITIONS, Event, JobState
from spectra.errors import InvalidSpecError, TransitionError

__all__ = ["Abort", "Effect", "Job"]

WARNINGS: Final = 32
WARNING_LENGTH: Final = 1_000
_NOBODY = Session()


@attrs.frozen(kw_only=True, slots=False)
class Job(JobRecord):
    """One job of one tenant; equal by value, its identity is ``tenant_id/job_id``.

    `version` counts writes and is set by the store, never by an event. An event that the state does
    not allow raises `TransitionError`; one dated before `updated_at` is given `updated_at`.
    """

    @classmethod
    def new(
        cls,
        *,
        tenant_id: str,
        job_id: str,
        spec: Spec,
        at: datetime,
        retention: Retention,
        actor: str | None = None,
        session: Session = _NOBODY,
        labels: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        retry_of: str | None = None,
    ) -> Self:
        """Make a job: Open for a load, UploadComplete for an export, which has nothing to upload."""
        at = utc_ms(at)
        created = HistoryEntry(event="create", before=None, after=JobState.OPEN, at=at, actor=actor)
        job = cls(
            tenant_id=tenant_id,
            job_id=job_id,
            spec=spec,
            created_at=at,
            updated_at=at,
            due_at=at + retention.upload,
            deadline_at=at + retention.upload,
            session=session,
            labels=labels or {},
            idempotency_key=idempotency_key,
            retry_of=retry_of,
            history=(created,),
        )
        return (
            job if isinstance(spec, LoadSpec) else job.close_upload(at=at, retention=retention, actor=actor)
        )

    # ---- events that change the state -----------------------------------------------------------

    def close_upload(
        self, *, at: datetime, retention: Retention, upload: Upload | None = None, actor: str | None = None
    ) -> Self:
        """Open → UploadComplete: the input is frozen, the work may begin."""
        at = self._not_before(at)
        if isinstance(self.spec, LoadSpec) and upload is None and self.state is JobState.OPEN:
            raise InvalidSpecError("upload", "a load cannot be closed without one")
        deadline = at + retention.queue if retention.queue is not None else None
        return self._on(Event.CLOSE_UPLOAD, at, actor=actor, upload=upload, due_at=at, deadline_at=deadline)

    def claim(self, *, at: datetime, worker: str, until: datetime, retention: Retention) -> Self:
        """UploadComplete → InProgress: attempt 1 begins under a lease."""
        at, until = self._not_before(at), utc_ms(until)
        return self._on(
            Event.CLAIM,
            at,
            actor=worker,
            started_at=at,
            attempt=self.attempt + 1,
            lease=Lease(worker, until),
            due_at=until,
            deadline_at=at + retention.run,
            progress=None,
            handle=None,
        )

    def complete(
        self,
        *,
        at: datetime,
        retention: Retention,
        counts: Counts,
        results: Files | None = None,
        failed_records: Files | None = None,
        rejected_input: Upload | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Self:
        """InProgress → JobComplete."""
        at = self._not_before(at)
        return self._on(
            Event.COMPLETE,
            at,
            counts=counts,
            results=results,
            failed_records=failed_records,
            rejected_input=rejected_input,
            warnings=tuple(text[:WARNING_LENGTH] for text in (self.warnings + warnings)[:WARNINGS]),
            **_ended(at, retention),
        )

    def fail(
        self,
        *,
        at: datetime,
        retention: Retention,
        error: JobError,
        counts: Counts | None = None,
        effect: Effect = Effect.NONE,
        failed_records: Files | None = None,
        unprocessed_records: Files | None = None,
        rejected_input: Upload | None = None,
    ) -> Self:
        """InProgress → Failed."""
        at = self._not_before(at)
        return self._on(
            Event.FAIL,
            at,
            reason=error.code,
            error=error,
            counts=counts,
            effect=effect,
            failed_records=failed_records,
            unprocessed_records=unprocessed_records,
            rejected_input=rejected_input,
            **_ended(at, retention),
        )

    def abort(
        self,
        *,
        at: datetime,
        retention: Retention,
        reason: str | None = None,
        actor: str | None = None,
        code: str | None = None,
    ) -> Self:
        """Open, UploadComplete, InProgress → Aborted.

        Of a job that was InProgress the effect is pending, it is due at once, and it has no ttl until
        it is settled; of the others nothing had begun, so the effect is none.
        """
        at = self._not_before(at)
        end = _ended(at, retention)
        if self.state is JobState.IN_PROGRESS:
            end.update(effect=Effect.PENDING, due_at=at, ttl=None)
        else:
            end["effect"] = Effect.NONE
        info = Abort(reason, actor, code)
        return self._on(Event.ABORT, at, actor=actor, reason=reason or code, abort_info=info, **end)

    # ---- events within InProgress ---------------------------------------------------------------

    def renew(self, *, at: datetime, worker: str, until: datetime) -> Self:
        """Prolong the lease, or take over another worker's attempt as it is."""
        until = utc_ms(until)
        return self._within(at, "renew", lease=Lease(worker, until), due_at=until)

    def report(self, *, at: datetime, progress: Progress, handle: str | None = None) -> Self:
        """Record progress, which never falls within an attempt, and the handle once it is known."""
        raised = progress if self.progress is None else self.progress.raised_to(progress)
        return self._within(at, "report", progress=raised, handle=handle or self.handle)

    def reschedule(self, *, at: datetime, due_at: datetime, error: JobError | None = None) -> Self:
        """Give the lease back; the next step is due at *due_at*. *error* is why, if something failed."""
        return self._within(at, "reschedule", lease=None, due_at=due_at, last_error=error or self.last_error)

    def reclaim(self, *, at: datetime, worker: str, until: datetime) -> Self:
        """Begin the next attempt: its number fences the one before; progress begins again."""
        at, until = self._not_before(at), utc_ms(until)
        entry = HistoryEntry(
            event="reclaim",
            before=self.state,
            after=self.state,
            at=at,
            actor=worker,
            reason=self.last_error.code if self.last_error else None,
            attempt=self.attempt + 1,
        )
        return self._within(
            at,
            "reclaim",
            attempt=self.attempt + 1,
            lease=Lease(worker, until),
            due_at=until,
            progress=None,
            handle=None,
            history=appended(self.history, entry),
        )

    def _within(self, at: datetime, event: str, **changes: Any) -> Self:
        if self.state is not JobState.IN_PROGRESS:
            raise TransitionError(str(self), self.state, event, tuple(TRANSITIONS[self.state]))
        return self.evolved(updated_at=self._not_before(at), **changes)

    # ---- after the end --------------------------------------------------------------------------

    def settle(
        self, *, at: datetime, retention: Retention, effect: Effect, counts: Counts | None = None
    ) -> Self:
        """Say what an ended job's execution did: pending → none, applied or unknown; its ttl begins.

        Raises:
            TransitionError: the effect is not pending, or *effect* would leave it so.
        """
        if not self.is_settling or effect is Effect.PENDING:
            raise TransitionError(str(self), self.state, "settle", tuple(TRANSITIONS[self.state]))
        at = self._not_before(at)
        ended = self.completed_at or at
        entry = HistoryEntry(
            event="settle", before=self.state, after=self.state, at=at, reason=effect, attempt=self.attempt
        )
        return self.evolved(
            updated_at=at,
            effect=effect,
            counts=counts or self.counts,
            ttl=retention.ttl(ended),
            due_at=retention.files_until(ended),
            history=appended(self.history, entry),
        )

    def postponed(self, *, at: datetime, due_at: datetime) -> Self:
        """Look again at *due_at* at an ended job: to settle it, or to expire it."""
        if not self.is_terminal:
            raise TransitionError(str(self), self.state, "postpone", tuple(TRANSITIONS[self.state]))
        return self.evolved(updated_at=self._not_before(at), due_at=due_at)

    def expired(self, *, at: datetime) -> Self:
        """End the retention of an ended, settled job now: to callers it exists no longer."""
        if not self.is_terminal or self.is_settling:
            raise TransitionError(str(self), self.state, "delete", tuple(TRANSITIONS[self.state]))
        at = self._not_before(at)
        return self.evolved(updated_at=at, due_at=at, ttl=at, files_until=at)

    # ---- plumbing -------------------------------------------------------------------------------

    def _not_before(self, at: datetime) -> datetime:
        return max(utc_ms(at), self.updated_at)

    def _on(
        self,
        event: Event,
        at: datetime,
        *,
        actor: str | None = None,
        reason: str | None = None,
        **changes: Any,
    ) -> Self:
        allowed = TRANSITIONS[self.state]
        after = allowed.get(event)
        if after is None:
            raise TransitionError(str(self), self.state, event, tuple(allowed))
        attempt = changes.get("attempt", self.attempt)
        entry = HistoryEntry(
            event=event, before=self.state, after=after, at=at, actor=actor, reason=reason, attempt=attempt
        )
        changes.update(state=after, updated_at=at, history=appended(self.history, entry))
        return self.evolved(**changes)


def _ended(at: datetime, retention: Retention) -> dict[str, Any]:
    until = retention.files_until(at)
    return {
        "completed_at": at,
        "files_until": until,
        "due_at": until,
        "ttl": retention.ttl(at),
        "deadline_at": None,
        "lease": None,
    }
