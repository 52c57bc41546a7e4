"""Jobs to try things with, at every state; dated from `START`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from spectra.domain import (
    Category,
    Column,
    Counts,
    Effect,
    ExportSpec,
    Files,
    Job,
    JobError,
    LoadSpec,
    Parameter,
    Part,
    Progress,
    Retention,
    Session,
    Upload,
)
from spectra.testing.clock import START

KEPT: Final = Retention(jobs=timedelta(days=2), results=timedelta(days=1))
DAY: Final = 86_400.0


def after(seconds: float) -> datetime:
    """`START` and *seconds*."""
    return START + timedelta(seconds=seconds)


def export(
    job_id: str = "j",
    tenant: str = "t",
    *,
    at: float = 0,
    query: str = "select 1",
    parameters: Mapping[str, Parameter] | None = None,
    **more: Any,
) -> Job:
    """A job that is due at once."""
    spec = ExportSpec(query=query, parameters=parameters or {})
    return Job.new(tenant_id=tenant, job_id=job_id, spec=spec, at=after(at), retention=KEPT, **more)


def load(
    job_id: str = "j", tenant: str = "t", *, at: float = 0, operation: str = "insert", **more: Any
) -> Job:
    """A job that waits for its upload."""
    keys = () if operation == "insert" else ("id",)
    spec = LoadSpec(operation=operation, object="sales", key_columns=keys)
    return Job.new(tenant_id=tenant, job_id=job_id, spec=spec, at=after(at), retention=KEPT, **more)


def uploaded(job: Job, *, at: float = 1) -> Job:
    """*job* with its upload closed."""
    return job.close_upload(at=after(at), retention=KEPT, upload=Upload("memory:///in", 1, "e"))


def claimed(job: Job, *, at: float = 1, worker: str = "w") -> Job:
    """*job* under the lease of *worker*, for a minute."""
    return job.claim(at=after(at), worker=worker, until=after(at + 60), retention=KEPT)


def completed(job: Job, *, at: float = 2) -> Job:
    """*job* ended well."""
    return job.complete(at=after(at), retention=KEPT, counts=Counts(total=1, succeeded=1))


def failed(job: Job, *, at: float = 2) -> Job:
    """*job* ended badly."""
    return job.fail(at=after(at), retention=KEPT, error=JobError("E", Category.VALIDATION, "boom"))


def aborted(job: Job, *, at: float = 2) -> Job:
    """*job* aborted; if it ran, its effect is pending."""
    return job.abort(at=after(at), retention=KEPT, reason="enough", actor="a")


def settled(job: Job, *, at: float = 3, effect: Effect = Effect.NONE) -> Job:
    """*job*, aborted, with its *effect*."""
    return job.settle(at=after(at), retention=KEPT, effect=effect)


def rich(job_id: str = "j") -> Job:
    """A job with something in nearly every field, and nothing that JSON or SQL would keep by itself."""
    parameters: dict[str, Parameter] = {
        "d": Decimal("1.10"),
        "f": 0.1,
        "at": START,
        "on": START.date(),
        "n": None,
        "b": True,
    }
    spec = ExportSpec(
        query="select 'ß €  𝄞 \u2028 \\ \"' -- '",
        parameters=parameters,
    )
    job = Job.new(
        tenant_id="t",
        job_id=job_id,
        spec=spec,
        at=START + timedelta(microseconds=123_000),
        retention=KEPT,
        actor="someone",
        session=Session("user", ("g1", "g2")),
        labels={"größe": "ünïcode", "empty": ""},
        idempotency_key="k 🔑",
        retry_of="an-older-one",
    )
    job = claimed(job).report(at=after(2), progress=Progress(7, 33.3), handle="h/1")
    files = Files(
        parts=(Part("memory:///1", 2**40, 3),),
        columns=(Column("a b", "numeric(38,10)"),),
        bytes=2**40,
        rows=3,
    )
    error = JobError("E", Category.VALIDATION, "boom", {"deep": {"list": [1, None, "x"]}})
    job = job.reschedule(at=after(3), due_at=after(4), error=error).reclaim(
        at=after(5), worker="w2", until=after(65)
    )
    job = job.fail(at=after(6), retention=KEPT, error=error, failed_records=files, unprocessed_records=files)
    return job.evolved(unknown_fields={"later": {"version": [2, "é"]}}, warnings=("careful",))


def ids(jobs: Iterable[Job]) -> list[str]:
    """The ids of *jobs*, in their order."""
    return [job.job_id for job in jobs]
