"""`RedshiftExecutor` when connections break, servers refuse, and others ask."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import threading
import time
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from spectra.adapters.aws.redshift import RedshiftDataExecutor, RedshiftExecutor, data_executor
from spectra.adapters.aws.redshift.load_reports import Numbering
from spectra.adapters.aws.redshift.load_sql import stage_of
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import Category, Effect, ExportSpec, Session
from spectra.errors import BackendError, BackendUnavailableError, InvalidSpecError
from spectra.ports import Query, Status
from spectra.testing.contracts.executor_harness import Trial
from spectra.testing.redshift import FaultKind
from tests.contract.redshift_house import TARGET, RedshiftHarness, by_data_api, by_driver, given, when_given

driver = pytest.mark.parametrize("make", [by_driver], indirect=True)
PATIENCE = 120.0
DATA = "id,name,price\n" + "".join(f"{number},n{number},0.5\n" for number in range(50))


@pytest.fixture(params=[by_driver, by_data_api])
def make(request):
    """Either executor."""
    return request.param


@pytest.fixture
def trial(make, redshift, local_s3, bucket, prefix):
    results = S3ResultStore(bucket, prefix=prefix, client=local_s3.client)
    with results, make(results, redshift) as executor:
        yield Trial(RedshiftHarness(executor, results, redshift))
    redshift.faults.clear()


@pytest.fixture
def other(make, trial, redshift):
    """An executor of another process, as far as anybody can tell."""
    with make(trial.results, redshift) as executor:
        yield executor


def until(executor, task, *statuses):
    end = time.monotonic() + PATIENCE
    while (execution := executor.poll(task, wait=1)).status not in statuses:
        assert time.monotonic() < end, execution
    return execution


def ended(executor, task, **options):
    """What the work of *task* has done to the table, once that is known."""
    end = time.monotonic() + PATIENCE
    while (effect := executor.cancel(task, **options)) is Effect.PENDING:
        assert time.monotonic() < end
    return effect


def begun(redshift, task, word):
    """Wait until the server has been given that statement of *task*."""
    end = time.monotonic() + PATIENCE
    while not given(redshift, task, word):
        assert time.monotonic() < end
        time.sleep(0.01)


# ---- exports ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["^UNLOAD", "LIMIT 0"])
def test_a_connection_that_breaks_before_an_export_is_a_transient_failure(trial, redshift, pattern) -> None:
    task = trial.task(ExportSpec(query="select 1 as a"))
    redshift.faults.add(FaultKind.DROP_BEFORE, pattern)
    execution = trial.done(task)
    assert execution.status is Status.FAILED
    assert execution.error.retryable
    assert trial.done(trial.again(task, 2)).status is Status.SUCCEEDED


@driver
def test_connections_that_break_at_once_are_replaced(trial, redshift) -> None:
    redshift.faults.add(FaultKind.DROP_BEFORE, "SET query_group", times=2)
    assert trial.export("select 1 as a").status is Status.SUCCEEDED
    redshift.faults.add(FaultKind.DROP_BEFORE, "SET query_group", times=99)
    with pytest.raises(BackendUnavailableError):
        trial.executor.poll(trial.task(ExportSpec(query="select 1 as a")))


def test_an_export_goes_on_when_its_connection_breaks(trial, redshift) -> None:
    task = trial.task(ExportSpec(query="select 1 as a"))
    redshift.faults.add(FaultKind.DROP_AFTER, "^UNLOAD")
    execution = trial.done(task)
    assert execution.status is Status.SUCCEEDED, execution.error
    assert trial.records(execution, task.spec) == [{"a": "1"}]
    given = [one for one in redshift.statements if one.label == task.label and one.sql.startswith("UNLOAD")]
    assert len(given) == 1


@pytest.mark.parametrize(
    ("kind", "category", "code"),
    [
        (FaultKind.S3_DENIED, Category.PERMISSION, "S3_ACCESS_DENIED"),
        (FaultKind.DISK_FULL, Category.RESOURCE, "DISK_FULL"),
        (FaultKind.SERIALIZATION, Category.TRANSIENT, "SERIALIZATION_CONFLICT"),
        (FaultKind.SESSION_KILLED, Category.TRANSIENT, "CONNECTION_LOST"),
    ],
)
@pytest.mark.parametrize("state", ["XX000", "53100"])
def test_what_the_server_refuses_is_told_as_what_it_is(trial, redshift, kind, category, code, state) -> None:
    redshift.behaviour.full_state = state
    redshift.faults.add(kind, "^UNLOAD")
    try:
        execution = trial.export("select 1 as a")
    finally:
        redshift.behaviour.full_state = "XX000"
    assert execution.status is Status.FAILED
    assert (execution.error.code, execution.error.category) == (code, category)


def test_another_process_follows_and_finishes_an_export(make, trial, other, redshift) -> None:
    for query, rows in (("select 1 as a", 1), ("select 1 as a limit 0", 0)):
        task = trial.task(ExportSpec(query=query))
        redshift.faults.add(FaultKind.DELAY, "^UNLOAD", seconds=1.5)
        trial.executor.start(task)
        assert other.poll(task).status is Status.RUNNING
        execution = until(other, task, Status.SUCCEEDED, Status.FAILED)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert execution.counts.total == rows
        assert [column.name for column in execution.results.columns] == ["a"]
        # Asked to begin it, it finds it begun.
        with make(trial.results, redshift) as third:
            third.start(task)
            assert until(third, task, Status.SUCCEEDED).counts.total == rows
    given = [one for one in redshift.statements if one.label == task.label and one.sql.startswith("UNLOAD")]
    assert len(given) == 1


def test_another_process_hears_why_an_export_failed(trial, other, redshift) -> None:
    task = trial.task(ExportSpec(query="select 1 / 0 as a from (select 1)"))
    assert trial.done(task).error.details.get("sql_state") in ("22012", None)  # the Data API has none
    execution = other.poll(task)
    assert execution.status is Status.FAILED
    assert not execution.error.retryable
    assert "division by zero" in execution.error.message


def test_another_process_ends_an_export(trial, other, redshift) -> None:
    task = trial.task(ExportSpec(query=trial.endless()))
    trial.executor.start(task)
    begun(redshift, task, "UNLOAD")
    until(other, task, Status.RUNNING)
    assert ended(other, task) is Effect.NONE
    assert until(trial.executor, task, Status.CANCELLED)
    assert other.poll(task).status is Status.CANCELLED


def test_a_cancel_ends_nothing_of_others(trial, other, redshift) -> None:
    spec = ExportSpec(query=trial.endless())
    mine, job10 = trial.task(spec, job=f"a_{trial.mark}"), trial.task(spec, job=f"ab{trial.mark}")
    later = trial.again(mine, 11)
    for task in (mine, job10, later):
        trial.executor.start(task)
        begun(redshift, task, "UNLOAD")
    assert ended(other, trial.again(mine, 1)) is Effect.NONE
    until(trial.executor, mine, Status.CANCELLED)
    assert trial.executor.poll(job10, wait=0.5).status is Status.RUNNING
    assert trial.executor.poll(later, wait=0.5).status is Status.RUNNING
    for task in (job10, later):
        trial.executor.cancel(task)


def test_lost_is_said_after_the_grace_only(trial, other, redshift) -> None:
    task = trial.task(ExportSpec(query="select 1 as a"))
    load = trial.task(trial.insert(trial.table()), DATA)
    for one in (task, load):
        assert other.poll(one).status is Status.RUNNING
        late = attrs.evolve(one, claimed_at=datetime.now(UTC) - timedelta(seconds=31))
        assert other.poll(late).status is Status.LOST


@pytest.mark.parametrize("idle", [False, True])
def test_views_that_lag_do_not_make_an_export_lost(trial, other, redshift, idle) -> None:
    redshift.behaviour.history_lag, redshift.behaviour.idle_looking = 2.0, idle
    try:
        task = trial.task(ExportSpec(query="select 1 as a"))
        redshift.faults.add(FaultKind.DELAY, "^UNLOAD", seconds=1)
        trial.executor.start(task)
        seen = set()
        end = time.monotonic() + PATIENCE
        while Status.SUCCEEDED not in seen and time.monotonic() < end:
            seen.add(other.poll(task).status)
            time.sleep(0.1)
    finally:
        redshift.behaviour.history_lag, redshift.behaviour.idle_looking = 0.0, False
    assert seen == {Status.RUNNING, Status.SUCCEEDED}


# ---- loads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.SESSION_KILLED, FaultKind.DROP_AFTER])
@pytest.mark.parametrize(
    "pattern", ["^COPY", "SET state = 'applied'", '^INSERT INTO "t', "SET outcome", "^COMMIT"]
)
@pytest.mark.parametrize("lost", ["at once", "at the end"])
def test_a_load_whose_connection_breaks_is_applied_once(
    trial, redshift, monkeypatch, kind, pattern, lost
) -> None:
    table = trial.table()
    task = trial.task(trial.insert(table), DATA)
    redshift.behaviour.lost_client = lost
    # The ledger's own short transactions end with COMMIT, too.
    if pattern == "^COMMIT":
        when_given(monkeypatch, redshift, task, "SET outcome", lambda: redshift.faults.add(kind, pattern))
    else:
        redshift.faults.add(kind, pattern)
    try:
        execution = trial.done(task)
    finally:
        redshift.behaviour.lost_client = "at once"
    rows = len(trial.harness.rows(table))
    if execution.status is Status.SUCCEEDED:
        assert rows == 50
        assert execution.counts.succeeded == 50
    else:
        assert execution.error.retryable, execution.error
        assert rows == 0
    if (kind, pattern) == (FaultKind.DROP_AFTER, "^COMMIT"):
        assert execution.status is Status.SUCCEEDED
    redshift.faults.clear()
    assert trial.done(trial.again(task, 2)).status is Status.SUCCEEDED
    assert len(trial.harness.rows(table)) == 50


@pytest.mark.parametrize("pattern", ["^LOCK", '^INSERT INTO "t', "^COMMIT", "SET state = 'applied'"])
def test_no_conflict_reaches_a_load(trial, redshift, pattern) -> None:
    table = trial.table()
    redshift.faults.add(FaultKind.SERIALIZATION, pattern, times=4)
    execution = trial.load(table, DATA)
    assert execution.status is Status.SUCCEEDED, execution.error
    assert len(trial.harness.rows(table)) == 50


@pytest.mark.parametrize(
    ("kind", "code"), [(FaultKind.S3_DENIED, "S3_ACCESS_DENIED"), (FaultKind.DISK_FULL, "DISK_FULL")]
)
def test_a_load_that_the_server_refuses_changes_nothing(trial, redshift, kind, code) -> None:
    table = trial.table()
    for pattern in ("^COPY", '^INSERT INTO "t'):
        redshift.faults.add(kind, pattern)
        execution = trial.load(table, DATA)
        assert (execution.status, execution.error.code) == (Status.FAILED, code)
        assert trial.harness.rows(table) == []


def test_a_load_tells_how_far_it_is(trial, redshift) -> None:
    task = trial.task(trial.insert(trial.table()), DATA)
    redshift.faults.add(FaultKind.DELAY, "^COPY", seconds=1.5)
    redshift.faults.add(FaultKind.DELAY, '^INSERT INTO "t', seconds=1.5)
    trial.executor.start(task)
    seen = []
    end = time.monotonic() + 60
    while (execution := trial.executor.poll(task)).status is Status.RUNNING:
        assert time.monotonic() < end
        assert execution.progress is not None
        seen.append((execution.progress.records, execution.progress.percent))
        time.sleep(0.05)
    assert execution.status is Status.SUCCEEDED
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, 0.0), (50, 80.0))


def test_another_process_hears_of_an_applied_load(trial, other) -> None:
    task = trial.task(trial.insert(trial.table(), max_failed_records=2), DATA + "x,y,z\n")
    done = trial.done(task)
    assert done.status is Status.SUCCEEDED
    told = other.poll(task)
    assert (told.status, told.counts, told.failed_records) == (
        Status.SUCCEEDED,
        done.counts,
        done.failed_records,
    )
    assert other.cancel(task) is Effect.APPLIED


@driver
def test_a_load_between_two_statements_is_not_lost(trial, other, monkeypatch) -> None:
    """Its session looks idle while records are numbered; it is open, and its last statement the load's."""
    begun, go_on = threading.Event(), threading.Event()
    number = Numbering.number

    def slow(self, errors):
        begun.set()
        assert go_on.wait(60)
        return number(self, errors)

    monkeypatch.setattr(Numbering, "number", slow)
    table = trial.table()
    spec = attrs.evolve(trial.insert(table), operation="upsert", key_columns=("id",), on_duplicate_key="last")
    task = trial.task(spec, "id,name,price\n1,a,1\n1,b,2\n")
    trial.executor.start(task)
    assert begun.wait(30)
    late = attrs.evolve(task, claimed_at=datetime.now(UTC) - timedelta(minutes=5))
    told = other.poll(late)
    go_on.set()
    assert told.status is Status.RUNNING
    assert until(trial.executor, task, Status.SUCCEEDED, Status.FAILED).status is Status.SUCCEEDED
    assert until(other, late, Status.SUCCEEDED, Status.LOST).counts.succeeded == 1
    # What has ended without evidence is lost, though its connection waits in the pool for the next task.
    gone = trial.task(trial.insert(trial.table()), "id,name,price\nx,a,1\n")
    assert trial.done(gone).status is Status.FAILED
    assert other.poll(attrs.evolve(gone, claimed_at=late.claimed_at)).status is Status.LOST


