"""A machine that leads one job through every event, legal or not."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from spectra.domain import (
    Category,
    Counts,
    Effect,
    Event,
    ExportSpec,
    Job,
    JobError,
    JobState,
    LoadSpec,
    Progress,
    Retention,
    Upload,
)
from spectra.errors import TransitionError
from spectra.testing.clock import START

__all__ = ["EDGES", "JobMachine"]

# By hand: an oracle that read TRANSITIONS would agree with any table.
EDGES: Final = frozenset(
    {
        ("Open", "close_upload", "UploadComplete"),
        ("Open", "abort", "Aborted"),
        ("UploadComplete", "claim", "InProgress"),
        ("UploadComplete", "abort", "Aborted"),
        ("InProgress", "complete", "JobComplete"),
        ("InProgress", "fail", "Failed"),
        ("InProgress", "abort", "Aborted"),
    }
)
WITHIN: Final = ("renew", "report", "reschedule", "reclaim")
RETENTION: Final = Retention()
ERROR: Final = JobError("E", Category.VALIDATION, "boom")
UPLOAD: Final = Upload("memory:///in", 1, "e")
LATER: Final = timedelta(minutes=5)


class JobMachine(RuleBasedStateMachine):
    """Every event at every state, at clocks that jump back and forth, beside a hand-written edge set.

    To drive an interface of your own, subclass it and override

    - `begin`, which makes the job by whatever way you have;
    - `perform`, which brings an event about and returns the job afterwards;
    - `legal_events`, if your interface lets fewer through than the domain does, or more: what has happened
      already it may take for done, and then returns the job as it is;
    - `refusal`, the exceptions by which yours refuses the others;
    - `on_event`, which is called after every event that happened, to look at what you keep.

    Then run ``YourMachine.TestCase``.
    """

    refusal: type[Exception] | tuple[type[Exception], ...] = TransitionError

    @initialize(load=st.booleans())
    def create(self, load: bool) -> None:
        self.now = START
        self.records = 0
        spec = LoadSpec(operation="insert", object="t") if load else ExportSpec(query="select 1")
        self.job = self.begin(spec)
        assert self.job.state == ("Open" if load else "UploadComplete")
        self.past = [self.job]

    # ---- what a host overrides --------------------------------------------------------------------

    def begin(self, spec: ExportSpec | LoadSpec) -> Job:
        """Make a job of *spec*."""
        return Job.new(tenant_id="t", job_id="j", spec=spec, at=self.now, retention=RETENTION)

    def legal_events(self, job: Job) -> Collection[str]:
        """The events that are not refused now: each happens, or leaves *job* as it is."""
        legal = {event for state, event, _ in EDGES if state == job.state}
        return legal | set(WITHIN) if job.state == "InProgress" else legal

    def perform(self, job: Job, event: str) -> Job:
        """Bring *event* about, and return the job afterwards."""
        at = self.now
        match event:
            case "close_upload":
                upload = UPLOAD if isinstance(job.spec, LoadSpec) else None
                return job.close_upload(at=at, retention=RETENTION, upload=upload or UPLOAD)
            case "claim":
                return job.claim(at=at, worker="w", until=at + LATER, retention=RETENTION)
            case "complete":
                return job.complete(at=at, retention=RETENTION, counts=Counts(total=1, succeeded=1))
            case "fail":
                return job.fail(at=at, retention=RETENTION, error=ERROR)
            case "abort":
                return job.abort(at=at, retention=RETENTION, reason="r", actor="a")
            case "renew":
                return job.renew(at=at, worker="w2", until=at + LATER)
            case "report":
                return job.report(at=at, progress=Progress(self.records))
            case "reschedule":
                return job.reschedule(at=at, due_at=at + LATER, error=ERROR)
            case "reclaim":
                return job.reclaim(at=at, worker="w", until=at + LATER)
        raise AssertionError(event)

    def on_event(self, before: Job, after: Job) -> None:
        """Look at what an event has changed; nothing, unless overridden."""

    # ---- rules ------------------------------------------------------------------------------------

    @rule(
        event=st.sampled_from([*Event, *WITHIN]), seconds=st.integers(-(10**6), 10**6), n=st.integers(0, 100)
    )
    def fire(self, event: str, seconds: int, n: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.records = n
        if event not in self.legal_events(self.job):
            with pytest.raises(self.refusal) as refused:
                self.perform(self.job, event)
            if isinstance(refused.value, TransitionError):
                edges = {name for state, name, _ in EDGES if state == self.job.state}
                assert set(refused.value.allowed) == edges
            return
        before, self.job = self.job, self.perform(self.job, event)
        targets = [target for state, name, target in EDGES if (state, name) == (before.state, event)]
        assert [self.job.state] == (targets or [before.state])
        if targets:
            assert self.job.history[:-1] == before.history[-len(self.job.history) + 1 :]
            assert (self.job.history[-1].before, self.job.history[-1].event) == (before.state, event)
        else:
            self.went_on(before, event)
        self.happened(before)

    def went_on(self, before: Job, event: str) -> None:
        """An event within InProgress: attempts rise when reclaimed, progress never falls within one."""
        assert self.job.attempt == before.attempt + (event == "reclaim")
        if event == "reclaim":
            assert self.job.progress is None
        elif before.progress is not None:
            assert self.job.progress is not None
            assert self.job.progress.records >= before.progress.records

    @rule(effect=st.sampled_from(Effect))
    def settle(self, effect: Effect) -> None:
        job = self.job
        if job.effect is not Effect.PENDING or effect is Effect.PENDING:
            with pytest.raises(TransitionError):
                job.settle(at=self.now, retention=RETENTION, effect=effect)
            return
        self.job = self.settled(job, effect)
        changed = {f.name for f in attrs.fields(Job) if getattr(job, f.name) != getattr(self.job, f.name)}
        assert changed <= {"effect", "counts", "ttl", "due_at", "history", "updated_at", "version"}
        self.happened(job)

    def settled(self, job: Job, effect: Effect) -> Job:
        """Say what an aborted job's execution did; override it where `perform` is overridden."""
        return job.settle(at=self.now, retention=RETENTION, effect=effect)

    def happened(self, before: Job) -> None:
        """Keep the new version, and show it to `on_event`."""
        self.past.append(self.job)
        self.on_event(before, self.job)

    # ---- invariants -------------------------------------------------------------------------------

    @invariant()
    def time_does_not_run_backwards(self) -> None:
        stamps = [job.updated_at for job in self.past]
        assert stamps == sorted(stamps)
        assert [e.at for e in self.job.history] == sorted(e.at for e in self.job.history)
        assert len(self.job.history) <= 64

    @invariant()
    def what_has_ended_stays(self) -> None:
        ended = [job.state for job in self.past if job.is_terminal]
        assert len(set(ended)) <= 1
        assert not any(job.is_terminal for job in self.past[: len(self.past) - len(ended)])

    @invariant()
    def only_ended_and_settled_jobs_expire(self) -> None:
        assert (self.job.ttl is not None) == (self.job.is_terminal and not self.job.is_settling)
        assert self.job.due_at is not None
        assert (self.job.lease is not None) <= (self.job.state is JobState.IN_PROGRESS)
