"""Wrong types get a clear answer before anything is read or written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from spectra import Caller, ExportSpec, Session, Spectra
from spectra.domain import Category, JobError
from spectra.errors import InvalidSpecError
from tests.services.house import ME, House

SPEC = ExportSpec(query="select 1 as a")


class Liar(str):
    """Text that says of itself what it likes."""

    def __contains__(self, _: object) -> bool:
        return False

    def __len__(self) -> int:
        return 1

    def isascii(self) -> bool:
        return True


@pytest.mark.parametrize("caller", [None, "acme", {"tenant_id": "acme"}, 7])
def test_a_caller_is_made_by_the_host(house: House, caller: Any) -> None:
    jobs = house.jobs
    asked = [lambda: jobs.create(caller, SPEC), lambda: jobs.find(caller)]
    for name in ("get", "abort", "retry", "delete", "results", "close_upload", "explain", "upload_target"):
        asked.append(lambda name=name: getattr(jobs, name)(caller, "job-1"))
        asked.append(lambda name=name: getattr(jobs, name)(caller, "../x"))
    for ask in asked:
        with pytest.raises(
            TypeError, match="^the first argument must be a Caller, made by the host; "
        ) as told:
            ask()
        assert str(told.value).endswith(f"; {type(caller).__name__} is none")
    assert house.events == []


@pytest.mark.parametrize("spec", [None, "select 1", {"query": "select 1"}, ExportSpec])
def test_a_job_needs_a_spec(house: House, spec: Any) -> None:
    said = f"^a job needs an ExportSpec or a LoadSpec; {type(spec).__name__} is neither$"
    with pytest.raises(TypeError, match=said):
        house.jobs.create(ME, spec)
    assert house.jobs.find(ME).jobs == ()


@pytest.mark.parametrize("labels", [["a"], "ab", 7, [("a", "b")]])
def test_labels_are_a_mapping(house: House, labels: Any) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        house.jobs.create(ME, SPEC, labels=labels)
    assert (refused.value.field, refused.value.problem) == ("labels", "must be a mapping of text to text")


@pytest.mark.parametrize("field", ["created_after", "created_before"])
@pytest.mark.parametrize("bound", ["2024-01-01", date(2024, 1, 1), 7])
def test_bounds_of_a_listing_are_instants(house: House, field: str, bound: Any) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        house.jobs.find(ME, **{field: bound})
    assert refused.value.field == field
    assert refused.value.problem == f"must be a datetime, not {type(bound).__name__}"


@pytest.mark.parametrize("life", [7, "7", 0.5])
def test_a_life_is_a_timedelta(house: House, life: Any) -> None:
    job = house.open_load()
    with pytest.raises(InvalidSpecError) as refused:
        house.jobs.upload_target(ME, job.job_id, expires_in=life)
    assert refused.value.field == "expires_in"
    with pytest.raises(TypeError, match=f"^timeout must be a timedelta, not {type(life).__name__}$"):
        house.jobs.wait(ME, job.job_id, timeout=life)


def test_waiting_for_ever_is_waiting_for_ten_years(house: House) -> None:
    job = house.done(house.export("select 1 as a"))
    assert house.jobs.wait(ME, job.job_id, timeout=timedelta.max) == job


def test_sessions_and_their_groups() -> None:
    with pytest.raises(InvalidSpecError) as refused:
        Session(db_groups="admins")
    assert (refused.value.field, refused.value.problem) == ("db_groups", "must be a collection of names")
    assert Session(db_groups=["a", "b"]).db_groups == ("a", "b")
    assert len(Session(db_groups=map(str, range(100))).db_groups) == 100
    with pytest.raises(InvalidSpecError, match="at most 100"):
        Session(db_groups=map(str, range(101)))
    for session in (None, {"db_user": "x"}, "x"):
        with pytest.raises(TypeError):
            Caller("acme", session=session)


@pytest.mark.parametrize("name", ["", "a\0", "a" * 300, "é" * 130, 5])
def test_a_worker_has_a_name_that_can_be_kept(house: House, name: Any) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        house.spectra.worker(name=name)
    assert refused.value.field == "name"


@pytest.mark.parametrize("concurrency", [0, -1, True, 1.5, "2"])
def test_a_worker_has_whole_hands(house: House, concurrency: Any) -> None:
    with pytest.raises(ValueError, match="^concurrency must be at least 1$"):
        house.spectra.worker(concurrency=concurrency)


def test_listeners_and_settings(house: House) -> None:
    with pytest.raises(TypeError, match="^a listener must be callable, NoneType is not$"):
        house.spectra.subscribe(None)
    for settings in ({}, None):
        with pytest.raises(TypeError, match="^settings must be Settings, not "):
            Spectra.in_memory(settings=settings)


# ---- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [["x"], "ab", 7, [("a", 1)]])
def test_parameters_are_a_mapping(parameters: Any) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        ExportSpec(query="select :a", parameters=parameters)
    assert (refused.value.field, refused.value.problem) == (
        "parameters",
        "must be a mapping of names to values",
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (10**1000, "must have at most 1000 digits"),
        (-(10**5000), "must have at most 1000 digits"),
        (Decimal("1E+999999999"), "must have at most 1000 digits when it is written out"),
        (Decimal("1E-1000"), "must have at most 1000 digits when it is written out"),
        (Decimal("NaN"), "must be finite"),
        (float("inf"), "must be finite"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), "is outside the years 1 to 9999 in UTC"),
        (
            datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))),
            "is outside the years 1 to 9999 in UTC",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_cannot_be_written_down(value: Any, problem: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        ExportSpec(query="select :a", parameters={"a": value})
    assert (refused.value.field, refused.value.problem) == ("parameters.a", problem)


def test_values_at_the_bound_are_taken() -> None:
    values = {
        "a": 10**1000 - 1,
        "b": Decimal("1E+999"),
        "c": Decimal("1E-999"),
        "d": datetime(1, 1, 1, tzinfo=UTC),
    }
    assert dict(ExportSpec(query="select :a", parameters=values).parameters) == values


def test_text_cannot_lie_about_itself() -> None:
    for text in ("select '\0'", "select '\ud800'", "x" * 200_000):
        with pytest.raises(InvalidSpecError):
            ExportSpec(query=Liar(text))


# ---- job errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "details",
    [
        {"a": "\ud800"},
        {"a": "\0"},
        {"a": {"b": ["\0"]}},
        {"\0": 1},
        {"a": float("nan")},
        {"a": b""},
        [1],
        "x",
    ],
)
def test_details_that_could_not_be_kept(details: Any) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        JobError("X", Category.INTERNAL, "m", details)
    assert refused.value.field == "details"


def test_details_are_what_json_makes_of_them() -> None:
    assert dict(JobError("X", Category.INTERNAL, "m", {1: (1, 2), "b": {"c": None}}).details) == {
        "1": [1, 2],
        "b": {"c": None},
    }


def test_an_unknown_category_is_told() -> None:
    with pytest.raises(InvalidSpecError) as refused:
        JobError("X", "bogus", "m")
    assert (refused.value.field, refused.value.problem) == (
        "category",
        "'bogus' is not one of validation, permission, resource, transient, capacity, internal",
    )


def test_details_of_a_driver_may_be_of_any_length_and_cleanliness() -> None:
    error = JobError.of("X", Category.INTERNAL, "m", column="x" * 9_000, hint="a\0\ud800", line=3)
    assert dict(error.details) == {"column": "x" * 997 + "…", "hint": "a?", "line": 3}
