"""What is told: to listeners, and to the log."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import structlog

from tests.services.house import ME, House

SECRET = "hunter2"


def test_every_committed_change_is_one_event(house: House) -> None:
    job = house.done(house.load("id,name\n1,a\n"))
    names = [event.name for event in house.events]
    assert names == ["job.created", "job.upload_closed", "job.claimed", "job.completed"]
    assert [event.job.version for event in house.events] == [1, 2, 3, 4]
    assert house.events[-1].job == job
    assert [event.before for event in house.events] == [None, "Open", "UploadComplete", "InProgress"]
    house.jobs.delete(ME, job.job_id)
    assert house.events[-1].name == "job.deleted"


def test_a_replayed_create_is_no_event(house: House) -> None:
    job = house.export("select 1 as a")
    with pytest.raises(Exception, match="items"):
        house.sql("create table items (x int)")
    house.jobs.create(ME, job.spec, idempotency_key="k")
    house.events.clear()
    house.jobs.create(ME, job.spec, idempotency_key="k")
    assert house.events == []


def test_a_listener_that_fails_is_logged_and_hurts_nobody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("boom")

    later = []
    house.spectra.subscribe(broken)
    house.spectra.subscribe(later.append)
    job = house.export("select 1 as a")
    assert later[0].job == job
    (said,) = [record for record in caplog.records if record.getMessage() == "listener.failed"]
    assert (said.job, said.listener, said.cause) == (str(job), repr(broken), "job.created")
    assert said.exc_info


def test_logs_have_ids_and_no_secrets(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        job = house.load(f"id,name\n1,{SECRET}\nx,{SECRET}\n", max_failed_records=1)
    job = house.done(job)
    export = house.done(house.export("select :s as a", parameters={"s": SECRET}))
    failed = house.done(house.export(f"select nothing from items where name = '{SECRET}'"))
    assert failed.state == "Failed"
    urls = [part.url for part in house.jobs.results(ME, export.job_id).parts]
    urls.append(house.jobs.upload_target(ME, house.open_load().job_id).url)
    said = [record for record in caplog.records if record.name.startswith("spectra")]
    assert {"job.created", "job.upload_closed", "job.claimed", "job.completed", "job.failed"} <= {
        record.getMessage() for record in said
    }
    created = next(record for record in said if record.getMessage() == "job.created")
    assert (created.job, created.request_id) == (str(job), "r-1")  # type: ignore[attr-defined]
    text = "\n".join(str(vars(record)) for record in caplog.records)
    assert SECRET not in text
    assert not any(url in text for url in urls)
    assert SECRET not in repr(job)
    assert SECRET not in repr(export)


def test_unconfigured_nothing_is_printed(tmp_path: Path, family: str) -> None:
    make = "Spectra.in_memory()" if family == "memory" else f"Spectra.embedded({str(tmp_path / 'home')!r})"
    program = textwrap.dedent(
        f"""
        from spectra import Caller, ExportSpec, Spectra
        with {make} as spectra:
            for query in ("select 1 as a", "select nothing"):
                spectra.jobs.create(Caller("t"), ExportSpec(query=query))
            assert spectra.worker().run_once() == 2
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
