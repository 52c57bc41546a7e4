"""The kit itself: what it refuses, what it says, what it needs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from spectra import Caller, ExportSpec, Spectra
from spectra.adapters.memory import MemoryExecutor, MemoryJobStore, MemoryResultStore
from spectra.errors import BackendUnavailableError, JobConflictError, ObjectNotFoundError, OutcomeUnknownError
from spectra.ports import Area
from spectra.testing import (
    START,
    CountingIds,
    ExecutorContract,
    Faults,
    FaultyExecutor,
    FaultyJobStore,
    FaultyQueryRunner,
    FaultyResultStore,
    JobStoreContract,
    Lack,
    ManualClock,
    QueryRunnerContract,
    ResultStoreContract,
)
from spectra.testing.samples import claimed, export

ME = Caller("acme")


def run_tests(folder: Path, code: str, *options: str) -> str:
    """What pytest prints of *code*, with none of our configuration."""
    (folder / "test_it.py").write_text(textwrap.dedent(code))
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, timeout=120, check=False
    ).stdout


def test_clock_and_ids_need_neither_pytest_nor_hypothesis() -> None:
    code = """
import sys
sys.modules["pytest"] = sys.modules["hypothesis"] = None
from spectra import Spectra
from spectra.testing import CountingIds, Faults, FaultyJobStore, ManualClock
clock = ManualClock()
with Spectra.in_memory(clock=clock, new_id=CountingIds()):
    pass
import spectra.testing as t
for name in ("JobStoreContract", "JobMachine"):
    try:
        getattr(t, name)
    except ImportError as exc:
        print(exc.code, exc.extra, exc.module)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("MISSING_EXTRA testing pytest\n" * 2, "")


def test_every_name_is_there() -> None:
    import spectra.testing

    for name in spectra.testing.__all__:
        assert getattr(spectra.testing, name) is not None
    assert set(spectra.testing.__all__) <= set(dir(spectra.testing))
    with pytest.raises(AttributeError):
        _ = spectra.testing.nothing


def test_the_manual_clock() -> None:
    clock = ManualClock()
    clock.sleep(1.5)
    clock.advance(hours=2)
    assert clock.now() == START + timedelta(hours=2, seconds=1.5)
    assert clock.slept == [1.5]
    clock.instant = START
    assert clock.now() == START
    for naive in (
        lambda: ManualClock(datetime(2026, 1, 1)),
        lambda: setattr(clock, "instant", datetime(2026, 1, 1)),
    ):
        with pytest.raises(ValueError, match="time zone"):
            naive()


def test_ids_count_and_a_host_can_foresee_them() -> None:
    with Spectra.in_memory(clock=ManualClock(), new_id=CountingIds()) as spectra:
        made = [spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job for _ in range(2)]
    assert [job.job_id for job in made] == ["job-000001", "job-000002"]
    assert made[0].created_at == START


# ---- contracts ------------------------------------------------------------------------------------


def test_a_test_of_a_contract_cannot_be_overridden() -> None:
    with pytest.raises(TypeError, match="test_js3_add_never_overwrites"):

        class TestMine(JobStoreContract):
            def test_js3_add_never_overwrites(self) -> None: ...

    with pytest.raises(TypeError, match="test_js1_of_an_unknown_job"):

        class TestNone(JobStoreContract):
            test_js1_of_an_unknown_job = None

    class TestOwn(JobStoreContract):
        def test_something_of_my_own(self) -> None: ...

    with pytest.raises(TypeError, match="test_js1_of_an_unknown_job"):

        class TestDeeper(TestOwn):
            test_js1_of_an_unknown_job = None

    class Mixin:
        test_js1_of_an_unknown_job = None

    with pytest.raises(TypeError, match="test_js1_of_an_unknown_job"):

        class TestMixed(Mixin, JobStoreContract): ...


@pytest.mark.parametrize(
    "contract",
    [JobStoreContract, ExecutorContract, QueryRunnerContract, ResultStoreContract],
    ids=lambda contract: contract.__name__,
)
def test_no_test_of_a_contract_hides_another(contract: type) -> None:
    names = [name for base in contract.__mro__ for name in vars(base) if name.startswith("test_")]
    assert len(names) > 7
    assert len(names) == len(set(names))


