"""The ledger's tables, which every process makes that finds none: many at once, too."""

from __future__ import annotations

import concurrent.futures
import threading
import uuid

import pytest

from spectra.adapters.aws.redshift import RedshiftOptions
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.errors import BackendError
from spectra.testing.redshift import FaultKind
from tests.contract.redshift_house import by_data_api, by_driver

AT_ONCE = 4


@pytest.fixture(params=[by_driver, by_data_api])
def make(request, redshift, local_s3, bucket, prefix):
    """Makes executors that know nothing of each other, over a ledger that is not there yet."""
    options = RedshiftOptions(ledger_schema=f"l{uuid.uuid4().hex}")
    with S3ResultStore(bucket, prefix=prefix, client=local_s3.client) as results:
        yield lambda: request.param(results, redshift, options=options)
    redshift.faults.clear()
    redshift.run(f"DROP SCHEMA IF EXISTS {options.ledger_schema} CASCADE")


def creations(redshift):
    return [one.sql for one in redshift.statements if one.sql.startswith("CREATE")]


def test_processes_that_make_the_ledger_at_once_do_not_disturb_each_other(make) -> None:
    together = threading.Barrier(AT_ONCE)

    def one():
        with make() as executor:
            together.wait(60)
            executor.ready()

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(one) for _ in range(AT_ONCE)]:
            done.result()


@pytest.mark.parametrize(
    ("what", "state", "said"),
    [
        ("TABLE", "23505", 'duplicate key value violates unique constraint "pg_type_typname_nsp_index"'),
        ("SCHEMA", "23505", 'duplicate key value violates unique constraint "pg_namespace_nspname_index"'),
        ("TABLE", "42P07", 'relation "ledger_06" already exists'),
        ("TABLE", "42710", 'type "ledger_06" already exists'),
        ("SCHEMA", "42P06", 'schema "spectra" already exists'),
    ],
)
def test_what_another_process_has_just_made_is_looked_for_again(make, redshift, what, state, said) -> None:
    redshift.faults.add(FaultKind.ERROR, f"^CREATE {what}", times=3, fields={"C": state, "M": said})
    with make() as executor:
        executor.ready()


def test_a_ledger_that_cannot_be_made_is_told_at_once(make, redshift) -> None:
    fields = {"C": "42501", "M": "permission denied for database dev"}
    redshift.faults.add(FaultKind.ERROR, "^CREATE SCHEMA", fields=fields)
    with make() as executor:
        with pytest.raises(BackendError, match="permission denied"):
            executor.ready()
        executor.ready()


def test_a_ledger_that_is_there_is_not_made_again(make, redshift) -> None:
    redshift.statements.clear()
    with make() as executor:
        executor.ready()
    assert len(creations(redshift)) == 17
    redshift.statements.clear()
    with make() as executor:
        executor.ready()
    assert creations(redshift) == []
    redshift.run(f"DROP TABLE {lost(make)}")
    with make() as executor:
        executor.ready()
    assert len(creations(redshift)) == 1


def lost(make):
    with make() as executor:
        return executor._ledger.sql.tables()[6]