def test_another_process_ends_a_load(trial, other, redshift) -> None:
    table = trial.table()
    task = trial.task(trial.insert(table), DATA)
    redshift.faults.add(FaultKind.DELAY, "^COPY", seconds=20)
    trial.executor.start(task)
    begun(redshift, task, "COPY")
    assert other.poll(task).status is Status.RUNNING
    assert ended(other, task) is Effect.NONE
    assert until(trial.executor, task, Status.CANCELLED, Status.FAILED)
    assert trial.done(trial.again(task, 2)).status is Status.CANCELLED
    assert trial.harness.rows(table) == []


def test_a_ledger_that_is_held_makes_a_cancel_wait_no_longer_than_some_seconds(trial, redshift) -> None:
    import redshift_connector

    table = trial.table()
    task = trial.task(trial.insert(table), DATA)
    assert trial.done(task).status is Status.SUCCEEDED
    later = trial.task(trial.insert(table), DATA)
    ledger = trial.executor._ledger.sql.table(task.spec)
    with redshift_connector.connect(**redshift.parameters) as holder:
        holder.cursor().execute(f"LOCK TABLE {ledger}")
        begun = time.monotonic()
        assert trial.executor.cancel(later) is Effect.PENDING
        assert time.monotonic() - begun < 60
    assert ended(trial.executor, later) is Effect.NONE


