"""Every event and every fact that it may carry; the table in docs/monitoring.md is written from here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

__all__ = ["EVENTS", "FACTS", "EventKind"]


@attrs.frozen
class EventKind:
    """What an event tells, and the names of its *facts*, which are those of the log line too."""

    meaning: str
    facts: tuple[str, ...] = ()


_END: Final = ("seconds_total", "seconds_running")

EVENTS: Final[Mapping[str, EventKind]] = MappingProxyType(
    {
        "job.created": EventKind("a new job; a replayed request makes none"),
        "job.retried": EventKind("a new job, made of an ended one"),
        "job.upload_closed": EventKind("the input of a load is frozen", ("bytes",)),
        "job.claimed": EventKind("the first attempt begins", ("worker", "seconds_waiting")),
        "job.reclaimed": EventKind("a further attempt begins", ("worker",)),
        "job.adopted": EventKind("another worker goes on with a running attempt"),
        "job.progressed": EventKind("a lease was renewed, with or without progress"),
        "job.rescheduled": EventKind(
            "an attempt ended; another follows. Without facts: its worker stopped and handed it back",
            ("error", "category", "lost"),
        ),
        "job.completed": EventKind("JobComplete", ("records", "failed", "lost", *_END)),
        "job.failed": EventKind("Failed", ("error", "category", "lost", *_END)),
        "job.aborted": EventKind("Aborted, by its tenant or by a timeout", ("reason", *_END)),
        "job.settling": EventKind(
            "one more look proved nothing yet about an aborted job's effect", ("seconds_settling",)
        ),
        "job.settled": EventKind("an aborted job's effect is known", ("effect", "seconds_settling")),
        "job.deleted": EventKind("its tenant deleted an ended job"),
        "job.expired": EventKind("the retention of an ended job is over; nothing of it is left"),
        "lease.lost": EventKind(
            "nothing was written: another worker has taken the job over meanwhile", ("worker",)
        ),
        "step.conflict": EventKind("nothing was written: the job had changed meanwhile", ("worker",)),
        "step.failed": EventKind(
            "a step raised; `serve` and `run_once` rest the job for ten seconds",
            ("code", "category", "error"),
        ),
        "claim.refused": EventKind("nothing was written: the tenant is at its limit", ("worker",)),
    }
)

FACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bytes": "size of the upload",
        "category": "category of the error",
        "code": "stable code of the error",
        "effect": "`none`, `applied` or `unknown`",
        "error": "code of the job error; of `step.failed` the exception as text",
        "failed": "records that were refused",
        "lost": "whether the attempt's execution was LOST",
        "reason": "what the tenant gave as reason, or the code of the timeout; may be None",
        "records": "records of the job, all told",
        "seconds_running": "from the claim; absent if there was none",
        "seconds_settling": "from the abort",
        "seconds_total": "from the creation",
        "seconds_waiting": "from the creation, of a load from the close of the upload",
        "worker": "name of the worker",
    }
)
