"""The table: its keys, its one index, and what orders it.

One item is a job, sorted by id below its tenant; beside it stand its statement, if that is large, its
idempotency key, and one item with the tenant's places. The index has every job that needs somebody at
some time, by *lane* and *at*; of an item it holds the keys only.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from spectra.domain import Job, JobState

__all__ = [
    "AFTER",
    "BEGUN",
    "INDEX",
    "KEPT_LANES",
    "LIVE_LANES",
    "PLACES",
    "WAITING",
    "Item",
    "Key",
    "at_of",
    "due_text",
    "ids_of",
    "job_key",
    "key_key",
    "lane_of",
    "lanes_of",
    "places_key",
    "read_at",
    "statement_key",
]

Item: TypeAlias = dict[str, dict[str, Any]]
Key: TypeAlias = dict[str, dict[str, str]]

INDEX: Final = "due"
LANES: Final = 16
"""Partitions of each half of the index: one takes about 1,000 changes a second."""

LIVE_LANES: Final = tuple(f"live{n:02}" for n in range(LANES))
KEPT_LANES: Final = tuple(f"kept{n:02}" for n in range(LANES))

AFTER: Final = "$"
"""The character after ``#``, which ends the words of `at`: no id has it, and it sorts before all that they have."""

JOB: Final = "j#"
_STATEMENT, _KEY, PLACES = "s#", "k#", "p"
_DIGEST: Final = 16

_PHASES: Final = {
    JobState.OPEN: "O",
    JobState.UPLOAD_COMPLETE: "U",
    JobState.IN_PROGRESS: "I",
}
_SETTLING, _KEPT = "S", "K"
BEGUN, WAITING = "0", "1"


def _key(tenant_id: str, sort: str) -> Key:
    return {"pk": {"S": tenant_id}, "sk": {"S": sort}}


def job_key(tenant_id: str, job_id: str) -> Key:
    """Where the job is."""
    return _key(tenant_id, JOB + job_id)


def statement_key(tenant_id: str, job_id: str, digest: str) -> Key:
    """Where a large statement is; it never changes, so its name has its digest."""
    return _key(tenant_id, f"{_STATEMENT}{job_id}#{digest}")


def key_key(tenant_id: str, idempotency_key: str) -> Key:
    """Where an idempotency key is reserved: behind a digest, for it may be any text."""
    return _key(tenant_id, _KEY + hashlib.sha256(idempotency_key.encode()).hexdigest()[: 2 * _DIGEST])


def places_key(tenant_id: str) -> Key:
    """Where the tenant's places are."""
    return _key(tenant_id, PLACES)


def ids_of(item: Mapping[str, Any]) -> tuple[str, str]:
    """Tenant and job id of a job's item or key."""
    return str(item["pk"]["S"]), str(item["sk"]["S"]).removeprefix(JOB)


def due_text(due_at: datetime) -> str:
    """An instant as 17 digits that sort: year to millisecond, UTC."""
    return due_at.astimezone(UTC).strftime("%Y%m%d%H%M%S").rjust(14, "0") + f"{due_at.microsecond // 1000:03}"


def lanes_of(tenant_id: str) -> tuple[str, str]:
    """The tenant's lane of live and of ended jobs."""
    number = zlib.crc32(tenant_id.encode()) % LANES
    return LIVE_LANES[number], KEPT_LANES[number]


def _phase(job: Job) -> str:
    return _SETTLING if job.is_settling else _PHASES.get(job.state, _KEPT)


def lane_of(job: Job) -> str:
    """Where in the index the job is."""
    live, kept = lanes_of(job.tenant_id)
    return kept if _phase(job) == _KEPT else live


def at_of(job: Job) -> str:
    """The job's place in its lane: by tenant, by whether it waits for its start, by when it is due."""
    assert job.due_at is not None
    phase = _phase(job)
    queue = WAITING if phase == _PHASES[JobState.UPLOAD_COMPLETE] else BEGUN
    return "#".join((job.tenant_id, queue, due_text(job.due_at), job.job_id, phase))


def read_at(at: str) -> tuple[str, datetime, str, str]:
    """Tenant, due instant, job id, phase of a place in a lane."""
    tenant_id, _, digits, job_id, phase = at.split("#")
    due = datetime.fromisoformat(f"{digits[:8]}T{digits[8:14]}.{digits[14:]}Z")
    return tenant_id, due, job_id, phase
