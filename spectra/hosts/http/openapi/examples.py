"""Replies as hosts give them: made by the codec, of jobs made by the domain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from spectra import codec
from spectra.domain import (
    Column,
    Compression,
    ContentType,
    Counts,
    ExportSpec,
    Files,
    Job,
    JobError,
    LoadSpec,
    Operation,
    Progress,
    Retention,
    Upload,
    category_of,
)
from spectra.hosts.http.links import absolute, results_body, target_body
from spectra.hosts.http.messages import Request
from spectra.ports import QueryResult, UploadTarget
from spectra.services import ResultPart, Results

__all__ = ["EXAMPLES", "EXPORT", "REQUEST_ID"]

REQUEST_ID: Final = "3f0c9e1a7b5d4c2e8f6a0b1c2d3e4f50"
_BEGUN: Final = datetime(2026, 1, 29, 10, tzinfo=UTC)
_KEPT: Final = Retention()
_HERE: Final = Request(method="GET", base_url="https://api.example.com")
_FILE: Final = "/files/eyJnZXQiOiIuLi4ifQ.Vn3mK0"


def _at(seconds: float) -> datetime:
    return _BEGUN + timedelta(seconds=seconds)


def _new(job_id: str, spec: ExportSpec | LoadSpec) -> Job:
    return Job.new(tenant_id="tenant-123", job_id=job_id, spec=spec, at=_BEGUN, retention=_KEPT)


def _claimed(job: Job) -> Job:
    return job.claim(at=_at(1), worker="worker-1", until=_at(61), retention=_KEPT)


_ASKED: Final = _new(
    "bulk-job-0198f6c2",
    ExportSpec(
        object="sales",
        query="SELECT * FROM sales WHERE year = 2024",
        compression=Compression.GZIP,
    ),
)
_RUNNING: Final = _claimed(_ASKED).report(at=_at(60), progress=Progress(75_000, 41))
EXPORT: Final = _RUNNING.complete(
    at=_at(300),
    retention=_KEPT,
    counts=Counts(total=182_000, succeeded=182_000),
    results=Files(rows=182_000, bytes=3_120_450, compression=Compression.GZIP),
)
_OPEN: Final = _new(
    "bulk-job-0198f6d0",
    LoadSpec(operation=Operation.UPSERT, object="sales", key_columns=("id",), max_failed_records=100),
)
_LOADED: Final = _claimed(
    _OPEN.close_upload(at=_at(0), retention=_KEPT, upload=Upload("x", 1, "x"))
).complete(at=_at(30), retention=_KEPT, counts=Counts(total=1_000, succeeded=998, failed=2))
_FAILED: Final = _claimed(_ASKED).fail(
    at=_at(2),
    retention=_KEPT,
    error=JobError.of(
        "QUERY_ERROR",
        category_of("42703"),
        "Column 'invalid_column' does not exist",
        sql_state="42703",
        position=45,
    ),
)
_ABORTED: Final = _RUNNING.abort(at=_at(70), retention=_KEPT, reason="wrong year", actor="reports")

_RESULTS: Final = Results(
    parts=(
        ResultPart(
            url=_FILE,
            name="bulk-job-0198f6c2-results.csv.gz",
            bytes=3_120_450,
            rows=182_000,
        ),
    ),
    schema=(Column("id", "INTEGER"), Column("amount", "DECIMAL(9,2)")),
    expires_at=_at(3_900),
    content_type=ContentType.CSV,
    compression=Compression.GZIP,
    bytes=3_120_450,
    rows=182_000,
)
_TARGET: Final = UploadTarget(url=_FILE, expires_at=_at(3_600), max_bytes=150_000_000)
_ROWS: Final = QueryResult(
    columns=(Column("region", "VARCHAR"), Column("amount", "DECIMAL(9,2)")),
    rows=(("north", Decimal("1234.50")), ("south", None)),
    truncated=False,
    query_id="0198f6d4-70a1-7c55-a6e1-1f0a2b3c4d5e",
    execution_time_ms=12,
)


def _created(job: Job, *, replayed: bool = False) -> dict[str, Any]:
    return {**codec.to_public(job), "replayed": replayed}


EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "Job": {
            "InProgress": codec.to_public(_RUNNING),
            "JobComplete": codec.to_public(EXPORT),
            "Loaded": codec.to_public(_LOADED),
            "Failed": codec.to_public(_FAILED),
            "Aborted": codec.to_public(_ABORTED),
        },
        "CreatedJob": {
            "Export": _created(_ASKED),
            "Load": _created(_OPEN),
            "Replay": _created(EXPORT, replayed=True),
        },
        "JobList": {
            "Page": {
                "jobs": [codec.to_public(_LOADED), codec.to_public(EXPORT)],
                "next_cursor": "ZmYwMC9idWxrLWpvYg==",
            }
        },
        "Results": {"Part": results_body(_RESULTS, lambda url: absolute(_HERE, url))},
        "UploadTarget": {"Link": target_body(_HERE, _TARGET)},
        "QueryReply": {"Rows": codec.to_public_result(_ROWS)},
        "Health": {"Ok": {"status": "ok"}},
    }
)
"""Examples of the schemas, by name."""
