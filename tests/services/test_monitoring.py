"""Whole lives of jobs, and exactly what they add to the figures."""

from __future__ import annotations

import io
import sys
import threading
from datetime import timedelta

import pytest
from hypothesis import given

import spectra.errors
from spectra import Caller, ExportSpec, Settings, Spectra
from spectra.adapters.memory import MemoryJobStore
from spectra.domain import Category, Counts, Effect, JobError, JobState
from spectra.errors import BackendUnavailableError
from spectra.monitoring import EmfMetrics, of_event
from spectra.monitoring.recorder import Recorder
from spectra.ports import Execution, Status
from spectra.services import EVENTS, FACTS, EventLog, JobEvent
from spectra.testing import Faults, FaultyJobStore, ManualClock
from spectra.testing.samples import after, export
from spectra.testing.strategies import lifecycles
from tests.services.house import ME, TABLE, House
from tests.services.scripted import RETENTION, Stage
from tests.unit.test_monitoring_emf import checked

RUNNING = Execution(status=Status.RUNNING)
LOST = Execution(status=Status.LOST)
REFUSED = JobError("QUERY_ERROR", Category.VALIDATION, "no such column")
BUSY = JobError("TOO_MANY", Category.CAPACITY, "queue is full")
DONE = Execution(status=Status.SUCCEEDED, counts=Counts(total=3, succeeded=2, failed=1))


class Book(Recorder):
    """Keeps each measurement as (name, value, what it says besides operation and class)."""

    def __init__(self, **options):
        super().__init__(**options)
        self.lines = []
        self.all = []

    def _record(self, measurements, /):
        for one in measurements:
            assert tuple(one.attributes) == one.instrument.attributes
            self.all.append(one)
            more = [
                v for k, v in one.attributes.items() if k not in ("spectra.operation", "spectra.tenant.class")
            ]
            self.lines.append((one.instrument.name.removeprefix("spectra."), one.value, *more))

    def take(self):
        lines, self.lines = self.lines, []
        return lines


@pytest.fixture
def stage():
    return Stage.build()


def book_of(stage) -> Book:
    book = Book(clock=stage.clock)
    stage.ender.events.subscribe(book)
    return book


@pytest.fixture
def memory(tmp_path):
    house = House.build("memory", tmp_path, settings=Settings(bulk_max_concurrent_jobs=1))
    house.sql(TABLE)
    yield house
    house.close()


# ---- whole lives ----------------------------------------------------------------------------------------


def test_a_load_from_its_creation_to_its_end(memory) -> None:
    book = Book(clock=memory.clock)
    memory.spectra.subscribe(book)
    job = memory.open_load(max_failed_records=1)
    data = "id,name\n1,a\n2,b\nx,c\n"
    memory.upload(job, data)
    memory.clock.advance(seconds=30)
    memory.jobs.close_upload(ME, job.job_id)
    memory.clock.advance(seconds=5)
    assert memory.done(job).state == "JobComplete"
    assert book.take() == [
        ("jobs.created", 1),
        ("bytes", len(data), "in"),
        ("attempts", 1, "first"),
        ("job.wait", 5.0),
        ("jobs.completed", 1),
        ("job.duration", 35.0, "JobComplete"),
        ("job.run", 0.0, "JobComplete"),
        ("records", 2, "succeeded"),
        ("records", 1, "failed"),
    ]
    assert {one.attributes["spectra.operation"] for one in book.all} == {"insert"}
    assert {one.attributes["spectra.tenant.class"] for one in book.all} == {"all"}


