"""No rule removes what a job may still need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra import Caller, LoadSpec, Spectra
from spectra.adapters.aws.infrastructure import Infrastructure
from spectra.adapters.aws.infrastructure.bucket import matching, rules
from spectra.domain import Category, JobError, Upload
from spectra.settings import Settings
from spectra.testing import ManualClock

hours = st.floats(0.5, 700)


def slowest(settings):
    """When the files of the slowest job expire, and when it was made: each clock runs to its end."""
    clock = ManualClock()
    with Spectra.in_memory(settings=settings, clock=clock) as spectra:
        job = spectra.jobs.create(Caller("acme"), LoadSpec(operation="insert", object="t")).job
    kept = settings.retention
    begun = job.created_at
    job = job.close_upload(
        at=job.deadline_at, retention=kept, upload=Upload("s3://b/k", 1, "etag"), actor=None
    )
    at = job.deadline_at
    job = job.claim(at=at, worker="w", until=at + timedelta(minutes=1), retention=kept)
    error = JobError("JOB_TIMEOUT", Category.RESOURCE, "too slow")
    job = job.fail(at=job.deadline_at, retention=kept, error=error, effect="none")
    return begun, job.files_until


@given(upload=hours, queue=hours, run=hours, days=st.floats(0.01, 30))
def test_the_slowest_job_keeps_its_files(upload, queue, run, days) -> None:
    settings = Settings(
        upload_timeout_hours=upload,
        queue_timeout_hours=queue,
        bulk_job_timeout_hours=run,
        job_ttl_days=days,
        result_ttl_days=days,
    )
    begun, expires = slowest(settings)
    allowed = Infrastructure(settings=settings).expiry_days
    # S3 counts whole days and waits for the next midnight: never earlier than the days say.
    assert begun + timedelta(days=allowed) >= expires
    assert begun + timedelta(days=allowed) <= expires + timedelta(days=2)


def test_the_days_are_the_clocks_rounded_up_and_one() -> None:
    of = lambda **clocks: Infrastructure(settings=Settings(**clocks)).expiry_days  # noqa: E731
    assert of(queue_timeout_hours=24.0) == 1 + 1 + 1 + 7 + 1
    assert of(queue_timeout_hours=24.1) == 12
    assert of(queue_timeout_hours=24.0, result_ttl_days=3.0) == 7
    assert of(queue_timeout_hours=24.0, job_ttl_days=30.0) == 11
    assert Infrastructure(settings=Settings(bulk_job_timeout_hours=25.0)).unfinished_days == 3


def test_without_a_queue_timeout_nothing_is_removed_by_age() -> None:
    """The input of a job that has waited for a year is still its input."""
    infrastructure = Infrastructure(prefix="spectra/")
    assert infrastructure.expiry_days is None
    assert matching(infrastructure, "spectra/acme/job/input/x") == ()
    (only,) = rules(infrastructure)
    assert (only.days, only.unfinished_days) == (None, 2)
