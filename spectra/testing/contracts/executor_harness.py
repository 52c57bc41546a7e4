"""An executor on trial, with the files and tables that it works on."""

from __future__ import annotations

import abc
import csv
import gzip
import io
import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import attrs
import pytest

from spectra.domain import Compression, ExportSpec, Files, LoadSpec, Session, Spec, Upload
from spectra.ports.executor import Execution, Executor, Status, Task
from spectra.ports.query_runner import QueryRunner
from spectra.ports.result_store import Area, ResultStore
from spectra.testing.contracts.contract import Contract

__all__ = ["ExecutorHarness", "OnTrial", "Row", "Trial", "thorough"]

Row: TypeAlias = tuple[Any, ...]
_Test = TypeVar("_Test", bound=Callable[..., None])
WAIT = 20.0
ITEMS: Mapping[str, str] = {"id": "integer", "name": "varchar(100)", "price": "double precision"}


class ExecutorHarness(abc.ABC):
    """*executor* works on files of *results*; `create` and `rows` are the host's way to its tables.

    Under `QueryRunnerContract` *executor* is a `QueryRunner`, and *results* is not needed.

    Where the warehouse has users, *user* is an SQL expression that tells under which a statement runs,
    and *sessions* are two that the executor may take. What is to return at once, or after a while, may
    take *patience* seconds more: a warehouse that is far, or has to wake up, needs some.
    """

    executor: Executor | QueryRunner
    results: ResultStore
    user: ClassVar[str | None] = None
    sessions: ClassVar[tuple[Session, Session]] = (Session("spectra_a"), Session("spectra_b"))
    patience: ClassVar[float] = 10.0

    @abc.abstractmethod
    def create(self, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]] = ()) -> None:
        """Make *table* with *columns* (name to SQL type), holding *rows*; no keys, no constraints."""

    @abc.abstractmethod
    def rows(self, table: str) -> list[Row]:
        """Every row of *table*, in any order, as the host sees what was committed."""


def _never(_: Any) -> bool:
    return False


def thorough(*, but: Callable[[Any], bool] = _never) -> Callable[[_Test], _Test]:
    """Mark a test as too much for the slow profile, *but* for the parameters of which this is true."""

    def mark(test: _Test) -> _Test:
        test.slow_but = but  # type: ignore[attr-defined] # functions take any
        return test

    return mark


class OnTrial(Contract):
    """What the promises of executors and runners have in common."""

    @classmethod
    def leaves_out(cls, test: pytest.Item) -> bool:
        """Whether the profile is the slow one, and *test* too much for it."""
        but = getattr(getattr(test, "function", None), "slow_but", None)
        return cls.profile == "slow" and but is not None and not but(getattr(test, "callspec", None))

    @pytest.fixture(autouse=True)
    def _slow(self, request: pytest.FixtureRequest) -> None:
        if self.leaves_out(request.node):
            self.leave_out(request, "thorough, and so not in the slow profile")


