"""Small reads: bounds, admission, and those with a key, which are jobs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from spectra import Caller, Session, Settings, Spectra
from spectra.codec import to_public_result
from spectra.domain import JobState
from spectra.errors import (
    ClosedError,
    ExecutorError,
    IdempotencyConflictError,
    InvalidSpecError,
    NotConfiguredError,
    QueryBusyError,
    QueryTimeoutError,
    ResultsExpiredError,
    SqlRefusedError,
    SqlSyntaxError,
    TransitionError,
    WaitTimeoutError,
)
from spectra.ports import Query, QueryResult, QueryRunner, SystemClock
from tests.services.house import ME, OTHER, House

NUMBERS = (
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 30) select i from n order by i"
)
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"


@pytest.fixture
def stocked(house: House) -> House:
    house.sql("insert into items values (1, 'nut', 0.5), (2, 'bolt', null), (3, 'screw', 1.25)")
    return house


def ask(house: House, sql: str, caller: Caller = ME, **options: Any) -> QueryResult:
    return house.spectra.queries.run(caller, sql, **options)


def test_rows_with_names_and_types(stocked: House) -> None:
    result = ask(stocked, "select id, name, price from items order by id")
    assert result.rows == ((1, "nut", 0.5), (2, "bolt", None), (3, "screw", 1.25))
    assert [column.name for column in result.columns] == ["id", "name", "price"]
    assert all(column.type for column in result.columns)
    assert (result.row_count, result.truncated, result.message) == (3, False, None)
    assert result.query_id
    assert result.execution_time_ms >= 0


@pytest.mark.parametrize(("limit", "count", "more"), [(1, 1, True), (29, 29, True), (30, 30, False), (31, 30, False)])  # fmt: skip
def test_the_limit_is_exact_and_says_what_to_do(house: House, limit: int, count: int, more: bool) -> None:
    result = ask(house, NUMBERS, limit=limit)
    assert [row[0] for row in result.rows] == list(range(1, count + 1))
    assert result.truncated is more
    assert (result.message is not None) is more


def test_columns_of_one_name_are_told_apart(house: House) -> None:
    result = ask(house, "select 1 as a, 2 as a, 3 as a_1, 4 as a")
    assert [column.name for column in result.columns] == ["a", "a_2", "a_1", "a_3"]
    assert list(to_public_result(result)["data"][0].values()) == [1, 2, 3, 4]


def test_parameters_are_values(stocked: House) -> None:
    hostile = "'; drop table items; --"
    assert ask(stocked, "select :x as x, ':x' as y -- :x", parameters={"x": hostile}).rows == (
        (hostile, ":x"),
    )
    found = ask(
        stocked, "select name from items where id = :id and price > :least", parameters={"id": 3, "least": 1}
    )
    assert found.rows == (("screw",),)
    for value in (None, "", "é𝄞", -7):
        assert ask(stocked, "select :x as x", parameters={"x": value}).rows == ((value,),)
    assert len(stocked.items()) == 3


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"timeout": timedelta(milliseconds=999)}, "timeout"),
        ({"timeout": timedelta(seconds=301)}, "timeout"),
        ({"timeout": 5}, "timeout"),
        ({"parameters": {"y": 1}}, "parameters"),
        ({"parameters": {"a b": 1}}, "parameters"),
        ({"parameters": [1]}, "parameters"),
        ({"idempotency_key": ""}, "idempotency_key"),
    ],
)
def test_what_is_out_of_bounds_is_refused(house: House, options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpecError) as refused:
        ask(house, "select 1 as a", **options)
    assert refused.value.field == field
    assert not house.jobs.find(ME).items


@pytest.mark.parametrize(
    ("sql", "error"),
    [("", InvalidSpecError), ("selec 1", SqlSyntaxError), ("delete from items", SqlRefusedError), ("select 1; select 2", SqlRefusedError)],
)  # fmt: skip
@pytest.mark.parametrize("key", [None, "k"])
def test_statements_that_do_not_only_read_never_reach_the_warehouse(
    stocked: House, sql: str, error: type[Exception], key: str | None
) -> None:
    with pytest.raises(error):
        ask(stocked, sql, idempotency_key=key)
    assert len(stocked.items()) == 3


def test_an_error_of_the_warehouse_is_told(house: House) -> None:
    for key in (None, "k"):
        with pytest.raises(ExecutorError) as failed:
            ask(house, "select nope from items", idempotency_key=key)
        assert failed.value.category == "validation"


def test_no_error_tells_the_names_of_other_tables(house: House) -> None:
    for name in ("spectra_ledge", "item"):
        with pytest.raises(ExecutorError) as failed:
            ask(house, f"select 1 from {name}")
        assert "spectra_ledger" not in str(failed.value)
        assert "items" not in str(failed.value)


def test_at_its_timeout_a_statement_is_cancelled(build: Callable[..., House]) -> None:
    house = build()
    with pytest.raises(QueryTimeoutError) as late:
        ask(house, ENDLESS, timeout=timedelta(seconds=1))
    assert late.value.seconds == 1
    assert ask(house, "select 1 as a").rows == ((1,),)


def test_the_default_timeout_and_limit_are_the_settings(build: Callable[..., House]) -> None:
    seen: list[Query] = []

    class Recording(_Runner):
        def query(self, query: Query, /) -> QueryResult:
            seen.append(query)
            return super().query(query)

    settings = Settings(default_timeout_seconds=7, max_timeout_seconds=8, result_size_threshold=9)
    house = build(settings=settings)
    with _spectra(house, Recording(), settings) as spectra:
        spectra.queries.run(ME, "select 1 as a")
        assert (seen[0].limit, seen[0].timeout, seen[0].tenant_id) == (9, 7, "acme")
        with pytest.raises(InvalidSpecError, match="1 to 9"):
            spectra.queries.run(ME, "select 1 as a", limit=10)
        with pytest.raises(InvalidSpecError, match="1 to 8"):
            spectra.queries.run(ME, "select 1 as a", timeout=timedelta(seconds=9))


def test_without_a_runner_it_says_so(house: House) -> None:
    with _spectra(house, None) as spectra, pytest.raises(NotConfiguredError, match="query_runner"):
        spectra.queries.run(ME, "select 1 as a")


def test_after_close(house: House) -> None:
    house.spectra.close()
    with pytest.raises(ClosedError):
        ask(house, "select 1 as a")


class _Runner(QueryRunner):
    """Answers when it is let."""

    dialect = "duckdb"

    def __init__(self) -> None:
        self.inside = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()

    def query(self, query: Query, /) -> QueryResult:
        self.inside.release()
        assert self.go.wait(20)
        if "fails" in query.sql:
            raise QueryTimeoutError(query.timeout)
        return QueryResult(columns=(), rows=(), truncated=False, query_id=query.query_id)

    def close(self) -> None:
        pass


def _spectra(house: House, runner: QueryRunner | None, settings: Settings | None = None) -> Spectra:
    executor, store, results = house.adapters
    return Spectra(
        job_store=store,
        executor=executor,
        result_store=results,
        query_runner=runner,
        settings=settings or Settings(),
        clock=house.clock,
    )


def test_so_many_of_a_tenant_and_of_the_process_at_once(house: House) -> None:
    runner = _Runner()
    settings = Settings(query_max_concurrent=3, query_max_concurrent_per_tenant=2)
    with _spectra(house, runner, settings) as spectra, ThreadPoolExecutor(3) as pool:
        runner.go.clear()
        running = [pool.submit(spectra.queries.run, ME, "select 1 as a") for _ in range(2)]
        assert all(runner.inside.acquire(timeout=20) for _ in running)
        with pytest.raises(QueryBusyError) as busy:
            spectra.queries.run(ME, "select 1 as a")
        assert (busy.value.scope, busy.value.limit, busy.value.retryable) == ("tenant", 2, True)
        running.append(pool.submit(spectra.queries.run, OTHER, "select 1 as a"))
        assert runner.inside.acquire(timeout=20)
        with pytest.raises(QueryBusyError) as busy:
            spectra.queries.run(Caller("third"), "select 1 as a")
        assert (busy.value.scope, busy.value.limit) == ("process", 3)
        runner.go.set()
        assert [one.result(20).row_count for one in running] == [0, 0, 0]
        # Places are given back, also after an error.
        for _ in range(4):
            with pytest.raises(QueryTimeoutError):
                spectra.queries.run(ME, "select 1 as fails")
        assert spectra.queries.run(ME, "select 1 as a").row_count == 0


def test_neither_statement_nor_rows_are_logged(stocked: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(stocked, "select name as secretly from items where name <> :x", parameters={"x": "hush"})
        ask(
            stocked,
            "select name as secretly from items where name <> :x",
            parameters={"x": "hush"},
            idempotency_key="k",
        )
        with pytest.raises(ExecutorError):
            ask(stocked, "select secretly from items")
    told = [record for record in caplog.records if record.getMessage().startswith("query.")]
    assert [record.getMessage() for record in told] == ["query.completed", "query.failed"]
    facts = vars(told[0])
    assert (facts["tenant_id"], facts["actor"], facts["rows"]) == ("acme", "ann", 3)
    text = " ".join(str(vars(record)) for record in caplog.records)
    for word in ("secretly", "hush", "bolt"):
        assert word not in text.replace("Column 'secretly' does not exist", "")


# ---- with an idempotency key --------------------------------------------------------------------------


def test_without_a_key_nothing_is_stored_and_with_one_it_is_a_job(stocked: House) -> None:
    ask(stocked, "select id from items")
    assert not stocked.jobs.find(ME).items
    result = ask(stocked, "select id, name from items order by id", limit=2, idempotency_key="k")
    (job,) = stocked.jobs.find(ME).items
    assert (job.job_id, job.state) == (result.query_id, JobState.JOB_COMPLETE)
    assert (result.rows, result.truncated) == (((1, "nut"), (2, "bolt")), True)
    assert job.results is not None
    assert job.results.rows == 3  # one more than asked for, and no more


def test_it_runs_once_however_often_it_is_asked(stocked: House) -> None:
    sql = "select id, price from items where price > :p order by id"
    first = ask(stocked, sql, parameters={"p": 0}, idempotency_key="k")
    stocked.sql("delete from items")
    assert ask(stocked, sql, parameters={"p": 0}, idempotency_key="k") == first
    assert first.rows == ((1, 0.5), (3, 1.25))
    with pytest.raises(IdempotencyConflictError):
        ask(stocked, sql, parameters={"p": 1}, idempotency_key="k")
    with pytest.raises(IdempotencyConflictError):
        ask(stocked, sql, parameters={"p": 0}, limit=5, idempotency_key="k")
    assert ask(stocked, sql, OTHER, parameters={"p": 0}, idempotency_key="k").rows == ()


def test_the_rows_of_one_database_user_are_not_another_ones(house: House) -> None:
    ann, bob = (Caller("acme", session=Session(user)) for user in ("ann", "bob"))
    assert ask(house, "select 1 as a", ann, idempotency_key="k").rows == ((1,),)
    with pytest.raises(IdempotencyConflictError):
        ask(house, "select 1 as a", bob, idempotency_key="k")
    with pytest.raises(IdempotencyConflictError):
        ask(house, "select 1 as a", ME, idempotency_key="k")
    assert ask(house, "select 1 as a", ann, idempotency_key="k").rows == ((1,),)


def test_values_are_those_of_a_query_without_a_key(house: House) -> None:
    if house.family == "memory":
        sql = "select 9007199254740993 as i, 1.5 as f, 'é\"\n' as t, null as n, '' as e"
    else:
        sql = (
            "select 9007199254740993 as i, 1.5::double as f, 'é\"\n' as t, null as n, '' as e, 12.50::decimal(9,2) as d,"
            " true as b, date '2026-01-02' as day, timestamp '2026-01-02 03:04:05.678' as at, time '03:04' as o"
        )
    plain, keyed = ask(house, sql), ask(house, sql, idempotency_key="k")
    assert keyed.rows == plain.rows
    assert [type(v) for v in keyed.rows[0]] == [type(v) for v in plain.rows[0]]
    assert to_public_result(keyed)["data"] == to_public_result(plain)["data"]
    if house.family == "embedded":
        assert plain.rows[0][5:] == (
            Decimal("12.50"),
            True,
            date(2026, 1, 2),
            datetime(2026, 1, 2, 3, 4, 5, 678000),
            datetime(2026, 1, 2, 3, 4, tzinfo=UTC).time(),
        )


@pytest.mark.parametrize(
    "value",
    [
        "[1.5::decimal(5,2), null]",
        "[1.5::double]",
        "{'a': 1.5::double, 'b c\"d': [date '2026-01-02'], 'e': {'f': 1.50::decimal(9,2)}}",
        "map {'k': 1.5::double, 'j': null}",
        "union_value(num := 1.5::double)",
        "interval '1 month 2 days 03:04:05.5'",
        "interval '-1 year'",
        "-interval '03:04:05'",
        "'\\xAA\\x00a''\\x5C'::blob",
        "['\\xAA'::blob]",
        "[timestamptz '2026-01-02 03:04:05+02']",
        "timetz '03:04:05+02'",
        "uuid '00000000-0000-0000-0000-000000000001'",
        "12345678901234567890123456789012345678901234567890::bignum",
        "date '0044-01-01 (BC)'",
        "timestamp '20000-01-01'",
        "['{\"a\":1}'::json]",
        "json(repeat('9', 6000))",
    ],
)
def test_types_of_duckdb_are_with_a_key_what_they_are_without(
    build: Callable[..., House], value: str
) -> None:
    house = build()
    if house.family == "memory":
        pytest.skip("SQLite has no such types")
    sql = f"select {value} as v"
    plain, keyed = ask(house, sql), ask(house, sql, idempotency_key="k")
    assert keyed.rows == plain.rows
    assert to_public_result(keyed)["data"] == to_public_result(plain)["data"]


@pytest.mark.parametrize("value", ["date 'infinity'", "timestamp '-infinity'", "timestamptz 'infinity'"])
def test_what_python_has_no_value_for_can_be_read_back(build: Callable[..., House], value: str) -> None:
    house = build()
    if house.family == "memory":
        pytest.skip("SQLite has no such types")
    assert "infinity" in str(ask(house, f"select {value} as v", idempotency_key="k").rows[0][0])


def test_no_rows_and_exactly_the_limit(stocked: House) -> None:
    empty = ask(stocked, "select id, name from items where id > 9", idempotency_key="none")
    assert (empty.rows, empty.truncated) == ((), False)
    assert [column.name for column in empty.columns] == ["id", "name"]
    exact = ask(stocked, "select id from items order by id", limit=3, idempotency_key="exact")
    assert (exact.row_count, exact.truncated) == (3, False)


def test_a_limit_that_cannot_be_told_takes_no_key(house: House) -> None:
    assert ask(house, "select 1 as a limit 1 + 1").rows == ((1,),)
    with pytest.raises(InvalidSpecError, match="plain number"):
        ask(house, "select 1 as a limit 1 + 1", idempotency_key="k")
    assert ask(house, "select 1 as a limit 2", idempotency_key="k").rows == ((1,),)


def test_a_failed_one_fails_again_alike(house: House) -> None:
    told = []
    for _ in range(2):
        with pytest.raises(ExecutorError) as failed:
            ask(house, "select nope from items", idempotency_key="k")
        told.append(failed.value.job_error)
    assert told[0] == told[1]
    assert len(house.jobs.find(ME).items) == 1


def test_an_aborted_one_says_so(house: House) -> None:
    job = house.jobs.create(ME, _as_export(house, "select 1 as a"), idempotency_key="k").job
    house.jobs.abort(ME, job.job_id)
    with pytest.raises(TransitionError):
        ask(house, "select 1 as a", idempotency_key="k")


def test_after_retention_its_rows_are_gone(build: Callable[..., House]) -> None:
    stocked = build(settings=Settings(job_ttl_days=14))
    ask(stocked, "select id from items", idempotency_key="k")
    stocked.clock.advance(days=7)
    with pytest.raises(ResultsExpiredError):
        ask(stocked, "select id from items", idempotency_key="k")


def test_many_at_once_with_one_key_are_one_job(build: Callable[..., House]) -> None:
    stocked = build(clock=SystemClock())  # waiting for another thread's work takes time
    stocked.sql("insert into items values (1, 'nut', 0.5), (2, 'bolt', null), (3, 'screw', 1.25)")
    sql = "select id from items order by id"
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(ask, stocked, sql, idempotency_key="k") for _ in range(4)]
        results = [future.result(60) for future in futures]
    assert {result.rows for result in results} == {((1,), (2,), (3,))}
    assert len({result.query_id for result in results}) == 1
    assert len(stocked.jobs.find(ME).items) == 1


def test_at_the_timeout_the_job_is_left_alone(build: Callable[..., House]) -> None:
    """Nobody's work is thrown away because somebody stopped waiting: the same key finds it again."""
    house = build(settings=Settings(bulk_max_concurrent_jobs=1))
    other = house.export("select 1 as a")
    claimed = house.adapters[1].replace(
        other,
        other.claim(
            at=house.clock.now(),
            worker="somebody",
            until=house.clock.now() + timedelta(hours=1),
            retention=house.settings.retention,
        ),
        limit=1,
    )
    assert claimed.state is JobState.IN_PROGRESS  # the tenant's one place is taken
    with pytest.raises(WaitTimeoutError) as late:
        ask(house, "select 7 as a", idempotency_key="k", timeout=timedelta(seconds=2))
    job = late.value.job
    assert isinstance(job.state, JobState)
    assert not job.is_terminal
    house.jobs.abort(ME, claimed.job_id)
    house.clock.advance(hours=2)
    house.work()
    assert ask(house, "select 7 as a", idempotency_key="k").rows == ((7,),)


def _as_export(house: House, sql: str) -> Any:
    """The spec that a query with the default limit becomes."""
    from spectra.domain import ContentType, ExportSpec
    from spectra.sql import limit_rows

    text = limit_rows(sql, 10_001, house.adapters[0].dialect)
    return ExportSpec(query=text, content_type=ContentType.JSON, single_file=True)
