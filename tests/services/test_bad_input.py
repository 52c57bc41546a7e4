"""What bad input gets: a clear error before anything is written, and nothing lost."""

from __future__ import annotations

import gzip

import pytest

from spectra import Caller, ExportSpec, LoadSpec, Settings
from spectra.errors import (
    InvalidSpecError,
    JobNotFoundError,
    SqlRefusedError,
    SqlSyntaxError,
    TransitionError,
    UploadMissingError,
    UploadTooLargeError,
)
from tests.services.house import ME

BAD_IDS = ["", "a/b", "../x", "a b", "é", "x" * 200, "x\0", "\ud800", ".hidden", "a\n", None, 7]


def nothing_was_written(house) -> bool:
    return (
        house.spectra.job_store.live(limit=10).items == ()
        and not house.events
        and house.spectra.result_store.jobs(older_than=house.clock.now().replace(year=2999)).items == ()
    )


@pytest.mark.parametrize("tenant", BAD_IDS)
def test_tenants(house, tenant) -> None:
    with pytest.raises(InvalidSpecError):
        house.jobs.create(Caller(tenant), ExportSpec(query="select 1"))
    assert nothing_was_written(house)


@pytest.mark.parametrize("job_id", [*BAD_IDS, "unknown", "A" * 128])
def test_job_ids_that_nobody_has(house, job_id) -> None:
    for call in (
        house.jobs.get,
        house.jobs.abort,
        house.jobs.delete,
        house.jobs.close_upload,
        house.jobs.results,
    ):
        with pytest.raises(JobNotFoundError):
            call(ME, job_id)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ExportSpec(query=""),
        lambda: ExportSpec(query="  \n"),
        lambda: ExportSpec(query="select '\0'"),
        lambda: ExportSpec(query="select '\ud800'"),
        lambda: ExportSpec(query="select 1", content_type="XML"),
        lambda: ExportSpec(query="select 1", delimiter="ab"),
        lambda: ExportSpec(query="select :a", parameters={"a": float("nan")}),
        lambda: ExportSpec(query="select :a", parameters={"a b": 1}),
        lambda: LoadSpec(operation="query", object="t"),
        lambda: LoadSpec(operation="insert", object=""),
        lambda: LoadSpec(operation="insert", object="t\0"),
        lambda: LoadSpec(operation="update", object="t"),
        lambda: LoadSpec(operation="upsert", object="t", key_columns=("a", "a")),
        lambda: LoadSpec(operation="insert", object="t", max_failed_records=-1),
        lambda: LoadSpec(operation="insert", object="t", max_failed_records=10**9),
    ],
)
def test_specs(make) -> None:
    with pytest.raises(InvalidSpecError):
        make()


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("-- nothing", SqlSyntaxError),
        ("selec 1", SqlSyntaxError),
        ("select 1; select 2", SqlRefusedError),
        ("drop table items", SqlRefusedError),
        ("insert into items values (1, 'a', 1)", SqlRefusedError),
        ("with x as (delete from items returning *) select * from x", SqlRefusedError),
        ("select :a", InvalidSpecError),
    ],
)
def test_sql(house, query, error) -> None:
    with pytest.raises(error):
        house.export(query)
    assert nothing_was_written(house)


@pytest.mark.parametrize(
    "labels", [{"": "x"}, {"a": "\0"}, {"a" * 64: "x"}, {str(i): "x" for i in range(33)}]
)
def test_labels(house, labels) -> None:
    with pytest.raises(InvalidSpecError):
        house.jobs.create(ME, ExportSpec(query="select 1"), labels=labels)
    assert nothing_was_written(house)


@pytest.mark.parametrize("key", ["", "k" * 256, "\0"])
def test_idempotency_keys(house, key) -> None:
    with pytest.raises(InvalidSpecError):
        house.jobs.create(ME, ExportSpec(query="select 1"), idempotency_key=key)
    assert nothing_was_written(house)


