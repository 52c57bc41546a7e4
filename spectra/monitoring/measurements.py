"""From an event to what it measures; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from spectra.domain import Category, Effect, Job
from spectra.monitoring.instruments import (
    ATTEMPT,
    CATEGORY,
    DIRECTION,
    EFFECT,
    OPERATION,
    OUTCOME,
    REASON,
    STATE,
    TENANT_CLASS,
    Measurement,
    instrument,
)
from spectra.services import JobEvent

__all__ = ["of_event", "one_class"]


def one_class(_: str) -> str:
    """The class of every tenant, unless the host knows better."""
    return "all"


def of_event(event: JobEvent, tenant_class: Callable[[str], str] = one_class) -> list[Measurement]:
    """What *event* adds to the figures; nothing for an event that is no news to them."""
    job = event.job
    base = {OPERATION: str(job.operation), TENANT_CLASS: tenant_class(job.tenant_id)}
    return [
        Measurement(instrument(name), value, {**base, **more})
        for name, value, more in _readings(event.name, job, event.facts)
    ]


_Facts: TypeAlias = Mapping[str, object]
_Reading: TypeAlias = tuple[str, float, Mapping[str, str]]
_NONE: Final[Mapping[str, str]] = {}


def _readings(name: str, job: Job, facts: _Facts) -> Iterator[_Reading]:
    match name:
        case "job.created" | "job.retried":
            yield "jobs.created", 1, _NONE
        case "job.upload_closed" if job.upload is not None:
            yield "bytes", job.upload.bytes, {DIRECTION: "in"}
        case "job.claimed":
            yield "attempts", 1, {ATTEMPT: "first"}
            yield from _seconds("job.wait", facts, "seconds_waiting")
        case "job.reclaimed":
            yield "attempts", 1, {ATTEMPT: "again"}
        case "job.rescheduled":
            yield from _attempt_ended(facts)
        case "job.completed":
            yield "jobs.completed", 1, _NONE
            yield from _attempt_ended(facts)
            yield from _ended(job, facts)
            if job.results is not None:
                yield "bytes", job.results.bytes, {DIRECTION: "out"}
        case "job.failed":
            category = job.error.category if job.error is not None else Category.INTERNAL
            yield "jobs.failed", 1, {CATEGORY: str(category)}
            yield from _attempt_ended(facts)
            yield from _ended(job, facts)
        case "job.aborted":
            code = job.abort_info.code if job.abort_info is not None else None
            yield "jobs.aborted", 1, {REASON: code or "requested"}
            yield from _ended(job, facts)
            if job.is_settling:
                yield "effects.unsettled", 1, _NONE
        case "job.settling":
            yield from _seconds("job.unsettled", facts, "seconds_settling")
        case "job.settled":
            yield "effects.settled", 1, {EFFECT: str(job.effect)}
            yield from _seconds("job.settling", facts, "seconds_settling")
            yield from _effect_and_records(job)
        case "lease.lost":
            yield "leases.lost", 1, _NONE
            yield "conflicts", 1, _NONE
        case "step.conflict":
            yield "conflicts", 1, _NONE
        case "step.failed":
            yield "steps.failed", 1, {CATEGORY: str(facts["category"])}
        case "claim.refused":
            yield "claims.refused", 1, _NONE


def _attempt_ended(facts: _Facts) -> Iterator[_Reading]:
    if "error" in facts:
        yield "attempts.failed", 1, {CATEGORY: str(facts["category"])}
    if facts.get("lost"):
        yield "executions.lost", 1, _NONE


def _ended(job: Job, facts: _Facts) -> Iterator[_Reading]:
    state = {STATE: str(job.state)}
    yield from _seconds("job.duration", facts, "seconds_total", state)
    yield from _seconds("job.run", facts, "seconds_running", state)
    yield from _effect_and_records(job)


def _effect_and_records(job: Job) -> Iterator[_Reading]:
    if job.effect is Effect.UNKNOWN:
        yield "effects.unknown", 1, _NONE
    if job.counts is not None:
        for outcome in ("succeeded", "failed", "unprocessed"):
            if count := getattr(job.counts, outcome):
                yield "records", count, {OUTCOME: outcome}


def _seconds(
    name: str, facts: _Facts, fact: str, attributes: Mapping[str, str] = _NONE
) -> Iterator[_Reading]:
    seconds = facts.get(fact)
    if isinstance(seconds, int | float):
        yield name, seconds, attributes
