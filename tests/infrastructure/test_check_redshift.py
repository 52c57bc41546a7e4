"""Every fault of a warehouse that the check knows is provoked on the local Redshift, by driver and Data API."""

from __future__ import annotations

import pytest

from spectra.adapters.aws.infrastructure import Infrastructure, Severity, check
from spectra.adapters.aws.infrastructure.check_redshift import check_redshift
from spectra.adapters.aws.redshift.connections import Connections
from spectra.adapters.aws.redshift.data_session import DataConnections
from spectra.adapters.aws.redshift.ledger import LedgerSql
from spectra.testing.redshift import Isolation
from tests.contract.redshift_house import TARGET


def by_driver(redshift, user):
    return Connections(redshift.parameters_of(user), limit=2)


def by_data_api(redshift, user):
    return DataConnections(redshift.data_client(), {**TARGET, "DbUser": user})


@pytest.fixture(params=[by_driver, by_data_api])
def channels(request, redshift):
    made = []

    def make(user="spectra"):
        made.append(request.param(redshift, user))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def plain(redshift):
    """A user that may do nothing, in a database where that is so."""
    redshift.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    redshift.run("DROP ROLE IF EXISTS reader")
    redshift.run("CREATE ROLE reader LOGIN")
    redshift.passwords["reader"] = ""
    yield "reader"
    redshift.run("DROP OWNED BY reader")
    redshift.run("DROP ROLE reader")


def said(findings, without=(Severity.NOTE,)):
    return [(str(one.severity), one.what) for one in findings if one.severity not in without]


def test_a_warehouse_as_it_should_be(channels, plain) -> None:
    found = check(Infrastructure(), redshift=channels(), query_user=plain)
    assert said(found) == []
    assert [one.about for one in found] == ["redshift"]


@pytest.mark.parametrize(
    ("isolation", "level"),
    [(Isolation.SERIALIZABLE, "Serializable"), (Isolation.SNAPSHOT, "Snapshot Isolation")],
)
def test_the_isolation_level_is_told(channels, redshift, isolation, level) -> None:
    before, redshift.behaviour.isolation = redshift.behaviour.isolation, isolation
    try:
        (found,) = check_redshift(channels())
    finally:
        redshift.behaviour.isolation = before
    assert found.severity is Severity.NOTE
    assert found.what.startswith(f"its isolation level is {level}")
    assert ("SNAPSHOT spares that" in found.what) == (isolation is Isolation.SERIALIZABLE)


def test_an_isolation_level_that_cannot_be_seen(channels, redshift) -> None:
    redshift.faults.add("error", "stv_db_isolation_level", fields={"C": "42501", "M": "permission denied"})
    ((severity, what),) = said(check_redshift(channels()))
    assert severity == "unknown"
    assert what.startswith("its isolation level could not be looked at")


def test_a_warehouse_that_does_not_answer(redshift) -> None:
    nowhere = Connections({**redshift.parameters, "port": 9}, limit=1)
    (found,) = check_redshift(nowhere)
    assert found.severity is Severity.ERROR
    assert found.what.startswith("it cannot be used")


def test_a_worker_that_is_no_superuser(channels, plain) -> None:
    found = said(check_redshift(channels(plain), ledger_schema="not_made"))
    assert [what.partition(":")[0] for severity, what in found if severity == "unknown"] == [
        "its isolation level could not be looked at"
    ]
    assert [one for one in found if one[0] != "unknown"] == [
        ("error", "the worker's user reader is no superuser: it cannot become the users of tenants"),
        ("error", "the ledger is not there, and the worker's user cannot make it in the schema not_made"),
    ]


def test_a_ledger_that_was_made_by_others_will_do(channels, redshift, plain) -> None:
    for statement in LedgerSql("made_before").create(()):
        redshift.run(statement)
    found = said(check_redshift(channels(plain), ledger_schema="made_before"))
    redshift.run("DROP SCHEMA made_before CASCADE")
    assert [what for _, what in found if "ledger" in what] == []


def test_a_schema_without_the_tables(channels, redshift, plain) -> None:
    redshift.run("CREATE SCHEMA half")
    found = said(check_redshift(channels(plain), ledger_schema="half"))
    redshift.run("GRANT CREATE, USAGE ON SCHEMA half TO reader")
    later = said(check_redshift(channels(plain), ledger_schema="half"))
    redshift.run("DROP SCHEMA half")
    assert [what for _, what in found if "ledger" in what] != []
    assert [what for _, what in later if "ledger" in what] == []


def test_a_user_that_is_not_there(channels) -> None:
    ((severity, what),) = said(check_redshift(channels(), query_user="nobody-at-all"))
    assert (severity, what) == ("error", "there is no user nobody-at-all")


def test_a_user_that_may_do_everything(channels) -> None:
    ((severity, what),) = said(check_redshift(channels(), query_user="spectra"))
    assert (severity, what) == ("error", "the user spectra is a superuser: it may do everything")


@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "DELETE"])
def test_a_user_that_may_change_a_table(channels, redshift, plain, right) -> None:
    redshift.run('CREATE TABLE "Odd ""name" (id int)')
    redshift.run(f'GRANT {right} ON "Odd ""name" TO reader')
    try:
        ((severity, what),) = said(check_redshift(channels(), query_user=plain))
    finally:
        redshift.run('DROP TABLE "Odd ""name"')
    assert (severity, what) == ("warning", 'the user reader may change public."Odd ""name"')


def test_of_many_tables_some_are_named(channels, redshift, plain) -> None:
    for n in range(5):
        redshift.run(f"CREATE TABLE many_{n} (id int)")
        redshift.run(f"GRANT INSERT ON many_{n} TO PUBLIC")
    try:
        ((_, what),) = said(check_redshift(channels(), query_user=plain))
    finally:
        for n in range(5):
            redshift.run(f"DROP TABLE many_{n}")
    assert what == "the user reader may change public.many_0, public.many_1, public.many_2 and 2 more"


def test_a_user_that_may_make_tables(channels, redshift, plain) -> None:
    redshift.run("GRANT CREATE ON SCHEMA public TO PUBLIC")
    try:
        ((severity, what),) = said(check_redshift(channels(), query_user=plain))
    finally:
        redshift.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    assert (severity, what) == ("warning", "the user reader may make tables in public")


def test_a_user_that_may_make_schemas(channels, redshift, plain) -> None:
    redshift.run("GRANT CREATE ON DATABASE dev TO reader")
    ((severity, what),) = said(check_redshift(channels(), query_user=plain))
    assert (severity, what) == ("warning", "the user reader may make schemas in the database")


def test_a_user_that_may_see_the_ledger(channels, redshift, plain) -> None:
    for statement in LedgerSql("ledgers").create(()):
        redshift.run(statement)
    redshift.run("GRANT USAGE ON SCHEMA ledgers TO reader")
    found = said(check_redshift(channels(), ledger_schema="ledgers", query_user=plain))
    redshift.run("DROP SCHEMA ledgers CASCADE")
    assert found == [("error", "the user reader may look into the ledger's schema")]


def test_looking_writes_nothing(channels, redshift, plain) -> None:
    schemas = "SELECT 1 FROM pg_namespace WHERE nspname = 'spectra'"
    there = redshift.run(schemas)
    before = len(redshift.statements)
    check_redshift(channels(), query_user=plain)
    sent = [one.sql.split()[0].upper() for one in list(redshift.statements)[before:]]
    assert set(sent) <= {"SELECT", "SET", "RESET", "ROLLBACK"}
    assert redshift.run(schemas) == there