def test_an_export_and_one_that_fails(memory) -> None:
    book = Book(clock=memory.clock, tenant_class=lambda tenant: f"class of {tenant}")
    memory.spectra.subscribe(book)
    done = memory.done(memory.export("select 1 as a union select 2"))
    assert book.take() == [
        ("jobs.created", 1),
        ("attempts", 1, "first"),
        ("job.wait", 0.0),
        ("jobs.completed", 1),
        ("job.duration", 0.0, "JobComplete"),
        ("job.run", 0.0, "JobComplete"),
        ("records", 2, "succeeded"),
        ("bytes", done.results.bytes, "out"),
    ]
    assert done.results.bytes > 0
    assert {one.attributes["spectra.tenant.class"] for one in book.all} == {"class of acme"}
    failed = memory.done(memory.export("select nothing"))
    assert book.take()[3:] == [
        ("jobs.failed", 1, str(failed.error.category)),
        ("attempts.failed", 1, str(failed.error.category)),
        ("job.duration", 0.0, "Failed"),
        ("job.run", 0.0, "Failed"),
    ]
    memory.jobs.retry(ME, failed.job_id)
    assert book.take() == [("jobs.created", 1)]
    memory.jobs.delete(ME, failed.job_id)
    assert book.take() == []


def test_what_never_ran_has_no_run(memory) -> None:
    book = Book(clock=memory.clock)
    memory.spectra.subscribe(book)
    asked, late = memory.open_load(), memory.open_load()
    memory.clock.advance(seconds=9)
    memory.jobs.abort(ME, asked.job_id, reason="select secret from t")
    memory.clock.advance(hours=24)
    memory.spectra.sweeper.sweep()
    assert memory.jobs.get(ME, late.job_id).state == "Aborted"
    assert book.take()[2:] == [
        ("jobs.aborted", 1, "requested"),
        ("job.duration", 9.0, "Aborted"),
        ("jobs.aborted", 1, "UPLOAD_TIMEOUT"),
        ("job.duration", 86_409.0, "Aborted"),
    ]


def test_a_job_that_was_aborted_while_it_ran_until_it_is_settled(stage) -> None:
    job = stage.running(stage.load())
    book = book_of(stage)
    aborted = stage.store.replace(job, job.abort(at=after(5), retention=RETENTION))
    stage.ender.events.publish("job.aborted", aborted, before=job.state, reason=None)
    assert book.take() == [
        ("jobs.aborted", 1, "requested"),
        ("job.duration", 5.0, "Aborted"),
        ("job.run", 5.0, "Aborted"),
        ("effects.unsettled", 1),
    ]
    stage.executor.effects = [Effect.PENDING, Effect.APPLIED]
    stage.executor.executions = [DONE]
    stage.clock.instant = after(65)
    waiting = stage.ender.step(aborted)
    assert book.take() == [("job.unsettled", 60.0)]
    stage.clock.instant = after(67.5)
    stage.ender.step(waiting)
    assert book.take() == [
        ("effects.settled", 1, "applied"),
        ("job.settling", 62.5),
        ("records", 2, "succeeded"),
        ("records", 1, "failed"),
    ]


def test_an_effect_that_nobody_knows(stage) -> None:
    job = stage.running(stage.load())
    book = book_of(stage)
    aborted = stage.store.replace(job, job.abort(at=after(5), retention=RETENTION))
    stage.executor.effects = [Effect.UNKNOWN]
    stage.clock.instant = after(6)
    stage.ender.step(aborted)
    assert book.take() == [("effects.settled", 1, "unknown"), ("job.settling", 1.0), ("effects.unknown", 1)]
    other = stage.running(stage.load("k"))
    book.take()
    stage.executor.executions = [Execution(status=Status.FAILED, error=REFUSED)]
    stage.driver.carry_on(other)
    assert ("effects.unknown", 1) in book.take()