class Trial:
    """What the tests of executors do again and again. Tables and jobs have names of their own."""

    def __init__(self, harness: ExecutorHarness, *, wait: float = WAIT) -> None:
        self.harness = harness
        self.wait = wait
        self.mark = uuid.uuid4().hex[:10]
        self._numbers = itertools.count(1)

    @property
    def executor(self) -> Executor:
        """What is on trial, where it executes."""
        return cast(Executor, self.harness.executor)

    @property
    def results(self) -> ResultStore:
        """Where it finds uploads and leaves files."""
        return self.harness.results

    # ---- tables -----------------------------------------------------------------------------------

    def table(self, rows: Iterable[Sequence[Any]] = (), columns: Mapping[str, str] = ITEMS) -> str:
        """The name of a new table."""
        name = f"t{next(self._numbers)}_{self.mark}"
        self.harness.create(name, columns, rows)
        return name

    def rows(self, table: str) -> list[Row]:
        """Its rows, sorted; of numbers only the value counts."""
        return sorted((tuple(row) for row in self.harness.rows(table)), key=repr)

    def endless(self) -> str:
        """A statement that runs until it is cancelled."""
        name = self.table([(number,) for number in range(1_000)], {"i": "integer"})
        return (
            f"select max((a.i * b.i + c.i * d.i + e.i) % 1013) as c "
            f"from {name} a, {name} b, {name} c, {name} d, {name} e"
        )

    # ---- tasks ------------------------------------------------------------------------------------

    def task(
        self,
        spec: Spec,
        data: bytes | str | None = None,
        *,
        tenant: str = "acme",
        job: str | None = None,
        session: Session = Session(),  # noqa: B008 - it is immutable
    ) -> Task:
        """The first attempt of a new job."""
        job = job or f"j{next(self._numbers)}-{self.mark}"
        upload = None
        if data is not None:
            location = self.results.location(tenant, job, Area.INPUT) + "data"
            with self.results.open_write(location) as writer:
                writer.write(data.encode() if isinstance(data, str) else data)
            info = self.results.stat(location)
            upload = Upload(location, info.bytes, info.etag)
        return Task(
            tenant_id=tenant,
            job_id=job,
            attempt=1,
            spec=spec,
            results=self.results.location(tenant, job, Area.RESULTS, 1),
            failed=self.results.location(tenant, job, Area.FAILED, 1),
            claimed_at=datetime.now(UTC),
            session=session,
            upload=upload,
        )

    def again(self, task: Task, attempt: int) -> Task:
        """Another attempt of the same job."""
        ids = (task.tenant_id, task.job_id)
        return attrs.evolve(
            task,
            attempt=attempt,
            results=self.results.location(*ids, Area.RESULTS, attempt),
            failed=self.results.location(*ids, Area.FAILED, attempt),
        )

    def insert(self, table: str, **options: Any) -> LoadSpec:
        """An insert into *table*."""
        return LoadSpec(operation="insert", object=table, **options)

    def done(self, task: Task) -> Execution:
        """Start *task* and wait for its end."""
        handle = self.executor.start(task)
        task = attrs.evolve(task, handle=handle)
        until = time.monotonic() + 6 * self.wait
        while time.monotonic() < until:
            execution = self.executor.poll(task, wait=self.wait)
            if execution.status is not Status.RUNNING:
                return execution
        pytest.fail("the work does not end")

    def begin(self, task: Task) -> tuple[Task, bool]:
        """Start work that does not end: the task with its handle, and whether `start` came back in time.

        That it does is EX1; what is tried on the work afterwards does not depend on it.
        """
        begun: Future[str | None] = Future()

        def start() -> None:
            try:
                begun.set_result(self.executor.start(task))
            except BaseException as exc:
                begun.set_exception(exc)

        threading.Thread(target=start, daemon=True).start()
        wait([begun], self.harness.patience)
        return (attrs.evolve(task, handle=begun.result()), True) if begun.done() else (task, False)

    def glance(self, task: Task, *, wait: float = 0) -> Execution:
        """Poll work that does not end; if that does not return in time (EX2), the work is cancelled."""
        guard = threading.Timer(wait + self.harness.patience, self.executor.cancel, [task])
        guard.start()
        try:
            return self.executor.poll(task, wait=wait)
        finally:
            guard.cancel()
            guard.join()

    def load(self, table: str, data: bytes | str, **options: Any) -> Execution:
        """Load *data* into *table*; an insert, if the options say nothing else."""
        return self.done(self.task(LoadSpec(**{"operation": "insert", "object": table, **options}), data))

    def export(self, query: str, **options: Any) -> Execution:
        """Export *query*."""
        return self.done(self.task(ExportSpec(query=query, **options)))

    # ---- files ------------------------------------------------------------------------------------

    def parts(self, files: Files | None) -> list[bytes]:
        """The contents of *files*, which are as long and as many as they say."""
        assert files is not None
        found = []
        for part in files.parts:
            with self.results.open_read(part.location) as stream:
                found.append(stream.read())
            assert len(found[-1]) == part.bytes
        assert files.bytes == sum(part.bytes for part in files.parts)
        assert files.rows == sum(part.rows for part in files.parts)
        return found

    def records(self, execution: Execution, spec: ExportSpec) -> list[dict[str, Any]]:
        """The rows of an export, read back; CSV with its header, as text or None."""
        assert execution.status is Status.SUCCEEDED, execution.error
        assert execution.results is not None
        names = [column.name for column in execution.results.columns]
        found: list[dict[str, Any]] = []
        for part in self.parts(execution.results):
            text = (gzip.decompress(part) if spec.compression is Compression.GZIP else part).decode()
            if spec.content_type == "JSON":
                found += [json.loads(line) for line in text.splitlines() if line]
                continue
            lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=spec.delimiter))
            if spec.header:
                assert lines[0] == names
                lines = lines[1:]
            found += [dict(zip(names, line, strict=True)) for line in lines]
        assert execution.results.rows == len(found)
        return found

    def failed(self, execution: Execution) -> list[dict[str, str]]:
        """The records that were set aside, as the report tells of them."""
        if execution.failed_records is None:
            return []
        text = b"".join(self.parts(execution.failed_records)).decode()
        found = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(found) == execution.failed_records.rows
        for record in found:
            assert record["spectra_record"] or record["spectra_line"]
            assert record["spectra_code"]
            assert record["spectra_message"]
        return found

    def ordinals(self, execution: Execution, *, header: bool = True) -> list[int]:
        """Which records were set aside; of a file with one line each, the line tells as much."""
        return [
            int(record["spectra_record"] or int(record["spectra_line"]) - header)
            for record in self.failed(execution)
        ]
