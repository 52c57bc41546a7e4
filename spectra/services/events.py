"""What happened: to the log, and to listeners in this process."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from spectra.domain import Job, JobState

__all__ = ["EventLog", "JobEvent", "Listener"]

logging.getLogger("spectra").addHandler(logging.NullHandler())


@attrs.frozen(kw_only=True)
class JobEvent:
    """One committed change of a job.

    *name* is one of ``job.created``, ``job.upload_closed``, ``job.claimed``, ``job.adopted``,
    ``job.progressed``, ``job.rescheduled``, ``job.reclaimed``, ``job.completed``, ``job.failed``,
    ``job.aborted``, ``job.settled``, ``job.retried``, ``job.deleted``, ``job.expired``,
    ``lease.lost``. *before* is None for a new job.
    """

    name: str
    job: Job
    before: JobState | None
    at: datetime


Listener: TypeAlias = Callable[[JobEvent], None]


@functools.cache
def _logger() -> Any:
    # Its own processors: a host that never configured structlog must not find lines on stdout, which
    # structlog's defaults would print.
    import structlog

    return structlog.wrap_logger(
        logging.getLogger("spectra.jobs"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


class EventLog:
    """Logs each committed change and tells the listeners, after the write, at most once."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener, /) -> None:
        """Call *listener* with every later event of this process, in the thread that caused it."""
        self._listeners.append(listener)

    def publish(self, name: str, job: Job, *, before: JobState | None = None, **facts: Any) -> None:
        """Say that *job* was written. A listener's exception is logged and reaches nobody else."""
        if job.is_terminal and job.completed_at == job.updated_at:
            facts["seconds_total"] = (job.updated_at - job.created_at).total_seconds()
            if job.started_at is not None:
                facts["seconds_running"] = (job.updated_at - job.started_at).total_seconds()
        if name == "job.claimed":
            facts["seconds_waiting"] = (job.updated_at - job.created_at).total_seconds()
        log = _logger().warning if name in {"job.failed", "lease.lost"} else _logger().info
        log(name, job=str(job), state=str(job.state), attempt=job.attempt, version=job.version, **facts)
        event = JobEvent(name=name, job=job, before=before, at=job.updated_at)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                _logger().exception("listener.failed", job=str(job), listener=repr(listener), cause=name)

    def note(self, name: str, **facts: Any) -> None:
        """Log something that is no change of a job."""
        _logger().warning(name, **facts)