def test_the_ledger_is_locked_before_anything_else(trial, redshift) -> None:
    task = trial.task(trial.insert(trial.table()), DATA)
    redshift.statements.clear()
    assert trial.done(task).status is Status.SUCCEEDED
    for label in {one.label for one in redshift.statements}:
        words = [one.sql.split()[0] for one in redshift.statements if one.label == label]
        assert words.count("BEGIN") == words.count("COMMIT")
        for at, word in enumerate(words):
            if word == "BEGIN":
                # SET takes no snapshot: it bounds how long the LOCK waits.
                assert "LOCK" in words[at + 1 : at + 3]
                assert words[at + 1] in ("LOCK", "SET")


# ---- sessions and connections ------------------------------------------------------------------------


def test_groups_are_those_of_the_user(trial, redshift) -> None:
    redshift.user_exists("grouped")
    with contextlib.suppress(Exception):
        redshift.run("CREATE GROUP readers")
    redshift.run("ALTER GROUP readers ADD USER grouped")
    spec = ExportSpec(query="select current_user as u")
    with pytest.raises(InvalidSpecError):
        trial.executor.check(spec, Session(None, ("readers",)))
    good = trial.done(trial.task(spec, session=Session("grouped", ("readers",))))
    assert trial.records(good, spec) == [{"u": "grouped"}]
    bad = trial.done(trial.task(spec, session=Session("grouped", ("writers",))))
    assert (bad.status, bad.error.code, bad.error.retryable) == (Status.FAILED, "PERMISSION_DENIED", False)


