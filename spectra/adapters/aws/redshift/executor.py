"""`RedshiftExecutor`: exports, loads and small reads on Amazon Redshift, over its own protocol."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from spectra.adapters.aws.redshift import evidence, known
from spectra.adapters.aws.redshift.channel import Channels
from spectra.adapters.aws.redshift.checks import check
from spectra.adapters.aws.redshift.connections import Connections
from spectra.adapters.aws.redshift.exporting import Exporter
from spectra.adapters.aws.redshift.failures import job_error
from spectra.adapters.aws.redshift.ledger_store import Ledger
from spectra.adapters.aws.redshift.loading import Loader
from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.adapters.aws.redshift.queries import Queries
from spectra.adapters.aws.redshift.work import Work
from spectra.adapters.aws.redshift.works import REMEMBERED, Works
from spectra.domain import Effect, ExportSpec, LoadSpec, Session, Spec
from spectra.errors import ClosedError, InvalidCursorError
from spectra.ports import (
    Clock,
    Execution,
    Executor,
    Known,
    Page,
    Query,
    QueryResult,
    QueryRunner,
    ResultStore,
    Status,
    SystemClock,
    Task,
)

__all__ = ["RedshiftExecutor"]

_log = logging.getLogger(__name__)

GRACE: Final = timedelta(seconds=30)
_CONTROL: Final = 4
_BEGIN_WAIT: Final = 10.0
_CANCEL_WAIT: Final = 6.0
_TERMINATE_AFTER: Final = 2.0
_LOOK: Final = 1.0


class RedshiftExecutor(Executor, QueryRunner):
    """Works in threads of this process, each on a connection of its own: EX1 to EX9.

    *connect* has the arguments of ``redshift_connector.connect``, or makes a connection. Its user has to
    be a superuser: it becomes the session's user for the tenant's part of the work, and itself for the
    ledger, also within a load's transaction. *results* must be where Redshift reads and writes: S3.

    An export is detached: its UNLOAD commits by itself, and goes on when this process dies. A load is
    attached. *connections* tasks and reads run at once; four more are for asking and cancelling.
    """

    schemes: ClassVar[frozenset[str]] = frozenset({"s3"})
    dialect: str = "redshift"

    def __init__(
        self,
        results: ResultStore,
        connect: Mapping[str, Any] | Callable[[], Any],
        *,
        options: RedshiftOptions = RedshiftOptions(),  # noqa: B008 - it is immutable
        connections: int = 8,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._connections, self._control = self._channels(connect, connections)
        self._ledger = Ledger(self._control, options.ledger_schema, self._clock)
        self._exporter = Exporter(self._connections, self._control, results, options)
        self._loader = Loader(self._ledger, results, options)
        self._queries = Queries(self._connections, self._end_session)
        self._works = Works(connections)
        self._forgotten: OrderedDict[tuple[str, str], None] = OrderedDict()

    def _channels(self, connect: Any, limit: int) -> tuple[Channels, Channels]:
        """Where tasks run, and where they are asked for and cancelled."""
        return Connections(connect, limit=limit), Connections(connect, limit=_CONTROL)

    def check(self, spec: Spec, session: Session, /) -> None:
        check(spec, session)

    def ready(self) -> None:
        self._works.alive()
        self._ledger.prepare()

    def detached(self, task: Task, /) -> bool:
        return isinstance(task.spec, ExportSpec)

    # ---- starting and polling -------------------------------------------------------------------------

    def start(self, task: Task, /) -> str | None:
        self._works.alive()
        if self._works.get(task) is None:
            self.ready()  # what stands in the way of all work is said here, at once
            work = self._works.submit(
                task, self._exporter.export if isinstance(task.spec, ExportSpec) else self._load
            )
            if isinstance(task.spec, ExportSpec):
                # A process that ends now would otherwise leave nothing that goes on.
                work.begun.wait(_BEGIN_WAIT)
        return None  # everything is found by the task's label

    def poll(self, task: Task, /, *, wait: float = 0) -> Execution:
        self._works.alive()
        until = time.monotonic() + wait
        while True:
            work = self._works.get(task)
            if work is not None:
                work.done.wait(max(until - time.monotonic(), 0))
                return work.state()
            execution = self._asked(task)
            left = until - time.monotonic()
            if execution.status is not Status.RUNNING or left <= 0:
                return execution
            if self._works.get(task) is None:
                time.sleep(min(_LOOK, left))

    def _asked(self, task: Task) -> Execution:
        """What the server knows of work that another process began."""
        told = self._told_by_ledger(task)
        if told is not None:
            return told
        with self._control.ask("spectra:poll") as connection:
            found = evidence.statements(connection, task)
            open_ = any(one.live for one in found) or (
                isinstance(task.spec, LoadSpec) and evidence.staged(connection, task)
            )
        if open_:
            return Execution(status=Status.RUNNING)
        if isinstance(task.spec, ExportSpec):
            ended = self._ended(task, found)
            if ended is not None:
                return ended
        if self._clock.now() - task.claimed_at < GRACE:
            return Execution(status=Status.RUNNING)
        return Execution(status=Status.LOST)

    def _told_by_ledger(self, task: Task) -> Execution | None:
        row = self._ledger.row(task) if isinstance(task.spec, LoadSpec) else None
        if row is not None and row.state == "applied":
            return row.execution()
        if row is not None and row.state == "closed":
            return Execution(status=Status.CANCELLED)
        return None

    def _ended(self, task: Task, found: list[evidence.Statement]) -> Execution | None:
        """What became of an UNLOAD; None if the history does not say."""
        last = next((one for one in found if one.kind == "UNLOAD"), None)
        if last is None:
            # Its query may have been refused when it was looked at.
            last = next((one for one in found if one.kind == "SELECT" and one.status == "failed"), None)
        if last is None or last.status in ("running", "queued", "planning", "returning"):
            return None
        if last.status == "success":
            self._works.submit(task, self._exporter.finish)
            return Execution(status=Status.RUNNING)
        if last.status == "canceled":
            return Execution(status=Status.CANCELLED)
        error = job_error(last.error or "terminating connection: the session of the export ended")
        return Execution(status=Status.FAILED, error=error)

    # ---- ending ---------------------------------------------------------------------------------------

    def cancel(self, task: Task, /, *, close_ledger: bool = True) -> Effect:
        for work, future in self._works.upto(task):
            if future.cancel():
                work.end(Execution(status=Status.CANCELLED))
            elif not self._stop(work, _CANCEL_WAIT):
                return Effect.PENDING
        if not self._ended_elsewhere(task):
            return Effect.PENDING
        if not isinstance(task.spec, LoadSpec):
            return Effect.NONE
        if close_ledger:
            return self._ledger.close(task)
        row = self._ledger.row(task)
        return Effect.APPLIED if row is not None and row.state == "applied" else Effect.NONE

    def _stop(self, work: Work, wait: float) -> bool:
        """Tell *work* to stop, and help it; whether it has ended in time."""
        work.stop()
        begun = time.monotonic()
        pause = 0.05
        while not work.done.wait(pause):
            late = time.monotonic() - begun
            if late > wait:
                return False
            session_id = work.session_id()
            if session_id is not None:
                # A server may cancel the statement and never tell its client: then only the end of both helps.
                self._end_session(session_id, terminate=late > _TERMINATE_AFTER)
                if late > 2 * _TERMINATE_AFTER:
                    work.break_off()
            pause = min(pause * 2, 0.5)
        return True

    def _end_session(self, session_id: int, *, terminate: bool = False) -> None:
        try:
            with self._control.ask("spectra:cancel") as connection:
                evidence.cancel_session(connection, session_id, terminate=terminate)
        except ClosedError:
            raise
        except Exception as exc:
            _log.info("session %s could not be ended: %s", session_id, type(exc).__name__)

    def _ended_elsewhere(self, task: Task) -> bool:
        """End what other processes run of the job, this attempt or earlier ones; whether nothing runs."""
        until = time.monotonic() + _CANCEL_WAIT
        while True:
            with self._control.ask("spectra:cancel") as connection:
                live = [one for one in evidence.job_statements(connection, task) if one.live]
                for one in live:
                    late = until - time.monotonic() < _CANCEL_WAIT - _TERMINATE_AFTER
                    evidence.cancel_session(connection, one.session_id, terminate=late)
            if not live:
                return True
            if time.monotonic() > until:
                return False
            time.sleep(0.25)

    def forget(self, tenant_id: str, job_id: str, /) -> None:
        self._works.forget(tenant_id, job_id)
        self._forgotten[tenant_id, job_id] = None
        if len(self._forgotten) > REMEMBERED:
            self._forgotten.popitem(last=False)
        self._ledger.delete(tenant_id, job_id)

    def known(self, *, older_than: datetime, cursor: str | None = None) -> Page[Known]:
        self._works.alive()
        after = ("", "")
        if cursor is not None:
            tenant, slash, job = cursor.partition("/")
            if not (tenant and slash and job):
                raise InvalidCursorError
            after = tenant, job
        page = self._ledger.page(older_than, after)
        running = self._works.running()
        items = [known.with_running(item, running.get((item.tenant_id, item.job_id))) for item in page.items]
        if cursor is None:
            # Exports have no ledger row: the living ones come with the first page.
            with self._control.ask("spectra:known") as connection:
                items += known.exports(connection, running, older_than, self._forgotten)
        return Page(tuple(items), page.next_cursor)

    def query(self, query: Query, /) -> QueryResult:
        self._works.alive()
        return self._queries.run(query)

    def close(self) -> None:
        entries = self._works.close()
        for work, future in entries:
            if future.cancel():
                work.end(Execution(status=Status.CANCELLED))
        for work, _ in entries:
            if not work.done.is_set() and isinstance(work.task.spec, LoadSpec):
                self._stop(work, _CANCEL_WAIT)
            work.stop()
        self._connections.close()
        self._works.join()
        self._control.close()

    def _load(self, work: Work) -> Execution:
        with self._connections.lend(work.task.label) as connection, work.using(connection):
            return self._loader.load(work)
