"""A session of the local Redshift: what each statement is, and who runs it."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING, Final

from spectra.testing.redshift import texts
from spectra.testing.redshift.backend import Answer, Backend
from spectra.testing.redshift.changes import check_merge, check_update
from spectra.testing.redshift.copying import Copied, TooManyErrors, copy
from spectra.testing.redshift.ddl import create_table, create_user
from spectra.testing.redshift.grammar import copy as parse_copy
from spectra.testing.redshift.grammar import first_word, tokens
from spectra.testing.redshift.grammar import unload as parse_unload
from spectra.testing.redshift.protocol import ClosedByPeer, ServerError
from spectra.testing.redshift.switches import Fault, FaultKind
from spectra.testing.redshift.unloading import unload

if TYPE_CHECKING:
    from spectra.testing.redshift.server import LocalRedshift

__all__ = ["Dropped", "Session"]

_OWN: Final = {"UNLOAD", "COPY", "CANCEL"}
_SETTING: Final = re.compile(
    r"\s*(?P<verb>SET|RESET|SHOW)\s+(?:(?:SESSION|LOCAL)\s+)?(?P<name>query_group|enable_\w+|error_on_\w+|"
    r"wlm_query_slot_count|json_\w+|describe_\w+|timezone_x)\s*(?:(?:TO|=)\s*(?P<value>.*?))?\s*;?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_ENDING: Final = re.compile(r"pg_(cancel|terminate)_backend\s*\(\s*(\d+)\s*\)", re.IGNORECASE)
_AUTHORIZATION: Final = re.compile(
    r"""\s*(?:SET\s+(?:SESSION\s+|LOCAL\s+)?SESSION\s+AUTHORIZATION\s+(?:'([^']*)'|"([^"]*)"|(\w+))|(RESET\s+SESSION\s+AUTHORIZATION))""",
    re.IGNORECASE,
)


class Dropped(Exception):
    """The connection to the client is to break now."""