def test_only_members_of_the_enum_can_be_lacking() -> None:
    with pytest.raises(TypeError, match="Lack"):

        class TestMine(JobStoreContract):
            lacks = {"everything"}


def test_what_was_not_overridden_fails_and_says_what(tmp_path: Path) -> None:
    printed = run_tests(
        tmp_path,
        """
        from spectra.testing import JobStoreContract

        class TestMine(JobStoreContract):
            pass
        """,
        "-x",
    )
    assert "override the fixture open_store" in printed


def test_a_lack_is_proved_and_a_skip_gives_its_reason(tmp_path: Path) -> None:
    code = """
        import pytest
        from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
        from spectra.domain import ContentType
        from spectra.errors import InvalidSpecError
        from spectra.testing import ExecutorContract, ExecutorHarness, Lack

        class NoJson(MemoryExecutor):
            def check(self, spec, session):
                super().check(spec, session)
                if spec.content_type is ContentType.JSON and REFUSES:
                    raise InvalidSpecError("content_type", "no JSON here")

        class Harness(ExecutorHarness):
            def create(self, table, columns, rows=()):
                connection = self.executor.connect()
                connection.execute(f"create table {table} ({', '.join(map(' '.join, columns.items()))})")
                for row in rows:
                    connection.execute(f"insert into {table} values (?, ?, ?)", tuple(row))
                connection.commit()
                connection.close()

            def rows(self, table):
                raise AssertionError

        class TestNoJson(ExecutorContract):
            lacks = LACKS

            @pytest.fixture
            def harness(self):
                harness = Harness()
                harness.results = MemoryResultStore()
                harness.executor = NoJson(harness.results)
                with harness.results, harness.executor:
                    yield harness
    """
    picked = ("-k", "no_rows_are_a_success")
    lacks = "frozenset({Lack.JSON_EXPORTS})"
    printed = run_tests(tmp_path, code.replace("LACKS", lacks).replace("REFUSES", "True"), *picked)
    assert "1 passed, 1 skipped" in printed
    assert "TestNoJson: declared lack: it cannot export JSON lines" in printed
    # Declared, but not refused: then it is no lack, or it would be found out by a user.
    printed = run_tests(tmp_path, code.replace("LACKS", lacks).replace("REFUSES", "False"), *picked)
    assert "1 failed, 1 passed" in printed
    # Refused, but not declared.
    printed = run_tests(tmp_path, code.replace("LACKS", "frozenset()").replace("REFUSES", "True"), *picked)
    assert "1 failed, 1 passed" in printed


def test_a_failure_shows_the_fields_that_differ(tmp_path: Path) -> None:
    printed = run_tests(
        tmp_path,
        """
        import pytest
        from spectra.adapters.memory import MemoryJobStore
        from spectra.testing import JobStoreContract

        class Forgetful(MemoryJobStore):
            def get(self, tenant_id, job_id):
                return super().get(tenant_id, job_id).evolved(labels={})

        class TestForgetful(JobStoreContract):
            @pytest.fixture
            def open_store(self):
                return lambda namespace, clock: Forgetful(clock=clock)
        """,
        "-k",
        "test_js1_get_returns_every_field",
    )
    assert "1 failed" in printed
    assert "Differing attributes" in printed
    assert "labels" in printed


def test_every_lack_says_something_to_people() -> None:
    assert all(len(lack.value.split()) > 3 for lack in Lack)


# ---- faults -----------------------------------------------------------------------------------------


def test_failing_before_does_nothing_and_failing_after_does_it() -> None:
    faults = Faults()
    store = FaultyJobStore(MemoryJobStore(), faults)
    faults.fail_before("add", BackendUnavailableError("away"))
    with pytest.raises(BackendUnavailableError):
        store.add(export())
    assert store.find("t").jobs == ()
    faults.fail_after("add", OutcomeUnknownError("the reply was lost"))
    with pytest.raises(OutcomeUnknownError):
        store.add(export())
    assert [job.job_id for job in store.find("t").jobs] == ["j"]
    assert faults.pending == 0
    assert faults.calls == ["add", "find", "add", "find"]


