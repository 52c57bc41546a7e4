"""Redshift through its Data API: statements that are handed in, asked for, and outlive whoever sent them.

Every statement of a task's session has a client token made of the task's label, the statement, and how
often it was sent before. So a process that takes over the work of a dead one just does it again from
the beginning: what was sent before is not run again, and answers what it answered then.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from spectra.adapters.aws.clients import Clients
from spectra.adapters.aws.redshift.channel import Described, StatementError, nothing
from spectra.adapters.aws.redshift.failures import StatementFailedError, job_error, sessions_end
from spectra.errors import BackendError, BackendUnavailableError, ClosedError
from spectra.sql.literals import literal

__all__ = ["DataConnections", "DataSession"]

_KEEP: Final = 3_600
"""Seconds that a session waits for its next statement: more than a poll may take to come back."""
_LIVE: Final = ("SUBMITTED", "PICKED", "STARTED")
_FIRST, _GROWTH, _LONGEST = 0.02, 1.6, 5.0
_BUSY: Final = 600.0
_AGAIN: Final = 0.2
_TRIES: Final = 6
_LATER: Final = frozenset(
    {
        "ActiveStatementsExceededException",
        "ActiveSessionsExceededException",
        "ActiveWaitingRequestsExceededException",
        "ThrottlingException",
        "TooManyRequestsException",
        "InternalServerException",
        "ExecuteStatementException",
        "BatchExecuteStatementException",
        "DatabaseConnectionException",
    }
)
_TYPES: Final[Mapping[str, int]] = {
    "bool": 16, "int8": 20, "int2": 21, "int4": 23, "oid": 26, "float4": 700, "float8": 701, "bpchar": 1042,
    "varchar": 1043, "text": 25, "name": 19, "date": 1082, "time": 1083, "timestamp": 1114, "timestamptz": 1184,
    "timetz": 1266, "numeric": 1700, "super": 4000, "varbyte": 6551, "geometry": 3000, "hllsketch": 2935,
}  # fmt: skip


class DataSession:
    """What a `Connection` is over the driver. With a *label* a session of the server's, else none."""

    def __init__(self, connections: DataConnections, label: str | None) -> None:
        self._connections = connections
        self._label = label
        self.labelled = label is not None
        self._sent: Counter[str] = Counter()
        self._session: str | None = None
        self._now: str | None = None
        self.session_id = 0
        self.broken = False
        if label is not None:
            begun = self._send("ExecuteStatement", Sql=_group(label), SessionKeepAliveSeconds=_KEEP)
            told = self._ended(begun)
            self._session = str(begun.get("SessionId") or told["SessionId"])

    @property
    def in_transaction(self) -> bool:
        """Never: a batch is a transaction, and ends as one."""
        return False

    # ---- running --------------------------------------------------------------------------------------

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""
        return self.described(sql)[1]

    def described(self, sql: str) -> Described:
        """Run one statement; names and type numbers of its columns, and its rows."""
        told = self._ended(self._send("ExecuteStatement", Sql=sql))
        return self._rows(told["Id"]) if told.get("HasResultSet") else ([], [])

    def value(self, sql: str) -> Any:
        """Run a statement that has one value."""
        return self.run(sql)[0][0]

    def transaction(self, statements: Sequence[str], check: Callable[[], None] = nothing) -> list[Described]:
        check()
        sent = self._send("BatchExecuteStatement", Sqls=list(statements))
        try:
            told = self._ended(sent)
        except StatementFailedError as exc:
            raise StatementError(exc.at if exc.at is not None else len(statements)) from exc
        return [
            self._rows(sub["Id"]) if sub.get("HasResultSet") else ([], []) for sub in told["SubStatements"]
        ]

    def _send(self, operation: str, **asked: Any) -> dict[str, Any]:
        if self._label is not None:
            text = repr(sorted(asked.items()))
            self._sent[text] += 1
            asked["ClientToken"] = hashlib.sha256(
                f"{self._label}\0{text}\0{self._sent[text]}".encode()
            ).hexdigest()
            asked["StatementName"] = self._label
        else:
            # Not from `random`: who seeds that, as property tests do, would send old tokens again.
            asked["ClientToken"] = secrets.token_hex(32)
        if self._session is not None:
            asked["SessionId"] = self._session
        else:
            asked |= self._connections.target
        told = self._connections.call(operation, **asked)
        self._now = str(told["Id"])
        return told

    def _ended(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Wait for the end; what the service tells of it.

        Raises:
            StatementFailedError: it failed, or was cancelled.
        """
        pause = _FIRST
        self._connections.waiting(self._label, since=time.monotonic())
        while True:
            told = self._connections.call("DescribeStatement", Id=sent["Id"])
            self.session_id = int(told.get("RedshiftPid") or 0) or self.session_id
            if told["Status"] not in _LIVE:
                break
            if self.broken or self._connections.closed:
                raise ClosedError("the Redshift executor")
            # All jobs of the account share the calls per second: no two ask in step.
            time.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311
            pause = min(pause * _GROWTH, _LONGEST)
        self._connections.waiting(self._label, since=None)
        if told["Status"] == "FINISHED":
            return told
        said = str(told.get("Error") or "")
        if told["Status"] == "ABORTED":
            said = said or "ERROR: Query cancelled on user's request"
        subs = told.get("SubStatements", ())
        at = next((i for i, sub in enumerate(subs) if sub["Status"] == "FAILED"), None)
        raise StatementFailedError(said, at)

    def _rows(self, name: str) -> Described:
        columns: list[tuple[str, int]] = []
        rows: list[tuple[Any, ...]] = []
        more: dict[str, str] = {}
        while True:
            told = self._connections.call("GetStatementResult", Id=name, **more)
            columns = [(one["name"], _TYPES.get(one["typeName"], 0)) for one in told["ColumnMetadata"]]
            kinds = [kind for _, kind in columns]
            rows += [
                tuple(_value(kind, field) for kind, field in zip(kinds, record, strict=True))
                for record in told["Records"]
            ]
            if not told.get("NextToken"):
                return columns, rows
            more = {"NextToken": told["NextToken"]}

    # ---- ending ---------------------------------------------------------------------------------------

    def abandon(self) -> None:
        """Wait no longer; whoever waits is told."""
        self.broken = True

    def leave(self) -> None:
        """End the session: its temporary tables go with it. One that is busy is left to whoever uses it."""
        if self._session is not None:
            with contextlib.suppress(Exception):
                self._connections.once(
                    "ExecuteStatement", Sql="SELECT 1", SessionId=self._session, SessionKeepAliveSeconds=0
                )


class DataConnections:
    """Makes sessions; *client* is a boto3 client of ``redshift-data``, or makes one.

    *target* has ``ClusterIdentifier`` or ``WorkgroupName``, ``Database``, and ``SecretArn`` or ``DbUser``.
    """

    def __init__(self, client: Any, target: Mapping[str, str]) -> None:
        self._clients = Clients(client, owner="the Redshift executor")
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}
        self.target = dict(target)
        self.closed = False

    def call(self, operation: str, **asked: Any) -> dict[str, Any]:
        """Make one call; what the service cannot do now is asked again, with the same token.

        Raises:
            BackendUnavailableError: the service cannot be reached, or refuses for now.
            BackendError: it refuses.
        """
        import botocore.exceptions as told

        until = time.monotonic() + _BUSY
        pause = _AGAIN
        tries = 0
        while True:
            if self.closed:
                raise ClosedError("the Redshift executor")
            try:
                return self.once(operation, **asked)
            except told.ClientError as exc:
                code, said = exc.response["Error"].get("Code", ""), exc.response["Error"].get("Message", "")
                if code == "ValidationException" and "busy" in said.lower():
                    if time.monotonic() > until:
                        raise BackendUnavailableError("the session is busy with another statement") from exc
                elif code not in _LATER:
                    if code == "ResourceNotFoundException":
                        raise StatementFailedError(f"server socket closed: {said}", None) from exc
                    raise BackendError(f"the Data API refused: {code}: {said}") from exc
                elif (tries := tries + 1) >= _TRIES:
                    raise BackendUnavailableError(f"the Data API refuses for now: {code}") from exc
            except told.BotoCoreError as exc:
                if (tries := tries + 1) >= _TRIES:
                    raise BackendUnavailableError("the Data API cannot be reached") from exc
            time.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311
            pause = min(pause * 2, _LONGEST)

    def once(self, operation: str, **asked: Any) -> dict[str, Any]:
        """Make one call; what boto3 raises is not translated."""
        method = "".join("_" + c.lower() if c.isupper() else c for c in operation).lstrip("_")
        told: dict[str, Any] = getattr(self._clients.client(), method)(**asked)
        return told

    def waiting(self, label: str | None, *, since: float | None) -> None:
        """Note that the session of *label* waits for a statement *since* then; None: that it is over."""
        with self._lock:
            if label is not None and since is not None:
                self._since[label] = since
            elif label is not None:
                self._since.pop(label, None)

    def waited(self, label: str) -> float:
        """Seconds that the session of *label* has waited for its present statement."""
        with self._lock:
            since = self._since.get(label)
        return 0.0 if since is None else time.monotonic() - since

    def sent(self, label: str) -> bool:
        """Whether a statement of *label* was handed in, as far as the service remembers: a day."""
        more: dict[str, str] = {}
        while True:
            told = self.call("ListStatements", StatementName=label, Status="ALL", MaxResults=100, **more)
            if any(one.get("StatementName") == label for one in told["Statements"]):
                return True
            if not told.get("NextToken"):
                return False
            more = {"NextToken": told["NextToken"]}

    @contextlib.contextmanager
    def lend(self, label: str, *, keep: bool = True, wait: float | None = None) -> Iterator[DataSession]:
        """The session of *label*; one that was begun before goes on."""
        session = DataSession(self, label if keep else None)
        try:
            yield session
        except (ClosedError, BackendUnavailableError):
            raise  # another process may go on with it
        except BaseException:
            session.leave()
            raise
        session.leave()

    @contextlib.contextmanager
    def ask(self, label: str) -> Iterator[DataSession]:
        """For reads and short changes of the worker's own.

        Raises:
            BackendUnavailableError: the service cannot be reached.
            BackendError: the server refused.
        """
        try:
            yield DataSession(self, None)
        except StatementFailedError as exc:
            if sessions_end(exc):
                raise BackendUnavailableError("the connection to Redshift broke") from exc
            raise BackendError(f"Redshift refused: {job_error(exc).message}") from exc

    def close(self) -> None:
        """Begin nothing more; sessions may still be left."""
        self.closed = True

    def disconnect(self) -> None:
        """Make no more calls; a client that was made here is closed."""
        self.close()
        self._clients.close()


def _group(label: str) -> str:
    return f"SET query_group TO {literal(label, 'redshift')}"


def _value(kind: int, field: Mapping[str, Any]) -> Any:
    if field.get("isNull"):
        return None
    (value,) = field.values()
    if kind == 1114 and isinstance(value, str):
        from datetime import datetime

        return datetime.fromisoformat(value)
    return value