class Session:
    """One session. `execute` runs a statement whole; the wire runs plain ones itself, between `begin` and `end`."""

    def __init__(self, server: LocalRedshift, backend: Backend, user: str, database: str) -> None:
        self.server, self.backend = server, backend
        self.login = self.user = user
        self.database = database
        self.label = ""
        self.pid = backend.pid
        self.cancelled = threading.Event()
        self._label_before = ""
        self._query = 0
        server.catalog.connected(self.pid, user, database)

    # ---- what a statement is --------------------------------------------------------------------------

    def own(self, sql: str) -> bool:
        """Whether the gateway runs it itself."""
        return first_word(sql) in _OWN or _SETTING.match(sql) is not None

    def translated(self, sql: str) -> str:
        """*sql* as PostgreSQL takes it."""
        match first_word(sql):
            case "CREATE":
                return create_user(create_table(sql))
            case "MERGE":
                check_merge(sql)
            case "UPDATE":
                check_update(sql)
            case "ALTER":
                return create_user(sql)
        return sql

    # ---- before and after -----------------------------------------------------------------------------

    def begin(self, sql: str) -> list[Fault]:
        """Note that *sql* begins, and let happen what is to happen before; the faults for `end`."""
        word = first_word(sql)
        if word in ("BEGIN", "START"):
            self._label_before = self.label
        self.cancelled.clear()
        self._query = self.server.catalog.began(
            pid=self.pid,
            user=self.user,
            database=self.database,
            label=self.label,
            kind=word,
            sql=sql,
            transaction=self._query if self.backend.in_transaction else self.server.next_transaction(),
        )
        self.server.log(self.label, sql, self.pid)
        found = self.server.faults.take(sql)
        for fault in found:
            match fault.kind:
                case FaultKind.DELAY:
                    self._delay(fault.seconds)
                case FaultKind.DROP_BEFORE:
                    raise Dropped
                case FaultKind.SESSION_KILLED:
                    self.server.end_session(self.pid, terminate=True)
                    raise Dropped
                case FaultKind.SERIALIZATION:
                    self._fail(texts.error("serialization", query=self._query, pid=self.pid))
                case FaultKind.DISK_FULL:
                    self._fail(
                        texts.error("disk full", query=self._query, state=self.server.behaviour.full_state)
                    )
                case FaultKind.S3_DENIED:
                    self._fail(texts.error("s3 denied", query=self._query, key="s3://"))
                case FaultKind.ERROR:
                    self._fail(ServerError(fault.fields))
        return found

    def _delay(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.cancelled.wait(min(left, 0.1)):
                self._fail(texts.error("cancelled", query=self._query))

    def _fail(self, exc: ServerError) -> None:
        self.break_transaction()
        raise exc

    def break_transaction(self) -> None:
        """What PostgreSQL has not refused itself ends its transaction all the same."""
        if self.backend.status == b"T":
            with contextlib.suppress(ServerError):
                self.backend.run("SELECT 1 / 0")

    def end(self, sql: str, faults: list[Fault], error: ServerError | None, rows: int = 0) -> None:
        """Note how it has ended."""
        if error is None:
            self._remember(sql)
            self.server.catalog.ended(self._query, "success", rows=max(rows, 0))
        else:
            status = "canceled" if error.fields.get("C") == "57014" else "failed"
            self.server.catalog.ended(self._query, status, error.fields.get("M", ""))
        if any(fault.kind is FaultKind.DROP_AFTER for fault in faults):
            raise Dropped

    def _remember(self, sql: str) -> None:
        if first_word(sql) in ("ROLLBACK", "ABORT"):
            self.label = self._label_before
        found = _AUTHORIZATION.match(sql)
        if found is not None:
            self.user = found[1] or found[2] or found[3] or self.login
            if self.user.upper() == "DEFAULT":
                self.user = self.login
        for kind, pid in _ENDING.findall(sql):
            self.server.end_session(int(pid), terminate=kind.lower() == "terminate")

    def told(self, exc: ServerError) -> ServerError:
        """What PostgreSQL said, in Redshift's words."""
        null_state = self.server.behaviour.null_violation
        return texts.translated(exc, query=self._query, pid=self.pid, null_state=null_state)

    # ---- running --------------------------------------------------------------------------------------

    def execute(self, sql: str) -> Answer:
        """Run a statement whole.

        Raises:
            ServerError: in Redshift's words.
            Dropped: the connection is to break.
        """
        faults: list[Fault] = []
        error: ServerError | None = None
        answer = Answer()
        try:
            faults = self.begin(sql)
            answer = self._execute_own(sql) if self.own(sql) else self.backend.run(self.translated(sql))
        except ServerError as exc:
            error = self.told(exc)
            self.break_transaction()
        self.end(sql, faults, error, len(answer.rows) or answer.count)
        if error is not None:
            raise error
        return answer

    def _execute_own(self, sql: str) -> Answer:
        if self.backend.status == b"E":
            self.backend.run("SELECT 1")  # PostgreSQL says that the transaction is aborted
        setting = _SETTING.match(sql)
        if setting is not None:
            return self._set(setting)
        match first_word(sql):
            case "UNLOAD":
                return self._unload(sql)
            case "COPY":
                return self._copy(sql)
        return self._cancel(sql)

    def _set(self, setting: re.Match[str]) -> Answer:
        verb = setting["verb"].upper()
        if setting["name"].lower() == "query_group":
            value = (setting["value"] or "").strip()
            if verb == "SET":
                found = tokens(value)
                self.label = "" if not found or found[0].is_word("DEFAULT") else found[0].value
            elif verb == "RESET":
                self.label = ""
        return Answer(tag=verb)

    def _unload(self, sql: str) -> Answer:
        statement = parse_unload(sql, escapes=self.server.behaviour.backslash_escapes)
        done = unload(self.backend, self.server.storage, statement, self.server.behaviour, self.server.folder)
        self._tell("unload", done.rows)
        self.server.catalog.unloaded(
            self._query,
            pid=self.pid,
            user=self.user,
            database=self.database,
            target=statement.target,
            kind=statement.format,
            rows=done.rows,
            files=done.files,
            size=done.bytes,
        )
        return Answer(tag="UNLOAD", notices=[texts.notice("unloaded", rows=done.rows)])

    def _copy(self, sql: str) -> Answer:
        statement = parse_copy(sql, escapes=self.server.behaviour.backslash_escapes)
        done = Copied()
        view = "sys_load_error_detail" if self.server.behaviour.serverless else "stl_load_errors"
        status = "aborted"
        try:
            copy(self.backend, self.server.storage, statement, done)
            status = "completed"
        except TooManyErrors:
            done.rows = 0
            raise texts.error("load failed", table=statement.table, view=view) from None
        finally:
            self.server.catalog.loaded(
                self._query,
                pid=self.pid,
                user=self.user,
                database=self.database,
                status=status,
                table=statement.table,
                source=statement.source,
                kind=statement.format,
                done=done,
            )
        self._tell("copy", done.rows)
        notices = [texts.notice("loaded", table=statement.table, rows=done.rows)]
        if done.errors:
            notices.append(texts.notice("skipped", table=statement.table, rows=len(done.errors), view=view))
        return Answer(tag="COPY", notices=notices)

    def _tell(self, kind: str, rows: int) -> None:
        self.backend.run(
            f"SELECT set_config('redshift.{kind}_count', '{rows}', false),"
            f" set_config('redshift.{kind}_id', '{self._query}', false)"
        )

    def _cancel(self, sql: str) -> Answer:
        found = tokens(sql)
        pid = int(found[1].text) if len(found) > 1 and found[1].kind == "number" else 0
        if not self.server.end_session(pid, terminate=False):
            raise texts.error("no session", pid=pid)
        return Answer(tag="CANCEL")

    def close(self) -> None:
        """Leave."""
        self.backend.close()
        with contextlib.suppress(ClosedByPeer):  # the server is being closed, too
            self.server.catalog.left(self.pid)