def test_attempts_that_fail_are_lost_and_are_handed_back(stage) -> None:
    job = stage.running()
    book = book_of(stage)
    stage.executor.executions = [Execution(status=Status.FAILED, error=BUSY)]
    job = stage.driver.carry_on(job)
    assert book.take() == [("attempts.failed", 1, "capacity")]
    stage.clock.instant = after(10)
    stage.executor.executions = [RUNNING, LOST]
    job = stage.driver.carry_on(stage.driver.carry_on(job))
    assert book.take() == [
        ("attempts", 1, "again"),
        ("attempts.failed", 1, "transient"),
        ("executions.lost", 1),
    ]
    stage.clock.instant = after(20)
    stage.executor.executions = [RUNNING]
    job = stage.driver.carry_on(job)
    assert book.take() == [("attempts", 1, "again")]
    handed = stage.driver.hand_back(job)
    assert book.take() == []
    job = stage.store.replace(handed, handed.reclaim(at=after(21), worker="me", until=after(90)))
    stage.clock.instant = after(21)
    stage.executor.executions = [LOST]
    failed = stage.driver.carry_on(job)
    assert (failed.state, failed.error.code) == ("Failed", "EXECUTION_LOST")
    assert book.take() == [
        ("jobs.failed", 1, "transient"),
        ("attempts.failed", 1, "transient"),
        ("executions.lost", 1),
        ("job.duration", 21.0, "Failed"),
        ("job.run", 21.0, "Failed"),
    ]


def test_a_start_that_fails_is_a_failed_attempt_and_nothing_lost(stage) -> None:
    book = book_of(stage)
    stage.executor.start_error = BackendUnavailableError("no route")
    stage.driver.start(stage.export())
    assert book.take() == [
        ("attempts", 1, "first"),
        ("job.wait", 0.0),
        ("attempts.failed", 1, "transient"),
    ]


def test_a_cancelled_execution_is_not_lost(stage) -> None:
    job = stage.running()
    book = book_of(stage)
    stage.executor.executions = [Execution(status=Status.CANCELLED)]
    stage.driver.carry_on(job)
    assert book.take() == [("attempts.failed", 1, "transient")]


@pytest.mark.parametrize("attempts", [3, 1])
def test_a_lost_execution_that_was_applied_after_all(attempts) -> None:
    stage = Stage.build(max_attempts=attempts)
    job = stage.running(stage.load())
    book = book_of(stage)
    stage.executor.executions = [LOST, DONE]
    stage.executor.effects = [Effect.APPLIED] if attempts > 1 else [Effect.NONE, Effect.APPLIED]
    assert stage.driver.carry_on(job).state == "JobComplete"
    assert book.take()[:2] == [("jobs.completed", 1), ("executions.lost", 1)]


def test_a_lost_execution_counts_once_however_often_it_is_looked_at(stage) -> None:
    job = stage.running(stage.load())
    book = book_of(stage)
    stage.executor.executions = [LOST]
    stage.executor.effects = [Effect.PENDING, Effect.PENDING, Effect.NONE]
    for seconds in (40, 42, 44):
        stage.clock.instant = after(seconds)
        job = stage.driver.carry_on(job)
    assert book.take() == [("attempts.failed", 1, "transient"), ("executions.lost", 1)]


# ---- what changes nothing -------------------------------------------------------------------------------


def test_a_lost_lease_is_a_conflict_too(stage) -> None:
    job = stage.running()
    book = book_of(stage)
    stage.store.replace(job, job.renew(at=after(1), worker="other", until=after(99)))
    stage.clock.instant = after(30)
    stage.worker().advance(job)
    assert book.take() == [("leases.lost", 1), ("conflicts", 1)]


def test_two_that_claim_one_job_are_a_conflict(stage) -> None:
    job = stage.export()
    book = book_of(stage)
    now = stage.elsewhere(job)
    assert stage.worker().advance(job) == now
    assert book.take() == [("conflicts", 1)]
    event = stage.told[-1]
    assert (event.name, event.job, event.before, event.facts) == (
        "step.conflict",
        now,
        JobState.UPLOAD_COMPLETE,
        {"worker": "me"},
    )


def test_a_sweeper_meets_conflicts() -> None:
    class Late(MemoryJobStore):
        """Gives images that somebody has changed since."""

        def due(self, now, /, **options):
            jobs = super().due(now, **options)
            for job in jobs:
                self.replace(job, job.postponed(at=now, due_at=now + timedelta(days=1)))
            return jobs

    stage = Stage.build(store=Late(clock=ManualClock()))
    job = stage.export()
    stage.store.replace(job, job.abort(at=after(0), retention=RETENTION))
    stage.clock.instant = after(86_400 * 3)  # its files are to go, the job itself not yet
    book = book_of(stage)
    assert stage.sweeper().sweep() == 0
    assert book.take() == [("conflicts", 1)]
    assert stage.told[-1].facts == {"worker": "sweeper"}


