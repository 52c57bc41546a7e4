"""Links to files: how a browser names them, and what is said of files that nobody listed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from spectra.adapters.memory import MemoryResultStore
from spectra.domain import Category, Counts, ExportSpec, Files, Job, JobError, LoadSpec, Part, Upload
from spectra.ports import Area
from spectra.services.results import ResultLinks
from spectra.testing import START, ManualClock
from spectra.testing.samples import KEPT, aborted, after, claimed, completed, export

REFUSED = JobError("QUERY_ERROR", Category.VALIDATION, "no such column")
INPUT = b"not looked at"


@pytest.fixture
def links() -> ResultLinks:
    clock = ManualClock()
    return ResultLinks(store=MemoryResultStore(clock=clock), clock=clock, life=timedelta(hours=1))


def a_load(links: ResultLinks, **options: Any) -> Job:
    """A claimed load whose input is there."""
    spec = LoadSpec(operation="insert", object="t", **options)
    job = Job.new(tenant_id="t", job_id="j", spec=spec, at=START, retention=KEPT)
    location = links.store.location("t", "j", Area.INPUT) + "data"
    with links.store.open_write(location) as writer:
        writer.write(INPUT)
    info = links.store.stat(location)
    upload = Upload(location, info.bytes, info.etag)
    return claimed(job.close_upload(at=START, retention=KEPT, upload=upload))


@pytest.mark.parametrize(
    ("count", "counters"), [(1, [""]), (2, ["-00000", "-00001"]), (3, ["-00000", "-00001", "-00002"])]
)
def test_a_file_is_named_after_its_job_and_numbered_if_there_are_others(
    links: ResultLinks, count: int, counters: list[str]
) -> None:
    # A dot in an id is not the beginning of the suffix.
    job = claimed(export("job.1", "acme.com"))
    folder = links.store.location("acme.com", "job.1", Area.RESULTS, 1)
    parts = tuple(Part(f"{folder}part-{number}.csv.gz", 5, 1) for number in range(count))
    files = Files(parts=parts, bytes=5 * count, rows=count)
    error = {"at": after(2), "retention": KEPT, "error": REFUSED}
    failed = job.fail(**error, failed_records=files, unprocessed_records=files)
    done = job.complete(at=after(2), retention=KEPT, counts=Counts(total=0), results=files)
    for ask, ended, kind in (
        (links.results, done, "results"),
        (links.failed_records, failed, "failed-records"),
        (links.unprocessed_records, failed, "unprocessed-records"),
    ):
        names = [part.name for part in ask(ended, None).parts]
        assert names == [f"job.1-{kind}{counter}.csv.gz" for counter in counters]


def test_a_whole_input_is_of_its_own_format_and_as_long_as_was_counted(links: ResultLinks) -> None:
    job = a_load(links, content_type="JSON", compression="GZIP")
    counts = Counts(total=3, unprocessed=3)
    whole = links.unprocessed_records(
        job.fail(at=after(2), retention=KEPT, error=REFUSED, counts=counts), None
    )
    (part,) = whole.parts
    assert (part.name, part.bytes, part.rows) == ("j-unprocessed-records.jsonl.gz", len(INPUT), 3)
    assert (whole.content_type, whole.compression, whole.rows) == ("JSON", "GZIP", 3)


def test_a_load_with_bad_records_alone_has_no_unprocessed_ones(links: ResultLinks) -> None:
    """Its input holds the bad ones too, and is not given back in their place."""
    bad = Files(parts=(Part(links.store.location("t", "j", Area.FAILED, 1) + "bad.csv", 5, 1),), rows=1)
    job = a_load(links).fail(at=after(2), retention=KEPT, error=REFUSED, failed_records=bad)
    assert links.unprocessed_records(job, None).parts == ()


def test_an_export_that_is_being_ended_has_no_records_to_wait_for(links: ResultLinks) -> None:
    job = aborted(claimed(export()))
    assert job.is_settling
    assert links.unprocessed_records(job, None).parts == ()


def test_no_files_are_of_the_format_that_was_asked_for(links: ResultLinks) -> None:
    spec = ExportSpec(query="select 1", content_type="JSON", compression="ZSTD")
    job = Job.new(tenant_id="t", job_id="j", spec=spec, at=START, retention=KEPT)
    none = links.failed_records(completed(claimed(job)), None)
    assert (none.parts, none.content_type, none.compression) == ((), "JSON", "ZSTD")
