"""One event on a job against a bare `attrs.evolve` of the same class, all validators on in both."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import attrs

from spectra.domain import (
    Category,
    Counts,
    Effect,
    ExportSpec,
    Job,
    JobError,
    LoadSpec,
    Progress,
    Retention,
    Upload,
)

CALLS = 100
ROUNDS = 400
AT = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
RETENTION = Retention()


def _events() -> dict[str, tuple[Job, Callable[[Job], object]]]:
    until = AT + timedelta(minutes=1)
    load = Job.new(
        tenant_id="tenant",
        job_id="job",
        spec=LoadSpec(operation="insert", object="t"),
        at=AT,
        retention=RETENTION,
        labels={"a": "b"},
    )
    upload = Upload("file:///x", 1, "e")
    waiting = Job.new(
        tenant_id="tenant", job_id="job", spec=ExportSpec(query="select 1"), at=AT, retention=RETENTION
    )
    running = waiting.claim(at=AT, worker="w", until=until, retention=RETENTION)
    aborted = running.abort(at=AT, retention=RETENTION, reason="r")
    error = JobError("E", Category.VALIDATION, "m")
    counts = Counts(total=1, succeeded=1)
    progress = Progress(1, 2.0)
    return {
        "close_upload": (load, lambda j: j.close_upload(at=AT, retention=RETENTION, upload=upload)),
        "claim": (waiting, lambda j: j.claim(at=AT, worker="w", until=until, retention=RETENTION)),
        "renew": (running, lambda j: j.renew(at=AT, worker="w", until=until)),
        "report": (running, lambda j: j.report(at=AT, progress=progress)),
        "reschedule": (running, lambda j: j.reschedule(at=AT, due_at=until)),
        "reclaim": (running, lambda j: j.reclaim(at=AT, worker="w", until=until)),
        "complete": (running, lambda j: j.complete(at=AT, retention=RETENTION, counts=counts)),
        "fail": (running, lambda j: j.fail(at=AT, retention=RETENTION, error=error)),
        "abort": (running, lambda j: j.abort(at=AT, retention=RETENTION, reason="r")),
        "settle": (aborted, lambda j: j.settle(at=AT, retention=RETENTION, effect=Effect.NONE)),
    }


def _seconds(job: Job, call: Callable[[Job], object]) -> float:
    begun = time.perf_counter()
    for _ in range(CALLS):
        call(job)
    return time.perf_counter() - begun


def run() -> list[tuple[str, float, float]]:
    """The least time of each, interleaved: what is left when nothing disturbs."""
    found = []
    for name, (job, call) in _events().items():
        ours, base = [], []
        for _ in range(ROUNDS):
            base.append(_seconds(job, lambda j: attrs.evolve(j, version=1)))
            ours.append(_seconds(job, call))
        found.append((f"{name} / attrs.evolve", min(ours) / min(base), 1.5))
    return found
