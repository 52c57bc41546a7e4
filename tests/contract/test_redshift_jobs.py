"""Whole jobs on Redshift and S3, as a host runs them: links, a worker, tenants' users."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest

from spectra import Caller, ExportSpec, LoadSpec, Spectra
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.adapters.embedded import SQLiteJobStore
from spectra.domain import Session
from spectra.errors import InvalidSpecError
from tests.contract.redshift_house import by_data_api, by_driver

ME = Caller("acme", session=Session("analyst"))
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=[by_driver, by_data_api])
def spectra(request, tmp_path, redshift, local_s3, bucket, prefix):
    redshift.user_exists("analyst")
    redshift.run("CREATE TABLE IF NOT EXISTS sales (id int, amount decimal(9, 2))")
    redshift.run("TRUNCATE sales")
    redshift.run("GRANT ALL ON sales TO analyst")
    with (
        S3ResultStore(bucket, prefix=prefix, client=local_s3.client) as results,
        request.param(results, redshift) as executor,
        SQLiteJobStore(tmp_path / "jobs.db") as store,
        Spectra(job_store=store, executor=executor, result_store=results) as spectra,
    ):
        yield spectra
    redshift.run("DROP TABLE sales")


def sent(target, data):
    request = urllib.request.Request(target.url, data, dict(target.headers), method=target.method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status


def fetched(results):
    found = []
    for part in results.parts:
        with urllib.request.urlopen(part.url, timeout=20) as answer:
            found.append(answer.read())
    return b"".join(found)


def waited(true):
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_load_and_an_export_from_create_to_download(spectra, redshift) -> None:
    jobs = spectra.jobs
    with spectra.worker().running():
        spec = LoadSpec(operation="upsert", object="sales", key_columns=("id",), max_failed_records=1)
        load = jobs.create(ME, spec).job
        data = b"id,amount\n1,9.99\nx,1\n2,20.00\n"
        assert sent(jobs.upload_target(ME, load.job_id, size=len(data)), data) == 200
        jobs.close_upload(ME, load.job_id)
        done = jobs.wait(ME, load.job_id, timeout=MINUTE)
        done.raise_for_state()
        assert (done.counts.total, done.counts.succeeded, done.counts.failed) == (3, 2, 1)
        assert b"x,1,2,3,id,x,CAST" in fetched(jobs.failed_records(ME, load.job_id))

        export = jobs.create(ME, ExportSpec(query="select * from sales order by id", single_file=True)).job
        jobs.wait(ME, export.job_id, timeout=MINUTE).raise_for_state()
        results = jobs.results(ME, export.job_id)
        assert fetched(results) == b"id,amount\n1,9.99\n2,20.00\n"
        assert [(c.name, c.type) for c in results.schema] == [("id", "integer"), ("amount", "numeric")]


def test_a_short_job_is_three_writes(spectra) -> None:
    """Everything is found by the label: no handle is stored, and running work costs no write."""
    job = spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job
    worker = spectra.worker()
    begun = worker.advance(job)
    spectra.executor.poll(worker._driver.task(begun), wait=60)
    done = worker.advance(begun)
    assert (done.state, done.version, done.handle) == ("JobComplete", 3, None)


def test_a_tenant_gets_no_further_than_its_user(spectra, redshift) -> None:
    redshift.run("CREATE TABLE IF NOT EXISTS secrets (id int)")
    jobs = spectra.jobs
    with spectra.worker().running():
        export = jobs.create(ME, ExportSpec(query="select * from secrets")).job
        assert jobs.wait(ME, export.job_id, timeout=MINUTE).error.code == "PERMISSION_DENIED"
        load = jobs.create(ME, LoadSpec(operation="insert", object="secrets")).job
        with jobs.open_upload(ME, load.job_id) as upload:
            upload.write(b"id\n1\n")
        jobs.close_upload(ME, load.job_id)
        assert jobs.wait(ME, load.job_id, timeout=MINUTE).error.code == "PERMISSION_DENIED"
    assert redshift.run("SELECT count(*) FROM secrets") == [("0",)]


def test_an_upload_of_another_size_is_refused_by_s3(spectra) -> None:
    load = spectra.jobs.create(ME, LoadSpec(operation="insert", object="sales")).job
    target = spectra.jobs.upload_target(ME, load.job_id, size=4)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        sent(target, b"id\n1\n2\n3\n")


def test_an_aborted_load_says_what_it_did(spectra, redshift) -> None:
    jobs = spectra.jobs
    redshift.faults.add("delay", "^COPY", seconds=30)
    with spectra.worker().running():
        load = jobs.create(ME, LoadSpec(operation="insert", object="sales")).job
        with jobs.open_upload(ME, load.job_id) as upload:
            upload.write(b"id,amount\n1,1\n")
        jobs.close_upload(ME, load.job_id)
        waited(
            lambda: any(
                s.sql.startswith("COPY") and load.job_id in s.label for s in list(redshift.statements)
            )
        )
        assert jobs.abort(ME, load.job_id).state == "Aborted"
        waited(lambda: jobs.get(ME, load.job_id).effect != "pending")
        assert jobs.get(ME, load.job_id).effect == "none"
    redshift.faults.clear()
    assert redshift.run("SELECT count(*) FROM sales") == [("0",)]


def test_what_redshift_cannot_do_is_said_before_anything_is_written(spectra) -> None:
    with pytest.raises(InvalidSpecError, match="PARQUET"):
        spectra.jobs.create(ME, LoadSpec(operation="insert", object="sales", content_type="PARQUET"))


def test_the_pages_example(monkeypatch, tmp_path, redshift, local_s3, bucket, prefix, capsys) -> None:
    page = (Path(__file__).parents[2] / "docs" / "redshift.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    connect = 'connect = {"host": "…", "database": "dev", "user": "…", "password": "…"}'
    for old, new in (
        (connect, f"connect = {redshift.parameters!r}"),
        ('"my-bucket", prefix="spectra/"', f'"{bucket}", prefix="{prefix}", client=local_client'),
    ):
        assert old in code
        code = code.replace(old, new)
    monkeypatch.chdir(tmp_path)
    names = {"local_client": local_s3.client}
    exec(compile(code, "docs/redshift.md", "exec"), names)
    for adapter in ("executor", "jobs", "results"):
        names[adapter].close()
    url = capsys.readouterr().out.split()[0]
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.read() in (b"one,letter\n1,a\n",)
