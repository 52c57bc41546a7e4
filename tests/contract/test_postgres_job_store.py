"""The worked example of docs/writing-an-adapter.md, on PostgreSQL 18."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from examples.postgres_job_store import HOLDER, PostgresJobStore
from spectra.domain import Job
from spectra.errors import BackendError, BackendUnavailableError, TenantBusyError
from spectra.ports import Added
from spectra.testing import JobStoreContract
from spectra.testing.contracts.calls import at_once
from spectra.testing.samples import after, claimed, export, ids

ROOT = Path(__file__).parents[2]


# guide: begin
class TestPostgresJobStore(JobStoreContract):
    @pytest.fixture
    def open_store(self, postgres):
        return lambda namespace, clock: PostgresJobStore(postgres, schema=namespace, clock=clock)


# guide: end


def test_the_guide_shows_the_whole_of_it() -> None:
    guide = (ROOT / "docs" / "writing-an-adapter.md").read_text()
    source = (ROOT / "examples" / "postgres_job_store.py").read_text()
    assert f"```python\n{source}```\n" in guide
    assert len(source.splitlines()) < 200
    applied = Path(__file__).read_text().split("# guide: begin\n")[1].split("\n\n# guide: end")[0]
    assert applied.strip() in guide


def test_a_server_that_drops_its_connections_costs_one_call(postgres: str) -> None:
    with PostgresJobStore(postgres, schema="dropped") as store:
        store.add(export())
        with psycopg.connect(postgres, autocommit=True) as host:
            host.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )
        with pytest.raises(BackendUnavailableError) as told:
            store.add(export("k"))
        assert isinstance(told.value.__cause__, psycopg.Error)
        store.add(export("k"))
        assert [job.job_id for job in store.find("t").jobs] == ["k", "j"]


def test_places_are_counted_whatever_isolation_the_server_is_set_to(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as host:
        host.execute("CREATE DATABASE strict")
        host.execute("ALTER DATABASE strict SET default_transaction_isolation = 'serializable'")
    address = psycopg.conninfo.make_conninfo(postgres, dbname="strict")
    with PostgresJobStore(address) as store:
        for number in range(5):
            jobs = [store.add(export(f"j{n}", f"t{number}")).job for n in range(6)]
            calls = [functools.partial(store.replace, job, claimed(job), limit=2) for job in jobs]
            assert Counter(type(one) for one in at_once(calls)) == {Job: 2, TenantBusyError: 4}


def test_due_passes_over_what_it_cannot_read(postgres: str) -> None:
    with PostgresJobStore(postgres, schema="unreadable") as store:
        for n in range(30):
            store.add(export(f"j{n:02}", at=n))
        store.add(export("x", "u", at=3))
        with psycopg.connect(postgres, autocommit=True) as host:
            documents = ["{}", "[]", "5", '{"schema": 2}', '{"schema": 1}']
            for n, document in enumerate(documents * 5):
                change = "UPDATE unreadable.jobs SET document = %s WHERE job = %s"
                host.execute(change, (document, f"j{n:02}"))
        assert ids(store.due(after(60), limit=10)) == ["j25", "x", "j26", "j27", "j28", "j29"]
        assert ids(store.due(after(60), limit=2, tenant_id="t")) == ["j25", "j26"]


def test_a_key_whose_holder_is_deleted_meanwhile_is_free(postgres: str) -> None:
    class Late(PostgresJobStore):
        """The first holder of the key goes between the insert that it refused and the look at it."""

        @contextmanager
        def _transaction(self) -> Iterator[Any]:
            with super()._transaction() as run:

                def late(statement: str, values: Any) -> Any:
                    if statement == HOLDER:
                        with psycopg.connect(postgres, autocommit=True) as host:
                            host.execute("DELETE FROM late.jobs WHERE job = 'first'")
                    return run(statement, values)

                yield late

    with Late(postgres, schema="late") as store:
        store.add(export("first", idempotency_key="k"))
        assert store.add(export("second", idempotency_key="k")) == Added(store.get("t", "second"))


def test_a_server_that_is_not_there_is_told() -> None:
    store = PostgresJobStore("host=/nowhere connect_timeout=1")
    store._pool.timeout = 0.5
    with store, pytest.raises(BackendUnavailableError):
        store.get("t", "j")


def test_what_the_server_refuses_is_told_apart(postgres: str) -> None:
    with PostgresJobStore(postgres, schema="refused") as store:
        store.add(export())
        with psycopg.connect(postgres, autocommit=True) as host:
            host.execute("ALTER TABLE refused.jobs DROP COLUMN live")
        with pytest.raises(BackendError) as told:
            store.add(export("k"))
        assert type(told.value) is BackendError
