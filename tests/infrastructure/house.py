"""A host and a worker as they are deployed: each with clients of its own, over one table and one bucket."""

from __future__ import annotations

import contextlib
import time
import urllib.request
from datetime import timedelta

from spectra import Caller, ExportSpec, LoadSpec, Spectra
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.redshift import RedshiftDataExecutor
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import Session
from spectra.ports import SystemClock
from tests.contract.redshift_house import TARGET
from tests.infrastructure.recording import Recorder

ME = Caller("acme", session=Session("analyst"))
DATA = b"id,amount\n1,9.99\nx,1\n2,20.00\n"
LARGE = 9 * 1024 * 1024
_WAIT = 120.0


class Clock(SystemClock):
    """The system's, as much later as it is told."""

    later = timedelta(0)

    def now(self):
        return super().now() + self.later


class House:
    """The same jobs, seen by a host and by a worker."""

    def __init__(self, servers, settings):
        self.servers, self.clock = servers, Clock()
        self.dynamodb, self.s3, self.redshift, self.table, self.bucket, self.prefix = servers
        self.host_calls, self.worker_calls = Recorder(), Recorder()
        self._settings, self._made = settings, []
        self.host = self._spectra(self.host_calls)
        self.another_worker()
        self.redshift.user_exists("analyst")
        self.redshift.run("CREATE TABLE IF NOT EXISTS sales (id int, amount decimal(9, 2))")
        self.redshift.run("TRUNCATE sales")
        self.redshift.run("GRANT ALL ON sales TO analyst")

    def another_worker(self):
        """Let a worker that knows nothing of the last one's work go on."""
        self.working = self._spectra(self.worker_calls).worker()

    def _spectra(self, recorder):
        results = S3ResultStore(self.bucket, prefix=self.prefix, client=recorder.listen(self.s3.client()))
        data = recorder.listen(self.redshift.data_client())
        made = Spectra(
            job_store=DynamoDBJobStore(
                self.table,
                client=recorder.listen(self.dynamodb.client(total_max_attempts=1)),
                clock=self.clock,
            ),
            executor=RedshiftDataExecutor(results, data, TARGET, clock=self.clock),
            result_store=results,
            settings=self._settings,
            clock=self.clock,
        )
        self._made.append((made, made.executor))
        return made

    def work(self, *jobs):
        """Work until *jobs* have ended and settled; as they then are."""
        until = time.monotonic() + _WAIT
        while True:
            self.working.run_once()
            now = [self.host.jobs.get(ME, job.job_id) for job in jobs]
            if all(job.is_terminal and not job.is_settling for job in now):
                return now
            assert time.monotonic() < until, now
            time.sleep(0.1)

    def keys(self):
        """Of every object in the bucket."""
        pages = self.s3.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {one["Key"] for page in pages for one in page.get("Contents", ())}

    def unfinished(self, job):
        """Begin an upload in parts into a folder of *job*, and leave it."""
        key = f"{self.prefix}acme/{job.job_id}/results/~1/left"
        self.s3.client().create_multipart_upload(Bucket=self.bucket, Key=key)

    def close(self):
        for spectra, executor in self._made:
            spectra.close()
            executor.close()
        self.redshift.run("DROP TABLE sales")


def sent(target, data):
    request = urllib.request.Request(target.url, data, dict(target.headers), method=target.method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status


def load(house, data=DATA, **spec):
    """A load that is ready for a worker, uploaded through the host."""
    spec = LoadSpec(**{"operation": "insert", "object": "sales", "max_failed_records": 1} | spec)
    job = house.host.jobs.create(ME, spec).job
    with house.host.jobs.open_upload(ME, job.job_id) as upload:
        upload.write(data)
    return house.host.jobs.close_upload(ME, job.job_id)


def every_day(house):
    """What hosts ask, and what workers do for them; the jobs, ended."""
    jobs = house.host.jobs
    export = jobs.create(
        ME,
        ExportSpec(query=f"select 1 as one /* {'x' * 2_000} */", line_ending="CRLF"),
        idempotency_key="one",
    ).job
    assert jobs.create(ME, export.spec, idempotency_key="one").replayed
    assert jobs.explain(ME, export.job_id).reason == "no_worker"
    good = load(house, b"id,amount\n1,1\n")
    some = load(house)
    bad = load(house, DATA, max_failed_records=0)
    repeated = load(
        house, b"id,amount\n7,1\n7,2\n8,1\n", operation="upsert", key_columns=("id",), max_failed_records=2
    )
    empty = jobs.create(ME, ExportSpec(query="select 1 as one where 1 = 2")).job
    ended = house.work(good, some, bad, export, repeated, empty)
    assert [job.state for job in ended] == ["JobComplete"] * 2 + ["Failed"] + ["JobComplete"] * 3
    return ended


def links(house, ended):
    """The host's links and copies of what *ended* left."""
    jobs = house.host.jobs
    _, some, bad, export, *_ = ended
    assert jobs.results(ME, export.job_id).parts
    assert jobs.failed_records(ME, some.job_id).parts
    assert jobs.unprocessed_records(ME, bad.job_id).parts
    assert len(jobs.find(ME).items) >= 4
    return [jobs.retry(ME, some.job_id, only="failed").job, jobs.retry(ME, bad.job_id).job]


def broken_upload(house):
    """An upload through the host that breaks off after its first part; its job."""
    job = house.host.jobs.create(ME, LoadSpec(operation="insert", object="sales")).job
    with contextlib.suppress(ZeroDivisionError), house.host.jobs.open_upload(ME, job.job_id) as upload:
        upload.write(b"x" * LARGE)
        raise ZeroDivisionError
    return job


def aborted(house):
    """A job that was aborted while it ran, and settled."""
    house.redshift.faults.add("delay", "^COPY", seconds=20)
    job = load(house)
    until = time.monotonic() + _WAIT
    while not any(
        s.sql.startswith("COPY") and job.job_id in s.label for s in list(house.redshift.statements)
    ):
        assert time.monotonic() < until
        house.working.run_once()
        time.sleep(0.1)
    house.another_worker()
    while house.host.jobs.get(ME, job.job_id).lease.worker != house.working.name:
        assert time.monotonic() < until
        house.working.run_once()
        time.sleep(0.1)
    house.host.jobs.abort(ME, job.job_id)
    (ended,) = house.work(job)
    assert house.host.jobs.unprocessed_records(ME, job.job_id).parts
    house.redshift.faults.clear()
    return ended
