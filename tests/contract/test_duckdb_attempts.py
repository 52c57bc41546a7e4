"""Attempts of a load held at their fault points: at most once, cancelled or applied, never both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from spectra.domain import Effect, ExportSpec, LoadSpec
from spectra.ports import Status

from .duckdb_house import PACK, WAIT, House, opened

GOOD = "id,name\n1,a\nx,b\n2,c\n"
SPEC = LoadSpec(operation="insert", object="items", max_failed_records=1)
SLOW = "select count(*) from range(100000) a, range(100000) b where a.range * b.range % 7 = 3"


class Gate:
    """Lets a load come to a fault point, and no farther until it is opened."""

    def __init__(self) -> None:
        self.point: str | None = None
        self.passed: list[str] = []
        self.reached, self.open = threading.Event(), threading.Event()
        self.error: BaseException | None = None

    def __call__(self, point: str) -> None:
        self.passed.append(point)
        if point == self.point:
            self.point = None
            self.reached.set()
            assert self.open.wait(WAIT)
            if self.error is not None:
                raise self.error


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def house(tmp_path: Path, gate: Gate) -> Iterator[House]:
    for house in opened(tmp_path, fault=gate):
        yield house
        gate.open.set()


def ids(house: House) -> list[int]:
    return [n for (n,) in house.sql("select id from items order by id")]


def later(task, attempt: int = 2):
    return attrs.evolve(task, attempt=attempt, failed=task.failed.replace("/1/", f"/{attempt}/"))


def within(seconds: float, condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# ---- at most once ---------------------------------------------------------------------------------


def test_fault_points_are_passed_in_order(house, gate) -> None:
    house.load(GOOD, max_failed_records=1)
    assert gate.passed == ["before-ledger", "after-ledger", "before-commit", "after-commit"]


def test_another_attempt_of_an_applied_load_says_what_the_first_did(house) -> None:
    task = house.task(SPEC, GOOD)
    first = house.done(task)
    house.sql("delete from items")
    second = house.done(later(task))
    assert second == attrs.evolve(first, handle=second.handle)
    assert first.counts.failed == 1
    assert first.rejected_input is not None
    assert ids(house) == []


def test_two_attempts_at_once_apply_one(house, gate) -> None:
    gate.point = "before-commit"
    task = house.task(SPEC, GOOD)
    house.executor.start(task)
    assert gate.reached.wait(WAIT)
    house.executor.start(later(task))
    second = house.executor.poll(later(task), wait=WAIT)
    gate.open.set()
    first = house.executor.poll(task, wait=WAIT)
    assert [first.status, second.status].count(Status.SUCCEEDED) == 1, (first, second)
    assert ids(house) == [1, 2]
    assert house.ledger()[0][3] == "applied"


@pytest.mark.parametrize("point", ["before-ledger", "after-ledger", "before-commit"])
def test_an_older_attempt_does_not_apply_after_a_newer_one_began(house, gate, point) -> None:
    house.sql("create table log (id integer, name varchar)")  # without a key: it would take all twice
    gate.point = point
    task = house.task(attrs.evolve(SPEC, object="log"), GOOD)
    house.executor.start(task)
    assert gate.reached.wait(WAIT)
    newer = house.done(later(task))
    # Once the older one has flipped its row, it is the newer one that must give way.
    assert (newer.status is Status.SUCCEEDED) == (point != "before-commit"), newer
    gate.open.set()
    house.executor.poll(task, wait=WAIT)
    assert house.sql("from log") == [(1, "a"), (2, "c")]
    assert [state for *_, state in house.ledger()] == ["applied"]


def test_records_arrive_in_the_order_of_the_upload(house) -> None:
    house.sql("create table log (id integer, name varchar)")
    text = "id,name\n" + "".join(f"{n * 7919 % 100_003},a\n" for n in range(20_000))
    assert house.load(text, object="log").counts == (20_000, 20_000, 0, 0)
    assert house.sql("select id from log") == [(n * 7919 % 100_003,) for n in range(20_000)]


def test_loads_into_one_table_at_once(house) -> None:
    spec = attrs.evolve(SPEC, operation="upsert", key_columns=("id",))
    tasks = [house.task(spec, f"id,name\n{n},a\n") for n in range(8)]
    for task in tasks:
        house.executor.start(task)
    for task in tasks:
        execution = house.executor.poll(task, wait=WAIT)
        assert execution.status is Status.SUCCEEDED or execution.error.retryable
        if execution.status is Status.FAILED:
            assert house.done(later(task)).status is Status.SUCCEEDED
    assert ids(house) == list(range(8))


# ---- cancelling -----------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["before-ledger", "after-ledger", "before-commit"])
def test_a_load_that_is_cancelled_is_never_applied(house, gate, point) -> None:
    gate.point = point
    task = house.task(SPEC, GOOD)
    house.executor.start(task)
    assert gate.reached.wait(WAIT)
    effects: list[Effect] = []
    canceller = threading.Thread(target=lambda: effects.append(house.executor.cancel(task)))
    canceller.start()
    time.sleep(0.2)
    assert effects == []  # nothing is proved while the load might still commit
    gate.open.set()
    canceller.join()
    assert effects == [Effect.NONE]
    assert house.executor.poll(task).status is Status.CANCELLED
    assert house.ledger()[0][3] == "closed"
    assert house.done(later(task)).status is Status.CANCELLED
    assert ids(house) == []


@pytest.mark.parametrize("compression", ["NONE", "GZIP"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_cancelling_a_large_load_midway(house, large, share, compression) -> None:
    spec = attrs.evolve(SPEC, object="large", compression=compression)
    task = house.task(spec, PACK[compression](large))
    house.sql("create table large (id integer, name varchar, price double)")
    house.sql("insert into large values (-1, 'old', 0)")
    house.executor.start(task)

    def far_enough() -> bool:
        execution = house.executor.poll(task)
        return execution.progress is None or execution.progress.percent >= share * 99

    assert within(WAIT, far_enough)
    begun = time.monotonic()
    effect = house.executor.cancel(task)
    assert time.monotonic() - begun < 2.5
    if effect is Effect.NONE:
        assert house.sql("from large") == [(-1, "old", 0)]
        assert house.executor.poll(task).status is Status.CANCELLED
    else:  # it was quicker
        assert (share, effect) == (0.9, Effect.APPLIED)
    assert not list((house.home / "warehouse.duckdb.scratch").glob("*/*"))


@pytest.fixture(scope="module")
def large() -> bytes:
    return b"id,name,price\n" + b"".join(b'%d,"name, of %d",%d.5\n' % (i, i, i % 999) for i in range(700_000))


def test_progress_of_a_load_rises(house, large) -> None:
    house.sql("create table large (id integer, name varchar, price double)")
    task = house.task(attrs.evolve(SPEC, object="large"), large)
    begun, seen = time.monotonic(), []
    house.executor.start(task)
    while (execution := house.executor.poll(task, wait=0.02)).status is Status.RUNNING:
        seen.append((time.monotonic() - begun, execution.progress))
    assert execution.counts.succeeded == 700_000
    records = [p.records for _, p in seen]
    percents = [p.percent for _, p in seen]
    assert records == sorted(records)
    assert percents == sorted(percents)
    assert any(p.percent > 0 for at, p in seen if at <= 1)
    assert len({p.percent for _, p in seen}) > 3


def test_cancelling_twice_and_what_has_ended(house) -> None:
    task = house.task(SPEC, GOOD)
    assert house.executor.cancel(task) is house.executor.cancel(task) is Effect.NONE
    assert house.executor.poll(task).status is Status.CANCELLED
    assert house.done(task).status is Status.CANCELLED
    done = house.task(SPEC, GOOD)
    house.done(done)
    assert house.executor.cancel(done) is Effect.APPLIED
    export = house.task(ExportSpec(query="select 1"))
    house.done(export)
    assert house.executor.cancel(export) is Effect.NONE


def test_a_lost_attempt_is_cancelled_without_closing_the_row(house, gate) -> None:
    task = house.task(SPEC, GOOD)
    assert house.executor.cancel(task, close_ledger=False) is Effect.NONE
    assert house.ledger() == []
    gate.point, gate.error = "before-commit", MemoryError("no more")
    gate.open.set()
    house.done(task)
    assert house.executor.cancel(task, close_ledger=False) is Effect.NONE
    assert house.done(later(task)).counts.succeeded == 2
