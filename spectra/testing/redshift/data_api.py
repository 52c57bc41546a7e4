"""The Data API of the local Redshift, over HTTP: what boto3's ``redshift-data`` calls.

Execute and batch (one transaction), describe, cancel, list and get results; client tokens, statement
names, sessions that are kept. Signatures are not checked.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import attrs

from spectra.testing.redshift.data_statements import LIVE, Statement, Sub, described, listed, result, told
from spectra.testing.redshift.protocol import ClosedByPeer, ServerError
from spectra.testing.redshift.session import Dropped, Session

if TYPE_CHECKING:
    from spectra.testing.redshift.server import LocalRedshift

__all__ = ["DataApi"]

_LONGEST: Final = 200_000


class _Refused(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@attrs.define(eq=False)
class _Kept:
    """A session that outlives its statement."""

    session: Session
    until: float
    busy: bool = True


class DataApi:
    """Listens on a free port of 127.0.0.1; `endpoint` is its URL."""

    def __init__(self, server: LocalRedshift) -> None:
        self._server = server
        self._statements: dict[str, Statement] = {}
        self._tokens: dict[str, tuple[str, str]] = {}
        self._kept: dict[str, _Kept] = {}
        self._sessions: dict[int, Session] = {}
        self._refusals: dict[str, tuple[str, int]] = {}
        self._lock = threading.RLock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # clients that are killed say no goodbye
                    super().handle()

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                if len(body) < length:  # its client was killed while it asked
                    self.close_connection = True
                    return
                name = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
                status, told = api.answer(name, json.loads(body or b"{}"))
                data = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Nothing: the server's own log has the statements."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, name="local-redshift-data", daemon=True).start()

    def answer(self, name: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What a call is answered."""
        calls: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "ExecuteStatement": self._execute,
            "BatchExecuteStatement": self._execute,
            "DescribeStatement": self._describe,
            "CancelStatement": self._cancel,
            "ListStatements": self._list,
            "GetStatementResult": self._result,
        }
        try:
            self._refuse(name)
            if name not in calls:
                raise _Refused("UnknownOperationException", name)
            return 200, calls[name](asked)
        except _Refused as exc:
            return exc.status, {"__type": exc.code, "message": str(exc), "Message": str(exc)}

    def refuse(self, operation: str, code: str, times: int) -> None:
        """Answer the next *times* calls of *operation* with error *code*; 0 ends it."""
        with self._lock:
            self._refusals[operation] = (code, times)

    def _refuse(self, operation: str) -> None:
        with self._lock:
            code, times = self._refusals.get(operation, ("", 0))
            if not times:
                return
            self._refusals[operation] = (code, times - 1)
        raise _Refused(code, "Rate exceeded")

    # ---- executing ------------------------------------------------------------------------------------

    def _execute(self, asked: dict[str, Any]) -> dict[str, Any]:
        sqls = asked.get("Sqls") or [asked["Sql"]]
        if len(sqls) > 40 or any(len(sql) > _LONGEST for sql in sqls):
            raise _Refused("ValidationException", "too many statements, or too long a one")
        if asked.get("WithEvent"):
            raise _Refused("ValidationException", "the local Redshift sends no events")
        if asked.get("Parameters"):
            raise _Refused("ValidationException", "the local Redshift takes no parameters")
        token = asked.get("ClientToken")
        print_ = json.dumps({k: v for k, v in asked.items() if k != "ClientToken"}, sort_keys=True)
        with self._lock:
            if token in self._tokens:
                known, before = self._tokens[token]
                if before != print_:
                    raise _Refused("ValidationException", "the client token was used for another request")
                return self._started(self._statements[known])
            keep = asked.get("SessionKeepAliveSeconds")
            kept = self._session(asked.get("SessionId"), keep)
            one = Statement(
                id=str(uuid.uuid4()),
                name=asked.get("StatementName", ""),
                subs=[Sub(sql) for sql in sqls],
                batch="Sqls" in asked,
                session_id=asked.get("SessionId") or (str(uuid.uuid4()) if keep else None),
                created=time.time(),
            )
            self._statements[one.id] = one
            if token:
                self._tokens[token] = (one.id, print_)
        if kept is None:
            user = asked.get("DbUser") or self._server.user
            threading.Thread(target=self._begin, args=[one, user, keep], daemon=True).start()
        else:
            threading.Thread(target=self._run, args=[one, kept], daemon=True).start()
        return self._started(one)

    def _session(self, name: str | None, keep: int | None) -> _Kept | None:
        if name is None:
            return None
        kept = self._kept.get(name)
        if kept is None or kept.until < time.time():
            raise _Refused("ResourceNotFoundException", "Session is not available")
        if kept.busy:
            raise _Refused("ValidationException", "Session is busy with another statement")
        kept.busy = True
        if keep is not None:
            kept.until = time.time() + keep
        return kept

    def _begin(self, one: Statement, user: str, keep: int | None) -> None:
        try:
            backend = self._server.connect(user, self._server.database, "data-api")
        except (ServerError, OSError) as exc:
            one.error, one.status, one.updated = f"ERROR: {exc}", "FAILED", time.time()
            return
        session = Session(self._server, backend, user, self._server.database)
        with self._lock:
            self._sessions[session.pid] = session
        kept = _Kept(session, time.time() + (keep or 0))
        if keep and one.session_id:
            with self._lock:
                self._kept[one.session_id] = kept
        self._run(one, kept)
        if not keep:
            self._leave(kept)

    def _leave(self, kept: _Kept) -> None:
        with self._lock:
            self._sessions.pop(kept.session.pid, None)
            for name in [name for name, other in self._kept.items() if other is kept]:
                del self._kept[name]
        kept.session.close()

    def _run(self, one: Statement, kept: _Kept) -> None:
        one.pid, one.status, one.updated = kept.session.pid, "STARTED", time.time()
        lost = False
        try:
            self._each(one, kept.session)
        except ServerError as exc:
            one.error = told(exc)
        except (Dropped, ClosedByPeer):
            one.error, lost = "ERROR: terminating connection due to administrator command", True
        with self._lock:
            kept.busy = False
            if lost or (one.session_id and kept.until <= time.time()):
                self._leave(kept)
            one.updated = time.time()
            if not one.error:
                one.status = "FINISHED"
            elif one.cancelled:
                one.status = "ABORTED"
            else:
                one.status = "FAILED"

    def _each(self, one: Statement, session: Session) -> None:
        try:
            if one.batch:
                session.execute("BEGIN")
            for sub in one.subs:
                if one.cancelled:
                    raise ServerError({"C": "57014", "M": "Query (0) cancelled on user's request"})
                begun = time.monotonic()
                sub.status = "STARTED"
                try:
                    sub.answer = session.execute(sub.sql)
                except ServerError as exc:
                    sub.status, sub.error = "FAILED", told(exc)
                    raise
                sub.status, sub.duration = "FINISHED", int((time.monotonic() - begun) * 1e9)
            if one.batch:
                session.execute("COMMIT")
        except ServerError:
            if session.backend.in_transaction:
                with contextlib.suppress(ServerError):
                    session.execute("ROLLBACK")
            raise

    def _started(self, one: Statement) -> dict[str, Any]:
        told: dict[str, Any] = {"Id": one.id, "CreatedAt": one.created, "Database": self._server.database}
        return told | ({"SessionId": one.session_id} if one.session_id else {})

    # ---- asking ---------------------------------------------------------------------------------------

    def _found(self, asked: dict[str, Any]) -> tuple[Statement, int | None]:
        name, _, number = str(asked.get("Id", "")).partition(":")
        one = self._statements.get(name)
        if one is None or (number and not 0 < int(number) <= len(one.subs)):
            raise _Refused("ResourceNotFoundException", "Query does not exist.")
        return one, int(number) if number else None

    def _describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        one, number = self._found(asked)
        return described(one, asked["Id"], number)

    def _cancel(self, asked: dict[str, Any]) -> dict[str, Any]:
        one, _ = self._found(asked)
        if one.status not in LIVE:
            if self._server.behaviour.finished_cancel == "false":
                return {"Status": False}
            said = f"Could not cancel a query that is already in {one.status} state with ID: {one.id}"
            raise _Refused("ValidationException", said)
        one.cancelled = True
        self._server.end_session(one.pid, terminate=False)
        return {"Status": True}

    def end(self, pid: int, *, terminate: bool) -> bool:
        """Cancel what session *pid* runs; whether it is one of these."""
        with self._lock:
            session = self._sessions.get(pid)
        if session is None:
            return False
        session.cancelled.set()
        return True

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = asked.get("Status", "FINISHED")
        begin = asked.get("StatementName", "")
        with self._lock:
            found = [
                one
                for one in self._statements.values()
                if one.name.startswith(begin) and wanted in ("ALL", one.status)
            ]
        found.sort(key=lambda one: one.created, reverse=True)
        at = int(asked.get("NextToken") or 0)
        size = int(asked.get("MaxResults") or 100)
        page: dict[str, Any] = {"Statements": [listed(one) for one in found[at : at + size]]}
        return page | ({"NextToken": str(at + size)} if at + size < len(found) else {})

    def _result(self, asked: dict[str, Any]) -> dict[str, Any]:
        one, number = self._found(asked)
        sub = one.subs[(number or 1) - 1]
        if sub.answer is None or not sub.answer.columns or (one.status in LIVE):
            raise _Refused(
                "ResourceNotFoundException", "Query does not have result. Please check query status."
            )
        return result(sub.answer, int(asked.get("NextToken") or 0))

    def close(self) -> None:
        """Listen no more."""
        self._http.shutdown()
        self._http.server_close()
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.backend.wire.close()