def test_a_tenant_at_its_limit(memory) -> None:
    book = Book(clock=memory.clock)
    memory.spectra.subscribe(book)
    memory.export("select 1 as a")
    waiting = memory.export("select 2 as a")
    first = memory.jobs.find(ME).jobs[-1]
    memory.spectra.job_store.replace(
        first,
        first.claim(at=memory.clock.now(), worker="w", until=after(999), retention=memory.settings.retention),
        limit=1,
    )
    book.take()
    assert memory.spectra.worker().advance(waiting) == waiting
    assert book.take() == [("claims.refused", 1)]


@pytest.mark.parametrize(
    ("fault", "category", "code"),
    [
        (BackendUnavailableError("away"), "transient", "BACKEND_UNAVAILABLE"),
        (ZeroDivisionError("oops"), "internal", "INTERNAL"),
    ],
)
def test_a_step_that_raises(fault, category, code) -> None:
    faults = Faults()
    stage = Stage.build(store=FaultyJobStore(Stage.build().store, faults))
    job = stage.export()
    book = book_of(stage)
    faults.fail_before("replace", fault)
    stage.worker().run_once()
    assert book.take() == [("steps.failed", 1, category)]
    (event,) = stage.told
    assert (event.name, event.job, event.before, event.at) == ("step.failed", job, job.state, job.updated_at)
    assert event.facts == {"code": code, "category": category, "error": repr(fault)}


# ---- the facts of events --------------------------------------------------------------------------------


def test_every_event_has_the_facts_that_the_table_names(memory) -> None:
    told: list[JobEvent] = []
    memory.spectra.subscribe(told.append)
    test_a_load_from_its_creation_to_its_end(memory)
    test_an_export_and_one_that_fails(memory)
    test_what_never_ran_has_no_run(memory)
    memory.clock.advance(days=30)
    memory.spectra.sweeper.sweep()
    test_a_tenant_at_its_limit(memory)
    for life in (
        test_a_job_that_was_aborted_while_it_ran_until_it_is_settled,
        test_attempts_that_fail_are_lost_and_are_handed_back,
        test_two_that_claim_one_job_are_a_conflict,
        test_a_lost_lease_is_a_conflict_too,
    ):
        scene = Stage.build()
        scene.ender.events.subscribe(told.append)
        life(scene)
    _go_on(told)
    seen: dict[str, set[str]] = {}
    for event in told:
        seen.setdefault(event.name, set()).update(event.facts)
    assert {name: set(kind.facts) for name, kind in EVENTS.items()} == seen
    assert {fact for kind in EVENTS.values() for fact in kind.facts} == set(FACTS)


def _go_on(told) -> None:
    """A lease that is renewed, a job that is adopted, a step that raises."""
    faults = Faults()
    stage = Stage.build(store=FaultyJobStore(Stage.build().store, faults))
    stage.ender.events.subscribe(told.append)
    job, other = stage.running(), stage.elsewhere(stage.export("k"), seconds=30)
    stage.clock.instant = after(40)
    stage.driver.carry_on(job)
    stage.driver.carry_on(other)
    faults.fail_before("replace", BackendUnavailableError("away"))
    stage.export("l")
    stage.worker().run_once()


def test_what_is_everyday_is_no_line_of_a_normal_log(stage, caplog) -> None:
    levels = {"step.conflict": "DEBUG", "claim.refused": "DEBUG", "job.settling": "DEBUG"}
    levels |= dict.fromkeys(("job.failed", "lease.lost", "step.failed"), "WARNING")
    caplog.set_level("DEBUG")
    for name in EVENTS:
        stage.ender.events.publish(name, export())
    assert {record.getMessage(): record.levelname for record in caplog.records} == {
        name: levels.get(name, "INFO") for name in EVENTS
    }


