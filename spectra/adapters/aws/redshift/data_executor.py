"""`RedshiftDataExecutor`: exports and loads through Redshift's Data API, for Lambda and for hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from spectra.adapters.aws.redshift import evidence
from spectra.adapters.aws.redshift.channel import Channels
from spectra.adapters.aws.redshift.data_session import DataConnections
from spectra.adapters.aws.redshift.executor import GRACE, RedshiftExecutor
from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.domain import LoadSpec
from spectra.errors import InvalidSpecError
from spectra.ports import Clock, Execution, ResultStore, Status, Task

__all__ = ["RedshiftDataExecutor"]

_FIRST_STEP: Final = 3.0
_LONGEST_STEP: Final = 60.0
_LONG: Final = 1.0
_LOOK: Final = 0.02


class RedshiftDataExecutor(RedshiftExecutor):
    """Hands statements in and asks for them: all work is detached, and any process may go on with it.

    *target* says which warehouse: ``ClusterIdentifier`` or ``WorkgroupName``, ``Database``, and
    ``SecretArn`` or ``DbUser`` of a superuser. *client* is a boto3 client of ``redshift-data``, or makes
    one. A load's steps are taken by whoever polls; the service remembers for 8 hours which were taken,
    and results for 24: what comes later is begun anew, and applied once all the same.

    So a look at a load lasts, *wait* or not, until it has ended or its statement has run for a second, and
    *step_seconds* at most; `start` three of them. What EX2 says of *wait* holds with that addition. The
    process may then end, or be frozen. With 0 nothing is added: for processes that stay, in which the
    load's thread goes on between two looks.

    Raises:
        InvalidSpecError: *step_seconds* is not 0 to 60.
    """

    def __init__(
        self,
        results: ResultStore,
        client: Any | Callable[[], Any],
        target: Mapping[str, str],
        *,
        options: RedshiftOptions = RedshiftOptions(),  # noqa: B008 - it is immutable
        concurrency: int = 8,
        step_seconds: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        if not 0 <= step_seconds <= _LONGEST_STEP:
            raise InvalidSpecError("step_seconds", f"must be 0 to {_LONGEST_STEP:g}")
        self._step = step_seconds
        self._service = DataConnections(client, target)
        super().__init__(results, {}, options=options, connections=concurrency, clock=clock)

    def _channels(self, connect: Any, limit: int) -> tuple[Channels, Channels]:
        return self._service, self._service

    def detached(self, task: Task, /) -> bool:
        return True

    def start(self, task: Task, /) -> str | None:
        handle = super().start(task)
        self._get_on(task, time.monotonic() + min(_FIRST_STEP, self._step))
        return handle

    def poll(self, task: Task, /, *, wait: float = 0) -> Execution:
        until = time.monotonic() + self._step
        execution = super().poll(task, wait=wait)
        if execution.status is Status.RUNNING and self._get_on(task, until):
            return super().poll(task)
        return execution

    def _get_on(self, task: Task, until: float) -> bool:
        """Let the thread of a load take the steps that take no time; whether there is such a thread."""
        work = self._works.get(task) if isinstance(task.spec, LoadSpec) else None
        if work is None:
            return False
        while time.monotonic() < until and not work.done.wait(_LOOK):
            if self._service.waited(task.label) > _LONG:
                break
        return True

    def _asked(self, task: Task) -> Execution:
        told = self._told_by_ledger(task)
        if told is not None:
            return told
        if isinstance(task.spec, LoadSpec):
            # Its name is there at once, when the history still lags; the history outlives it.
            with self._control.ask("spectra:poll") as connection:
                begun = self._service.sent(task.label) or bool(evidence.statements(connection, task))
            if begun:
                self._works.submit(task, self._load)
            elif self._clock.now() - task.claimed_at >= GRACE:
                return Execution(status=Status.LOST)
            return Execution(status=Status.RUNNING)
        return super()._asked(task)

    def close(self) -> None:
        super().close()
        self._service.disconnect()
