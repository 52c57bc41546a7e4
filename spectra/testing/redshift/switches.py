"""What the local Redshift can be told to do otherwise: answers to open questions, and faults."""

from __future__ import annotations

import re
import threading
from enum import StrEnum

import attrs

__all__ = ["Behaviour", "Fault", "FaultKind", "Faults", "Isolation"]


class Isolation(StrEnum):
    """PostgreSQL's level; Redshift has the first and, as SNAPSHOT, the second."""

    SERIALIZABLE = "serializable"
    SNAPSHOT = "repeatable read"
    READ_COMMITTED = "read committed"


@attrs.define(kw_only=True)
class Behaviour:
    """How the server behaves where nobody could say how Redshift does; change it while it runs.

    Each of these is one of the questions that only a real cluster answers; an adapter has to be right
    in each position of each switch.
    """

    isolation: Isolation = Isolation.SERIALIZABLE
    """Of databases; of sessions that begin from now on."""

    zero_rows: str = "nothing"
    """What an UNLOAD of no rows writes: ``nothing``, a ``manifest``, or ``files`` with one too."""

    manifest_first: bool = False
    """The manifest is written before the files, and not after them."""

    length_key: str = "max_length"
    """How a verbose manifest calls the length of a text."""

    backslash_escapes: bool = True
    """A backslash in the literal of ``UNLOAD ('…')`` escapes; else it stands for itself."""

    quoted_empty: bool = False
    """CSV writes an empty text as ``""``; else as nothing, like a NULL."""

    quoted_booleans: bool = True
    """JSON writes booleans as ``"t"``; else as ``true``."""

    merge_counts: bool = False
    """MERGE tells how many rows it changed."""

    null_violation: str = "23502"
    """The SQLSTATE of a NULL where none may be."""

    full_state: str = "XX000"
    """The SQLSTATE of a full disk; ``53100`` is the other one."""

    connections_state: str = "XX000"
    """The SQLSTATE of a refused connection beyond the limit; ``53300`` is the other one."""

    max_connections: int = 500
    """Of users that are not superusers."""

    lost_client: str = "at once"
    """When the work of a client that has gone away in a transaction is ended: ``at once``, ``at the end``."""

    terminated: str = "closed"
    """What the client of a terminated session sees: the socket ``closed``, or ``fatal``, an error before it."""

    cancel_hangs: bool = False
    """A cancelled statement ends, but its client is never told (reported of Serverless)."""

    history_lag: float = 0.0
    """How many seconds the history views are behind."""

    idle_looking: bool = False
    """``stv_recents`` and the sessions' views show working sessions as idle."""

    serverless: bool = False
    """There are no STL and STV views, and load errors are found in ``sys_load_error_detail`` only."""

    finished_cancel: str = "error"
    """What the Data API says to cancelling what has ended: an ``error``, or ``false``."""

    slices: int = 2
    """How many slices write files at once."""


class FaultKind(StrEnum):
    """What can be made to go wrong."""

    DROP_BEFORE = "drop before"
    """The connection breaks before the statement is run."""
    DROP_AFTER = "drop after"
    """The connection breaks after it was run, before its answer."""
    DELAY = "delay"
    SERIALIZATION = "serialization"
    S3_DENIED = "S3 denied"
    DISK_FULL = "disk full"
    SESSION_KILLED = "session killed"
    ERROR = "error"


@attrs.define
class Fault:
    """*kind* happens to the next *times* statements that *pattern* is found in, ignoring case.

    *seconds* are for delays; *fields* are those of an ERROR.
    """

    kind: FaultKind
    pattern: str = ""
    times: int = 1
    seconds: float = 0.0
    fields: dict[str, str] = attrs.field(factory=dict)

    def about(self, sql: str) -> bool:
        """Whether *sql* is meant."""
        return self.times > 0 and re.search(self.pattern, sql, re.IGNORECASE) is not None


class Faults:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        kind: FaultKind | str,
        pattern: str = "",
        *,
        times: int = 1,
        seconds: float = 0.0,
        fields: dict[str, str] | None = None,
    ) -> None:
        """Let *kind* happen; see `Fault`."""
        with self._lock:
            self._faults.append(Fault(FaultKind(kind), pattern, times, seconds, fields or {}))

    def take(self, sql: str) -> list[Fault]:
        """What is to happen to *sql*; it is used up."""
        with self._lock:
            found = [fault for fault in self._faults if fault.about(sql)]
            for fault in found:
                fault.times -= 1
            self._faults = [fault for fault in self._faults if fault.times > 0]
        return found

    def clear(self) -> None:
        """Let nothing more happen."""
        with self._lock:
            self._faults.clear()
