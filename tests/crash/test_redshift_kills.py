"""Processes that work on Redshift are killed while the statement runs; others find the work.

Three times each; fifty times with ``SPECTRA_THOROUGH=1``. Statements take five seconds and more.
"""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import ExportSpec
from spectra.ports import Status
from spectra.testing.contracts.executor_harness import Trial
from spectra.testing.redshift import FaultKind, Isolation, LocalRedshift
from spectra.testing.s3 import LocalS3
from tests.contract.redshift_house import RedshiftHarness, by_data_api, by_driver

THOROUGH = bool(os.environ.get("SPECTRA_THOROUGH"))
TIMES = 50 if THOROUGH else 3
AT_ONCE = 5
LENGTH = 5.0
PATIENCE = 180.0


@pytest.fixture(scope="module")
def local_s3():
    with LocalS3() as server:
        server.create_bucket("crash")
        yield server


@pytest.fixture(scope="module")
def redshift(local_s3):
    with LocalRedshift(local_s3.client()) as server:
        yield server


@pytest.fixture(params=[by_driver, by_data_api])
def make(request):
    """Either executor."""
    return request.param


@pytest.fixture
def trial(make, redshift, local_s3, tmp_path):
    results = S3ResultStore("crash", prefix=f"{tmp_path.name}/", client=local_s3.client)
    with results, make(results, redshift, connections=AT_ONCE + 3) as executor:
        yield Trial(RedshiftHarness(executor, results, redshift))
    redshift.faults.clear()


