"""Hypothesis strategies of everything that a host or an adapter is given: specs, errors, jobs, lives.

Where an adapter is narrower than the domain, the parameters narrow the strategies: fewer operations,
formats or compressions, ids and texts of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from spectra.domain import (
    Category,
    Column,
    Compression,
    ContentType,
    Counts,
    Effect,
    ExportSpec,
    Files,
    Job,
    JobError,
    JobState,
    LoadSpec,
    Operation,
    Parameter,
    Part,
    Progress,
    Retention,
    Session,
    Spec,
    Upload,
)
from spectra.testing.clock import START

__all__ = ["ids", "instants", "job_errors", "jobs", "labels", "lifecycles", "parameters", "specs", "texts"]

RETENTION = Retention()
_LOADS = [operation for operation in Operation if operation is not Operation.QUERY]
_PATHS: dict[JobState, Sequence[str]] = {
    JobState.OPEN: (),
    JobState.UPLOAD_COMPLETE: ("close",),
    JobState.IN_PROGRESS: ("close", "claim"),
    JobState.JOB_COMPLETE: ("close", "claim", "complete"),
    JobState.FAILED: ("close", "claim", "fail"),
}


def ids() -> st.SearchStrategy[str]:
    """Ids of tenants and jobs: all that the domain lets pass, the awkward ones often."""
    awkward = st.sampled_from(["0", "A", "a", "a.", "a..b", "a-", "CON", "x" * 128, "job-1", "j.-_"])
    return awkward | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}", fullmatch=True)


def texts(*, min_size: int = 0, max_size: int = 40) -> st.SearchStrategy[str]:
    """Text without what the domain refuses: NUL and lone surrogates."""
    alphabet = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    awkward = [t for t in ("'", '"', "\\", "\n", " ", "ß𝄞\u2028", ":a", "%s", "--") if len(t) >= min_size]
    return st.sampled_from(awkward) | st.text(alphabet, min_size=min_size, max_size=max_size)


def instants(
    *, earliest: datetime = START, latest: datetime = START + timedelta(days=30)
) -> st.SearchStrategy[datetime]:
    """Instants in UTC, to the microsecond; jobs keep milliseconds."""
    span = int((latest - earliest) / timedelta(microseconds=1))
    return st.integers(0, span).map(lambda us: earliest + timedelta(microseconds=us))


def labels() -> st.SearchStrategy[dict[str, str]]:
    """Labels, few and small."""
    return st.dictionaries(texts(min_size=1, max_size=15), texts(max_size=60), max_size=3)


def parameters() -> st.SearchStrategy[Parameter]:
    """Values of every type that can be bound: all that the domain lets pass, huge numbers too."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.decimals(allow_nan=False, allow_infinity=False).filter(lambda d: abs(d.adjusted()) < 400),
        st.dates(),
        st.datetimes(timezones=st.none() | st.just(UTC)),
        texts(),
    )


@st.composite
def specs(
    draw: st.DrawFn,
    *,
    operations: Collection[Operation] = tuple(Operation),
    content_types: Collection[ContentType] = tuple(ContentType),
    compressions: Collection[Compression] = tuple(Compression),
    queries: st.SearchStrategy[str] | None = None,
    objects: st.SearchStrategy[str] | None = None,
    values: st.SearchStrategy[Parameter] | None = None,
) -> Spec:
    """Export and load specs; *queries*, *objects*, *values* where only some statements, tables, parameters do."""
    operation = draw(st.sampled_from(sorted(operations)))
    kind = draw(st.sampled_from(sorted(content_types)))
    packed = sorted(compressions) if kind is not ContentType.PARQUET else [Compression.NONE]
    shape: dict[str, Any] = {
        "content_type": kind,
        "compression": draw(st.sampled_from(packed)),
        "delimiter": draw(st.sampled_from([",", ";", "|", "\t"])),
        "header": draw(st.booleans()),
        "line_ending": draw(st.sampled_from(["LF", "CRLF"])),
        "null_token": draw(st.none() | st.sampled_from(["NULL", "\\N", "∅"])),
    }
    table = objects if objects is not None else texts(min_size=1)
    if operation is Operation.QUERY:
        names = st.sampled_from(["a", "b", "c_1"])
        return ExportSpec(
            query=draw(
                queries if queries is not None else st.sampled_from(["select 1", "select :a as x -- é"])
            ),
            parameters=draw(
                st.dictionaries(names, values if values is not None else parameters(), max_size=3)
            ),
            object=draw(st.none() | table),
            single_file=draw(st.booleans()),
            **shape,
        )
    keys = st.lists(st.sampled_from(["id", "k 2", "ключ"]), min_size=1, max_size=3, unique=True)
    return LoadSpec(
        operation=operation,
        object=draw(table),
        key_columns=() if operation is Operation.INSERT else tuple(draw(keys)),
        max_failed_records=draw(st.sampled_from([0, 1, 99_999])),
        on_duplicate_key=draw(st.sampled_from(["error", "first", "last"])),
        on_missing_key=draw(st.sampled_from(["reject", "ignore"])),
        **shape,
    )


@st.composite
def job_errors(draw: st.DrawFn, *, category: Category | None = None) -> JobError:
    """Why jobs fail; of one *category*, or of any."""
    details = {
        "sql_state": draw(st.none() | st.from_regex("[0-9A-Z]{5}", fullmatch=True)),
        "position": draw(st.none() | st.integers(1, 10**6)),
        "nested": {"list": draw(st.lists(st.none() | st.integers() | texts(), max_size=3))},
    }
    return JobError(
        code=draw(st.sampled_from(["QUERY_ERROR", "CAST", "TOO_MANY_FAILED_RECORDS", "X"])),
        category=category or draw(st.sampled_from(Category)),
        message=draw(texts(max_size=200)),
        details={name: value for name, value in details.items() if value is not None},
    )


