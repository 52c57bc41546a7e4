"""The host of the demo on AWS: what tenants do, and checks of what they get. It knows SPECTRA_* variables."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from flights import SPOILED, as_csv, corrected, flights, renumbered, spoiled
from telling import say, title, walk

from spectra import Caller, ExportSpec, FixedInterval, Job, JobState, LoadSpec, Session, Spectra, SpectraError
from spectra.domain import Effect
from spectra.errors import TransitionError
from spectra.ports import Query

ME = Caller("demo-airline", actor="examples/demo_aws.py", session=Session("demo_airline"))
INSERT = LoadSpec(operation="insert", object="flights")
PATIENCE = timedelta(minutes=3)
TRIES = 7
SLOW = 25_000
"""Records whose load takes so long that it can be stopped; on a fast machine more, which is found out."""


class Worker:
    """A worker in a process of its own, which has the same environment and nothing else."""

    def __init__(self, how: str) -> None:
        command = [sys.executable, str(Path(__file__).with_name("demo_aws_worker.py")), how]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Host:
    """The steps, each with a check of what came of it."""

    def __init__(self, spectra: Spectra, how: str, count: int) -> None:
        self.jobs, self.runner, self.how, self.count = spectra.jobs, spectra.query_runner, how, count
        self.bad = [number for number in SPOILED if number <= count]
        self.more = min(count, 50_000)
        self.queries = self.expected = 0

    def run(self) -> None:
        worker = Worker(self.how)
        try:
            self.load()
            self.correct()
            self.export()
            self.abort_and_retry()
            worker = self.kill(worker)
            self.fail()
            self.repeat()
            self.recovered()
        finally:
            worker.stop()

    # ---- the steps ------------------------------------------------------------------------------------

    def load(self) -> None:
        title(1, f"Load {self.count:,} real flights; {len(self.bad)} records were spoiled on the way")
        spec = LoadSpec(operation="insert", object="flights", max_failed_records=10)
        job = self.finished(self.uploaded(spec, spoiled(self.count)))
        walk(job)
        self.check("records, failed", _counts(job)[::2], (self.count, len(self.bad)))
        self.expected = self.count - len(self.bad)
        self.check_rows()
        rows = self.downloaded(self.jobs.failed_records(ME, job.job_id))
        self.check("failed records", [int(row["flight_id"]) for row in rows], self.bad)
        for row in rows:
            say(f"     {row['flight_id']} | {row['spectra_column']} | {row['spectra_code']}")

    def correct(self) -> None:
        title(2, "Upsert a corrected batch")
        spec = LoadSpec(operation="upsert", object="flights", key_columns=("flight_id",))
        job = self.finished(self.uploaded(spec, corrected(self.count)))
        walk(job)
        self.check("records, failed", _counts(job)[::2], (len({*range(1, 51), *self.bad}), 0))
        self.expected = self.count
        self.check_rows()

    def export(self) -> None:
        title(3, "Export delays by carrier and month to gzip CSV, and download it by its link")
        spec = ExportSpec(
            query="select carrier, month, count(*) as flights, round(avg(dep_delay * 1.0), 1) as mean_delay "
            "from flights where distance >= :miles group by carrier, month order by carrier, month",
            parameters={"miles": 200},
            compression="GZIP",
            single_file=True,
        )
        job = self.finished(self.jobs.create(ME, spec).job)
        walk(job)
        rows = self.downloaded(self.jobs.results(ME, job.job_id))
        for row in rows[:3]:
            say("     " + " | ".join(row.values()))
        header, *all_flights = flights(self.count)
        at = header.index("distance")
        far = sum(int(row[at]) >= 200 for row in all_flights)
        self.check("flights in the file", sum(int(row["flights"]) for row in rows), far)
        self.check("rows of the job", _counts(job)[0], len(rows))

    def abort_and_retry(self) -> None:
        title(4, "Abort a load while it is InProgress, and retry it")
        records, first = self.more * -(-SLOW // self.more), 1_000_000
        for _ in range(TRIES):
            times = records // self.more
            job = self.aborted(self.uploaded(INSERT, renumbered(first, times, self.more)))
            if job.state is JobState.ABORTED and job.effect is Effect.NONE:
                break
            say(
                f"   {records:,} records were loaded before it could be stopped; it says so; now twice as many"
            )
            self.expected += records
            first, records = first + records, records * 2
        walk(job)
        self.check("state, effect", (str(job.state), str(job.effect)), ("Aborted", "none"))
        self.check_rows()
        again = self.finished(self.jobs.retry(ME, job.job_id).job)
        walk(again)
        self.check("records, failed", _counts(again)[::2], (records, 0))
        self.expected += records
        self.check_rows()

    def aborted(self, job: Job) -> Job:
        job = self.begun(job)
        with contextlib.suppress(TransitionError):  # it was complete already
            self.jobs.abort(ME, job.job_id, reason="wrong file")
        return self.finished(job)

    def kill(self, worker: Worker) -> Worker:
        title(
            5, f"kill -9 the worker in the middle of a load of {self.more:,} records, and start another one"
        )
        self.orphan = self.begun(self.uploaded(INSERT, renumbered(10_000_000, count=self.more)))
        worker.kill()
        say(f"   {self.orphan} is {self.jobs.get(ME, self.orphan.job_id).state}, and its worker is dead")
        self.expected += self.more
        return Worker(self.how)

    def fail(self) -> None:
        title(6, "Meanwhile: an export with a misspelt column")
        job = self.finished(self.jobs.create(ME, ExportSpec(query="select carier from flights")).job)
        walk(job)
        self.check("state", str(job.state), "Failed")

    def repeat(self) -> None:
        title(7, "Meanwhile: a request that is sent twice makes one job")
        spec = ExportSpec(query="select max(distance) as farthest from flights")
        first = self.jobs.create(ME, spec, idempotency_key="farthest")
        second = self.jobs.create(ME, spec, idempotency_key="farthest")
        self.check("replayed, the same job", (second.replayed, second.job.job_id), (True, first.job.job_id))
        self.finished(first.job)
        (row,) = self.downloaded(self.jobs.results(ME, first.job.job_id))
        at = (rows := list(flights(self.count)))[0].index("distance")
        self.check("the farthest", int(row["farthest"]), max(int(row[at]) for row in rows[1:]))

    def recovered(self) -> None:
        title(8, "The load whose worker was killed")
        job = self.finished(self.orphan)
        walk(job)
        say(f"   attempts: {job.attempt}")
        self.check("records, failed", _counts(job)[::2], (self.more, 0))
        self.check_rows()

    # ---- what they are made of ------------------------------------------------------------------------

    def check(self, what: str, found: Any, expected: Any) -> None:
        shown = f"{found:,}" if isinstance(found, int) else str(found)
        if found != expected:
            sys.exit(f"   ✗ {what}: {shown}, and not {expected}")
        say(f"   ✓ {what}: {shown}")

    def uploaded(self, spec: LoadSpec, rows: Iterator[list[str]]) -> Job:
        """A load whose upload went straight to S3."""
        job = self.jobs.create(ME, spec).job
        data = b"".join(as_csv(rows))
        target = self.jobs.upload_target(ME, job.job_id, size=len(data))
        request = urllib.request.Request(target.url, data, dict(target.headers), method=target.method)
        with urllib.request.urlopen(request, timeout=60):
            return self.jobs.close_upload(ME, job.job_id)

    def downloaded(self, results: Any) -> list[dict[str, str]]:
        """The rows of all parts, by their links."""
        rows: list[dict[str, str]] = []
        for part in results.parts:
            with urllib.request.urlopen(part.url, timeout=60) as answer:
                data = answer.read()
            data = gzip.decompress(data) if results.compression == "GZIP" else data
            rows += csv.DictReader(io.StringIO(data.decode()))
        return rows

    def begun(self, job: Job) -> Job:
        """The job as soon as a worker has claimed it."""
        until = time.monotonic() + PATIENCE.total_seconds()
        while job.state is JobState.UPLOAD_COMPLETE and time.monotonic() < until:
            time.sleep(0.02)
            job = self.jobs.get(ME, job.job_id)
        return job

    def finished(self, job: Job) -> Job:
        return self.jobs.wait(ME, job.job_id, timeout=PATIENCE, polling=FixedInterval(0.1, first=0.1))

    def check_rows(self) -> None:
        self.queries += 1
        assert self.runner is not None
        sql = "select count(*) as n from flights"
        query = Query(tenant_id=ME.tenant_id, sql=sql, limit=1, timeout=60, query_id=f"rows-{self.queries}")
        self.check("rows in the table", int(self.runner.query(query).rows[0][0]), self.expected)


def _counts(job: Job) -> tuple[int, int, int]:
    """Records, succeeded, failed."""
    c = job.counts
    return (0, 0, 0) if c is None else (c.total, c.succeeded, c.failed)


def main() -> None:
    how, count = sys.argv[1], int(sys.argv[2])
    with Spectra.from_env() as spectra:
        Host(spectra, how, count).run()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except SpectraError as error:
        sys.exit(f"\n{error.code}: {error}")
