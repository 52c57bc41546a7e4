"""What is refused, by which error, and what the error tells: the text is all that a person gets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from spectra import Effect, Settings
from spectra.errors import (
    AlreadyAppliedError,
    BackendUnavailableError,
    EffectUnknownError,
    IdempotencyConflictError,
    InvalidSpecError,
    JobConflictError,
    JobNotFoundError,
    JobSettlingError,
    LinkRefusedError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    ResultsExpiredError,
    ResultsNotReadyError,
    SpectraError,
    TransitionError,
    UploadMissingError,
    UploadTooLargeError,
)
from spectra.testing import Faults, FaultyJobStore, FaultyResultStore
from tests.services.house import ME, House

CSV = "id,name,price\n1,nut,0.5\n"
SETTLING = "its execution is being ended; ask again in some seconds"


def refused(kind: type[SpectraError], call: Any, *args: Any, **options: Any) -> Any:
    with pytest.raises(kind) as caught:
        call(*args, **options)
    assert type(caught.value) is kind
    return caught.value


def running(house: House, job: Any) -> Any:
    """*job* claimed by a worker that is nowhere."""
    now = house.clock.now()
    claimed = job.claim(
        at=now, worker="w", until=now + timedelta(minutes=1), retention=house.settings.retention
    )
    return house.spectra.job_store.replace(job, claimed)


def ended_with(house: House, job: Any, effect: Effect) -> Any:
    """*job*, aborted while it ran, with *effect*."""
    aborted = house.jobs.abort(ME, running(house, job).job_id)
    settled = aborted.settle(at=house.clock.now(), retention=house.settings.retention, effect=effect)
    return house.spectra.job_store.replace(aborted, settled)


# ---- retry -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("only", ["", "ALL", "none", None])
def test_retrying_something_else(house: House, only: Any) -> None:
    job = house.done(house.export("select 1 as a"))
    error = refused(InvalidSpecError, house.jobs.retry, ME, job.job_id, only=only)
    assert (error.field, error.problem) == ("only", "must be all or failed")


def test_retrying_what_has_not_ended(house: House) -> None:
    for job in (house.open_load(), house.export("select 1 as a")):
        error = refused(TransitionError, house.jobs.retry, ME, job.job_id)
        assert (error.job, error.state, error.event) == (str(job), job.state, "retry")
        assert error.allowed == ("abort",)


def test_retrying_and_deleting_what_is_being_ended(house: House) -> None:
    job = house.jobs.abort(ME, running(house, house.load(CSV)).job_id)
    for call in (house.jobs.retry, house.jobs.delete, house.jobs.unprocessed_records):
        error = refused(JobSettlingError, call, ME, job.job_id)
        assert (error.job, error.problem) == (str(job), SETTLING)
    assert house.jobs.get(ME, job.job_id) == job


def test_retrying_failed_records_where_none_failed(house: House) -> None:
    job = house.done(house.load(CSV))
    error = refused(UploadMissingError, house.jobs.retry, ME, job.job_id, only="failed")
    assert (error.job, error.problem) == (str(job), "it has no failed records to retry")


def test_retrying_what_was_or_may_have_been_applied(house: House) -> None:
    applied = "it was applied; retry its failed records, or make a new job"
    done = house.done(house.load(CSV))
    late = ended_with(house, house.load("id,name,price\n7,x,1\n"), Effect.APPLIED)
    for job in (done, late):
        error = refused(AlreadyAppliedError, house.jobs.retry, ME, job.job_id)
        assert (error.job, error.problem) == (str(job), applied)
    unknown = ended_with(house, house.load("id,name,price\n8,x,1\n"), Effect.UNKNOWN)
    error = refused(EffectUnknownError, house.jobs.retry, ME, unknown.job_id)
    assert (error.job, error.problem) == (
        str(unknown),
        "nobody can tell whether it was applied; look at the table",
    )


def test_retrying_what_was_never_uploaded(house: House) -> None:
    job = house.jobs.abort(ME, house.open_load().job_id)
    error = refused(UploadMissingError, house.jobs.retry, ME, job.job_id)
    assert (error.job, error.problem) == (str(job), "it was never uploaded; make a new job")


def test_retrying_when_the_input_is_gone_makes_nothing(house: House) -> None:
    job = house.jobs.abort(ME, house.load(CSV).job_id)
    house.spectra.result_store.delete(job.upload.location)
    error = refused(ResultsExpiredError, house.jobs.retry, ME, job.job_id)
    # Of the job that was asked for: nobody knows the new one, which was not made.
    assert (error.job, error.problem) == (
        str(job),
        "the input is gone; make a new job and upload again",
    )
    assert [one.job_id for one in house.jobs.find(ME).jobs] == [job.job_id]


def test_a_retry_has_the_spec_and_labels_of_the_old_job_and_a_copy_of_its_input(house: House) -> None:
    old = house.jobs.create(ME, house.open_load().spec, labels={"a": "b"}).job
    house.upload(old, CSV)
    old = house.jobs.abort(ME, house.jobs.close_upload(ME, old.job_id).job_id)
    new = house.jobs.retry(ME, old.job_id).job
    assert (new.spec, new.labels, new.retry_of, new.state) == (
        old.spec,
        old.labels,
        old.job_id,
        "UploadComplete",
    )
    assert (new.idempotency_key, new.session) == (None, ME.session)
    assert [entry.actor for entry in new.history] == [ME.actor, ME.actor]
    assert new.upload.location != old.upload.location
    assert new.upload.bytes == old.upload.bytes
    assert house.events[-1].name == "job.retried"
    export = house.jobs.abort(ME, house.export("select 1 as a").job_id)
    assert house.jobs.retry(ME, export.job_id).job.upload is None


def test_a_replayed_retry_leaves_no_files(house: House) -> None:
    old = house.jobs.abort(ME, house.load(CSV).job_id)
    first = house.jobs.retry(ME, old.job_id, idempotency_key="k")
    again = house.jobs.retry(ME, old.job_id, idempotency_key="k")
    assert (again.replayed, again.job) == (True, first.job)
    later = house.clock.now() + timedelta(days=1)
    kept = {job for _, job in house.spectra.result_store.jobs(older_than=later).items}
    assert kept == {old.job_id, first.job.job_id}
    assert [event.name for event in house.events].count("job.retried") == 1
    export = house.jobs.abort(ME, house.export("select 1 as a").job_id)
    one, two = (house.jobs.retry(ME, export.job_id, idempotency_key="e") for _ in range(2))
    assert (two.replayed, two.job) == (True, one.job)


def test_a_retry_that_cannot_be_stored_leaves_no_files(build: Any) -> None:
    stored, files = Faults(), Faults()
    house = build(
        job_store=lambda store: FaultyJobStore(store, stored),
        result_store=lambda store: FaultyResultStore(store, files),
    )
    old = house.jobs.abort(ME, house.load(CSV).job_id)
    stored.fail_before("add", BackendUnavailableError("away"))
    assert refused(BackendUnavailableError, house.jobs.retry, ME, old.job_id).problem == "away"
    later = house.clock.now() + timedelta(days=1)
    assert [job for _, job in house.spectra.result_store.jobs(older_than=later).items] == [old.job_id]
    # What cannot be deleted either stays behind, and does not hide what was wrong.
    stored.fail_before("add", BackendUnavailableError("away"))
    files.fail_before("delete", BackendUnavailableError("the files"))
    assert refused(BackendUnavailableError, house.jobs.retry, ME, old.job_id).problem == "away"


def test_a_retry_of_all_is_not_a_retry_of_the_failed_records(house: House) -> None:
    old = house.done(house.load("id,name,price\n1,nut,1\nx,bolt,2\ny,gear,3\n", max_failed_records=1))
    assert old.state == "Failed"
    first = house.jobs.retry(ME, old.job_id, only="failed", idempotency_key="k")
    error = refused(IdempotencyConflictError, house.jobs.retry, ME, old.job_id, idempotency_key="k")
    assert (error.key, error.job_id) == ("k", first.job.job_id)
    assert house.jobs.retry(ME, old.job_id, only="failed", idempotency_key="k").replayed
    assert len(house.jobs.find(ME).jobs) == 2


# ---- delete, abort ------------------------------------------------------------------------------------


def test_deleting_what_has_not_ended(house: House) -> None:
    for job in (house.open_load(), house.export("select 1 as a")):
        error = refused(TransitionError, house.jobs.delete, ME, job.job_id)
        assert (error.job, error.state, error.event, error.allowed) == (
            str(job),
            job.state,
            "delete",
            ("abort",),
        )


def test_a_deleted_job_leaves_no_files_and_one_event(house: House) -> None:
    job = house.done(house.load(CSV))
    house.jobs.delete(ME, job.job_id)
    later = house.clock.now() + timedelta(days=1)
    assert house.spectra.result_store.jobs(older_than=later).items == ()
    event = house.events[-1]
    assert (event.name, event.before, event.job.state) == ("job.deleted", "JobComplete", "JobComplete")
    assert event.job.ttl == event.job.due_at == event.job.files_until == house.clock.now()


@pytest.mark.parametrize(("conflicts", "wins"), [(4, True), (5, False)])
def test_requests_are_decided_again_five_times(build: Any, conflicts: int, wins: bool) -> None:
    house = build(job_store=lambda store: FaultyJobStore(store, Faults()))
    faults = house.spectra.job_store.faults
    calls = [
        (house.jobs.abort, house.export("select 1 as a")),
        (house.jobs.delete, house.jobs.abort(ME, house.export("select 1 as a").job_id)),
    ]
    load = house.open_load()
    house.upload(load, CSV)
    calls.append((house.jobs.close_upload, load))
    for call, job in calls:
        faults.fail_before("replace", JobConflictError(job, job.version), times=conflicts)
        if wins:
            call(ME, job.job_id)
        else:
            error = refused(JobConflictError, call, ME, job.job_id)
            assert (error.job, error.expected_version) == (job, job.version)
        assert faults.pending == 0


def test_aborting_tells_who_and_why(house: House) -> None:
    job = house.jobs.abort(ME, house.export("select 1 as a").job_id, reason="enough")
    assert (job.abort_info.reason, job.abort_info.actor, job.abort_info.code) == ("enough", ME.actor, None)
    event = house.events[-1]
    assert (event.name, event.before, event.job) == ("job.aborted", "UploadComplete", job)
    done = house.done(house.export("select 1 as a"))
    error = refused(TransitionError, house.jobs.abort, ME, done.job_id)
    assert (error.state, error.event, error.allowed) == ("JobComplete", "abort", ())


# ---- uploads --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, -1, True, "5", 1.0])
def test_an_upload_of_no_size(house: House, size: Any) -> None:
    job = house.open_load()
    error = refused(InvalidSpecError, house.jobs.upload_target, ME, job.job_id, size=size)
    assert (error.field, error.problem) == ("size", "must be more than 0 bytes")


def test_an_upload_by_a_link_that_is_too_large_or_too_late(build: Any) -> None:
    house = build(settings=Settings(bulk_max_file_size_mb=1))
    job = house.open_load()
    limit = house.spectra.jobs.uploads.max_bytes
    target = house.jobs.upload_target(ME, job.job_id, size=limit)
    assert target.max_bytes == limit
    assert house.jobs.upload_target(ME, job.job_id, size=1).max_bytes == 1
    error = refused(UploadTooLargeError, house.jobs.upload_target, ME, job.job_id, size=limit + 1)
    assert (error.job, error.problem) == (
        str(job),
        f"the upload has {limit + 1:,} bytes or more, at most {limit:,}; split the file",
    )
    assert house.jobs.upload_target(ME, job.job_id).max_bytes == limit
    for expires_in in (timedelta(0), timedelta(seconds=-1)):
        error = refused(InvalidSpecError, house.jobs.upload_target, ME, job.job_id, expires_in=expires_in)
        assert (error.field, error.problem) == ("expires_in", "must be more than 0 seconds")


def test_an_upload_link_lives_as_long_as_asked_but_not_longer_than_the_job_is_open(house: House) -> None:
    job = house.open_load()
    life = house.spectra.jobs.links.life
    now = house.clock.now()
    ask = house.jobs.upload_target
    assert ask(ME, job.job_id).expires_at == now + life
    assert ask(ME, job.job_id, expires_in=timedelta(seconds=90)).expires_at == now + timedelta(seconds=90)
    assert ask(ME, job.job_id, expires_in=life * 2).expires_at == now + life
    house.clock.instant = job.deadline_at - timedelta(seconds=5)
    assert ask(ME, job.job_id).expires_at == job.deadline_at


def test_an_upload_through_the_process_is_bounded_to_the_byte(build: Any) -> None:
    house = build()
    object.__setattr__(house.spectra.jobs.uploads, "max_bytes", 20)
    job = house.open_load()
    house.upload(job, b"x" * 20)
    with pytest.raises(UploadTooLargeError) as caught, house.jobs.open_upload(ME, job.job_id) as upload:
        assert upload.write(b"y" * 20) == 20
        upload.write(b"y")
    assert (caught.value.job, caught.value.problem) == (
        str(job),
        "the upload has 21 bytes or more, at most 20; split the file",
    )
    with house.spectra.result_store.open_read(
        house.spectra.result_store.location("acme", job.job_id, "upload") + "data"
    ) as stream:
        assert stream.read() == b"x" * 20
    object.__setattr__(house.spectra.jobs.uploads, "max_bytes", 19)
    error = refused(UploadTooLargeError, house.jobs.close_upload, ME, job.job_id)
    assert (error.job, error.problem) == (
        str(job),
        "the upload has 20 bytes or more, at most 19; split the file",
    )
    assert house.jobs.get(ME, job.job_id).state == "Open"


def test_closing_without_an_upload(house: House) -> None:
    job = house.open_load()
    error = refused(UploadMissingError, house.jobs.close_upload, ME, job.job_id)
    assert (error.job, error.problem) == (str(job), "nothing was uploaded; upload a file, then close")
    house.upload(job, b"")
    error = refused(UploadMissingError, house.jobs.close_upload, ME, job.job_id)
    assert (error.job, error.problem) == (
        str(job),
        "the upload is empty; upload a file with records, then close",
    )


def test_closing_when_the_upload_goes_meanwhile(build: Any) -> None:
    files = Faults()
    house = build(result_store=lambda store: FaultyResultStore(store, files))
    job = house.open_load()
    house.upload(job, CSV)
    files.fail_before("copy", ObjectNotFoundError("the upload"))
    error = refused(UploadMissingError, house.jobs.close_upload, ME, job.job_id)
    assert (error.job, error.problem) == (str(job), "the upload is gone; upload a file, then close")


@pytest.mark.parametrize("moment", ["stat", "copy"])
def test_of_two_closers_the_slower_one_gets_the_job_as_it_is(build: Any, moment: str) -> None:
    files = Faults()
    house = build(result_store=lambda store: FaultyResultStore(store, files))
    job = house.open_load()
    house.upload(job, CSV)
    closed: list[Any] = []

    def faster(*_: Any, **__: Any) -> bool:
        if not closed:
            closed.append(None)
            closed[0] = house.jobs.close_upload(ME, job.job_id)
        return False

    files.delay(moment, 0, when=faster)
    assert house.jobs.close_upload(ME, job.job_id) == closed[0]
    assert house.done(closed[0]).counts.succeeded == 1


def test_a_job_that_may_have_been_stored_is_not_told_to_be_repeated(build: Any) -> None:
    faults = Faults()
    house = build(job_store=lambda store: FaultyJobStore(store, faults))
    faults.fail_after("add", OutcomeUnknownError("the reply was lost"))
    faults.fail_before("get", BackendUnavailableError("away"))
    refused(OutcomeUnknownError, house.export, "select 1 as a")
    assert len(house.jobs.find(ME).jobs) == 1
    old = house.jobs.abort(ME, house.load(CSV).job_id)
    faults.fail_after("add", OutcomeUnknownError("the reply was lost"))
    faults.fail_before("get", BackendUnavailableError("away"), when=lambda _, job_id: job_id != old.job_id)
    refused(OutcomeUnknownError, house.jobs.retry, ME, old.job_id)
    (again,) = [job for job in house.jobs.find(ME).jobs if job.retry_of == old.job_id]
    assert house.done(again).counts.succeeded == 1


def test_uploading_to_what_takes_none(house: House) -> None:
    for job in (
        house.load(CSV),
        house.export("select 1 as a"),
        house.jobs.abort(ME, house.open_load().job_id),
    ):
        for call in (house.jobs.upload_target, lambda *a: house.jobs.open_upload(*a).__enter__()):
            error = refused(TransitionError, call, ME, job.job_id)
            assert (error.job, error.state, error.event) == (str(job), job.state, "upload")
    error = refused(TransitionError, house.jobs.close_upload, ME, job.job_id)
    assert (error.job, error.state, error.event) == (str(job), "Aborted", "close_upload")


def test_an_upload_that_ends_after_the_close_is_dropped(house: House) -> None:
    job = house.open_load()
    house.upload(job, CSV)
    with pytest.raises(TransitionError), house.jobs.open_upload(ME, job.job_id) as upload:
        upload.write(b"late")
        closed = house.jobs.close_upload(ME, job.job_id)
    assert closed.upload.bytes == len(CSV)
    store = house.spectra.result_store
    with pytest.raises(SpectraError):
        store.stat(store.location("acme", job.job_id, "upload") + "data")


# ---- results ----------------------------------------------------------------------------------------------


def test_files_too_early_and_too_late(house: House) -> None:
    job = house.export("select 1 as a")
    for call in (house.jobs.results, house.jobs.failed_records, house.jobs.unprocessed_records):
        error = refused(ResultsNotReadyError, call, ME, job.job_id)
        assert (error.job, error.problem) == (
            str(job),
            "it is UploadComplete; wait until it has ended",
        )
    job = house.done(job)
    house.spectra.jobs.links.store.delete(job.results.manifest)
    error = refused(ResultsExpiredError, house.jobs.results, ME, job.job_id)
    assert (error.job, error.problem) == (str(job), "its files are gone; run it again")


def test_files_that_have_expired(build: Any) -> None:
    house = build(settings=Settings(job_ttl_days=2, result_ttl_days=1))
    job = house.done(house.export("select 1 as a"))
    house.clock.instant = job.files_until
    error = refused(ResultsExpiredError, house.jobs.results, ME, job.job_id)
    assert (error.job, error.problem) == (
        str(job),
        f"its files expired at {job.files_until:%F %T}Z; run it again",
    )


def test_links_live_as_long_as_asked_and_never_longer_than_the_files(house: House) -> None:
    job = house.done(house.export("select 1 as a"))
    life, now = house.spectra.jobs.links.life, house.clock.now()
    ask = house.jobs.results
    assert ask(ME, job.job_id).expires_at == now + life
    assert ask(ME, job.job_id, expires_in=timedelta(seconds=7)).expires_at == now + timedelta(seconds=7)
    assert ask(ME, job.job_id, expires_in=life * 9).expires_at == now + life
    house.clock.instant = job.files_until - timedelta(seconds=9)
    results = ask(ME, job.job_id)
    assert results.expires_at == job.files_until
    (part,) = results.parts
    house.clock.instant = job.files_until
    with pytest.raises(LinkRefusedError):
        house.adapters[2].serve(part.url)


def test_what_results_tell(house: House) -> None:
    job = house.done(house.export("select 1 as a, 'x' as b union all select 2, 'y'", compression="GZIP"))
    results = house.jobs.results(ME, job.job_id)
    (part,) = results.parts
    assert part.name == f"{job.job_id}-results.csv.gz"
    assert (part.rows, results.rows, results.bytes) == (2, 2, part.bytes)
    assert (results.content_type, results.compression) == ("CSV", "GZIP")
    assert [column.name for column in results.schema] == ["a", "b"]
    failed = house.jobs.failed_records(ME, job.job_id)
    assert (failed.parts, failed.rows, failed.bytes, failed.schema) == ((), 0, 0, ())
    assert (failed.content_type, failed.compression) == ("CSV", "GZIP")


def test_unprocessed_records_of_a_load_that_failed_as_a_whole_are_its_input(house: House) -> None:
    job = house.done(house.load("id,colour\n1,red\n"))
    assert job.error.code == "UNKNOWN_COLUMN"
    results = house.jobs.unprocessed_records(ME, job.job_id)
    assert house.downloads(results) == [b"id,colour\n1,red\n"]
    (part,) = results.parts
    assert part.name == f"{job.job_id}-unprocessed-records.csv"
    assert results.bytes == part.bytes == 16
    assert results.rows == part.rows == (job.counts.unprocessed if job.counts else 0)
    assert house.jobs.unprocessed_records(ME, job.job_id).parts  # any number of times
    house.spectra.result_store.delete(job.upload.location)
    error = refused(ResultsExpiredError, house.jobs.unprocessed_records, ME, job.job_id)
    assert (error.job, error.problem) == (str(job), "its input is gone; run it again")


def test_unprocessed_records_of_what_was_aborted(house: House) -> None:
    before = house.jobs.abort(ME, house.load(CSV).job_id)
    assert house.downloads(house.jobs.unprocessed_records(ME, before.job_id)) == [CSV.encode()]
    for effect, has in ((Effect.NONE, True), (Effect.APPLIED, False), (Effect.UNKNOWN, False)):
        job = ended_with(house, house.load(CSV), effect)
        assert bool(house.jobs.unprocessed_records(ME, job.job_id).parts) is has
    never = house.jobs.abort(ME, house.open_load().job_id)
    assert house.jobs.unprocessed_records(ME, never.job_id).parts == ()
    done = house.done(house.load("id,name,price\n5,five,5\n"))
    assert house.jobs.unprocessed_records(ME, done.job_id).parts == ()
    export = house.done(house.export("select nope from items"))
    assert house.jobs.unprocessed_records(ME, export.job_id).parts == ()


def test_find_passes_every_filter_on(house: House) -> None:
    made = []
    for number in range(4):
        made.append(house.export(f"select {number} as a"))
        house.clock.advance(seconds=1)
    load = house.open_load()
    found = house.jobs.find(ME, created_after=made[1].created_at, created_before=made[3].created_at)
    assert found.jobs == (made[2], made[1])
    assert house.jobs.find(ME, operations=["insert"]).jobs == (load,)
    assert house.jobs.find(ME, states=["Open"], operations=["query"]).jobs == ()
    assert house.jobs.find(ME, limit=1000).next_cursor is None
    for limit in (0, 1001, "5", True, 1.0):
        error = refused(InvalidSpecError, house.jobs.find, ME, limit=limit)
        assert (error.field, error.problem) == ("limit", "must be 1 to 1,000")


@pytest.mark.parametrize("job_id", ["", "../x", "é", "x" * 300, None, 7])
def test_an_id_that_is_none_is_unknown(house: House, job_id: Any) -> None:
    error = refused(JobNotFoundError, house.jobs.get, ME, job_id)
    assert (error.tenant_id, error.job_id) == (ME.tenant_id, ascii(job_id)[:128])


def test_a_copy_that_lost_the_race_is_dropped(build: Any) -> None:
    stored, files = Faults(), Faults()
    house = build(
        job_store=lambda store: FaultyJobStore(store, stored),
        result_store=lambda store: FaultyResultStore(store, files),
    )
    job = house.open_load()
    house.upload(job, CSV)
    made: list[str] = []
    gone: list[str] = []
    files.delay("copy", 0, when=lambda _, target, **__: made.append(target))
    files.delay("delete", 0, when=gone.append)
    files.calls.clear()
    stored.fail_before("replace", JobConflictError(job, job.version))
    stored.fail_before("replace", JobNotFoundError("acme", job.job_id))
    refused(JobNotFoundError, house.jobs.close_upload, ME, job.job_id)
    assert [name for name in files.calls if name in ("copy", "delete")] == ["copy", "delete"] * 2
    assert len(set(made)) == 2
    assert gone == made
    files.calls.clear()
    stored.fail_before("replace", JobConflictError(job, job.version))
    files.fail_before("delete", BackendUnavailableError("away"), times=2)
    closed = house.jobs.close_upload(ME, job.job_id)
    assert closed.state == "UploadComplete"  # what stays behind goes when the job does
    assert [name for name in files.calls if name in ("copy", "delete")] == ["copy", "delete"] * 2