def test_a_tenant_may_do_what_its_user_may(trial, redshift) -> None:
    table = trial.table([(1, "a", None)])
    redshift.run(f"REVOKE ALL ON {table} FROM PUBLIC")
    session = trial.harness.sessions[0]
    export = trial.done(trial.task(ExportSpec(query=f"select * from {table}"), session=session))
    assert (export.status, export.error.code) == (Status.FAILED, "PERMISSION_DENIED")
    redshift.run(f"GRANT SELECT ON {table} TO {session.db_user}")
    load = trial.done(trial.task(trial.insert(table), DATA, session=session))
    assert (load.status, load.error.code) == (Status.FAILED, "PERMISSION_DENIED")
    redshift.run(f"GRANT INSERT ON {table} TO {session.db_user}")
    load = trial.done(trial.task(trial.insert(table), DATA, session=session))
    assert load.status is Status.SUCCEEDED, load.error
    assert len(trial.harness.rows(table)) == 51


def test_statements_of_the_ledger_run_as_the_worker(trial, redshift) -> None:
    task = trial.task(trial.insert(trial.table()), DATA, session=trial.harness.sessions[0])
    assert trial.done(task).status is Status.SUCCEEDED
    rows = redshift.run(
        f"SELECT username, query_text FROM redshift_local.queries WHERE query_label LIKE '%{task.job_id}%'"
    )
    users = {True: set(), False: set()}
    for user, sql in rows:
        if sql.startswith(("COPY", "INSERT", "CREATE TEMP")) or "ledger_" in sql:
            users["ledger_" in sql].add(user)
    assert users == {True: {redshift.user}, False: {task.session.db_user}}


