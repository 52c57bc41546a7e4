"""Small reads on Redshift, both ways of reaching it: types on the wire, the limit in the text, the timeout in the warehouse."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from spectra import Caller, Session, Spectra
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.adapters.memory import MemoryJobStore
from spectra.codec import to_public_result
from spectra.errors import BackendUnavailableError, QueryTimeoutError, SqlRefusedError
from spectra.sql import SqlPolicy
from tests.contract.redshift_house import RedshiftHarness, by_data_api, by_driver

ME = Caller("acme")
VALUES = (
    "select 9007199254740993::bigint as big, 7::smallint as small, 12.50::numeric(9,2) as amount, 1.5::float8 as ratio,"
    " 'é\"%s\n'::varchar(20) as word, ''::varchar(5) as empty, null::int as nothing, true as yes,"
    " date '2026-01-02' as day, timestamp '2026-01-02 03:04:05.678' as at"
)
ENDLESS = (
    "with recursive n(i) as (select 1::bigint union all select i + 1 from n) select count(*) as n from n"
)


@pytest.fixture(params=[by_driver, by_data_api])
def make(request):
    return request.param


@pytest.fixture
def open_spectra(make, redshift, local_s3, bucket, prefix):
    opened = []

    def open_with(**options):
        results = S3ResultStore(bucket, prefix=prefix, client=local_s3.client)
        executor = make(results, redshift, **options)
        RedshiftHarness(executor, results, redshift)
        spectra = Spectra(
            job_store=MemoryJobStore(),
            executor=executor,
            result_store=results,
            query_runner=executor,
            sql_policy=SqlPolicy(functions={"current_user"}),
        )
        opened.extend((spectra, executor, results))
        return spectra

    yield open_with
    for one in opened:
        one.close()


@pytest.fixture
def spectra(open_spectra):
    return open_spectra()


def given_with(redshift, word):
    """The statements since the log was cleared that have *word*."""
    return [one.sql for one in list(redshift.statements) if word in one.sql]


def running(redshift):
    """Statements of queries that the server runs at this moment."""
    found = redshift.run(
        "select query from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
    )
    return [text for (text,) in found if "with recursive n(i)" in text]


def test_every_type_on_the_wire(spectra) -> None:
    result = spectra.queries.run(ME, VALUES)
    (row,) = to_public_result(result)["data"]
    assert row == {
        "big": 9007199254740993,
        "small": 7,
        "amount": "12.50",
        "ratio": 1.5,
        "word": 'é"%s\n',
        "empty": "",
        "nothing": None,
        "yes": True,
        "day": "2026-01-02",
        "at": "2026-01-02T03:04:05.678000",
    }
    types = dict(zip(row, to_public_result(result)["metadata"]["column_types"], strict=True))
    assert (types["big"], types["day"]) == ("bigint", "date")
    assert types["amount"].startswith("numeric")


def test_with_a_key_every_value_is_what_it_is_without(spectra) -> None:
    plain = spectra.queries.run(ME, VALUES)
    keyed = spectra.queries.run(ME, VALUES, idempotency_key="k")
    assert to_public_result(keyed)["data"] == to_public_result(plain)["data"]
    assert spectra.queries.run(ME, VALUES, idempotency_key="k") == keyed
    none = spectra.queries.run(ME, f"select * from ({VALUES}) v where big = 0", idempotency_key="none")
    assert (none.rows, len(none.columns)) == ((), 10)


def test_one_row_more_is_asked_for_and_no_cursor_is_needed(spectra, redshift) -> None:
    redshift.statements.clear()
    result = spectra.queries.run(
        ME, "select n from generate_series(1, 50) as g(n) order by n desc -- all", limit=3
    )
    assert ([row[0] for row in result.rows], result.truncated) == ([50, 49, 48], True)
    (sent,) = given_with(redshift, "generate_series")
    assert "LIMIT 4" in sent.upper()
    assert not given_with(redshift, "CURSOR")
    exact = spectra.queries.run(ME, "select n from generate_series(1, 3) as g(n)", limit=3)
    assert (exact.row_count, exact.truncated) == (3, False)


def test_a_limit_that_cannot_be_read_goes_through_a_cursor(spectra, redshift) -> None:
    redshift.statements.clear()
    result = spectra.queries.run(
        ME, "select n from generate_series(1, 5000) as g(n) order by n limit 2000 + 1000", limit=1_500
    )
    assert ([row[0] for row in result.rows], result.truncated) == (list(range(1, 1_501)), True)
    assert given_with(redshift, "CURSOR")
    small = spectra.queries.run(
        ME, "select n from generate_series(1, 50) as g(n) order by n limit 2", limit=10
    )
    assert ([row[0] for row in small.rows], small.truncated) == ([1, 2], False)


def test_a_query_that_is_cut_off_leaves_nothing_running(spectra, redshift) -> None:
    with pytest.raises(QueryTimeoutError):
        spectra.queries.run(ME, ENDLESS, timeout=timedelta(seconds=1))
    until = time.monotonic() + 10
    while running(redshift):
        assert time.monotonic() < until, "the statement goes on in the warehouse"
        time.sleep(0.1)
    assert spectra.queries.run(ME, "select 1 as a").rows == ((1,),)


@pytest.mark.parametrize("make", [by_driver], indirect=True)  # the Data API has no connections to wait for
def test_waiting_for_a_connection_counts(open_spectra, redshift) -> None:
    spectra = open_spectra(connections=1)
    told: list[BaseException] = []

    def busy() -> None:
        try:
            spectra.queries.run(ME, ENDLESS, timeout=timedelta(seconds=5))
        except QueryTimeoutError as exc:
            told.append(exc)

    thread = threading.Thread(target=busy)
    thread.start()
    while not running(redshift):
        time.sleep(0.05)
    begun = time.monotonic()
    with pytest.raises(BackendUnavailableError):
        spectra.queries.run(ME, "select 1 as a", timeout=timedelta(seconds=1))
    assert time.monotonic() - begun < 4
    thread.join()
    assert told


def test_it_runs_as_the_sessions_user(spectra) -> None:
    user = RedshiftHarness.sessions[0].db_user
    caller = Caller("acme", session=Session(user))
    mine = spectra.queries.run(caller, "select current_user as u")
    assert mine.rows == ((user,),)
    assert spectra.queries.run(ME, "select current_user as u").rows != mine.rows


def test_what_the_guard_refuses_is_never_sent(spectra, redshift) -> None:
    redshift.statements.clear()
    for sql in (
        "delete from spectra_ledger",
        "select * from spectra_ledger",
        "select pg_terminate_backend(1)",
    ):
        with pytest.raises(SqlRefusedError):
            spectra.queries.run(ME, sql)
    assert not redshift.statements
