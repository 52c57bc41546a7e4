"""What is measured: names, units, attributes. The table in docs/monitoring.md is written from here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import attrs

from spectra.domain.frozen import frozen_dict

__all__ = ["ATTRIBUTES", "INSTRUMENTS", "Instrument", "Kind", "Measurement", "instrument"]

OPERATION: Final = "spectra.operation"
TENANT_CLASS: Final = "spectra.tenant.class"
TENANT: Final = "spectra.tenant"
STATE: Final = "spectra.job.state"
CATEGORY: Final = "spectra.error.category"
REASON: Final = "spectra.abort.reason"
ATTEMPT: Final = "spectra.attempt"
OUTCOME: Final = "spectra.record.outcome"
DIRECTION: Final = "spectra.direction"
EFFECT: Final = "spectra.effect"

ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        OPERATION: "`query`, `insert`, `update`, `upsert`, `delete`",
        TENANT_CLASS: "what your `tenant_class` says of the tenant; `all` unless you give one",
        TENANT: "a tenant id, or `other` for the rest; only if you ask for it",
        STATE: "`JobComplete`, `Failed`, `Aborted`",
        CATEGORY: "`validation`, `permission`, `resource`, `transient`, `capacity`, `internal`",
        REASON: "`requested`, `UPLOAD_TIMEOUT`, `QUEUE_TIMEOUT`",
        ATTEMPT: "`first`, `again`",
        OUTCOME: "`succeeded`, `failed`, `unprocessed`",
        DIRECTION: "`in` (uploads), `out` (results)",
        EFFECT: "`none`, `applied`, `unknown`",
    }
)


class Kind(StrEnum):
    """How values of one instrument are put together: added up, spread out, or the newest kept."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@attrs.frozen(eq=False)
class Instrument:
    """One thing that is measured, itself and no copy; *unit* is spelled by UCUM. Every measurement has all *attributes*."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    attributes: tuple[str, ...] = (OPERATION, TENANT_CLASS)


@attrs.frozen
class Measurement:
    """One value of one instrument."""

    instrument: Instrument
    value: float
    attributes: Mapping[str, str] = attrs.field(factory=dict, converter=frozen_dict)


def _counter(name: str, unit: str, meaning: str, *more: str) -> Instrument:
    return Instrument(f"spectra.{name}", Kind.COUNTER, unit, meaning, (OPERATION, TENANT_CLASS, *more))


def _seconds(name: str, meaning: str, *more: str) -> Instrument:
    return Instrument(f"spectra.{name}", Kind.HISTOGRAM, "s", meaning, (OPERATION, TENANT_CLASS, *more))


def _gauge(name: str, unit: str, meaning: str, *attributes: str) -> Instrument:
    return Instrument(f"spectra.{name}", Kind.GAUGE, unit, meaning, attributes)


INSTRUMENTS: Final = (
    _counter("jobs.created", "{job}", "new jobs, retries included"),
    _counter("jobs.completed", "{job}", "jobs that ended JobComplete"),
    _counter("jobs.failed", "{job}", "jobs that ended Failed", CATEGORY),
    _counter("jobs.aborted", "{job}", "jobs that ended Aborted", REASON),
    _counter("attempts", "{attempt}", "attempts that began", ATTEMPT),
    _counter(
        "attempts.failed", "{attempt}", "attempts that failed, whether another follows or not", CATEGORY
    ),
    _counter("executions.lost", "{attempt}", "attempts whose execution was LOST"),
    _counter("leases.lost", "{lease}", "jobs that another worker took over while this one held them"),
    _counter("conflicts", "{conflict}", "steps that changed nothing because the job had changed meanwhile"),
    _counter("claims.refused", "{claim}", "claims refused because the tenant is at its limit"),
    _counter("steps.failed", "{step}", "steps of a worker that raised", CATEGORY),
    _counter("effects.unsettled", "{job}", "jobs aborted while they ran: their effect is pending"),
    _counter("effects.settled", "{job}", "jobs whose pending effect became known", EFFECT),
    _counter("effects.unknown", "{job}", "ended jobs of which nobody can tell whether they were applied"),
    _counter("records", "{record}", "records of ended jobs", OUTCOME),
    _counter("bytes", "By", "bytes of uploads that were closed, and of results", DIRECTION),
    _seconds("job.duration", "from the creation to the end", STATE),
    _seconds("job.wait", "from the creation, of a load from the close of its upload, to the claim"),
    _seconds("job.run", "from the claim to the end", STATE),
    _seconds("job.settling", "from the abort to the settling"),
    _seconds("job.unsettled", "from the abort to each look that proved nothing yet"),
    _gauge("backlog.waiting", "{job}", "jobs that wait for their claim"),
    _gauge("backlog.running", "{job}", "jobs that are InProgress"),
    _gauge("backlog.oldest.age", "s", "how long the oldest due job has been due; 0 if none is"),
    _gauge("tenant.waiting", "{job}", "jobs of one tenant that wait for their claim", TENANT),
)

_BY_NAME: Final = {one.name: one for one in INSTRUMENTS}


def instrument(name: str) -> Instrument:
    """The instrument of this name, given without ``spectra.``."""
    return _BY_NAME[f"spectra.{name}"]