@driver
@pytest.mark.parametrize("data", [DATA, DATA + "x,y,z\n", "id,name,price\n" + "1,a,1\n" * 3, "nope\n1\n"])
def test_nothing_of_a_load_is_left_to_who_comes_next(make, trial, redshift, data) -> None:
    """Two tenants may share a user: what one staged is not there for the other."""
    session = trial.harness.sessions[0]
    with make(trial.results, redshift, connections=1) as executor:
        table = trial.table()
        keys = {"operation": "upsert", "key_columns": ("id",)} if data.count("1,a,1") else {}
        load = trial.task(attrs.evolve(trial.insert(table), **keys), data, session=session)
        executor.start(load)
        until(executor, load, Status.SUCCEEDED, Status.FAILED)
        for name in (stage_of(load.label), "spectra_numbered", "spectra_good"):
            spec = ExportSpec(query=f"select * from {name}")
            export = attrs.evolve(trial.task(spec, session=session), tenant_id="another")
            executor.start(export)
            told = until(executor, export, Status.SUCCEEDED, Status.FAILED)
            assert told.status is Status.FAILED, trial.records(told, spec)
            assert "does not exist" in told.error.message
        left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'spectra!_%' ESCAPE '!'"
        assert redshift.run(left) == [("0",)]


@driver
@pytest.mark.parametrize("kind", [FaultKind.DISK_FULL, FaultKind.DROP_BEFORE, FaultKind.SESSION_KILLED])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    "pattern", ["^SET SESSION AUTHORIZATION DEFAULT", "^RESET query_group", "^DROP TABLE"]
)
def test_no_one_inherits_a_session_that_could_not_be_left(
    make, trial, redshift, kind, times, pattern
) -> None:
    """Whatever fails between two tenants, the next one begins as the worker's own user, without a label."""
    with make(trial.results, redshift, connections=1) as executor:
        load = trial.task(trial.insert(trial.table()), DATA, session=trial.harness.sessions[0])
        redshift.faults.add(kind, pattern, times=times)
        executor.start(load)
        until(executor, load, Status.SUCCEEDED, Status.FAILED)
        redshift.faults.clear()
        query = Query(
            tenant_id="another",
            sql="select current_user, session_user",
            limit=1,
            timeout=30,
            query_id="q",
        )
        redshift.statements.clear()
        assert executor.query(query).rows == ((redshift.user, redshift.user),)
        assert {one.label for one in redshift.statements if "session_user" in one.sql} == {
            "spectra:another/query/q"
        }
        export = trial.task(ExportSpec(query="select current_user as u"))
        executor.start(export)
        told = until(executor, export, Status.SUCCEEDED, Status.FAILED)
        assert told.status is Status.SUCCEEDED, told.error
        assert trial.records(told, export.spec) == [{"u": redshift.user}]