def test_uploads_missing_and_empty(house) -> None:
    job = house.open_load()
    with pytest.raises(UploadMissingError):
        house.jobs.close_upload(ME, job.job_id)
    house.upload(job, b"")
    with pytest.raises(UploadMissingError):
        house.jobs.close_upload(ME, job.job_id)
    assert house.jobs.get(ME, job.job_id) == job
    house.upload(job, "id,name\n1,a\n")
    assert house.done(house.jobs.close_upload(ME, job.job_id)).counts.succeeded == 1


def test_a_header_alone_is_a_success_with_a_warning(house) -> None:
    job = house.done(house.load("id,name,price\n"))
    assert (job.state, job.counts.total) == ("JobComplete", 0)
    assert job.warnings


def test_uploads_that_are_too_large(build) -> None:
    house = build(settings=Settings(bulk_max_file_size_mb=0.00002))
    job = house.open_load()
    with pytest.raises(UploadTooLargeError):
        house.jobs.upload_target(ME, job.job_id, size=21)
    for size in (0, -1, True, "5"):
        with pytest.raises(InvalidSpecError):
            house.jobs.upload_target(ME, job.job_id, size=size)
    with pytest.raises(UploadTooLargeError):
        house.upload(job, "id,name\n1,aaaaaaaaaaaaa\n")
    with pytest.raises(UploadMissingError):
        house.jobs.close_upload(ME, job.job_id)
    house.upload(job, "id,name\n1,a\n")
    assert house.jobs.close_upload(ME, job.job_id).upload.bytes == 12


def test_closing_after_abort_and_uploading_after_close(house) -> None:
    job = house.open_load()
    house.upload(job, "id,name\n1,a\n")
    house.jobs.abort(ME, job.job_id)
    with pytest.raises(TransitionError) as refused:
        house.jobs.close_upload(ME, job.job_id)
    assert (refused.value.state, refused.value.event) == ("Aborted", "close_upload")
    closed = house.load("id,name\n1,a\n")
    for call in (lambda: house.jobs.upload_target(ME, closed.job_id), lambda: house.upload(closed, "x")):
        with pytest.raises(TransitionError):
            call()
    assert house.items() == []


@pytest.mark.parametrize(
    ("data", "options", "category"),
    [
        ("id,name\n1,a\n", {"object": "nothing"}, "resource"),
        ("id,name\n1,a\n", {"object": "no.such.schema"}, "resource"),
        ("id,name,colour\n1,a,red\n", {}, "validation"),
        ("id,id,name\n1,1,a\n", {}, "validation"),
        ("id,price\n1,2\n", {}, "validation"),
        ("name,price\na,1\n", {"operation": "update", "key_columns": ("id",)}, "validation"),
        ("id,name\n1,a\n", {"operation": "delete", "key_columns": ("id",)}, "validation"),
        ("id,name\n1,a\n", {"operation": "upsert", "key_columns": ("nokey",)}, "validation"),
        ('id,name\n1,"a\n2,b\n', {}, "validation"),
        (gzip.compress(b"id,name\n1,a\n", mtime=0)[:-9], {"compression": "GZIP"}, "validation"),
        ("id,name\n1,a\n", {"compression": "GZIP"}, "validation"),
        (b"id,name\n1,\xff\n", {}, "validation"),
        ('[{"id": 1}', {"content_type": "JSON"}, "validation"),
    ],
)
def test_loads_that_cannot_be(house, data, options, category) -> None:
    house.sql("insert into items values (100, 'old', 1)")
    job = house.done(house.load(data, **options))
    assert job.state == "Failed", job
    assert job.error.category == category, job.error
    assert job.error.advice
    assert job.effect == "none"
    assert house.items() == [(100, "old", 1.0)]


def test_columns_in_another_order(house) -> None:
    job = house.done(house.load("price,name,id\n1.5,a,1\n"))
    assert job.state == "JobComplete", job.error
    assert house.items() == [(1, "a", 1.5)]


def test_formats_that_are_not_had_are_refused_at_once(house) -> None:
    with pytest.raises(InvalidSpecError):
        house.open_load(compression="BZIP2")
    assert nothing_was_written(house)
