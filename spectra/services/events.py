"""What happened: to the log, and to listeners in this process."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

import attrs

from spectra.domain import Event, Job, JobState
from spectra.domain.frozen import frozen_dict

__all__ = ["EventLog", "JobEvent", "Listener"]

logging.getLogger("spectra").addHandler(logging.NullHandler())


@attrs.frozen(kw_only=True)
class JobEvent:
    """One committed change of a job; or, of another name than ``job.…``, a step that changed nothing.

    *name* and *facts* are those of `spectra.services.EVENTS`. *before* is None for a new job. *at* is the instant of the
    job's last write.
    """

    name: str
    job: Job
    before: JobState | None
    at: datetime
    facts: Mapping[str, Any] = attrs.field(factory=dict, converter=frozen_dict)


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


_ENDS: Final = frozenset({"job.completed", "job.failed", "job.aborted"})
_WARNINGS: Final = frozenset({"job.failed", "lease.lost", "step.failed"})
# Everyday where several workers share a queue, and many.
_DETAILS: Final = frozenset({"job.settling", "claim.refused", "step.conflict"})


class EventLog:
    """Logs each committed change and tells the listeners, after the write, at most once."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener, /) -> None:
        """Call *listener* with every later event of this process, in the thread that caused it."""
        self._listeners.append(listener)

    def publish(self, name: str, job: Job, *, before: JobState | None = None, **facts: Any) -> None:
        """Say that *job* was written. A listener's exception is logged and reaches nobody else."""
        if name in _ENDS:
            facts["seconds_total"] = (job.updated_at - job.created_at).total_seconds()
            if job.started_at is not None:
                facts["seconds_running"] = (job.updated_at - job.started_at).total_seconds()
        if name == "job.claimed":
            facts["seconds_waiting"] = (job.updated_at - _ready_since(job)).total_seconds()
        logger = _logger()
        log = logger.warning if name in _WARNINGS else logger.debug if name in _DETAILS else logger.info
        log(name, job=str(job), state=str(job.state), attempt=job.attempt, version=job.version, **facts)
        event = JobEvent(name=name, job=job, before=before, at=job.updated_at, facts=facts)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                _logger().exception("listener.failed", job=str(job), listener=repr(listener), cause=name)

    def note(self, name: str, **facts: Any) -> None:
        """Log something that is no change of a job, and that somebody should look at."""
        _logger().warning(name, **facts)

    def tell(self, name: str, **facts: Any) -> None:
        """Log something that is no change of a job, and happens every day."""
        _logger().info(name, **facts)


def _ready_since(job: Job) -> datetime:
    """When the job's work could have begun: while it was Open it waited for the client, not for a worker."""
    closed = (entry.at for entry in job.history if entry.event == Event.CLOSE_UPLOAD)
    return next(closed, job.created_at)
