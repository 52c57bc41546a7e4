"""The aggregate against an edge set written by hand."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from hypothesis import Phase, given, settings

from spectra import Caller, Spectra, codec
from spectra.domain import Category, Counts, Effect, ExportSpec, Job, JobError, JobState, Retention
from spectra.errors import InvalidSpecError, TransitionError
from spectra.testing import START, CountingIds, JobMachine, ManualClock, strategies

RETENTION = Retention()
ERROR = JobError("E", Category.VALIDATION, "boom")


class DocumentMachine(JobMachine):
    """Every version survives being written down."""

    def on_event(self, before: Job, after: Job) -> None:
        assert codec.from_document(codec.to_document(after)) == after


TestJobMachine = DocumentMachine.TestCase
TestJobMachine.settings = settings(stateful_step_count=40, deadline=None)


def test_the_hooks_drive_an_interface_of_the_hosts_own() -> None:
    """A host that allows no abort once the work has begun, and refuses in its own words."""

    class Refused(Exception):
        pass

    seen = []

    class Host(JobMachine):
        refusal = (Refused, TransitionError)

        def legal_events(self, job):
            return set(super().legal_events(job)) - ({"abort"} if job.state == "InProgress" else set())

        def perform(self, job, event):
            if event == "abort" and job.state == "InProgress":
                raise Refused
            return super().perform(job, event)

        def on_event(self, before, after):
            seen.append((before.state, after.state))

    Host.TestCase.settings = settings(derandomize=True, max_examples=100)
    Host.TestCase().runTest()
    assert ("UploadComplete", "Aborted") in seen
    assert ("InProgress", "Aborted") not in seen

    class Lax(Host):
        def perform(self, job, event):
            return JobMachine.perform(self, job, event)

    Lax.TestCase.settings = settings(phases=[Phase.generate], max_examples=200)
    with pytest.raises(BaseException, match="DID NOT RAISE"):
        Lax.TestCase().runTest()


def test_the_hooks_drive_the_service_itself() -> None:
    """Closing twice and aborting twice are taken for done there; a worker's events it does not have."""
    caller, seen = Caller("acme"), set()

    class Host(JobMachine):
        refusal = (TransitionError, NotImplementedError)

        def begin(self, spec):
            self.spectra = Spectra.in_memory(clock=ManualClock(), new_id=CountingIds())
            job = self.spectra.jobs.create(caller, spec).job
            if job.state == "Open":
                with self.spectra.jobs.open_upload(caller, job.job_id) as writer:
                    writer.write(b"id\n1\n")
            return job

        def legal_events(self, job):
            return {"Aborted": {"abort"}}.get(job.state, {"abort", "close_upload"})

        def perform(self, job, event):
            if event not in ("abort", "close_upload"):
                raise NotImplementedError(event)
            return getattr(self.spectra.jobs, event)(caller, job.job_id)

        def on_event(self, before, after):
            assert self.spectra.jobs.get(caller, after.job_id) == after
            seen.add((before.state, after.state))

        def teardown(self):
            self.spectra.close()

    Host.TestCase.settings = settings(
        derandomize=True, max_examples=20, stateful_step_count=15, deadline=None
    )
    Host.TestCase().runTest()
    assert ("Aborted", "Aborted") in seen
    assert ("Open", "UploadComplete") in seen


@given(strategies.lifecycles())
def test_lifecycles_are_events_one_after_the_other(life) -> None:
    for before, after in zip(life, life[1:], strict=False):
        assert after.updated_at >= before.updated_at
        assert not before.is_terminal or after.state is before.state
        assert len(after.history) - len(before.history) in (0, 1)


@pytest.mark.parametrize("state", JobState)
def test_jobs_can_be_had_in_every_state(state) -> None:
    @given(strategies.jobs(states=[state]))
    @settings(max_examples=10)
    def had(job) -> None:
        assert job.state is state

    had()


@pytest.mark.parametrize("category", Category)
def test_errors_can_be_had_of_every_category(category) -> None:
    @given(strategies.job_errors(category=category))
    @settings(max_examples=5)
    def had(error) -> None:
        assert error.category is category

    had()


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
