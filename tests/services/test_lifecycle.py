"""Jobs from their creation to the end of their retention, on real parts."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest

from spectra import Caller, ExportSpec, FixedInterval, JobState, LoadSpec, Settings
from spectra.errors import (
    AlreadyAppliedError,
    ExecutorError,
    IdempotencyConflictError,
    InvalidCursorError,
    InvalidSpecError,
    JobNotFoundError,
    ResultsExpiredError,
    ResultsNotReadyError,
    TransitionError,
    UploadMissingError,
    WaitTimeoutError,
)
from tests.services.house import ME, OTHER

CSV = "id,name,price\n1,nut,0.5\n2,bolt,1.25\n3,gear,9\n"


def states(job):
    return [str(entry.after) for entry in job.history]


def test_a_load_then_an_export(house) -> None:
    job = house.load(CSV)
    assert job.state == "UploadComplete"
    job = house.done(job)
    assert states(job) == ["Open", "UploadComplete", "InProgress", "JobComplete"]
    assert (job.counts.total, job.counts.succeeded, job.counts.failed) == (3, 3, 0)
    assert house.items() == [(1, "nut", 0.5), (2, "bolt", 1.25), (3, "gear", 9.0)]

    export = house.done(
        house.export("select id, name from items where price > :p order by id", parameters={"p": 1})
    )
    assert states(export) == ["Open", "UploadComplete", "InProgress", "JobComplete"]
    results = house.jobs.results(ME, export.job_id)
    assert [c.name for c in results.schema] == ["id", "name"]
    assert results.rows == 2
    assert house.downloads(results) == [b"id,name\n2,bolt\n3,gear\n"]
    assert results.parts[0].name == f"{export.job_id}-results.csv"
    assert results.expires_at == house.clock.now() + timedelta(hours=1)


def test_gzip_json_and_no_rows(house) -> None:
    job = house.done(house.export("select 1 as a where 1 = 0"))
    results = house.jobs.results(ME, job.job_id)
    assert [c.name for c in results.schema] == ["a"]
    assert b"".join(house.downloads(results)).rstrip() in (b"a", b"")
    job = house.done(house.export("select 7 as a", content_type="JSON", compression="GZIP"))
    (data,) = house.downloads(house.jobs.results(ME, job.job_id))
    assert json.loads(gzip.decompress(data)) == {"a": 7}


def test_every_operation(house) -> None:
    house.done(house.load(CSV))
    upsert = house.done(
        house.load("id,name,price\n3,cog,8\n4,pin,\n", operation="upsert", key_columns=("id",))
    )
    update = house.done(house.load("id,price\n1,0.75\n", operation="update", key_columns=("id",)))
    delete = house.done(house.load("id\n2\n", operation="delete", key_columns=("id",)))
    for job in (upsert, update, delete):
        assert job.state == "JobComplete", job.error
    assert house.items() == [(1, "nut", 0.75), (3, "cog", 8.0), (4, "pin", None)]


def test_failed_records_come_back_and_can_be_retried(house) -> None:
    job = house.done(house.load("id,name,price\n1,nut,1\nx,bolt,2\n3,gear,dear\n", max_failed_records=2))
    assert job.state == "JobComplete", job.error
    assert (job.counts.succeeded, job.counts.failed) == (1, 2)
    records = house.jobs.failed_records(ME, job.job_id)
    assert records.rows == 2
    (data,) = house.downloads(records)
    lines = data.decode().splitlines()
    assert len(lines) == 3
    assert "spectra_record" in lines[0]
    again = house.jobs.retry(ME, job.job_id, only="failed").job
    assert (again.retry_of, again.state) == (job.job_id, "UploadComplete")
    again = house.done(again)
    assert again.counts.failed == 2
    with pytest.raises(AlreadyAppliedError):
        house.jobs.retry(ME, job.job_id)


def test_one_bad_record_too_many_changes_nothing(house) -> None:
    job = house.done(house.load("id,name,price\n1,nut,1\nx,bolt,2\n3,gear,dear\n", max_failed_records=1))
    assert (job.state, job.error.code, job.effect) == ("Failed", "TOO_MANY_FAILED_RECORDS", "none")
    assert job.error.advice
    assert house.items() == []
    assert house.jobs.failed_records(ME, job.job_id).rows == 2
    assert house.jobs.unprocessed_records(ME, job.job_id).parts
    with pytest.raises(ExecutorError) as failed:
        job.raise_for_state()
    assert failed.value.code == "TOO_MANY_FAILED_RECORDS"
    retried = house.done(house.jobs.retry(ME, job.job_id).job)
    assert retried.error.code == "TOO_MANY_FAILED_RECORDS"


def test_an_export_that_fails_says_where(house) -> None:
    job = house.done(house.export("select id, nmae from items"))
    assert (job.state, job.error.category) == ("Failed", "validation")
    assert "nmae" in job.error.message
    assert house.jobs.results(ME, job.job_id).parts == ()
    with pytest.raises(TransitionError):
        house.jobs.abort(ME, job.job_id)


def test_asking_again_for_what_has_happened_succeeds(house) -> None:
    export = house.export("select 1 as a")
    assert house.jobs.close_upload(ME, export.job_id) == export
    job = house.open_load()
    aborted = house.jobs.abort(ME, job.job_id, reason="no")
    assert house.jobs.abort(ME, job.job_id, reason="again") == aborted
    assert (aborted.effect, aborted.abort_info.reason, aborted.abort_info.actor) == ("none", "no", "ann")
    done = house.done(export)
    assert house.jobs.close_upload(ME, done.job_id) == done


def test_an_idempotency_key_makes_one_job(house) -> None:
    spec = ExportSpec(query="select 1 as a")
    first = house.jobs.create(ME, spec, idempotency_key="k", labels={"x": "1"})
    again = house.jobs.create(ME, spec, idempotency_key="k", labels={"x": "2"})
    assert (first.replayed, again.replayed, again.job) == (False, True, first.job)
    assert not house.jobs.create(OTHER, spec, idempotency_key="k").replayed
    with pytest.raises(IdempotencyConflictError):
        house.jobs.create(ME, ExportSpec(query="select 2 as a"), idempotency_key="k")


def test_tenants_see_their_own_jobs_only(house) -> None:
    job = house.export("select 1 as a")
    for call in (house.jobs.get, house.jobs.abort, house.jobs.delete, house.jobs.results, house.jobs.explain):
        with pytest.raises(JobNotFoundError):
            call(OTHER, job.job_id)
    assert house.jobs.find(OTHER).jobs == ()
    page = house.jobs.find(ME, limit=1)
    assert page.jobs == (job,)


def test_find_pages_and_filters(house) -> None:
    made = [house.export(f"select {i} as a") for i in range(5)]
    loads = [house.open_load() for _ in range(2)]
    seen, cursor = [], None
    for _ in range(10):
        page = house.jobs.find(ME, limit=3, cursor=cursor)
        seen += page.jobs
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [j.job_id for j in seen] == [j.job_id for j in reversed(made + loads)]
    assert {j.job_id for j in house.jobs.find(ME, states=[JobState.OPEN]).jobs} == {j.job_id for j in loads}
    for limit in (0, -1, 1001, True):
        with pytest.raises(InvalidSpecError):
            house.jobs.find(ME, limit=limit)
    with pytest.raises(InvalidCursorError):
        house.jobs.find(ME, cursor="nonsense")


def test_results_neither_too_early_nor_too_late(house) -> None:
    job = house.export("select 1 as a")
    with pytest.raises(ResultsNotReadyError):
        house.jobs.results(ME, job.job_id)
    job = house.done(job)
    house.clock.advance(days=6, hours=23, minutes=59)
    assert house.jobs.results(ME, job.job_id).expires_at == job.completed_at + timedelta(days=7)
    house.clock.advance(minutes=2)
    with pytest.raises((ResultsExpiredError, JobNotFoundError)):
        house.jobs.results(ME, job.job_id)


def test_files_go_before_their_job_and_then_all_goes(build) -> None:
    house = build(settings=Settings(job_ttl_days=7, result_ttl_days=1))
    job = house.done(house.load(CSV))
    export = house.done(house.export("select 1 as a"))
    house.clock.advance(days=1, seconds=1)
    with pytest.raises(ResultsExpiredError):
        house.jobs.results(ME, export.job_id)
    house.spectra.sweeper.sweep()
    assert house.jobs.get(ME, job.job_id).state == "JobComplete"
    store = house.spectra.result_store
    assert store.jobs(older_than=house.clock.now() + timedelta(days=99)).items == ()
    house.clock.advance(days=6)
    house.spectra.sweeper.sweep()
    with pytest.raises(JobNotFoundError):
        house.jobs.get(ME, job.job_id)
    assert house.spectra.job_store.live(limit=10).items == ()
    assert house.spectra.executor.known(older_than=house.clock.now()).items == ()


def test_delete_forgets_at_once(house) -> None:
    job = house.export("select 1 as a")
    with pytest.raises(TransitionError) as refused:
        house.jobs.delete(ME, job.job_id)
    assert refused.value.allowed == ("abort",)
    job = house.done(job)
    house.jobs.delete(ME, job.job_id)
    for call in (house.jobs.get, house.jobs.delete):
        with pytest.raises(JobNotFoundError):
            call(ME, job.job_id)
    house.work()
    assert house.jobs.create(ME, job.spec).job.state == "UploadComplete"


def test_waiting(house) -> None:
    job = house.export("select 1 as a")
    seen = []
    with pytest.raises(WaitTimeoutError) as late:
        house.jobs.wait(
            ME, job.job_id, timeout=timedelta(seconds=11), polling=FixedInterval(5), on_poll=seen.append
        )
    assert late.value.job == job
    assert seen == [job] * 4  # at once, after 2 to 5 s, and last at the deadline
    assert sum(house.clock.slept) == 11
    done = house.done(job)
    assert house.jobs.wait(ME, job.job_id, timeout=timedelta(0)) == done


def test_uploads_are_replaced_until_the_close(house) -> None:
    job = house.open_load()
    house.upload(job, "id,name,price\n9,old,1\n")
    house.upload(job, CSV)
    with pytest.raises(RuntimeError), house.jobs.open_upload(ME, job.job_id) as upload:
        upload.write(b"id,na")
        raise RuntimeError("the client went away")
    job = house.done(house.jobs.close_upload(ME, job.job_id))
    assert job.counts.succeeded == 3
    with pytest.raises(TransitionError):
        house.upload(job, CSV)


def test_an_upload_by_link(house) -> None:
    job = house.open_load()
    target = house.jobs.upload_target(ME, job.job_id)
    import io

    house.adapters[2].receive(target.url, io.BytesIO(CSV.encode()))
    job = house.jobs.close_upload(ME, job.job_id)
    house.adapters[2].receive(target.url, io.BytesIO(b"id,name,price\n9,late,1\n"))
    job = house.done(job)
    assert job.counts.succeeded == 3
    assert (9, "late", 1.0) not in house.items()


def test_retry_of_what_was_aborted(house) -> None:
    job = house.load(CSV)
    house.jobs.abort(ME, job.job_id)
    again = house.jobs.retry(ME, job.job_id, idempotency_key="r")
    assert again.job.job_id != job.job_id
    assert house.jobs.retry(ME, job.job_id, idempotency_key="r").replayed
    assert house.done(again.job).counts.succeeded == 3
    empty = house.open_load()
    house.jobs.abort(ME, empty.job_id)
    with pytest.raises(UploadMissingError):
        house.jobs.retry(ME, empty.job_id)


def test_explain_says_why(build) -> None:
    house = build(settings=Settings(bulk_max_concurrent_jobs=1))
    load = house.open_load()
    assert house.jobs.explain(ME, load.job_id).reason == "upload"
    first, second = house.export("select 1 as a"), house.export("select 2 as a")
    waiting = house.jobs.explain(ME, second.job_id)
    assert (waiting.reason, waiting.position) == ("no_worker", 2)
    house.spectra.job_store.replace(
        first,
        first.claim(
            at=house.clock.now(),
            worker="w",
            until=house.clock.now() + timedelta(minutes=1),
            retention=house.settings.retention,
        ),
        limit=1,
    )
    waiting = house.jobs.explain(ME, second.job_id)
    assert (waiting.reason, waiting.running, waiting.limit) == ("tenant_limit", 1, 1)
    house.jobs.abort(ME, second.job_id)
    assert house.jobs.explain(ME, second.job_id) is None


def test_labels_actor_and_session_are_kept(house) -> None:
    job = house.jobs.create(
        Caller("acme", actor="bob"), LoadSpec(operation="insert", object="items"), labels={"a": "b"}
    ).job
    assert (dict(job.labels), job.history[0].actor) == ({"a": "b"}, "bob")
    assert house.jobs.get(ME, job.job_id) == job


def test_a_thousand_columns(house) -> None:
    names = [f"column_{i}" for i in range(1_000)]
    query = "select " + ", ".join(f"{i} as {name}" for i, name in enumerate(names))
    job = house.done(house.export(query))
    assert job.results.columns == ()
    results = house.jobs.results(ME, job.job_id)
    assert [column.name for column in results.schema] == names


def test_parameters_are_bounded_together() -> None:
    with pytest.raises(InvalidSpecError, match="together"):
        ExportSpec(query="select :a, :b", parameters={"a": "x" * 60_000, "b": "y" * 60_000})
