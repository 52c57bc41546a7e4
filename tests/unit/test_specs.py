"""Bad input gets a clear error before anything is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.domain import (
    Caller,
    Category,
    ExponentialBackoff,
    ExportSpec,
    FixedInterval,
    Job,
    JobError,
    LoadSpec,
    Progress,
    Retention,
    category_of,
)
from spectra.errors import InvalidSpecError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("bad", ["", "a/b", "ü", "x" * 129, "../x", ".x", "a b", "a\0", "a\n", None, 7])
def test_ids(bad: object) -> None:
    with pytest.raises(InvalidSpecError):
        Caller(bad)
    with pytest.raises(InvalidSpecError):
        Job.new(tenant_id="t", job_id=bad, spec=ExportSpec(query="select 1"), at=NOW, retention=Retention())


@pytest.mark.parametrize(
    "make",
    [
        lambda: ExportSpec(query=""),
        lambda: ExportSpec(query="  \n"),
        lambda: ExportSpec(query="select '\0'"),
        lambda: ExportSpec(query="select '\ud800'"),
        lambda: ExportSpec(query="x" * 102_401),
        lambda: ExportSpec(query="é" * 51_201),
        lambda: ExportSpec(query="select 1", content_type="XML"),
        lambda: ExportSpec(query="select 1", content_type="PARQUET", compression="GZIP"),
        lambda: ExportSpec(query="select 1", delimiter=";;"),
        lambda: ExportSpec(query="select 1", delimiter='"'),
        lambda: ExportSpec(query="select 1", null_token="a,b"),
        lambda: ExportSpec(query="select 1", parameters={"1a": 1}),
        lambda: ExportSpec(query="select 1", parameters={"a": object()}),
        lambda: ExportSpec(query="select 1", parameters={"a": float("nan")}),
        lambda: ExportSpec(query="select 1", parameters={"a": Decimal("inf")}),
        lambda: LoadSpec(operation="query", object="t"),
        lambda: LoadSpec(operation="merge", object="t"),
        lambda: LoadSpec(operation="insert", object=""),
        lambda: LoadSpec(operation="insert", object="t\0"),
        lambda: LoadSpec(operation="upsert", object="t"),
        lambda: LoadSpec(operation="update", object="t", key_columns=()),
        lambda: LoadSpec(operation="delete", object="t", key_columns=("a", "A")),
        lambda: LoadSpec(operation="insert", object="t", key_columns=("a",)),
        lambda: LoadSpec(operation="insert", object="t", max_failed_records=100_000),
        lambda: LoadSpec(operation="insert", object="t", max_failed_records=-1),
        lambda: LoadSpec(operation="insert", object="t", max_failed_records=True),
        lambda: LoadSpec(operation="insert", object="t", max_failed_records="1"),
        lambda: Progress(-1),
    ],
)
def test_specs(make: object) -> None:
    with pytest.raises((InvalidSpecError, ValueError)):
        make()


def test_labels_and_keys() -> None:
    for labels in (
        {"": "x"},
        {"x" * 64: "x"},
        {"x": "y" * 256},
        {str(n): "" for n in range(33)},
        {"a": "\0"},
    ):
        with pytest.raises(InvalidSpecError):
            Job.new(
                tenant_id="t",
                job_id="j",
                spec=ExportSpec(query="select 1"),
                at=NOW,
                retention=Retention(),
                labels=labels,
            )
    with pytest.raises(InvalidSpecError):
        Job.new(
            tenant_id="t",
            job_id="j",
            spec=ExportSpec(query="select 1"),
            at=NOW,
            retention=Retention(),
            idempotency_key="",
        )


def test_instants_are_utc_milliseconds() -> None:
    """A clock in another zone, with microseconds, means the same instant."""
    local = datetime(2026, 1, 1, 2, 0, 0, 123_987, tzinfo=timezone(timedelta(hours=2)))
    job = Job.new(
        tenant_id="t", job_id="j", spec=ExportSpec(query="select 1"), at=local, retention=Retention()
    )
    assert job.created_at == datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)
    assert job.created_at.tzinfo is UTC
    with pytest.raises(ValueError, match="zone"):
        Job.new(
            tenant_id="t",
            job_id="j",
            spec=ExportSpec(query="select 1"),
            at=datetime(2026, 1, 1),
            retention=Retention(),
        )


def test_frozen_mappings_do_not_change() -> None:
    spec = ExportSpec(query="select :a", parameters={"a": 1})
    for change in (lambda: spec.parameters.update(a=2), lambda: spec.parameters.__setitem__("a", 2)):
        with pytest.raises(TypeError):
            change()
    assert hash(spec) == hash(ExportSpec(query="select :a", parameters={"a": 1}))


def test_fingerprint_ignores_labels_and_sees_everything_else() -> None:
    def print_of(spec: object, **more: object) -> str:
        return Job.new(
            tenant_id="t", job_id="j", spec=spec, at=NOW, retention=Retention(), **more
        ).fingerprint

    base = ExportSpec(query="select :a", parameters={"a": 1})
    assert print_of(base) == print_of(base, labels={"x": "y"})
    others = [
        print_of(ExportSpec(query="select :a", parameters={"a": "1"})),
        print_of(ExportSpec(query="select :a", parameters={"a": Decimal(1)})),
        print_of(ExportSpec(query="select :a", parameters={"a": 1}, compression="GZIP")),
        print_of(base, retry_of="x"),
        print_of(LoadSpec(operation="insert", object="t")),
        print_of(LoadSpec(operation="upsert", object="t", key_columns=("a",))),
    ]
    assert len({print_of(base), *others}) == len(others) + 1


@given(st.text(), st.text(alphabet="\0é\ud800x", max_size=6000))
def test_any_driver_text_makes_a_job_error(code_text: str, message: str) -> None:
    error = JobError.of("X", Category.INTERNAL, code_text + message, sql_state=None)
    assert len(error.message.encode()) <= 4096
    assert error.details == {}


@pytest.mark.parametrize(
    ("state", "category"),
    [
        ("42601", "validation"),
        ("42703", "validation"),
        ("22P02", "validation"),
        ("42P01", "resource"),
        ("3F000", "resource"),
        ("42501", "permission"),
        ("28000", "permission"),
        ("08006", "transient"),
        ("57P01", "transient"),
        ("40001", "transient"),
        ("53300", "capacity"),
        ("ZZ999", "internal"),
        (None, "internal"),
    ],
)
def test_sql_states(state: str | None, category: str) -> None:
    assert category_of(state) == category


def test_polling() -> None:
    def first(polling: object, n: int = 8) -> list[float]:
        delays = polling.delays()
        return [next(delays) for _ in range(n)]

    assert first(FixedInterval(), 3) == [2, 5, 5]
    assert first(ExponentialBackoff()) == [1, 2, 4, 8, 16, 30, 30, 30]
    jittered = first(ExponentialBackoff(jitter=1, uniform=lambda: 0.5))
    assert jittered == [0.5, 1, 2, 4, 8, 15, 15, 15]
    for bad in (
        lambda: FixedInterval(0),
        lambda: ExponentialBackoff(cap=float("inf")),
        lambda: ExponentialBackoff(jitter=2),
    ):
        with pytest.raises(ValueError):
            bad()


def test_retention_bounds() -> None:
    with pytest.raises(InvalidSpecError):
        Retention(jobs=timedelta(days=1), results=timedelta(days=2))
    with pytest.raises(InvalidSpecError):
        Retention(run=timedelta(0))


def test_key_columns_may_be_a_list_and_not_one_text() -> None:
    spec = LoadSpec(operation="upsert", object="t", key_columns=["a", "b"])
    assert spec.key_columns == ("a", "b")
    assert spec == LoadSpec(operation="upsert", object="t", key_columns=("a", "b"))
    with pytest.raises(InvalidSpecError, match="list or tuple"):
        LoadSpec(operation="upsert", object="t", key_columns="id")  # type: ignore[arg-type]
