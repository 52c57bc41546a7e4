"""`RedshiftDataExecutor`: exports and loads through Redshift's Data API, for Lambda and for hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spectra.adapters.aws.redshift import evidence
from spectra.adapters.aws.redshift.channel import Channels
from spectra.adapters.aws.redshift.data_session import DataConnections
from spectra.adapters.aws.redshift.executor import GRACE, RedshiftExecutor
from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.domain import LoadSpec
from spectra.ports import Clock, Execution, ResultStore, Status, Task

__all__ = ["RedshiftDataExecutor"]


class RedshiftDataExecutor(RedshiftExecutor):
    """Hands statements in and asks for them: all work is detached, and any process may go on with it.

    *target* says which warehouse: ``ClusterIdentifier`` or ``WorkgroupName``, ``Database``, and
    ``SecretArn`` or ``DbUser`` of a superuser. *client* is a boto3 client of ``redshift-data``, or makes
    one. A load's steps are taken by whoever polls; the service remembers for 8 hours which were taken,
    and results for 24: what comes later is begun anew, and applied once all the same.
    """

    def __init__(
        self,
        results: ResultStore,
        client: Any | Callable[[], Any],
        target: Mapping[str, str],
        *,
        options: RedshiftOptions = RedshiftOptions(),  # noqa: B008 - it is immutable
        concurrency: int = 8,
        clock: Clock | None = None,
    ) -> None:
        self._service = DataConnections(client, target)
        super().__init__(results, {}, options=options, connections=concurrency, clock=clock)

    def _channels(self, connect: Any, limit: int) -> tuple[Channels, Channels]:
        return self._service, self._service

    def detached(self, task: Task, /) -> bool:
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