@driver
def test_connections_are_bounded(trial, redshift) -> None:
    with RedshiftExecutor(trial.results, redshift.parameters, connections=2) as executor:
        query = Query(
            tenant_id="t",
            sql="select pg_backend_pid() as p, pg_sleep(0.2)",
            limit=1,
            timeout=30,
            query_id="q",
        )
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(executor.query(query).rows[0][0])) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) <= 2


@driver
def test_a_connection_that_died_in_the_pool_is_replaced(trial, redshift, monkeypatch) -> None:
    monkeypatch.setattr("spectra.adapters.aws.redshift.connections._IDLE", 0.0)
    query = Query(tenant_id="t", sql="select pg_backend_pid() as p", limit=1, timeout=30, query_id="q")
    (pid,) = trial.executor.query(query).rows[0]
    redshift.end_session(pid, terminate=True)
    (other,) = trial.executor.query(query).rows[0]
    assert other != pid


@driver
@pytest.mark.parametrize("by", ["server", "client"])
def test_the_socket_of_a_broken_connection_is_closed_at_once(trial, redshift, by) -> None:
    connections = trial.executor._connections
    with pytest.raises(BackendUnavailableError):
        with connections.ask("spectra:test") as connection:
            sock = connection._socket()
            assert sock.fileno() >= 0
            if by == "server":
                redshift.end_session(connection.session_id, terminate=True)
            else:
                connection.abandon()
            connection.run("SELECT 1")
    assert sock.fileno() == -1


@driver
def test_the_socket_of_a_connection_that_breaks_at_its_first_statement_is_closed(trial, redshift) -> None:
    import redshift_connector

    socks = []

    def connect():
        raw = redshift_connector.connect(**redshift.parameters)
        socks.append(raw._usock)
        return raw

    redshift.faults.add(FaultKind.DROP_BEFORE, "pg_backend_pid")
    with RedshiftExecutor(trial.results, connect) as executor:
        with pytest.raises(BackendUnavailableError):
            executor.ready()
        assert [sock.fileno() for sock in socks] == [-1]


@driver
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the driver leaves its socket open
def test_a_login_that_is_refused_is_told_as_that(trial, redshift) -> None:
    """Not as a server that is away: the user is locked out after some tries."""
    with RedshiftExecutor(trial.results, {**redshift.parameters, "password": "wr0ng"}) as executor:
        with pytest.raises(BackendError, match="password authentication failed") as told:
            executor.ready()
        assert not isinstance(told.value, BackendUnavailableError)
        assert "wr0ng" not in str(told.value)
    del told
    gc.collect()


