"""What Redshift says, as its documentation, drivers and users quote it, and what we make of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spectra.adapters.aws.redshift.connection import Connection
from spectra.adapters.aws.redshift.failure_rules import RULES
from spectra.adapters.aws.redshift.failures import (
    is_cancel,
    is_conflict,
    job_error,
    said,
    sessions_end,
)
from spectra.domain import Category, JobError
from spectra.errors import QueryTimeoutError
from tests.unit.redshift_texts import DENIED, INFERRED, ONLY_BY_STATE, QUOTED, block

V, T, C, I = Category.VALIDATION, Category.TRANSIENT, Category.CAPACITY, Category.INTERNAL  # noqa: E741
TEXTS = [*QUOTED, *INFERRED]


class ProgrammingError(Exception):
    """As redshift_connector raises nearly everything."""


def raised(state, message, detail=""):
    return ProgrammingError(
        {"S": "ERROR", "C": state, "M": message, "D": detail, "F": "f", "L": "1", "R": "pg_throw"}
    )


@pytest.mark.parametrize(("state", "message", "detail", "code", "category", "source"), TEXTS)
def test_what_the_driver_raises(state, message, detail, code, category, source) -> None:
    error = job_error(raised(state, message, detail))
    assert (error.code, error.category) == (code, category), source
    assert error.details["sql_state"] == state
    assert error.retryable is (category in (T, C))


@pytest.mark.parametrize(
    ("message", "detail", "code", "category", "source"),
    [tuple(facts) for state, *facts in TEXTS if state not in ONLY_BY_STATE],
)
def test_what_the_data_api_tells(message, detail, code, category, source) -> None:
    error = job_error(f"ERROR: {message}\n  Detail: {detail} [ErrorId: 1-69284c4a-1a2b3c]")
    assert (error.code, error.category) == (code, category), source
    assert "ErrorId" not in error.message


@pytest.mark.parametrize(
    ("state", "message", "code", "category"),
    [
        # Only what the catalog's own indexes refuse comes of others' DDL.
        ("23505", 'duplicate key value violates unique constraint "sales_pkey"', "QUERY_ERROR", V),
        ("25006", "cannot execute INSERT in a read-only transaction", "QUERY_ERROR", I),
        ("24000", "invalid cursor state", "QUERY_ERROR", V),
        ("2BP01", "cannot drop table a because other objects depend on it", "QUERY_ERROR", V),
        ("08006", "connection failure", "CONNECTION_LOST", T),
        ("08P01", "protocol violation", "CONNECTION_LOST", T),
        ("XX001", "invalid page header", "QUERY_ERROR", I),
    ],
)
def test_what_looks_like_something_else(state, message, code, category) -> None:
    error = job_error(raised(state, message))
    assert (error.code, error.category) == (code, category)
    assert sessions_end(raised(state, message)) is (code == "CONNECTION_LOST")


def test_there_are_sixty_of_them() -> None:
    assert len({message for _, message, *_ in QUOTED}) >= 65


def test_no_rule_is_there_for_nothing() -> None:
    found = [said(raised(state, message, detail)) for state, message, detail, *_ in TEXTS]
    found += [
        said("BrokenPipe: server socket closed. Please check"),
        said("connection time out"),
        said("error while reading gzip file"),
        said("is ambiguous"),
    ]
    unused = [rule.pattern for rule in RULES if not any(rule.fits(one.all, one.inner) for one in found)]
    assert unused == []


def test_positions_and_contexts() -> None:
    error = job_error('ERROR: syntax error at or near "selec" Position: 12 [ErrorId: 1-a]')
    assert (error.message, error.details["position"]) == ('syntax error at or near "selec"', 12)
    error = job_error(
        raised(
            "XX000",
            "Value too long for character type",
            block("Value too long", 8001, "Value too long for type character(30)"),
        )
    )
    assert error.message == "Value too long for character type: Value too long for type character(30)"
    assert error.details["inner_code"] == 8001


def test_what_belongs_to_s3_alone_is_not_told() -> None:
    error = job_error(raised("XX000", DENIED + " https://b/k?X-Amz-Signature=abc&X-Amz-Credential=k"))
    for secret in ("64EDA4DF", "dVcG", "abc", "CanRetry"):
        assert secret not in error.message


@pytest.mark.parametrize(
    ("exc", "conflict", "cancel", "ended"),
    [
        (raised("XX000", "1023", "Serializable isolation violation on table"), True, False, False),
        (raised("40P01", "deadlock detected"), True, False, False),
        (raised("57014", "Query (1) cancelled on user's request"), False, True, False),
        (raised("57014", 'cancelled by WLM abort action of Query Monitoring Rule "x"'), False, True, False),
        (ProgrammingError("BrokenPipe: server socket closed. Please check that"), False, False, True),
        (ProgrammingError("connection is closed"), False, False, True),
        (ProgrammingError("communication error", ConnectionResetError()), False, False, True),
        (TimeoutError("timed out"), False, False, True),
        (raised("57P01", "terminating connection"), False, False, True),
        (raised("42601", "syntax error"), False, False, False),
    ],
)
def test_what_to_do_about_it(exc, conflict, cancel, ended) -> None:
    assert (is_conflict(exc), is_cancel(exc), sessions_end(exc)) == (conflict, cancel, ended)


@given(st.text(max_size=500), st.text(max_size=8) | st.none(), st.text(max_size=900))
@example("\0", None, "")
@example(" \0 ", None, "")
def test_nothing_that_is_said_breaks_it(message, state, detail) -> None:
    facts = {"M": message, "D": detail} | ({} if state is None else {"C": state})
    for exc in (ProgrammingError(facts), message):
        error = job_error(exc)
        assert isinstance(error, JobError)
        assert error.message


@given(st.text(st.characters(categories=["Lu"]), max_size=30).filter(lambda text: "ASSERT" not in text))
def test_what_nobody_knows_is_never_tried_again(message) -> None:
    assert not job_error(raised("XX000", f"_{message}_")).retryable


class Answering:
    """A connection of the driver, and its cursor, that answers everything with one row."""

    description = (("pid", 23),)

    def cursor(self):
        return self

    def execute(self, sql):
        pass

    def fetchall(self):
        return [(1,)]


def test_time_that_ran_out_between_two_statements_is_no_failure_of_one() -> None:
    """A `QueryTimeoutError` is an `OSError`, as those of sockets are; it comes from the caller's check."""
    connection = Connection(Answering())

    def check() -> None:
        raise QueryTimeoutError(0.5)

    with pytest.raises(QueryTimeoutError):
        connection.transaction(["SELECT 1"], check)
    assert not connection.broken
