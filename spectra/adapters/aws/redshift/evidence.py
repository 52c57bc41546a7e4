"""What the server itself knows of a task: its history of statements, and which sessions are open.

Found by the task's label, so that no handle is needed and any process can ask. The history views lag
behind, sometimes by seconds; so what they do not show proves nothing until the grace is over.
"""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from spectra.adapters.aws.redshift.channel import Channel
from spectra.adapters.aws.redshift.load_sql import stage_of
from spectra.ports import Task
from spectra.sql.literals import literal

__all__ = [
    "Statement",
    "cancel_session",
    "job_statements",
    "labelled",
    "running_exports",
    "staged",
    "statements",
]

_LABEL: Final = re.compile(r"(?P<group>[^:]+):(?P<tenant>[^/]+)/(?P<job>[^/]+)/(?P<attempt>\d+)")
_LIVE: Final = frozenset({"running", "queued", "planning", "returning"})
_COLUMNS: Final = (
    "q.query_id, q.session_id, q.status, q.query_type, q.query_label, q.error_message, q.start_time"
)


@attrs.frozen
class Statement:
    """A statement of the history; *live* if it runs and its session is still open."""

    query_id: int
    session_id: int
    status: str
    kind: str
    label: str
    error: str
    began: Any
    open: bool

    @property
    def live(self) -> bool:
        """Whether it is being run."""
        return self.status in _LIVE and self.open


def statements(connection: Channel, task: Task) -> list[Statement]:
    """Those of one attempt, the newest first."""
    return _found(connection, f"q.query_label = {literal(task.label, 'redshift')}")


def job_statements(connection: Channel, task: Task) -> list[Statement]:
    """Those of this attempt and of earlier ones."""
    begin = task.label.rpartition("/")[0] + "/"
    found = _found(connection, f"q.query_label LIKE {literal(_pattern(begin), 'redshift')} ESCAPE '!'")
    return [one for one in found if (labelled(one.label) or ("", "", task.attempt + 1))[2] <= task.attempt]


def staged(connection: Channel, task: Task) -> bool:
    """Whether a session has the staging table of *task*: its last statement may have ended long ago.

    The catalog does not lag, and a session's temporary tables end with it.
    """
    name = literal(stage_of(task.label), "redshift")
    return bool(connection.value(f"SELECT count(*) FROM pg_class WHERE relname = {name}"))


def running_exports(connection: Channel) -> list[Statement]:
    """Every UNLOAD with a label of ours that is being run."""
    found = _found(
        connection, "q.query_label LIKE '%:%/%/%' AND q.query_type = 'UNLOAD' AND q.status = 'running'"
    )
    return [one for one in found if one.live and labelled(one.label) is not None]


def labelled(label: str) -> tuple[str, str, int] | None:
    """Tenant, job and attempt of a label."""
    found = _LABEL.fullmatch(label)
    return None if found is None else (found["tenant"], found["job"], int(found["attempt"]))


def _pattern(begin: str) -> str:
    return re.sub(r"([!%_])", r"!\1", begin) + "%"


def _found(connection: Channel, condition: str) -> list[Statement]:
    rows = connection.run(
        f"SELECT {_COLUMNS} FROM sys_query_history q WHERE {condition} ORDER BY q.start_time DESC, q.query_id DESC LIMIT 200"
    )
    sessions = {int(row[1]) for row in rows if str(row[2]).strip() in _LIVE}
    open_ones = _open(connection, sessions)
    return [
        Statement(
            query_id=int(row[0]),
            session_id=int(row[1]),
            status=str(row[2]).strip(),
            kind=str(row[3]).strip(),
            label=str(row[4]).strip(),
            error=str(row[5] or "").strip(),
            began=row[6],
            open=int(row[1]) in open_ones,
        )
        for row in rows
    ]


def _open(connection: Channel, sessions: set[int]) -> set[int]:
    if not sessions:
        return set()
    listed = ", ".join(map(str, sorted(sessions)))
    rows = connection.run(
        f"SELECT session_id FROM sys_session_history WHERE session_id IN ({listed}) AND end_time IS NULL"
    )
    return {int(row[0]) for row in rows}


def cancel_session(connection: Channel, session_id: int, *, terminate: bool) -> None:
    """End what a session runs, or the session; silent if it has ended."""
    function = "pg_terminate_backend" if terminate else "pg_cancel_backend"
    connection.run(f"SELECT {function}({session_id})")
