"""`DuckDBExecutor`, broken in one way each: they are for `executors.py`."""

from __future__ import annotations

import attrs

from spectra.adapters.embedded import DuckDBExecutor, loader
from spectra.domain import ExportSpec, LoadSpec, Operation
from spectra.ports import Execution, Status

BATCH = 400


class StartWaits(DuckDBExecutor):
    """`start` returns when the work is done, or when it has lasted some seconds."""

    def start(self, task, /):
        handle = super().start(task)
        self.poll(task, wait=3)
        return handle


class PollTellsOnce(DuckDBExecutor):
    """An export's outcome is dropped when it has been told, until `start` is called again."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._told = set()

    def start(self, task, /):
        self._told.discard(str(task))
        return super().start(task)

    def poll(self, task, /, *, wait=0):
        execution = super().poll(task, wait=wait)
        if execution.status is not Status.SUCCEEDED or isinstance(task.spec, LoadSpec):
            return execution
        if str(task) in self._told:
            return Execution(status=Status.LOST)
        self._told.add(str(task))
        return execution


class NullIsEmpty(DuckDBExecutor):
    """In CSV a NULL is what '' is, whatever token was asked for."""

    def start(self, task, /):
        if isinstance(task.spec, ExportSpec) and task.spec.null_token is not None:
            task = attrs.evolve(task, spec=attrs.evolve(task.spec, null_token=None))
        return super().start(task)


class CommitsInBatches(DuckDBExecutor):
    """Good records before the first bad one are committed by the batch, as one comes to them."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._loader = _InBatches(self._warehouse, self._ledger, self._clock, self._loader._fault)


class _InBatches(loader.Loader):
    def _apply(self, work, spec, source, target, staged):
        bad = work.value("SELECT min(g) FROM stage WHERE f IS NOT NULL")
        if spec.operation is Operation.INSERT and bad is not None:
            end = bad // BATCH * BATCH
            insert = loader._statement(spec, target, staged)
            work.run(insert.replace("f IS NULL", f"f IS NULL AND g <= {end}"))
            work.run(f"DELETE FROM stage WHERE g <= {end}")
        return super()._apply(work, spec, source, target, staged)


class BudgetOneMore(DuckDBExecutor):
    """The record that is one too many is set aside, too."""

    def start(self, task, /):
        if isinstance(task.spec, LoadSpec) and task.spec.max_failed_records:
            more = task.spec.max_failed_records + 1
            task = attrs.evolve(task, spec=attrs.evolve(task.spec, max_failed_records=more))
        return super().start(task)


class FailedNotReported(DuckDBExecutor):
    """Records that were set aside are counted, and nobody is told which."""

    def poll(self, task, /, *, wait=0):
        execution = super().poll(task, wait=wait)
        if execution.status is Status.SUCCEEDED:
            execution = attrs.evolve(execution, failed_records=None)
        return execution


class CancelLeavesTheRowOpen(DuckDBExecutor):
    """The work is ended, and nothing keeps another attempt from doing it."""

    def cancel(self, task, /, *, close_ledger=True):
        return super().cancel(task, close_ledger=False)


class KnownTwice(DuckDBExecutor):
    """A page begins with the last trace of the one before."""

    def known(self, *, older_than, cursor=None):
        page = super().known(older_than=older_than, cursor=cursor)
        return attrs.evolve(page, items=page.items + page.items[-1:])


class CheckLetsBzip2Through(DuckDBExecutor):
    """A compression is let through that the adapter then does without."""

    def check(self, spec, session, /):
        pass