@driver
def test_no_server_is_a_backend_that_is_unavailable(trial) -> None:
    nowhere = {"host": "127.0.0.1", "port": 1, "database": "dev", "user": "u", "password": "p", "ssl": False}
    with RedshiftExecutor(trial.results, nowhere) as executor:
        with pytest.raises(BackendUnavailableError, match="refused|communication"):
            executor.ready()
        with pytest.raises(BackendUnavailableError):
            executor.start(trial.task(ExportSpec(query="select 1")))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_executor_works_after_a_fork_and_leaves_the_parents_work_alone(trial, redshift) -> None:
    running = trial.task(ExportSpec(query=trial.endless()))
    trial.executor.start(running)
    assert trial.export("select 1 as a").status is Status.SUCCEEDED
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            task = trial.task(ExportSpec(query="select 2 as a"))
            trial.executor.start(task)
            execution = trial.executor.poll(task, wait=60)
            told = f"{execution.status} {trial.executor.poll(running).status}"
            trial.executor.close()
            os.write(write, told.encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        assert answer.read() == "succeeded running"
    os.waitpid(child, 0)
    assert trial.executor.poll(running, wait=0.5).status is Status.RUNNING
    assert trial.export("select 3 as a").status is Status.SUCCEEDED
    assert trial.executor.cancel(running) is Effect.NONE


# ---- the service of the Data API --------------------------------------------------------------------

data_api = pytest.mark.parametrize("make", [by_data_api], indirect=True)


@data_api
@pytest.mark.parametrize("operation", ["ExecuteStatement", "BatchExecuteStatement", "DescribeStatement"])
@pytest.mark.parametrize(
    "code",
    ["ThrottlingException", "ActiveStatementsExceededException", "ActiveWaitingRequestsExceededException"],
)
def test_a_service_that_is_busy_is_asked_again(trial, redshift, operation, code) -> None:
    table = trial.table()
    redshift.data_api.refuse(operation, code, 3)
    assert trial.load(table, DATA).status is Status.SUCCEEDED
    assert len(trial.harness.rows(table)) == 50


@data_api
def test_a_service_that_cannot_be_asked_is_not_said_to_have_done_nothing(
    trial, other, redshift, monkeypatch
) -> None:
    table = trial.table()
    task = trial.task(trial.insert(table), DATA)

    def refuse():
        redshift.data_api.refuse("DescribeStatement", "ThrottlingException", 10_000)

    when_given(monkeypatch, redshift, task, "SET outcome", refuse)
    try:
        trial.executor.start(task)
        work = trial.executor._works.get(task)
        assert work.done.wait(PATIENCE)
        assert work.execution.status is Status.LOST
    finally:
        redshift.data_api.refuse("DescribeStatement", "", 0)
    assert ended(other, task, close_ledger=False) is Effect.APPLIED
    assert trial.done(trial.again(task, 2)).status is Status.SUCCEEDED
    assert len(trial.harness.rows(table)) == 50


@data_api
def test_a_look_at_a_load_lasts_as_long_as_it_may(trial, redshift, monkeypatch) -> None:
    monkeypatch.setattr(data_executor, "_LONG", math.inf)
    go_on = threading.Event()
    task = trial.task(trial.insert(trial.table()), DATA)
    when_given(monkeypatch, redshift, task, "COPY", lambda: go_on.wait(60))

    def seconds(look):
        begun = time.monotonic()
        look(task)
        return time.monotonic() - begun

    looks = []
    with RedshiftDataExecutor(trial.results, redshift.data_client, TARGET, step_seconds=0) as executor:
        looks += [(0, seconds(executor.start)), (0, seconds(executor.poll))]
        executor._step = 1.5
        looks += [(1.5, seconds(executor.start)), (1.5, seconds(executor.poll))]
        go_on.set()
        assert until(executor, task, Status.SUCCEEDED).counts.succeeded == 50
    assert all(step <= took < step + 1.4 for step, took in looks), looks
    for nonsense in (-1, 61):
        with pytest.raises(InvalidSpecError, match="step_seconds"):
            RedshiftDataExecutor(trial.results, redshift.data_client, TARGET, step_seconds=nonsense)
