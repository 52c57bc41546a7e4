"""Jobs as documents and on the wire."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra import codec
from spectra.domain import (
    Category,
    Column,
    Counts,
    Effect,
    ExportSpec,
    Files,
    Job,
    JobError,
    JobState,
    LoadSpec,
    Part,
    Progress,
    Retention,
    Session,
    Upload,
)
from spectra.testing import strategies
from spectra.errors import BackendError, InvalidSpecError, NewerSchemaError

R = Retention()
NOW = datetime(2026, 1, 29, 10, tzinfo=UTC)


@given(strategies.jobs())
def test_documents_hold_everything(job: Job) -> None:
    document = json.loads(json.dumps(codec.to_document(job)))
    assert codec.from_document(document) == job
    assert codec.to_document(codec.from_document(document)) == document


@given(strategies.jobs())
def test_unknown_fields_are_kept(job: Job) -> None:
    document = codec.to_document(job)
    document["later"] = {"x": [1]}
    document["spec"]["later"] = True
    document["session"]["later"] = None
    assert codec.to_document(codec.from_document(document)) == document


SAMPLES = sorted((Path(__file__).parent / "samples").glob("jobs-schema-*.json"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_what_was_ever_stored_can_be_read(path: Path) -> None:
    """Never rewrite a sample: it is what users' stores hold. A new schema gets a new file."""
    documents = json.loads(path.read_text(encoding="utf-8"))
    assert len(documents) >= 16
    jobs = [codec.from_document(document) for document in documents]
    assert {job.state for job in jobs} == set(JobState)
    assert not any(job.unknown_fields for job in jobs)
    if path.stem == f"jobs-schema-{codec.documents.SCHEMA}":
        assert [codec.to_document(job) for job in jobs] == documents


def test_every_schema_has_its_samples() -> None:
    assert [path.stem for path in SAMPLES] == [
        f"jobs-schema-{number}" for number in range(1, codec.documents.SCHEMA + 1)
    ]


def test_newer_and_broken_documents() -> None:
    document = codec.to_document(
        Job.new(tenant_id="t", job_id="j", spec=ExportSpec(query="select 1"), at=NOW, retention=R)
    )
    with pytest.raises(NewerSchemaError):
        codec.from_document(document | {"schema": 2})
    for broken in (
        {},
        {"schema": 1},
        document | {"state": "Lost"},
        document | {"spec": {}},
        document | {"version": -1},
        document | {"version": float("inf")},
        document | {"spec": document["spec"] | {"parameters": {"a": {"decimal": "x"}}}},
        document | {"counts": {"total": 2, "succeeded": 1}},
        document | {"labels": {"a": 1}},
    ):
        with pytest.raises(BackendError):
            codec.from_document(broken)


@given(strategies.jobs())
def test_the_wire_tells_no_secrets(job: Job) -> None:
    text = json.dumps(codec.to_public(job))
    for hidden in ("db_user", "handle", "lease", "memory:///", "idempotency"):
        assert hidden not in text


def test_the_wire_of_a_running_export() -> None:
    job = (
        Job.new(
            tenant_id="tenant-123",
            job_id="bulk-job-1",
            at=NOW,
            retention=R,
            spec=ExportSpec(query="SELECT 1", object="sales", content_type="CSV", compression="GZIP"),
        )
        .claim(at=NOW, worker="w", until=NOW, retention=R)
        .report(at=NOW, progress=Progress(75_000, 41))
    )
    public = codec.to_public(job)
    assert public["state"] == "InProgress"
    assert public["created_at"] == "2026-01-29T10:00:00.000Z"
    assert public["number_records_processed"] == 75_000
    assert public["progress"] == {"records": 75_000, "percent": 41.0}
    assert public["ttl"] is None
    assert "key_columns" not in public
    done = codec.to_public(
        job.complete(at=NOW, retention=R, counts=Counts(total=9, succeeded=7, failed=1, unprocessed=1))
    )
    assert (done["number_records_processed"], done["number_records_total"]) == (8, 9)


def test_requests() -> None:
    spec = codec.to_spec(
        {"operation": "upsert", "object": "t", "external_id_field": "id", "content_type": "JSON"}
    )
    assert spec == LoadSpec(operation="upsert", object="t", key_columns=("id",), content_type="JSON")
    assert codec.to_spec({"operation": "query", "query": "select 1"}) == ExportSpec(query="select 1")
    for bad in (
        {},
        {"operation": "query"},
        {"operation": "insert"},
        {"operation": "query", "query": "select 1", "tenant_id": "x"},
        {"operation": "upsert", "object": "t", "key_columns": [1]},
        {"operation": "drop", "object": "t"},
        {"operation": "upsert", "object": "t", "key_columns": ["a"], "external_id_field": "a"},
        {"operation": "query", "query": "select 1", "parameters": [1]},
        {"operation": "query", "query": 7},
        {"operation": "query", "query": "select 1", "header": "yes"},
        {"operation": ["query"]},
    ):
        with pytest.raises(InvalidSpecError):
            codec.to_spec(bad)


def test_parameters_keep_their_types() -> None:
    values = {
        "a": Decimal("1.10"),
        "b": date(2020, 1, 1),
        "c": datetime(2020, 1, 1, 1),
        "d": None,
        "e": "x",
        "f": True,
    }
    job = Job.new(
        tenant_id="t", job_id="j", spec=ExportSpec(query="select 1", parameters=values), at=NOW, retention=R
    )
    again = codec.from_document(json.loads(json.dumps(codec.to_document(job))))
    assert {k: (type(v), v) for k, v in again.spec.parameters.items()} == {
        k: (type(v), v) for k, v in values.items()
    }
