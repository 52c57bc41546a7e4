"""Work that is known: what the sweeper asks for, to find what nobody waits for any more."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime

import attrs

from spectra.adapters.aws.redshift import evidence
from spectra.adapters.aws.redshift.channel import Channel
from spectra.domain import ExportSpec
from spectra.ports import Known, Task

__all__ = ["exports", "with_running"]


def exports(
    connection: Channel,
    running: Mapping[tuple[str, str], Task],
    older_than: datetime,
    forgotten: Container[tuple[str, str]],
) -> list[Known]:
    """The exports that run, in this process or, as the history tells, in another one."""
    items = {
        (task.tenant_id, task.job_id): _known(task.tenant_id, task.job_id, task.attempt, task.claimed_at)
        for task in running.values()
        if isinstance(task.spec, ExportSpec) and task.claimed_at < older_than
    }
    for one in evidence.running_exports(connection):
        tenant, job, attempt = evidence.labelled(one.label) or ("", "", 0)
        if (tenant, job) not in forgotten:
            items.setdefault((tenant, job), _known(tenant, job, attempt, older_than))
    return list(items.values())


def _known(tenant_id: str, job_id: str, attempt: int, since: datetime) -> Known:
    return Known(
        tenant_id=tenant_id, job_id=job_id, attempt=attempt, running=True, state="running", since=since
    )


def with_running(item: Known, task: Task | None) -> Known:
    """A job of the ledger, of which *task* runs in this process."""
    return item if task is None else attrs.evolve(item, running=True)
