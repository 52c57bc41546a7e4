"""`MemoryExecutor`, broken in one way each: they are for `executors.py`."""

from __future__ import annotations

import csv
import io
import itertools
import time

import attrs

from spectra.adapters.memory import MemoryExecutor
from spectra.adapters.memory.warehouse import LEDGER
from spectra.domain import Effect, ExportSpec, Files, LoadSpec
from spectra.ports import Execution, Status


class StartRunsAgain(MemoryExecutor):
    """Work that has ended is begun once more, under the same handle."""

    def start(self, task, /):
        with self._lock:
            work = self._works.get((task.tenant_id, task.job_id, task.attempt))
            if work is not None and work.done.is_set():
                del self._works[task.tenant_id, task.job_id, task.attempt]
        return super().start(task)


class StartGivesAnotherHandle(MemoryExecutor):
    """Work begun before is found, but under another name."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._numbers = itertools.count()

    def start(self, task, /):
        return f"{super().start(task)}#{next(self._numbers)}"


class PollWaitsForTheEnd(MemoryExecutor):
    """*wait* is not looked at."""

    def poll(self, task, /, *, wait=0):
        return super().poll(task, wait=1_000_000)


class PollNeedsTheHandle(MemoryExecutor):
    """Of an export without a handle nothing is known."""

    def poll(self, task, /, *, wait=0):
        execution = super().poll(task, wait=wait)
        if task.handle is None and isinstance(task.spec, ExportSpec):
            return Execution(status=Status.LOST)
        return execution


class AttemptsShareAFolder(MemoryExecutor):
    """Every attempt's parts are written where the first one's are."""

    def start(self, task, /):
        area, number, end = task.results.rpartition(f"~{task.attempt}/")
        assert (number, end) == (f"~{task.attempt}/", "")
        return super().start(attrs.evolve(task, results=f"{area}~1/"))


class ParametersInTheText(MemoryExecutor):
    """Values are written between quotes, where the parameters stand."""

    def start(self, task, /):
        if isinstance(task.spec, ExportSpec) and task.spec.parameters:
            query = task.spec.query
            for name, value in task.spec.parameters.items():
                query = query.replace(f":{name}", f"'{value}'")
            task = attrs.evolve(task, spec=attrs.evolve(task.spec, query=query, parameters={}))
        return super().start(task)


class NoLedger(MemoryExecutor):
    """What an earlier attempt has applied is nothing to the next one."""

    def _execution(self, work):
        task = work.task
        if isinstance(task.spec, LoadSpec):
            with self._warehouse.writing(work.check) as connection:
                connection.execute(
                    f"DELETE FROM {LEDGER} WHERE tenant_id = ? AND job_id = ? AND attempt < ?"
                    " AND state = 'applied'",
                    (task.tenant_id, task.job_id, task.attempt),
                )
        return super()._execution(work)


class _Reporting(MemoryExecutor):
    """Writes its report of failed records once more, as `told` gives it."""

    def told(self, header, rows):
        return [header, *rows]

    def _execution(self, work):
        execution = super()._execution(work)
        if execution.failed_records is None:
            return execution
        (part,) = execution.failed_records.parts
        with self._results.open_read(part.location) as stream:
            header, *rows = csv.reader(io.StringIO(stream.read().decode(), newline=""))
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(self.told(header, rows))
        data = text.getvalue().encode()
        with self._results.open_write(part.location) as writer:
            writer.write(data)
        part = attrs.evolve(part, bytes=len(data))
        told = execution.failed_records
        return attrs.evolve(
            execution, failed_records=Files((part,), told.columns, part.bytes, told.rows, told.content_type)
        )


class FailedOutOfOrder(_Reporting):
    """Failed records are told from the last to the first, as a stack gives them."""

    def told(self, header, rows):
        return [header, *reversed(rows)]


class LinesFromZero(_Reporting):
    """Physical lines are counted as programmers count."""

    def told(self, header, rows):
        at = header.index("spectra_line")
        return [header, *([*row[:at], str(int(row[at]) - 1), *row[at + 1 :]] for row in rows)]


class FailedByNumberOnly(_Reporting):
    """What was sent is not told again."""

    def told(self, header, rows):
        own = header.index("spectra_record")
        return [header, *([""] * own + row[own:] for row in rows)]


class CancelledGoesOn(MemoryExecutor):
    """An export that is said to be cancelled has only been forgotten."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._gone = set()

    def cancel(self, task, /, *, close_ledger=True):
        if isinstance(task.spec, LoadSpec):
            return super().cancel(task, close_ledger=close_ledger)
        self._alive()
        self._gone.add(str(task))
        return Effect.NONE

    def poll(self, task, /, *, wait=0):
        until = time.monotonic() + wait
        while str(task) not in self._gone:
            execution = super().poll(task, wait=min(wait, 0.1))
            if execution.status is not Status.RUNNING or time.monotonic() >= until:
                return execution
        return Execution(status=Status.CANCELLED)


class BudgetOneLess(MemoryExecutor):
    """The last record that the budget allows is already one too many."""

    def start(self, task, /):
        if isinstance(task.spec, LoadSpec) and task.spec.max_failed_records:
            less = task.spec.max_failed_records - 1
            task = attrs.evolve(task, spec=attrs.evolve(task.spec, max_failed_records=less))
        return super().start(task)


class NoneTooEarly(MemoryExecutor):
    """A load that is going on is said to have no effect; it goes on, and commits."""

    def cancel(self, task, /, *, close_ledger=True):
        if isinstance(task.spec, LoadSpec):
            with self._lock:
                self._alive()
                works = [
                    work for key, work in self._works.items() if key[:2] == (task.tenant_id, task.job_id)
                ]
            if any(not work.done.is_set() for work in works):
                return Effect.NONE
        return super().cancel(task, close_ledger=close_ledger)


class ForgetsNothing(MemoryExecutor):
    """Traces stay for ever."""

    def forget(self, tenant_id, job_id, /):
        self._alive()


class CheckLetsEverythingThrough(MemoryExecutor):
    """What cannot be run is found out later, or never."""

    def check(self, spec, session, /):
        pass
