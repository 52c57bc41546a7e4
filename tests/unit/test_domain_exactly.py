"""Small promises of the domain, to the letter: fingerprints, texts, what an error and a mapping refuse."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from spectra.domain import (
    Caller,
    Category,
    Effect,
    ExportSpec,
    FixedInterval,
    Job,
    JobError,
    JobState,
    LoadSpec,
    Progress,
    Retention,
    Session,
)
from spectra.domain.history import HISTORY_LIMIT
from spectra.domain.frozen import FrozenDict, frozen_dict
from spectra.domain.spec import fingerprint
from spectra.errors import ExecutorError, InvalidSpecError, TransitionError
from spectra.testing import START
from spectra.testing.samples import (
    KEPT,
    aborted,
    after,
    claimed,
    completed,
    export,
    failed,
    load,
    settled,
    uploaded,
)

ID = "must be 1 to 128 of the characters A-Z a-z 0-9 . _ - and begin with a letter or digit"

# Kept in stores beside idempotency keys: a version that computes others would refuse honest retries.
FINGERPRINTS = [
    (ExportSpec(query="select 1"), None, "22b0c41fa5ab48bebdafa17839e2f76e39168e88a2584d0902963571ac727f6e"),
    (ExportSpec(query="select 1"), "old", "742c243f0648b03a855c4f0e96a692daa11b928aaf7e8b5bca1d099e588fc8f1"),
    (
        ExportSpec(
            query="select :b, :a",
            parameters={
                "b": Decimal("1.10"),
                "a": date(2026, 1, 2),
                "c": None,
                "d": datetime(2026, 1, 2, tzinfo=UTC),
            },
            compression="GZIP",
            null_token="NULL",
        ),
        None,
        "4e29d28b8cfdcb00630ae49dafc3b75a9cfbbe92bca3e22fe1b102c092ee0179",
    ),
    (
        LoadSpec(operation="upsert", object="sales", key_columns=("id", "k"), max_failed_records=3),
        None,
        "0a8f6b92655901c6d9242ce2b9a43165d4ce2ec2f87ccb7f24d1cd40cf63520a",
    ),
]


@pytest.mark.parametrize(("spec", "retry_of", "digest"), FINGERPRINTS, ids=lambda value: str(value)[:12])
def test_fingerprints_stay_what_they_were(
    spec: ExportSpec | LoadSpec, retry_of: str | None, digest: str
) -> None:
    assert fingerprint(spec, retry_of) == digest


def test_parameters_count_by_type_and_value_not_by_order() -> None:
    def of(**values: object) -> str:
        return fingerprint(ExportSpec(query="select 1", parameters=values), None)

    assert of(a=1, b=2) == of(b=2, a=1)
    distinct = [
        of(a="2026-01-02"),
        of(a=date(2026, 1, 2)),
        of(a=1),
        of(a="1"),
        of(a=Decimal(1)),
        of(a=Decimal("1.0")),
    ]
    distinct += [of(a=None), of(a="None"), of(), of(a=True)]
    assert len(set(distinct)) == len(distinct)


def test_operation_and_origin_count() -> None:
    specs = [
        LoadSpec(operation=name, object="t", key_columns=("id",)) for name in ("update", "upsert", "delete")
    ]
    assert len({fingerprint(spec, None) for spec in specs} | {fingerprint(specs[0], "x")}) == 4


# ---- states -----------------------------------------------------------------------------------------


def test_raise_for_state() -> None:
    for job in (export(), claimed(export()), completed(claimed(export()))):
        job.raise_for_state()
    with pytest.raises(ExecutorError) as caught:
        failed(claimed(export())).raise_for_state()
    assert caught.value.job_error.code == "E"
    with pytest.raises(TransitionError) as refused:
        aborted(export()).raise_for_state()
    error = refused.value
    assert (error.job, error.state, error.event, error.allowed) == ("t/j", "Aborted", "complete", ())


@pytest.mark.parametrize(
    "job", [load(), export(), claimed(export()), aborted(claimed(export()))], ids=lambda j: j.state
)
def test_only_what_has_ended_and_settled_expires(job: Job) -> None:
    with pytest.raises(TransitionError) as refused:
        job.expired(at=after(9))
    allowed = {"Open": ("close_upload", "abort"), "UploadComplete": ("claim", "abort")}
    error = refused.value
    assert (error.job, error.state, error.event) == ("t/j", job.state, "delete")
    assert error.allowed == allowed.get(
        job.state, ("complete", "fail", "abort") if not job.is_terminal else ()
    )


def test_expiry_is_dated() -> None:
    for job in (completed(claimed(export())), aborted(export()), settled(aborted(claimed(export())))):
        gone = job.expired(at=after(77))
        assert gone.updated_at == gone.due_at == gone.ttl == gone.files_until == after(77)
        assert gone.state is job.state


def test_what_has_not_ended_cannot_be_postponed() -> None:
    with pytest.raises(TransitionError) as refused:
        export().postponed(at=after(1), due_at=after(2))
    error = refused.value
    assert (error.job, error.state, error.event, error.allowed) == (
        "t/j",
        "UploadComplete",
        "postpone",
        ("claim", "abort"),
    )
    later = completed(claimed(export())).postponed(at=after(5), due_at=after(9))
    assert (later.updated_at, later.due_at) == (after(5), after(9))


def test_settling_what_is_not_pending_is_refused() -> None:
    for job, effect in (
        (export(), Effect.NONE),
        (aborted(export()), Effect.NONE),
        (aborted(claimed(export())), Effect.PENDING),
    ):
        with pytest.raises(TransitionError) as refused:
            job.settle(at=after(9), retention=KEPT, effect=effect)
        assert (refused.value.job, refused.value.state, refused.value.event) == ("t/j", job.state, "settle")
    job = aborted(claimed(uploaded(load())), at=5)
    ended = job.settle(at=after(9), retention=KEPT, effect=Effect.APPLIED)
    entry = ended.history[-1]
    assert (entry.event, entry.before, entry.after, entry.at) == ("settle", "Aborted", "Aborted", after(9))
    assert (entry.reason, entry.attempt, entry.actor) == ("applied", 1, None)
    assert (ended.ttl, ended.due_at, ended.updated_at) == (
        after(5) + KEPT.jobs,
        after(5) + KEPT.results,
        after(9),
    )


def test_the_history_of_a_reclaimed_job() -> None:
    job = claimed(export())
    error = JobError("E", Category.TRANSIENT, "boom")
    job = job.reschedule(at=after(3), due_at=after(4), error=error).reclaim(
        at=after(5), worker="v", until=after(65)
    )
    entry = job.history[-1]
    assert (entry.event, entry.before, entry.after, entry.at) == (
        "reclaim",
        "InProgress",
        "InProgress",
        after(5),
    )
    assert (entry.actor, entry.reason, entry.attempt) == ("v", "E", 2)
    assert (job.attempt, job.due_at, job.progress, job.handle) == (2, after(65), None, None)
    again = claimed(export()).reclaim(at=after(5), worker="v", until=after(65))
    assert again.history[-1].reason is None
    for event in ("renew", "reclaim"):
        with pytest.raises(TransitionError) as refused:
            getattr(export(), event)(at=after(1), worker="w", until=after(2))
        told = refused.value
        assert (told.job, told.state, told.event, told.allowed) == (
            "t/j",
            "UploadComplete",
            event,
            ("claim", "abort"),
        )


def test_a_claim_is_dated_and_leased() -> None:
    job = claimed(export(), at=7, worker="w")
    assert (job.started_at, job.updated_at, job.due_at) == (after(7), after(7), after(67))
    assert (job.lease.worker, job.lease.until, job.attempt) == ("w", after(67), 1)
    assert job.deadline_at == after(7) + KEPT.run
    entry = job.history[-1]
    assert (entry.event, entry.actor, entry.attempt, entry.reason) == ("claim", "w", 1, None)


def test_an_end_is_dated() -> None:
    for job in (completed(claimed(export()), at=9), failed(claimed(export()), at=9), aborted(export(), at=9)):
        assert (job.completed_at, job.files_until, job.due_at) == (
            after(9),
            after(9) + KEPT.results,
            after(9) + KEPT.results,
        )
        assert (job.ttl, job.deadline_at, job.lease) == (after(9) + KEPT.jobs, None, None)
    assert failed(claimed(export())).history[-1].reason == "E"
    running = aborted(claimed(export()), at=9)
    assert (running.effect, running.due_at, running.ttl) == (Effect.PENDING, after(9), None)
    coded = export().abort(at=after(9), retention=KEPT, code="QUEUE_TIMEOUT", actor="spectra")
    assert (coded.history[-1].reason, coded.history[-1].actor) == ("QUEUE_TIMEOUT", "spectra")


def test_warnings_are_kept_few_and_short() -> None:
    from spectra.domain import Counts

    job = claimed(export()).evolved(warnings=("early",))
    done = job.complete(
        at=after(9), retention=KEPT, counts=Counts(total=0), warnings=tuple("x" * 1_001 for _ in range(40))
    )
    assert done.warnings[0] == "early"
    assert len(done.warnings) == 32
    assert done.warnings[1] == "x" * 1_000


def test_contradictions_are_told() -> None:
    with pytest.raises(InvalidSpecError) as refused:
        export().evolved(state=JobState.JOB_COMPLETE)
    assert str(refused.value.problem) == (
        "the fields of a job that is JobComplete contradict each other: completed_at, ttl and counts belong to "
        "terminal states, lease to InProgress, error to Failed, abort to Aborted, effect to these two; InProgress "
        "needs started_at and an attempt"
    )


# ---- job errors --------------------------------------------------------------------------------------


def test_an_error_from_a_warehouse_is_made_fit_to_keep() -> None:
    error = JobError.of("E", Category.INTERNAL, "a\0b\ud800c", sql_state="42703", position=None, line=3)
    assert (error.code, error.category, error.message) == ("E", Category.INTERNAL, "ab?c")
    assert dict(error.details) == {"sql_state": "42703", "line": 3}
    whole = JobError.of("E", Category.INTERNAL, "x" * 4096)
    assert whole.message == "x" * 4096
    cut = JobError.of("E", Category.INTERNAL, "x" * 4097)
    assert cut.message == "x" * 4093 + "…"
    # A cut inside a letter of several bytes leaves no half of it.
    assert JobError.of("E", Category.INTERNAL, "x" * 4092 + "€€").message == "x" * 4092 + "…"


# ---- mappings ------------------------------------------------------------------------------------------


def test_a_frozen_mapping_says_so() -> None:
    mapping = frozen_dict({"a": 1})
    for change in (
        lambda: mapping.update(b=2),
        lambda: mapping.clear(),
        lambda: mapping.pop("a"),
        lambda: mapping.setdefault("b", 1),
        lambda: mapping.__setitem__("a", 2),
        lambda: mapping.__delitem__("a"),
        lambda: mapping.popitem(),
    ):
        with pytest.raises(TypeError, match="^this mapping does not change; make a new one$"):
            change()
    assert mapping == {"a": 1}


def test_equal_mappings_hash_alike_and_others_do_not() -> None:
    one, same, other = (
        FrozenDict({"a": 1, "b": [2]}),
        FrozenDict({"b": [2], "a": 1}),
        FrozenDict({"a": 1, "b": [3]}),
    )
    assert hash(one) == hash(same) != hash(other)
    assert frozen_dict(one) is one


def test_times_are_kept_in_milliseconds() -> None:
    job = export(at=0.0019)
    assert job.created_at == START + timedelta(milliseconds=1)


# ---- what is refused, field by field -----------------------------------------------------------------


def keyed(*names: object) -> object:
    return LoadSpec(operation="upsert", object="t", key_columns=names)


@pytest.mark.parametrize(
    ("make", "field", "problem"),
    [
        (
            lambda: LoadSpec(operation="upsert", object="t", key_columns="id"),
            "key_columns",
            "must be a list or tuple of column names",
        ),
        (lambda: keyed("x" * 128), "key_columns", "has 128 bytes, at most 127 are allowed"),
        (lambda: keyed(""), "key_columns", "must not be empty"),
        (lambda: keyed("id", "ID"), "key_columns", "must be at most 32 different names"),
        (lambda: keyed(*map(str, range(33))), "key_columns", "must be at most 32 different names"),
        (
            lambda: LoadSpec(operation="insert", object="t", key_columns=["id"]),
            "key_columns",
            "an insert takes none; use upsert to match rows",
        ),
        (lambda: LoadSpec(operation="delete", object="t"), "key_columns", "delete needs at least one"),
        (lambda: LoadSpec(operation="query", object="t"), "operation", "query is an export; use ExportSpec"),
        (
            lambda: LoadSpec(operation="merge", object="t"),
            "operation",
            "'merge' is not one of query, insert, update, upsert, delete",
        ),
        (
            lambda: LoadSpec(operation="insert", object="t", max_failed_records=100_000),
            "max_failed_records",
            "must be 0 to 99,999",
        ),
        (lambda: ExportSpec(query=" \n"), "query", "must not be empty"),
        (lambda: ExportSpec(query=""), "query", "must not be empty"),
        (lambda: ExportSpec(query="x" * 102_401), "query", "has 102401 bytes, at most 102400 are allowed"),
        (lambda: ExportSpec(query="select 1", null_token=""), "null_token", "must not be empty"),
        (
            lambda: ExportSpec(query="select 1", null_token="x" * 65),
            "null_token",
            "has 65 bytes, at most 64 are allowed",
        ),
        (
            lambda: ExportSpec(query="select 1", content_type="PARQUET", compression="GZIP"),
            "compression",
            "must be NONE for PARQUET, which packs itself",
        ),
        (
            lambda: ExportSpec(query="select 1", null_token="a,b"),
            "null_token",
            "must not contain the delimiter, a quote or a line ending",
        ),
        (
            lambda: ExportSpec(query="select 1", delimiter="ab"),
            "delimiter",
            "must be one character, not a quote, backslash or line ending",
        ),
        (
            lambda: LoadSpec(operation="insert", object="t", on_duplicate_key="x"),
            "on_duplicate_key",
            "'x' is not one of error, first, last",
        ),
        (
            lambda: LoadSpec(operation="insert", object="t", on_missing_key="x"),
            "on_missing_key",
            "'x' is not one of reject, ignore",
        ),
        (lambda: ExportSpec(query="select 1", header=1), "header", "must be true or false"),
        (lambda: ExportSpec(query="select 1", parameters={"1": 1}), "parameters", "'1' is not a name"),
        (lambda: ExportSpec(query="select 1", parameters={"a": b""}), "parameters.a", "cannot be a bytes"),
        (
            lambda: Retention(jobs=timedelta(1), results=timedelta(2)),
            "results",
            "must not be kept longer than their job",
        ),
        (lambda: Retention(run=timedelta(0)), "run", "must be more than nothing and at most ten years"),
        (
            lambda: Retention(run=timedelta(days=3650, milliseconds=1)),
            "run",
            "must be more than nothing and at most ten years",
        ),
        (lambda: FixedInterval(0), "seconds", "must be more than 0 seconds"),
        (lambda: FixedInterval(float("inf")), "seconds", "must be more than 0 seconds"),
        (lambda: Caller("a b"), "tenant_id", ID),
        (lambda: Caller("t", actor="x" * 256), "actor", "has 256 bytes, at most 255 are allowed"),
        (lambda: Caller("t", actor=7), "actor", "must be text, not int"),
        (lambda: export(labels={str(n): "" for n in range(33)}), "labels", "at most 32 are allowed"),
        (lambda: export(labels={"": "x"}), "labels", "must not be empty"),
        (lambda: export(labels={"a": "x" * 256}), "labels.a", "has 256 bytes, at most 255 are allowed"),
        (
            lambda: Job.new(
                tenant_id="t", job_id="j", spec=load().spec, at=START, retention=KEPT
            ).close_upload(at=START, retention=KEPT),
            "upload",
            "a load cannot be closed without one",
        ),
    ],
)
def test_refusals_name_the_field_and_the_problem(make: object, field: str, problem: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        make()  # type: ignore[operator]
    assert (refused.value.field, refused.value.problem) == (field, problem)


def test_what_is_just_allowed() -> None:
    assert len(keyed(*map(str, range(32))).key_columns) == 32
    assert keyed("x" * 127).key_columns == ("x" * 127,)
    assert Retention(run=timedelta(days=3650)).run.days == 3650
    assert Caller("t", actor="x" * 255).actor == "x" * 255
    assert LoadSpec(operation="insert", object="t", max_failed_records=99_999).max_failed_records == 99_999


# ---- bounds, and what a new job is made of ----------------------------------------------------------


def test_parameters_are_bounded_by_number_and_by_size() -> None:
    def asked(count: int, value: str = "") -> ExportSpec:
        return ExportSpec(query="select 1", parameters={f"p{n}": value for n in range(count)})

    assert len(asked(255).parameters) == 255
    with pytest.raises(InvalidSpecError, match="parameters: at most 255 are allowed$"):
        asked(256)
    assert len(asked(2, "x" * (50 * 1024)).parameters) == 2
    with pytest.raises(InvalidSpecError, match="parameters: have 102404 bytes together, at most 102400"):
        asked(2, "x" * (50 * 1024 + 2))


def test_texts_that_may_be_empty() -> None:
    assert JobError("E", Category.VALIDATION, "").message == ""
    assert Caller("t", actor="").actor == ""


def test_every_instant_of_a_job_is_kept_in_utc_and_milliseconds() -> None:
    job = completed(claimed(export()))
    names = [name for name, value in vars(job).items() if isinstance(value, datetime)]
    assert len(names) == 7
    given = datetime(2026, 1, 1, 3, 0, 0, 123_987, tzinfo=timezone(timedelta(hours=2)))
    changed = job.evolved(**dict.fromkeys([*names, "deadline_at"], given))
    for name in (*names, "deadline_at"):
        kept = getattr(changed, name)
        assert (kept, kept.tzinfo) == (datetime(2026, 1, 1, 1, 0, 0, 123_000, tzinfo=UTC), UTC), name
    assert changed.evolved(deadline_at=None).deadline_at is None


def test_labels_are_bounded_by_number() -> None:
    assert len(export(labels={f"l{n}": "" for n in range(32)}).labels) == 32
    with pytest.raises(InvalidSpecError, match="labels: at most 32 are allowed"):
        export(labels={f"l{n}": "" for n in range(33)})


def test_a_history_keeps_its_beginning_and_its_end() -> None:
    job = claimed(export())
    for n in range(2, 90):
        job = job.reclaim(at=after(n), worker=f"w{n}", until=after(n + 60))
    assert len(job.history) == HISTORY_LIMIT == 64
    assert job.history[0].event == "create"
    assert [entry.at for entry in job.history[1:]] == [after(n) for n in range(27, 90)]


def test_a_new_job_has_what_it_was_made_with() -> None:
    session = Session("ann", db_groups=("readers",))
    facts = {
        "tenant_id": "t",
        "job_id": "j",
        "at": START,
        "retention": KEPT,
        "actor": "ann",
        "session": session,
    }
    waiting = Job.new(spec=LoadSpec(operation="insert", object="t"), **facts)
    assert (waiting.session, waiting.due_at) == (session, START + KEPT.upload)
    (created,) = waiting.history
    assert (created.event, created.before, created.after, created.actor) == ("create", None, "Open", "ann")
    queued = Job.new(spec=ExportSpec(query="select 1"), **facts)
    assert (queued.session, queued.due_at) == (session, START)
    assert [entry.actor for entry in queued.history] == ["ann", "ann"]


@pytest.mark.parametrize(
    ("before", "told", "after_it"),
    [
        (Progress(1), Progress(2), Progress(2)),
        (Progress(1), Progress(2, 20.0), Progress(2, 20.0)),
        (Progress(1, 10.0), Progress(2), Progress(2, 10.0)),
        (Progress(1, 10.0), Progress(2, 20.0), Progress(2, 20.0)),
        (Progress(2, 20.0), Progress(1, 10.0), Progress(2, 20.0)),
    ],
)
def test_progress_never_falls_in_any_field(before: Progress, told: Progress, after_it: Progress) -> None:
    assert before.raised_to(told) == after_it


def test_what_a_claim_leaves_behind() -> None:
    job = claimed(export()).report(at=after(2), progress=Progress(1, 10.0), handle="h-1")
    again = job.reclaim(at=after(3), worker="w2", until=after(63))
    assert (again.handle, again.updated_at) == (None, after(3))
    renewed = again.renew(at=after(4), worker="w2", until=after(64))
    assert renewed.updated_at == after(4)


def test_a_refused_event_names_the_job_and_what_is_allowed() -> None:
    done = completed(claimed(export()))
    with pytest.raises(TransitionError) as told:
        claimed(done)
    assert told.value.job == "t/j"
    with pytest.raises(TransitionError) as told:
        done.report(at=after(3), progress=Progress(1))
    assert (told.value.job, told.value.event) == ("t/j", "report")
    with pytest.raises(TransitionError) as told:
        settled(export())
    assert told.value.allowed
