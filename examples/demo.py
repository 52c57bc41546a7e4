"""The whole life of jobs on real data: the 336,776 flights that left New York in 2013."""

from __future__ import annotations

import csv
import gzip
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.request import url2pathname

from flights import TABLE, as_csv, corrected, renumbered, spoiled
from telling import say, title, walk

from spectra import Caller, ExportSpec, FixedInterval, Job, JobEvent, LoadSpec, Spectra, SpectraError
from spectra.domain import Files

ME = Caller("demo-airline", actor="examples/demo.py")
AGAIN = 4


class Demo:
    """The steps, on one embedded Spectra with a worker inside."""

    def __init__(self, spectra: Spectra, progressed: threading.Event) -> None:
        self.spectra, self.jobs, self.progressed = spectra, spectra.jobs, progressed

    def finished(self, job: Job) -> Job:
        return self.jobs.wait(
            ME, job.job_id, timeout=timedelta(minutes=2), polling=FixedInterval(0.05, first=0.05)
        )

    def uploaded(self, spec: LoadSpec, rows: Iterator[list[str]]) -> Job:
        job = self.jobs.create(ME, spec).job
        with self.jobs.open_upload(ME, job.job_id) as upload:
            for piece in as_csv(rows):
                upload.write(piece)
        return self.jobs.close_upload(ME, job.job_id)

    def rows_in_table(self) -> int:
        return int(self.sql("select count(*) from flights")[0][0])

    def sql(self, statement: str) -> list[tuple]:
        with self.spectra.executor.connect() as cursor:
            return cursor.execute(statement).fetchall()

    def show(self, files: Files | None, columns: slice = slice(None), limit: int = 4) -> None:
        """Print where the files are and the first rows of each."""
        from spectra.services.results import read_manifest

        for part in read_manifest(self.spectra.result_store, files).parts if files else ():
            path = Path(url2pathname(part.location.removeprefix("file://")))
            say(f"   file: {path}  ({part.bytes:,} bytes, {part.rows:,} rows)")
            for row in self.first_rows(path, limit):
                say("     " + " | ".join(map(str, row[columns])))

    def first_rows(self, path: Path, limit: int) -> list[list]:
        if path.suffix == ".parquet":
            names = [name for name, *_ in self.sql(f"describe select * from '{path}'")]
            return [names, *self.sql(f"select * from '{path}' limit {limit - 1}")]
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", newline="") as lines:
            return [row for row, _ in zip(csv.reader(lines), range(limit), strict=False)]

    def load(self) -> Job:
        title(1, "Load 336,776 real flights; three records were spoiled on the way")
        spec = LoadSpec(operation="insert", object="flights", max_failed_records=10)
        job = self.finished(self.uploaded(spec, spoiled()))
        walk(job)
        say(f"   rows in the table: {self.rows_in_table():,}")
        say("   the failed records, each with its reason (the last columns of the file):")
        self.show(job.failed_records, columns=slice(-8, None))
        return job

    def correct(self) -> None:
        title(2, "Upsert a corrected batch")
        spec = LoadSpec(operation="upsert", object="flights", key_columns=("flight_id",))
        walk(self.finished(self.uploaded(spec, corrected())))
        say(f"   rows in the table: {self.rows_in_table():,}")

    def export(self) -> None:
        title(3, "Export: delays by carrier and month, to gzip CSV and to Parquet")
        query = (
            "select carrier, month, count(*) as flights, round(avg(dep_delay), 1) as mean_delay "
            "from flights where distance >= :miles group by all order by carrier, month"
        )
        for kind, packed in (("CSV", "GZIP"), ("PARQUET", "NONE")):
            spec = ExportSpec(
                query=query,
                parameters={"miles": 200},
                content_type=kind,
                compression=packed,
                single_file=True,
            )
            job = self.finished(self.jobs.create(ME, spec).job)
            walk(job)
            self.show(job.results)

    def abort(self) -> None:
        title(4, f"Abort a second load, {AGAIN} times as long, while it is InProgress")
        before = self.rows_in_table()
        self.progressed.clear()
        job = self.uploaded(LoadSpec(operation="insert", object="flights"), renumbered(1_000_000, AGAIN))
        if not self.progressed.wait(60):
            sys.exit("the load reported no progress")
        seen = self.jobs.get(ME, job.job_id)
        if seen.progress is not None:
            say(f"   first progress: {seen.progress.records:,} records, {seen.progress.percent or 0:.0f} %")
        self.jobs.abort(ME, job.job_id, reason="wrong file")
        job = self.finished(job)
        walk(job)
        say(f"   effect: {job.effect}; rows in the table: {before:,} before, {self.rows_in_table():,} after")

    def fail(self) -> None:
        title(5, "An export with a misspelt column")
        job = self.finished(self.jobs.create(ME, ExportSpec(query="select carier from flights")).job)
        walk(job)


def main() -> None:
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("spectra-demo")
    if home == Path("spectra-demo"):
        shutil.rmtree(home, ignore_errors=True)
    elif home.exists():
        sys.exit(f"{home} exists; name a folder that does not")
    begun = time.monotonic()
    say(f"Spectra, embedded in {home.absolute()}")
    progressed = threading.Event()

    def listen(event: JobEvent) -> None:
        if event.name == "job.progressed":
            progressed.set()

    with Spectra.embedded(home) as spectra:
        spectra.subscribe(listen)
        with spectra.executor.connect() as cursor:
            cursor.execute(TABLE)
        with spectra.worker(concurrency=2).running():
            demo = Demo(spectra, progressed)
            demo.load()
            demo.correct()
            demo.export()
            demo.abort()
            demo.fail()
    say(
        f"\nDone in {time.monotonic() - begun:.0f} s. Jobs and files stay in {home}; delete it when you like."
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; what was running was rolled back")
    except SpectraError as error:
        sys.exit(f"\n{error.code}: {error}")