def test_every_error_has_a_category_that_the_figures_know() -> None:
    found = {one.category for one in vars(spectra.errors).values() if isinstance(one, type)}
    assert {one for one in found if isinstance(one, str)} <= set(Category)


def test_an_event_can_be_made_without_facts() -> None:
    job = export()
    event = JobEvent(name="job.claimed", job=job, before=None, at=job.updated_at)
    assert event.facts == {}
    assert [one.instrument.name for one in of_event(event)] == ["spectra.attempts"]
    assert {event} == {event}


@given(life=lifecycles())
def test_ended_jobs_are_counted_once_each(life) -> None:
    names = {
        JobState.JOB_COMPLETE: "job.completed",
        JobState.FAILED: "job.failed",
        JobState.ABORTED: "job.aborted",
    }
    log, book = EventLog(), Book()
    log.subscribe(book)
    ended = 0
    before = None
    for job in life:
        if before is None:
            name = "job.created"
        elif job.is_terminal and not before.is_terminal:
            name, ended = names[job.state], ended + 1
        elif before.is_settling and not job.is_settling:
            name = "job.settled"
        elif job.is_terminal:
            name = "job.settling"
        else:
            claims = {1: "job.claimed"}
            moved = job.attempt != before.attempt
            name = claims.get(job.attempt, "job.reclaimed") if moved else "job.progressed"
        log.publish(name, job, before=before and before.state, category="internal")
        before = job
    counted = [line for line in book.lines if line[0] in ("jobs.completed", "jobs.failed", "jobs.aborted")]
    assert sum(line[1] for line in counted) == ended == int(life[-1].is_terminal)
    durations = [line for line in book.lines if line[0] == "job.duration"]
    assert len(durations) == ended
    assert sum(line[1] for line in book.lines if line[0] == "attempts") == life[-1].attempt
    if ended:
        assert durations[0][1:] == (
            (life[-1].completed_at - life[-1].created_at).total_seconds(),
            str(life[-1].state),
        )


# ---- what waits -----------------------------------------------------------------------------------------


def test_what_waits_and_runs(tmp_path) -> None:
    clock = ManualClock()
    with Spectra.in_memory(clock=clock) as spectra:
        book = Book(clock=clock)
        book.observe(spectra)
        assert book.take() == [("backlog.waiting", 0), ("backlog.running", 0), ("backlog.oldest.age", 0.0)]
        for tenant, count in (("a", 3), ("b", 1), ("c", 2), ("d", 1)):
            for _ in range(count):
                spectra.jobs.create(Caller(tenant), ExportSpec(query="select 1"))
        first = spectra.jobs.find(Caller("a")).jobs[-1]
        claimed = first.claim(
            at=clock.now(), worker="w", until=clock.now() + timedelta(seconds=60), retention=RETENTION
        )
        spectra.job_store.replace(first, claimed)
        clock.advance(seconds=50)
        named = Book(clock=clock, tenants=2)
        named.observe(spectra)
        assert named.take() == [
            ("backlog.waiting", 6),
            ("backlog.running", 1),
            ("backlog.oldest.age", 50.0),
            ("tenant.waiting", 2, "a"),
            ("tenant.waiting", 2, "c"),
            ("tenant.waiting", 2, "other"),
        ]


def test_work_that_nobody_looks_after_any_more_is_due(tmp_path) -> None:
    clock = ManualClock()
    with Spectra.in_memory(clock=clock) as spectra:
        book = Book(clock=clock)
        job = spectra.jobs.create(ME, ExportSpec(query="select 1")).job
        until = clock.now() + timedelta(seconds=60)
        spectra.job_store.replace(
            job, job.claim(at=clock.now(), worker="w", until=until, retention=RETENTION)
        )
        for seconds, age in ((59, 0.0), (1, 0.0), (300, 300.0)):
            clock.advance(seconds=seconds)
            book.observe(spectra)
            assert ("backlog.oldest.age", age) in book.take()


