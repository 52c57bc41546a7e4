"""Errors: codes, pickling, the table."""

from __future__ import annotations

import inspect
import pickle
from datetime import UTC, datetime

import attrs
import pytest

from spectra import codec, errors
from spectra.domain import Category, ExportSpec, Job, JobError, Retention

JOB = Job.new(
    tenant_id="t",
    job_id="j",
    spec=ExportSpec(query="select 1"),
    at=datetime(2026, 1, 1, tzinfo=UTC),
    retention=Retention(),
)
SAMPLES = {
    "job": "t/j",
    "allowed": ("abort",),
    "job_error": JobError("QUERY_ERROR", Category.VALIDATION, "no"),
}
ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.SpectraError) and not kind.__name__.startswith("_")
]


def make(kind: type[errors.SpectraError]) -> errors.SpectraError:
    if not attrs.has(kind):
        return kind()
    values = []
    for field in attrs.fields(kind):
        if not field.init:
            continue
        if field.name == "job" and kind in (errors.JobConflictError, errors.WaitTimeoutError):
            values.append(JOB)
        else:
            values.append(
                SAMPLES.get(field.name, 7 if "int" in str(field.type) or "float" in str(field.type) else "x")
            )
    return kind(*values)


def test_whose_failure_it_was_survives_pickling() -> None:
    error = errors.BackendUnavailableError("away")
    error.of_job_store = True
    assert pickle.loads(pickle.dumps(error)).of_job_store


@pytest.mark.parametrize("kind", ALL)
def test_errors_survive_pickling_and_have_a_reply(kind: type[errors.SpectraError]) -> None:
    error = make(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    body = codec.error(error, request_id="r")["error"]
    assert body["code"] == error.code
    assert body["category"] in set(Category)
    assert 400 <= codec.http_status(error) < 600
    assert ("Retry-After" in codec.http_headers(error)) == error.retryable


def test_the_tree_in_the_docstring_names_every_error_and_its_code() -> None:
    for kind in ALL:
        assert kind.__name__ in errors.__doc__
        if "code" in vars(kind) and isinstance(vars(kind)["code"], str):
            assert vars(kind)["code"] in errors.__doc__ or kind is errors.SpectraError


def test_codes_are_different() -> None:
    codes = [vars(k)["code"] for k in ALL if isinstance(vars(k).get("code"), str)]
    assert len(codes) == len(set(codes))


def test_strange_exceptions_tell_nothing() -> None:
    assert "secret" not in str(codec.error(RuntimeError("secret")))
    assert codec.http_status(RuntimeError("secret")) == 500


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_SPEC", 400),
        ("INVALID_CURSOR", 400),
        ("INVALID_SQL", 400),
        ("SQL_BLOCKED", 400),
        ("JOB_NOT_FOUND", 404),
        ("ILLEGAL_TRANSITION", 409),
        ("NO_DATA", 409),
        ("UPLOAD_CHANGED", 409),
        ("UPLOAD_TOO_LARGE", 413),
        ("RESULTS_NOT_READY", 409),
        ("RESULTS_EXPIRED", 410),
        ("IDEMPOTENCY_CONFLICT", 422),
        ("EFFECT_UNKNOWN", 409),
        ("ALREADY_APPLIED", 409),
        ("JOB_SETTLING", 409),
        ("JOB_CONFLICT", 409),
        ("TENANT_BUSY", 429),
        ("QUERY_TIMEOUT", 408),
        ("BACKEND_UNAVAILABLE", 503),
        ("OUTCOME_UNKNOWN", 503),
    ],
)
def test_the_table_of_statuses(code: str, status: int) -> None:
    (kind,) = [k for k in ALL if vars(k).get("code") == code]
    assert codec.http_status(make(kind)) == status