def test_a_fault_happens_as_often_as_it_was_asked_for_and_to_whom() -> None:
    faults = Faults()
    store = FaultyJobStore(MemoryJobStore(), faults)
    faults.fail_before("get", BackendUnavailableError("away"), times=2, when=lambda tenant, job: job == "k")
    for job_id in "jk":
        store.add(export(job_id))
    store.get("t", "j")
    for _ in range(2):
        with pytest.raises(BackendUnavailableError):
            store.get("t", "k")
    assert store.get("t", "k").job_id == "k"
    faults.fail_before("get", BackendUnavailableError("away"))
    faults.clear()
    store.get("t", "j")
    with pytest.raises(ValueError, match="times"):
        faults.delay("get", 1, times=0)


def test_errors_come_one_a_call_in_their_order() -> None:
    clock = ManualClock()
    faults = Faults(clock=clock)
    store = FaultyJobStore(MemoryJobStore(), faults)
    faults.fail_before("add", BackendUnavailableError("away"))
    faults.fail_after("add", OutcomeUnknownError("lost"))
    faults.delay("add", 3)
    for error in (BackendUnavailableError, OutcomeUnknownError):
        with pytest.raises(error):
            store.add(export())
    assert clock.slept == [3]
    assert store.get("t", "j").job_id == "j"


def test_a_duplicate_is_one_too_many_and_nobody_hears_of_it() -> None:
    faults = Faults()
    store = FaultyJobStore(MemoryJobStore(), faults)
    faults.duplicate("replace")
    old = store.add(export()).job
    new = store.replace(old, claimed(old))
    assert store.get("t", "j") == new
    with pytest.raises(JobConflictError):
        store.replace(old, claimed(old))


def test_delays_sleep_on_the_clock() -> None:
    clock = ManualClock()
    faults = Faults(clock=clock)
    executor = FaultyExecutor(MemoryExecutor(MemoryResultStore()), faults)
    faults.delay("ready", 7)
    executor.ready()
    assert clock.slept == [7]


def test_publishing_fails_before_or_after() -> None:
    faults = Faults()
    store = FaultyResultStore(MemoryResultStore(), faults)
    location = store.location("t", "j", Area.UPLOAD) + "data"

    def write() -> None:
        with store.open_write(location) as writer:
            writer.write(b"data")

    faults.fail_before("publish", BackendUnavailableError("away"))
    with pytest.raises(BackendUnavailableError):
        write()
    with pytest.raises(ObjectNotFoundError):
        store.stat(location)
    faults.fail_after("publish", OutcomeUnknownError("the reply was lost"))
    with pytest.raises(OutcomeUnknownError):
        write()
    assert store.stat(location).bytes == 4


def test_the_wrappers_are_ports_and_a_spectra_works_with_them() -> None:
    faults = Faults()
    clock = ManualClock()
    results = MemoryResultStore(clock=clock)
    executor = MemoryExecutor(results, clock=clock)
    with Spectra(
        job_store=FaultyJobStore(MemoryJobStore(clock=clock), faults),
        executor=FaultyExecutor(executor, faults),
        result_store=FaultyResultStore(results, faults),
        query_runner=FaultyQueryRunner(executor, faults),
        clock=clock,
    ) as spectra:
        job = spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job
        worker = spectra.worker()
        while not job.is_terminal:
            job = worker.advance(job, wait=5)
        assert job.state == "JobComplete"
        link = spectra.jobs.results(ME, job.job_id)
        assert link.parts
        spectra.jobs.abort(ME, spectra.jobs.create(ME, ExportSpec(query="select 1 as a")).job.job_id)
        spectra.sweeper.sweep()
    assert {"add", "replace", "start", "poll", "open_write", "publish", "download_link"} <= set(faults.calls)


@pytest.mark.parametrize(
    "kind",
    [FaultyJobStore, FaultyExecutor, FaultyResultStore, FaultyQueryRunner],
    ids=lambda kind: kind.__name__,
)
def test_every_method_of_a_port_can_fail(kind: type) -> None:
    port = kind.__mro__[1]
    assert set(port.__abstractmethods__) <= set(vars(kind))
