"""The port where the work is done."""

from __future__ import annotations

import abc
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

import attrs

from spectra.domain import Counts, Effect, Files, JobError, Progress, Session, Spec, Upload
from spectra.ports.job_store import Page

__all__ = ["Execution", "Executor", "Known", "Status", "Task"]


@attrs.frozen(kw_only=True)
class Task:
    """One attempt of a job's work, as an executor sees it.

    (tenant_id, job_id, attempt) is its identity, known before it starts; *handle* is only a hint.
    Files are written below *results* (an export's parts, named ``part-…``) and *failed* (a load's
    ``failed-…``, ``rejected-…``, ``unprocessed-…``) and nowhere else; both end with ``/``.
    """

    tenant_id: str
    job_id: str
    attempt: int
    spec: Spec
    results: str
    failed: str
    claimed_at: datetime
    session: Session = Session()
    handle: str | None = None
    upload: Upload | None = None
    group: str = "spectra"

    @property
    def label(self) -> str:
        """What everything in the warehouse carries: ``<group>:<tenant>/<job>/<attempt>``."""
        return f"{self.group}:{self}"

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.job_id}/{self.attempt}"


class Status(StrEnum):
    """What `Executor.poll` says of a task.

    `LOST`: no session of it is open, and there is no evidence that it was completed.
    """

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


@attrs.frozen(kw_only=True)
class Execution:
    """What is known of a task.

    SUCCEEDED has *counts*, and for an export *results*. FAILED has *error*. A load may have
    *failed_records* in either, with the same records in the form of the upload as *rejected_input*,
    which a retry can load; FAILED ones may have *unprocessed_records*.
    """

    status: Status
    handle: str | None = None
    progress: Progress | None = None
    counts: Counts | None = None
    results: Files | None = None
    failed_records: Files | None = None
    unprocessed_records: Files | None = None
    rejected_input: Upload | None = None
    error: JobError | None = None
    warnings: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Known:
    """A trace of a job in the warehouse: a ledger row, or a live execution."""

    tenant_id: str
    job_id: str
    attempt: int
    running: bool
    state: str
    since: datetime


class Executor(abc.ABC):
    """Runs exports and loads. Every implementation promises:

    EX1  `start` returns without waiting for the data operation; called again for the same (tenant,
         job, attempt) in one process it finds the work begun before and returns the same handle.
         From another process a load finds its ledger row; an export may run twice, and then the
         results list the files of one run. `detached` says whether the work outlives the process that
         started it.
    EX2  `poll` says RUNNING, SUCCEEDED, FAILED, CANCELLED or LOST. It works without a handle, at a cost
         that the adapter states; for detached work, and for what the ledger proves, also from another
         process. It may take the next step of the work, any number of times from anywhere. It blocks
         at most *wait* seconds, for locks too, and returns early when the work ends; work that gets on
         only while somebody looks may add a time that the adapter states and bounds. LOST is said only
         after a grace of 30 s since ``claimed_at``, when no session of the task is open and no
         evidence of completion exists; of a finished export it may end after 24 hours. An executor
         whose every session lives in this process may say LOST at once.
    EX3  An export writes below its task's location only; attempts never share one. Files that its
         results do not list may lie there too. Zero rows are a success with columns.
    EX4  A load is atomic: all good records or none. It is applied at most once per (tenant, job),
         whatever the number of attempts, workers and crashes: the ledger row flips in the load's own
         transaction. A task for an applied load reports SUCCEEDED with the first one's counts.
    EX5  Up to ``max_failed_records`` bad records are set aside with record ordinal or line (at least
         one of them), column where known, code and reason, in upload order; one more fails the load,
         changes nothing, and still reports them (the budget's worth and one). ``failed_records`` is
         CSV with a header, whatever the upload was: its columns, then ``spectra_record``,
         ``spectra_line`` (one of both is never empty), ``spectra_column``, ``spectra_code``,
         ``spectra_message`` and others.
    EX6  `cancel` ends the work and closes its ledger row, making a closed one if there is none: it
         proves NONE or APPLIED, or says PENDING (ask again), also while a lock on the ledger is held;
         it waits some seconds at most, is idempotent, and silent for what has ended. A closed row is
         never applied afterwards. For an export NONE means that no session of the task runs any more.
         A new attempt reopens the row of an attempt that was cancelled because it was lost;
         `close_ledger` = True forbids that for good.
    EX7  The tenant's part of the work runs under the task's session, ledger statements under the
         worker's own, but for the one that belongs to the load's transaction: the adapter says how
         that one is allowed. Everything carries `Task.label`; nothing leaks to the next task. Where a
         warehouse has no sessions or labels, the adapter says so.

    EX9  `check` refuses what this executor cannot run, and whatever it lets pass runs. `known` lists each
         trace once, in pages of any size, until `forget`; `forget` and `close` may be repeated; after
         `close` `ClosedError`.

    Failures of the work are told by `poll`, never raised; what is raised is `BackendUnavailableError`
    (not done), `OutcomeUnknownError`, `BackendError`, `ClosedError`, `MissingExtraError`.
    """

    __slots__ = ()

    schemes: ClassVar[frozenset[str]]
    """Of the locations that it can read and write: ``{"s3"}``, ``{"file"}``, ``{"memory"}``."""

    dialect: str
    """sqlglot's name of its SQL."""

    @abc.abstractmethod
    def check(self, spec: Spec, session: Session, /) -> None:
        """Refuse a spec or a session that this executor can never run; looks at these only, no I/O.

        Raises:
            InvalidSpecError: a format, compression, option or user that is not had here.
        """

    @abc.abstractmethod
    def ready(self) -> None:
        """Make sure that work could begin now; a worker asks before it claims anything.

        Raises:
            BackendUnavailableError, WarehouseLockedError: it could not.
        """

    @abc.abstractmethod
    def detached(self, task: Task, /) -> bool:
        """Whether this work outlives the process that starts it."""

    @abc.abstractmethod
    def start(self, task: Task, /) -> str | None:
        """Begin the work, or find it begun; return a handle, if there is one."""

    @abc.abstractmethod
    def poll(self, task: Task, /, *, wait: float = 0) -> Execution:
        """Say how the work is, after at most *wait* seconds."""

    @abc.abstractmethod
    def cancel(self, task: Task, /, *, close_ledger: bool = True) -> Effect:
        """End the work and prove its effect: none, applied; pending or unknown where it cannot yet.

        *close_ledger* False is for a lost attempt that another one follows.
        """

    @abc.abstractmethod
    def forget(self, tenant_id: str, job_id: str, /) -> None:
        """Remove ledger row and leavings of a job that has ended; silent if there are none."""

    @abc.abstractmethod
    def known(self, *, older_than: datetime, cursor: str | None = None) -> Page[Known]:
        """Ledger rows and live executions begun before *older_than*, for reconciliation."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release everything, ending attached work; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