@pytest.mark.parametrize(("running", "asked"), [(0, 0), (5, 5), (30, 20)])
def test_a_look_reads_little(running, asked) -> None:
    faults = Faults()
    clock = ManualClock()
    store = FaultyJobStore(MemoryJobStore(clock=clock), faults)
    for number in range(40):
        job = store.add(export("j", f"t{number:02}")).job
        if number >= running:
            continue  # what waits, the backlog has told
        store.replace(job, job.claim(at=after(0), worker="w", until=after(60), retention=RETENTION))
    with Spectra.in_memory(clock=clock) as spectra:
        spectra.job_store = store
        faults.calls.clear()
        Book(clock=clock).observe(spectra)
        assert sorted(faults.calls) == ["backlog", *["due"] * asked]


# ---- threads, and faults --------------------------------------------------------------------------------


def in_eight_threads(work) -> None:
    """Call *work* with 0 to 7 at the same time, with as many changes of thread as Python allows."""
    gate = threading.Barrier(8)

    def run(number: int) -> None:
        gate.wait()
        work(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)


def values_of(name, lines) -> list:
    found = [line[name] for line in lines if name in line]
    return [value for one in found for value in (one if isinstance(one, list) else [one])]


def test_eight_threads_that_create_jobs_lose_no_count() -> None:
    stream = io.StringIO()
    emf = EmfMetrics(stream=stream, clock=ManualClock())
    with Spectra.in_memory(clock=ManualClock()) as spectra:
        spectra.subscribe(emf)

        def create(number: int) -> None:
            for turn in range(100):
                spectra.jobs.create(Caller(f"t{number}"), ExportSpec(query="select 1"))
                if turn % 20 == 0:
                    emf.observe(spectra)
            emf.flush()

        in_eight_threads(create)
    lines = checked(stream.getvalue())
    assert sum(values_of("spectra.jobs.created", lines)) == 800
    assert len(values_of("spectra.backlog.waiting", lines)) == 40


def test_eight_threads_that_measure_and_flush_lose_no_value() -> None:
    stream = io.StringIO()
    emf = EmfMetrics(stream=stream, clock=ManualClock())
    job = export()
    event = JobEvent(
        name="job.claimed", job=job, before=None, at=job.updated_at, facts={"seconds_waiting": 1.5}
    )

    def measure(_: int) -> None:
        for turn in range(500):
            emf(event)
            if turn % 10 == 0:
                emf.flush()

    in_eight_threads(measure)
    emf.flush()
    lines = checked(stream.getvalue())
    assert sum(values_of("spectra.attempts", lines)) == 4_000
    assert values_of("spectra.job.wait", lines) == [1.5] * 4_000


def test_a_class_that_cannot_be_told_stops_no_job(memory, caplog) -> None:
    def broken(tenant: str) -> str:
        raise LookupError(tenant)

    memory.spectra.subscribe(EmfMetrics(stream=io.StringIO(), tenant_class=broken))
    assert memory.done(memory.export("select 1 as a")).state == "JobComplete"
    assert {record.getMessage() for record in caplog.records} == {"listener.failed"}


def test_nothing_of_a_request_is_in_a_line(memory) -> None:
    stream = io.StringIO()
    emf = EmfMetrics(stream=stream, clock=memory.clock)
    memory.spectra.subscribe(emf)
    spec = ExportSpec(query="select 'hunter2' as a", object="table-of-secrets")
    job = memory.jobs.create(ME, spec, idempotency_key="key-of-acme", labels={"who": "label-1"}).job
    memory.done(job)
    memory.done(memory.export("select hunter2 from nowhere"))
    aborted = memory.open_load(object="table-of-secrets")
    memory.jobs.abort(ME, aborted.job_id, reason="reason-1")
    emf.observe(memory.spectra)
    emf.flush()
    lines = stream.getvalue()
    assert len(checked(lines)) > 5
    for word in ("hunter2", "secrets", "acme", "key-of", "label-1", "reason-1", "memory:", "ann", job.job_id):
        assert word not in lines