@st.composite
def _files(draw: st.DrawFn) -> Files:
    sizes = draw(st.lists(st.tuples(st.integers(0, 2**41), st.integers(0, 10**9)), max_size=3))
    parts = tuple(Part(f"memory:///part-{n}", size, rows) for n, (size, rows) in enumerate(sizes))
    columns = tuple(Column(name, "numeric(38,10)") for name in draw(st.lists(texts(), max_size=3)))
    return Files(
        parts=parts,
        columns=columns,
        bytes=sum(part.bytes for part in parts),
        rows=sum(part.rows for part in parts),
        manifest=draw(st.none() | st.just("memory:///manifest.json")),
    )


class _Life:
    """A job that is led through its events, at instants that never go back."""

    def __init__(self, draw: st.DrawFn, job: Job) -> None:
        self.draw = draw
        self.versions = [job]
        self.now = job.created_at

    @property
    def job(self) -> Job:
        return self.versions[-1]

    def step(self, event: str) -> None:
        draw, job = self.draw, self.job
        self.now += timedelta(milliseconds=draw(st.integers(0, 10**6)))
        at = self.now
        until = at + timedelta(seconds=draw(st.integers(0, 300)))
        ended: dict[str, Any] = {"at": at, "retention": RETENTION}
        match event:
            case "close":
                load = isinstance(job.spec, LoadSpec)
                upload = Upload("memory:///in", draw(st.integers(0, 2**40)), draw(texts(min_size=1)))
                job = job.close_upload(**ended, upload=upload if load else None)
            case "claim":
                job = job.claim(**ended, worker=draw(texts(min_size=1)), until=until)
            case "renew":
                job = job.renew(at=at, worker="w2", until=until)
            case "report":
                percent = draw(st.none() | st.floats(0, 100))
                job = job.report(at=at, progress=Progress(draw(st.integers(0, 2**40)), percent), handle="h")
            case "reschedule":
                job = job.reschedule(at=at, due_at=until, error=draw(st.none() | job_errors()))
            case "reclaim":
                job = job.reclaim(at=at, worker="w3", until=until)
            case "complete":
                good, bad = draw(st.integers(0, 9)), draw(st.integers(0, 9))
                counts = Counts(total=good + bad, succeeded=good, failed=bad)
                warnings = tuple(draw(st.lists(texts(), max_size=2)))
                job = job.complete(
                    **ended, counts=counts, results=draw(st.none() | _files()), warnings=warnings
                )
            case "fail":
                rejected = draw(st.none() | st.just(Upload("memory:///again", 1, "e")))
                failed = draw(st.none() | _files())
                job = job.fail(
                    **ended, error=draw(job_errors()), failed_records=failed, rejected_input=rejected
                )
            case "abort":
                job = job.abort(**ended, reason=draw(st.none() | texts()), actor=draw(st.none() | texts()))
            case "settle":
                effect = draw(st.sampled_from([Effect.NONE, Effect.APPLIED, Effect.UNKNOWN]))
                job = job.settle(**ended, effect=effect)
            case _:
                job = job.postponed(at=at, due_at=until)
        self.versions.append(job)


@st.composite
def lifecycles(
    draw: st.DrawFn,
    *,
    until: Collection[JobState] = tuple(JobState),
    spec: st.SearchStrategy[Spec] | None = None,
    tenant_ids: st.SearchStrategy[str] | None = None,
    job_ids: st.SearchStrategy[str] | None = None,
) -> tuple[Job, ...]:
    """All versions of a job, from its creation to a state of *until*: each is one event after the last.

    A job that was aborted while it ran may be settled, or not yet.
    """
    target = draw(st.sampled_from(sorted(until)))
    given = spec if spec is not None else specs()
    if target is JobState.OPEN:
        given = given.filter(lambda one: isinstance(one, LoadSpec))
    job = Job.new(
        tenant_id=draw(tenant_ids if tenant_ids is not None else ids()),
        job_id=draw(job_ids if job_ids is not None else ids()),
        spec=draw(given),
        at=draw(instants()),
        retention=RETENTION,
        actor=draw(st.none() | texts()),
        session=draw(st.sampled_from([Session(), Session("user", ("group", "g 2"))])),
        labels=draw(labels()),
        idempotency_key=draw(st.none() | texts(min_size=1)),
        retry_of=draw(st.none() | st.just("an-older-one")),
    )
    life = _Life(draw, job)
    stop = draw(st.sampled_from([JobState.OPEN, JobState.UPLOAD_COMPLETE, JobState.IN_PROGRESS]))
    for event in _PATHS[stop if target is JobState.ABORTED else target]:
        if event == "close" and life.job.state is not JobState.OPEN:
            continue
        if event in ("complete", "fail"):
            _work(life)
        life.step(event)
    if life.job.state is JobState.IN_PROGRESS:
        _work(life)
    if target is JobState.ABORTED:
        life.step("abort")
        if life.job.is_settling and draw(st.booleans()):
            life.step("settle")
    if life.job.is_terminal and draw(st.booleans()):
        life.step("postpone")
    return tuple(life.versions)


def _work(life: _Life) -> None:
    for event in life.draw(
        st.lists(st.sampled_from(["renew", "report", "reschedule", "reclaim"]), max_size=4)
    ):
        life.step(event)


def jobs(*, states: Collection[JobState] = tuple(JobState), **narrower: Any) -> st.SearchStrategy[Job]:
    """Jobs in one of *states*, that came there by events; *narrower* as of `lifecycles`."""
    return lifecycles(until=states, **narrower).map(lambda life: life[-1])
