"""Jobs as large as the domain lets them be, through all their life."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from spectra.domain import Category, ExportSpec, Job, JobError, Session
from spectra.testing.samples import KEPT, START, after, claimed, completed, export, settled

CONTROL: Final = "".join(map(chr, range(1, 32)))
"""JSON writes them down as six characters, or as two."""

LONG_ID: Final = "Z" + "-._" * 42 + "-"
MOST_ATTEMPTS: Final = 70


def text(characters: str, size: int) -> str:
    """About *size* bytes of *characters*, one after the other."""
    width = len(characters[-1].encode())
    return "".join(itertools.islice(itertools.cycle(characters), size // width))


def largest(characters: str) -> Job:
    """A new job whose every text is as long as it may be."""

    def long(size: int) -> str:
        return text(characters, size)

    spec = ExportSpec(
        query="select '" + long(100 * 1024 - 9) + "'",
        object=long(1024),
        parameters={"p": long(100 * 1024)},
    )
    return Job.new(
        tenant_id=LONG_ID,
        job_id=LONG_ID,
        spec=spec,
        at=START,
        retention=KEPT,
        actor=long(255),
        session=Session(long(128), tuple(f"{n:02}" + long(126) for n in range(100))),
        labels={f"{n:02}" + long(61): long(255) for n in range(32)},
        idempotency_key=long(255),
        retry_of=LONG_ID,
    )


def largest_life(characters: str, end: str) -> Iterator[Job]:
    """`largest`, and what becomes of it: complete, fail or abort."""
    worker, at = text(characters, 255), after(300)
    details = text(characters, 1_300)
    error = JobError("E" * 64, Category.TRANSIENT, text(characters, 4096), {"text": details})
    yield (job := largest(characters))
    yield (job := claimed(job, worker=worker))
    for n in range(MOST_ATTEMPTS):
        job = job.reschedule(at=after(n), due_at=after(n), error=error)
        job = job.reclaim(at=after(n), worker=worker, until=after(200))
    yield job
    if end == "complete":
        warnings = ((characters * 1_000)[:1_000],) * 32
        counts = completed(claimed(export())).counts
        assert counts is not None
        yield job.complete(at=at, retention=KEPT, counts=counts, warnings=warnings)
    elif end == "fail":
        yield job.fail(at=at, retention=KEPT, error=error)
    else:
        ended = job.abort(at=at, retention=KEPT, reason=text(characters, 4096), actor=worker)
        yield ended
        yield settled(ended, at=301)