def killed(trial, redshift, local_s3, tmp_path, task, after: float) -> None:
    """Let another process begin *task*, and kill it *after* seconds of its statement."""
    path = known(trial, redshift, local_s3, tmp_path, task)
    command = [sys.executable, "-m", "tests.crash.redshift_child", path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("go\n")
        child.stdin.flush()
        word = "UNLOAD" if isinstance(task.spec, ExportSpec) else "COPY"
        begun(redshift, task, word, lambda: child.poll() is None)
        time.sleep(after)
        assert child.poll() is None
        child.send_signal(signal.SIGKILL)


def known(trial, redshift, local_s3, tmp_path, task) -> str:
    """What another process has to know, in a file."""
    path = tmp_path / f"{task.job_id}.pickle"
    facts = {
        "task": task,
        "redshift": redshift.parameters,
        "data_api": redshift.data_api.endpoint if "Data" in type(trial.executor).__name__ else None,
        "bucket": "crash",
        "prefix": f"{tmp_path.name}/",
        "s3": {
            "endpoint_url": local_s3.endpoint,
            "aws_access_key_id": local_s3.access_key,
            "aws_secret_access_key": local_s3.secret_key,
            "region_name": local_s3.region,
        },
    }
    path.write_bytes(pickle.dumps(facts))
    return str(path)


def begun(redshift, task, word, still=lambda: True) -> None:
    """Wait until the server has been given the statement of *task*."""
    until = time.monotonic() + PATIENCE
    while not any(s.label == task.label and s.sql.startswith(word) for s in list(redshift.statements)):
        assert still()
        assert time.monotonic() < until
        time.sleep(0.02)


def followed(executor, task):
    """What another process is told, until it is no longer that the work runs."""
    until = time.monotonic() + PATIENCE
    while (execution := executor.poll(task, wait=5)).status is Status.RUNNING:
        assert time.monotonic() < until
    return execution


def moments(count):
    """Evenly over the statement, shuffled."""
    found = [LENGTH * (number + 0.5) / count * 0.9 for number in range(count)]
    random.Random(4).shuffle(found)
    return found


def test_an_export_whose_starter_is_killed_is_finished_by_others(trial, redshift, local_s3, tmp_path) -> None:
    def one(after):
        task = trial.task(ExportSpec(query="select generate_series(1, 1000) as n"))
        redshift.faults.add(FaultKind.DELAY, f"(?s)^UNLOAD.*{task.job_id}", seconds=LENGTH)
        killed(trial, redshift, local_s3, tmp_path, task, after)
        execution = followed(trial.executor, task)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert len(trial.records(execution, task.spec)) == 1000
        return task

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        tasks = list(pool.map(one, moments(TIMES)))
    for task in tasks:
        given = [s for s in redshift.statements if s.label == task.label and s.sql.startswith("UNLOAD")]
        assert len(given) == 1


@pytest.mark.parametrize("lost", ["at once", "at the end"])
def test_a_load_whose_starter_is_killed_is_applied_once(trial, redshift, local_s3, tmp_path, lost) -> None:
    redshift.behaviour.lost_client = lost
    data = "id,name,price\n" + "".join(f"{n},n,0.5\n" for n in range(200))

    def one(after):
        table = trial.table()
        task = trial.task(trial.insert(table), data)
        step = random.choice(
            [f"^COPY.*{task.job_id}", f'^INSERT INTO "{table}"', f"SET outcome.*{task.job_id}"]
        )
        redshift.faults.add(FaultKind.DELAY, f"(?s){step}", seconds=LENGTH)
        killed(trial, redshift, local_s3, tmp_path, task, after)
        # The grace is over when a worker comes back to the job.
        late = attrs.evolve(task, claimed_at=datetime.now(UTC) - timedelta(minutes=1))
        execution = followed(trial.executor, late)
        attempt = 1
        while execution.status is not Status.SUCCEEDED:
            assert execution.status in (Status.LOST, Status.CANCELLED, Status.FAILED), execution
            assert attempt < 5
            trial.executor.cancel(trial.again(late, attempt), close_ledger=False)
            attempt += 1
            execution = trial.done(trial.again(late, attempt))
        assert execution.counts.succeeded == 200
        assert len(trial.harness.rows(table)) == 200
        return task

    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            tasks = list(pool.map(one, moments(TIMES)))
    finally:
        redshift.behaviour.lost_client = "at once"
    for task in tasks:
        for attempt in range(1, 6):
            label = trial.again(task, attempt).label
            given = [s for s in redshift.statements if s.label == label and s.sql.startswith("COPY")]
            assert len(given) <= 1


FAULTS = [kind for kind in FaultKind if kind not in (FaultKind.DELAY, FaultKind.ERROR)]


def test_work_whose_starter_is_killed_and_whose_statement_fails(trial, redshift, local_s3, tmp_path) -> None:
    """Nobody waits for the statement any more when it comes to grief; the next attempts do the work, once."""
    data = "id,name,price\n" + "".join(f"{n},n,0.5\n" for n in range(200))

    def one(number):
        table = trial.table()
        export = trial.task(ExportSpec(query="select generate_series(1, 200) as n"))
        load = trial.task(trial.insert(table), data)
        task, step = [
            (export, f"^UNLOAD.*{export.job_id}"),
            (load, f"^COPY.*{load.job_id}"),
            (load, f'^INSERT INTO "{table}"'),
        ][(number + number // len(FAULTS)) % 3]
        kind = FAULTS[number % len(FAULTS)]
        redshift.faults.add(FaultKind.DELAY, f"(?s){step}", seconds=LENGTH)
        redshift.faults.add(kind, f"(?s){step}")
        killed(trial, redshift, local_s3, tmp_path, task, random.uniform(0.2, 0.8) * LENGTH)
        late = attrs.evolve(task, claimed_at=datetime.now(UTC) - timedelta(minutes=1))
        execution, attempt = followed(trial.executor, late), 1
        while execution.status is not Status.SUCCEEDED:
            assert execution.status in (Status.LOST, Status.FAILED), (kind, step, execution)
            assert attempt < 5
            trial.executor.cancel(trial.again(late, attempt), close_ledger=False)
            attempt += 1
            execution = trial.done(trial.again(late, attempt))
        if task is export:
            assert len(trial.records(execution, task.spec)) == 200
        else:
            assert execution.counts.succeeded == 200
            assert len(trial.harness.rows(table)) == 200

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(len(FAULTS) * (15 if THOROUGH else 1))))


def meet(patch, redshift, labels) -> None:
    """Let the server begin the COPY of none of *labels* before it has been given those of all."""
    together = threading.Barrier(len(labels))
    log = redshift.log

    def logged(label, sql, pid):
        log(label, sql, pid)
        if label in labels and sql.startswith("COPY"):
            together.wait(PATIENCE)

    patch.setattr(redshift, "log", logged)


@pytest.mark.parametrize("isolation", list(Isolation))
def test_two_workers_apply_a_load_once(make, redshift, local_s3, tmp_path, monkeypatch, isolation) -> None:
    """Attempts 1 and 2 of a load race; in each second trial they meet at the ledger, both having staged.

    And loads of many tables at once.
    """
    times = 200 if THOROUGH else 15 if make is by_driver else 4
    monkeypatch.setattr(redshift.behaviour, "isolation", isolation)
    results = S3ResultStore("crash", prefix=f"{tmp_path.name}/", client=local_s3.client)
    first, second = (make(results, redshift, connections=20) for _ in range(2))
    with results, first, second:
        trial = Trial(RedshiftHarness(first, results, redshift))
        for number in range(times):
            table = trial.table()
            task = trial.task(trial.insert(table), "id,name,price\n1,a,\n2,b,\n")
            again = trial.again(task, 2)
            staged = number % 2 == 1
            with monkeypatch.context() as patch:
                if staged:
                    meet(patch, redshift, {task.label, again.label})
                first.start(task)
                if staged:  # before the second forbids it
                    begun(redshift, task, "COPY")
                second.start(again)
                ends = [followed(first, task).status, followed(second, again).status]
            assert Status.SUCCEEDED in ends
            assert set(ends) <= {Status.SUCCEEDED, Status.CANCELLED}
            if staged:
                assert ends == [Status.CANCELLED, Status.SUCCEEDED]
            assert len(trial.harness.rows(table)) == 2
        tables = [trial.table() for _ in range(20)]
        tasks = [trial.task(trial.insert(table), "id,name,price\n1,a,\n") for table in tables]
        for task in tasks:
            first.start(task)
        for task, table in zip(tasks, tables, strict=True):
            execution = followed(first, task)
            assert execution.status is Status.SUCCEEDED, execution.error
            assert len(trial.harness.rows(table)) == 1


def test_a_load_is_done_by_processes_that_take_one_step_each(redshift, local_s3, tmp_path) -> None:
    """As functions do: none lives longer than its call, and none of them is frozen and goes on later."""
    results = S3ResultStore("crash", prefix=f"{tmp_path.name}/", client=local_s3.client)
    with results, by_data_api(results, redshift) as executor:
        trial = Trial(RedshiftHarness(executor, results, redshift))
        table = trial.table()
        task = trial.task(
            trial.insert(table), "id,name,price\n" + "".join(f"{n},n,0.5\n" for n in range(200))
        )
        executor.ready()
        task = attrs.evolve(task, claimed_at=datetime.now(UTC) - timedelta(minutes=1))  # no grace
        redshift.faults.add(FaultKind.DELAY, f"(?s)^COPY.*{task.job_id}", seconds=LENGTH)
        path = known(trial, redshift, local_s3, tmp_path, task)

        def step(what):
            command = [sys.executable, "-m", "tests.crash.redshift_child", path, what]
            return subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=60
            ).stdout.strip()

        assert step("start") == "None"  # there is no handle: the label says it all
        polls = 0
        while (said := step("poll")) == "running":
            polls += 1
            assert polls < 20
        assert said == "succeeded"
        assert len(redshift.typed(f"select * from {table}")) == 200
        copies = [s for s in redshift.statements if s.label == task.label and s.sql.startswith("COPY")]
        assert len(copies) == 1
    redshift.faults.clear()
