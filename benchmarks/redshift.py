"""Exports and loads of a million rows on the local Redshift, against the same statements over the bare driver."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import attrs

from spectra.adapters.aws.redshift import RedshiftExecutor
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import ExportSpec, LoadSpec, Spec, Upload
from spectra.ports import Area, Status, Task
from spectra.testing.redshift import LocalRedshift
from spectra.testing.s3 import LocalS3

ROWS = 1_000_000
ROUNDS = 11
BUCKET = "benchmarks"
FAILED = 1_000
SMALL, LARGE = 20_000_000, 200_000_000
"""Bytes of the two gzip uploads whose last records fail."""


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def run() -> list[tuple[str, float, float]]:
    """The median of the rounds' ratios; and the memory of a load whose last thousand records fail, by its size."""
    with LocalS3() as s3:
        s3.create_bucket(BUCKET)
        with LocalRedshift(s3.client()) as redshift, S3ResultStore(BUCKET, client=s3.client) as results:
            return [*_statements(redshift, s3, results), *_memory(redshift, s3, results)]


def task_of(results: S3ResultStore, client: Any, job: str, spec: Spec, data: Path | None = None) -> Task:
    """A task whose upload, if it has one, is *data*."""
    upload = None
    if data is not None:
        location = results.location("t", job, Area.INPUT) + "data"
        bucket, _, key = location.removeprefix("s3://").partition("/")
        client.upload_file(str(data), bucket, key)
        upload = Upload(location, data.stat().st_size, client.head_object(Bucket=bucket, Key=key)["ETag"])
    return Task(
        tenant_id="t",
        job_id=job,
        attempt=1,
        spec=spec,
        upload=upload,
        results=results.location("t", job, Area.RESULTS, 1),
        failed=results.location("t", job, Area.FAILED, 1),
        claimed_at=datetime.now(UTC),
    )


def _statements(
    redshift: LocalRedshift, s3: LocalS3, results: S3ResultStore
) -> list[tuple[str, float, float]]:
    import redshift_connector

    redshift.run("CREATE TABLE facts (id int, name varchar(40), price float8)")
    redshift.run(
        f"INSERT INTO facts SELECT n, 'name ' || n % 977, n::bigint * 7919 % 100000 / 100.0 FROM generate_series(1, {ROWS}) n"
    )
    redshift.run("CREATE TABLE target (id int, name varchar(40), price float8)")
    numbers = itertools.count()
    with (
        tempfile.TemporaryDirectory() as folder,
        RedshiftExecutor(results, redshift.parameters) as executor,
        redshift_connector.connect(**redshift.parameters) as connection,
    ):
        cursor = connection.cursor()
        connection.autocommit = True  # the executor's own statements begin and end its transactions
        data = Path(folder) / "facts.csv"
        with data.open("w") as file:
            file.write("id,name,price\n")
            file.writelines(f"{n},name {n % 977},{n * 7919 % 100000 / 100}\n" for n in range(ROWS))

        def done(task: Task) -> None:
            executor.start(task)
            execution = executor.poll(task, wait=300)
            assert execution.status is Status.SUCCEEDED, execution.error

        def recorded(task: Task) -> list[str]:
            """What the executor sends for *task*, in one connection's order."""
            redshift.statements.clear()
            done(task)
            return [one.sql for one in redshift.statements if not one.sql.startswith("SELECT pg_backend_pid")]

        def replayed(statements: list[str], warm: Task, task: Task) -> None:
            for sql in statements:
                cursor.execute(sql.replace(warm.job_id, task.job_id))

        found = []
        for name, spec, upload in (
            ("export", ExportSpec(query="select * from facts"), None),
            ("load", LoadSpec(operation="insert", object="target"), data),
        ):
            warm = task_of(results, s3.client(), f"w{name}", spec, upload)
            statements = recorded(warm)
            times: tuple[list[float], list[float]] = ([], [])
            for number in range(ROUNDS):
                # Whoever comes second finds caches warm: they take turns.
                for which in (0, 1) if number % 2 else (1, 0):
                    redshift.run("TRUNCATE target")
                    task = task_of(results, s3.client(), f"j{next(numbers)}", spec, upload)
                    ways = (lambda t=task: done(t), lambda t=task, w=warm, s=statements: replayed(s, w, t))
                    times[which].append(_seconds(ways[which]))
                    if upload is not None:
                        assert redshift.run("SELECT count(*) FROM target") == [(str(ROWS),)]
            print(name, times, file=sys.stderr)
            what = f"{name}, {ROWS:,} rows / the same statements, bare"
            # Of a round, and not of all: what else the machine does changes between rounds.
            ratios = [ours / bare for ours, bare in zip(*times, strict=True)]
            found.append((what, median(ratios), 1.05))
        return found


def _memory(redshift: LocalRedshift, s3: LocalS3, results: S3ResultStore) -> list[tuple[str, float, float]]:
    redshift.run("CREATE TABLE budget (id int, name varchar(100))")
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for size in (SMALL, LARGE):
            path = Path(folder) / f"{size}.csv.gz"
            _write(path, size)
            upload = task_of(results, s3.client(), f"m{size}", ExportSpec(query="select 1"), path).upload
            assert upload is not None
            facts = [
                redshift.gateway.port,
                s3.endpoint,
                s3.access_key,
                s3.secret_key,
                FAILED,
                *attrs.astuple(upload),
            ]
            told = subprocess.run(
                [sys.executable, "-m", "benchmarks.redshift_load", *map(str, facts)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            peaks.append(float(told))
            print(f"{size:,} bytes: {peaks[-1] / 2**20:.0f} MB", file=sys.stderr)
    return [
        (
            f"memory of a load, {LARGE // SMALL} × the upload, {FAILED:,} records fail",
            peaks[1] / peaks[0],
            1.1,
        )
    ]


def _write(path: Path, size: int) -> None:
    """A gzip file of about *size* bytes; the last records have no number."""
    import os

    from isal import igzip

    with igzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"id,name\n")
        n = 0
        while path.stat().st_size < size:
            block = bytearray()
            for _ in range(20_000):
                n += 1
                block += b"%d,%s\n" % (n, os.urandom(30).hex().encode())
            file.write(bytes(block))
        for _ in range(FAILED):
            file.write(b"x,y\n")


if __name__ == "__main__":
    for line in run():
        print(line)
