"""The aggregate against an edge set written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

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
from spectra.errors import InvalidSpecError, TransitionError

# By hand: an oracle that read TRANSITIONS would agree with any table.
EDGES = {
    ("Open", "close_upload", "UploadComplete"),
    ("Open", "abort", "Aborted"),
    ("UploadComplete", "claim", "InProgress"),
    ("UploadComplete", "abort", "Aborted"),
    ("InProgress", "complete", "JobComplete"),
    ("InProgress", "fail", "Failed"),
    ("InProgress", "abort", "Aborted"),
}
WITHIN = ("renew", "report", "reschedule", "reclaim")
RETENTION = Retention()
START = datetime(2026, 1, 1, tzinfo=UTC)
ERROR = JobError("E", Category.VALIDATION, "boom")
UPLOAD = Upload("memory:///in", 1, "e")


class JobMachine(RuleBasedStateMachine):
    """Every event, legal or not, at clocks that jump back and forth."""

    @initialize(load=st.booleans())
    def create(self, load: bool) -> None:
        spec = LoadSpec(operation="insert", object="t") if load else ExportSpec(query="select 1")
        self.now = START
        self.job = Job.new(tenant_id="t", job_id="j", spec=spec, at=START, retention=RETENTION)
        assert self.job.state == ("Open" if load else "UploadComplete")
        self.past = [self.job]

    def call(self, event: str) -> Job:
        at, job = self.now, self.job
        match event:
            case "close_upload":
                return job.close_upload(at=at, retention=RETENTION, upload=UPLOAD)
            case "claim":
                return job.claim(at=at, worker="w", until=at, retention=RETENTION)
            case "complete":
                return job.complete(at=at, retention=RETENTION, counts=Counts(total=1, succeeded=1))
            case "fail":
                return job.fail(at=at, retention=RETENTION, error=ERROR)
            case "abort":
                return job.abort(at=at, retention=RETENTION, reason="r", actor="a")
            case "renew":
                return job.renew(at=at, worker="w2", until=at)
            case "report":
                return job.report(at=at, progress=Progress(self.records))
            case "reschedule":
                return job.reschedule(at=at, due_at=at, error=ERROR)
            case "reclaim":
                return job.reclaim(at=at, worker="w", until=at)
        raise AssertionError(event)

    records = 0

    @rule(event=st.sampled_from(Event), seconds=st.integers(-(10**6), 10**6))
    def fire(self, event: Event, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        targets = [target for state, name, target in EDGES if (state, name) == (self.job.state, event)]
        if not targets:
            with pytest.raises(TransitionError) as refused:
                self.call(event)
            assert set(refused.value.allowed) == {n for s, n, _ in EDGES if s == self.job.state}
            return
        before, self.job = self.job, self.call(event)
        assert [self.job.state] == targets
        assert self.job.history[:-1] == before.history
        assert self.job.history[-1].before == before.state
        self.past.append(self.job)

    @rule(event=st.sampled_from(WITHIN), records=st.integers(0, 100))
    def within(self, event: str, records: int) -> None:
        self.records = records
        if self.job.state != "InProgress":
            with pytest.raises(TransitionError):
                self.call(event)
            return
        before, self.job = self.job, self.call(event)
        assert self.job.state is before.state
        assert self.job.attempt == before.attempt + (event == "reclaim")
        if event == "reclaim":
            assert self.job.progress is None
        elif before.progress is not None:
            assert self.job.progress.records >= before.progress.records
        self.past.append(self.job)

    @rule(effect=st.sampled_from(Effect))
    def settle(self, effect: Effect) -> None:
        if self.job.effect is not Effect.PENDING or effect is Effect.PENDING:
            with pytest.raises(TransitionError):
                self.job.settle(at=self.now, retention=RETENTION, effect=effect)
            return
        before, self.job = self.job, self.job.settle(at=self.now, retention=RETENTION, effect=effect)
        changed = {f.name for f in attrs.fields(Job) if getattr(before, f.name) != getattr(self.job, f.name)}
        assert changed <= {"effect", "counts", "ttl", "due_at", "history", "updated_at"}
        assert self.job.effect is effect
        self.past.append(self.job)

    @precondition(lambda self: self.job.is_terminal)
    @rule()
    def ended_stays(self) -> None:
        with pytest.raises(TransitionError):
            self.job.renew(at=self.now, worker="w", until=self.now)

    @invariant()
    def time_does_not_run_backwards(self) -> None:
        if not hasattr(self, "past"):
            return
        stamps = [job.updated_at for job in self.past]
        assert stamps == sorted(stamps)
        assert [e.at for e in self.job.history] == sorted(e.at for e in self.job.history)
        assert len(self.job.history) <= 64

    @invariant()
    def live_jobs_have_no_ttl(self) -> None:
        if hasattr(self, "job"):
            settled = self.job.is_terminal and not self.job.is_settling
            assert (self.job.ttl is not None) == settled
            assert self.job.due_at is not None


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(stateful_step_count=40, deadline=None)


def test_every_field_contradiction_is_refused() -> None:
    """Invariants are validators, so `evolve` re-checks each."""
    job = Job.new(tenant_id="t", job_id="j", spec=ExportSpec(query="select 1"), at=START, retention=RETENTION)
    running = job.claim(at=START, worker="w", until=START, retention=RETENTION)
    done = running.complete(at=START, retention=RETENTION, counts=Counts(total=0))
    for broken in (
        lambda: attrs.evolve(job, state=JobState.IN_PROGRESS),
        lambda: attrs.evolve(job, ttl=START),
        lambda: attrs.evolve(job, counts=Counts(total=0)),
        lambda: attrs.evolve(job, lease=running.lease),
        lambda: attrs.evolve(running, started_at=None),
        lambda: attrs.evolve(running, error=ERROR),
        lambda: attrs.evolve(running, effect=Effect.NONE),
        lambda: attrs.evolve(done, completed_at=None),
        lambda: attrs.evolve(done, state=JobState.FAILED),
        lambda: attrs.evolve(done, state=JobState.ABORTED),
        lambda: attrs.evolve(job, updated_at=START - timedelta(1)),
        lambda: attrs.evolve(job, version=-1),
        lambda: Counts(total=2, succeeded=1),
    ):
        with pytest.raises((InvalidSpecError, ValueError)):
            broken()
