"""What a job is: its fields and the invariants that hold between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

import attrs
from attrs import validators as v

from spectra.domain.caller import Session
from spectra.domain.counts import Counts, Progress
from spectra.domain.failure import JobError
from spectra.domain.files import Files, Upload
from spectra.domain.frozen import EMPTY, FrozenDict, frozen_dict
from spectra.domain.history import HistoryEntry
from spectra.domain.instants import optional_utc_ms, utc_ms
from spectra.domain.lease import Lease
from spectra.domain.numbers import check_count
from spectra.domain.spec import ExportSpec, LoadSpec, Operation, Spec, fingerprint
from spectra.domain.state import Event, JobState
from spectra.domain.text import check_text, optional_text, valid_id
from spectra.errors import ExecutorError, InvalidSpecError, TransitionError

__all__ = ["Abort", "Effect", "JobRecord"]

MAX_LABELS: Final = 32
# A tuple: looking into a set would hash the state, which an Enum does in Python.
_TERMINAL: Final = tuple(s for s in JobState if s.is_terminal)


class Effect(StrEnum):
    """What a job that ended without JobComplete did to its table.

    `PENDING` until the worker has proved one of the others; `UNKNOWN` only without a ledger.
    """

    NONE = "none"
    APPLIED = "applied"
    PENDING = "pending"
    UNKNOWN = "unknown"


@attrs.frozen
class Abort:
    """Why a job was aborted, and by whom; *code* is set where Spectra did it by itself."""

    reason: str | None = attrs.field(default=None, validator=optional_text(4096))
    actor: str | None = attrs.field(default=None, validator=optional_text(255))
    code: str | None = None


def _labels(value: Mapping[str, str]) -> Mapping[str, str]:
    if isinstance(value, FrozenDict):
        return value
    if not isinstance(value, Mapping):
        raise InvalidSpecError("labels", "must be a mapping of text to text")
    return FrozenDict(value)


def _check_labels(_: object, __: object, value: Mapping[str, str]) -> None:
    if len(value) > MAX_LABELS:
        raise InvalidSpecError("labels", f"at most {MAX_LABELS} are allowed")
    for name, text in value.items():
        check_text("labels", name, 63, min_bytes=1)
        check_text(f"labels.{name}", text, 255)


def _instant(*, optional: bool = True) -> Any:
    if optional:
        return attrs.field(default=None, converter=optional_utc_ms)
    return attrs.field(converter=utc_ms)


@attrs.frozen(kw_only=True, slots=False)
class JobRecord:
    """The fields of a `Job`; every change runs every validator again."""

    tenant_id: str = attrs.field(validator=valid_id)
    job_id: str = attrs.field(validator=valid_id)
    spec: Spec = attrs.field(validator=v.instance_of((ExportSpec, LoadSpec)))
    state: JobState = attrs.field(default=JobState.OPEN, validator=v.instance_of(JobState))
    version: int = attrs.field(default=0, validator=check_count)
    created_at: datetime = _instant(optional=False)
    updated_at: datetime = _instant(optional=False)
    started_at: datetime | None = _instant()
    completed_at: datetime | None = _instant()
    due_at: datetime | None = _instant()
    deadline_at: datetime | None = _instant()
    files_until: datetime | None = _instant()
    ttl: datetime | None = _instant()
    attempt: int = attrs.field(default=0, validator=check_count)
    lease: Lease | None = None
    handle: str | None = attrs.field(default=None, validator=optional_text(1024))
    progress: Progress | None = None
    counts: Counts | None = None
    upload: Upload | None = None
    results: Files | None = None
    failed_records: Files | None = None
    unprocessed_records: Files | None = None
    rejected_input: Upload | None = None
    warnings: tuple[str, ...] = ()
    error: JobError | None = None
    last_error: JobError | None = None
    abort_info: Abort | None = None
    effect: Effect | None = None
    retry_of: str | None = attrs.field(default=None, validator=optional_text(128))
    labels: Mapping[str, str] = attrs.field(default=EMPTY, converter=_labels, validator=_check_labels)
    session: Session = Session()
    idempotency_key: str | None = attrs.field(default=None, validator=optional_text(255, min_bytes=1))
    history: tuple[HistoryEntry, ...] = ()
    unknown_fields: Mapping[str, Any] = attrs.field(default=EMPTY, converter=frozen_dict, repr=False)

    def __attrs_post_init__(self) -> None:
        state = self.state
        ended = state in _TERMINAL
        running = state is JobState.IN_PROGRESS
        if (
            (self.completed_at is not None) != ended
            or (self.ttl is not None and not ended)
            or (self.counts is not None and not ended)
            or (self.lease is not None and not running)
            or (running and (self.started_at is None or self.attempt < 1))
            or (self.error is not None) != (state is JobState.FAILED)
            or (self.abort_info is not None) != (state is JobState.ABORTED)
            or (self.effect is not None) != (state in (JobState.FAILED, JobState.ABORTED))
            or (self.ttl is not None and self.effect is Effect.PENDING)
            or self.updated_at < self.created_at
        ):
            raise InvalidSpecError("job", self._broken_invariant())

    def _broken_invariant(self) -> str:
        return (
            f"the fields of a job that is {self.state} contradict each other: completed_at, ttl and counts "
            "belong to terminal states, lease to InProgress, error to Failed, abort to Aborted, effect to "
            "these two; InProgress needs started_at and an attempt"
        )

    def evolved(self, **changes: Any) -> Self:
        """`attrs.evolve` in half its time: all converters and validators run again."""
        return type(self)(**{**vars(self), **changes})

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.job_id}"

    @property
    def operation(self) -> Operation:
        """What the spec asks for."""
        return self.spec.operation

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self.state in _TERMINAL

    @property
    def is_settling(self) -> bool:
        """Whether the job has ended while its execution may still run."""
        return self.effect is Effect.PENDING

    @property
    def fingerprint(self) -> str:
        """Equal for equal requests: operation, spec, retry_of."""
        return fingerprint(self.spec, self.retry_of)

    def raise_for_state(self) -> None:
        """Return silently unless the job has failed or was aborted.

        Raises:
            ExecutorError: Failed; carries the job's error.
            TransitionError: Aborted.
        """
        if self.error is not None:
            raise ExecutorError(self.error)
        if self.state is JobState.ABORTED:
            raise TransitionError(str(self), self.state, Event.COMPLETE)
