"""The door of the local Redshift: PostgreSQL's protocol, as the unmodified redshift-connector speaks it."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final

from spectra.testing.redshift import texts
from spectra.testing.redshift.backend import Backend
from spectra.testing.redshift.protocol import (
    ClosedByPeer,
    ServerError,
    Wire,
    answer,
    fields_of,
    message,
    strings,
)
from spectra.testing.redshift.session import Dropped, Session
from spectra.testing.redshift.switches import Fault

if TYPE_CHECKING:
    from spectra.testing.redshift.server import LocalRedshift

__all__ = ["Gateway"]

_SSL, _CANCEL, _VERSION = 80877103, 80877102, 196608
# What the driver sends at login, and PostgreSQL would take for settings.
_ITS_OWN: Final = ("client_protocol_version", "driver_version", "os_version", "driver_discovery_version")
_NO_ROWS: Final = message(b"t", struct.pack("!h", 0)) + message(b"n")


class Gateway:
    """Listens on a free port of 127.0.0.1; each client has a thread."""

    def __init__(self, server: LocalRedshift) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._doors: set[_Door] = set()
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._listen, name="local-redshift", daemon=True).start()

    def _listen(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            door = _Door(self._server, connection)
            with self._lock:
                self._doors.add(door)
            threading.Thread(
                target=self._serve, args=[door], name="local-redshift-client", daemon=True
            ).start()

    def _serve(self, door: _Door) -> None:
        try:
            door.serve()
        finally:
            with self._lock:
                self._doors.discard(door)

    def end(self, pid: int, *, terminate: bool) -> bool:
        """Cancel what session *pid* runs, or end it; whether there is one."""
        with self._lock:
            doors = [door for door in self._doors if door.session is not None and door.session.pid == pid]
        for door in doors:
            assert door.session is not None
            door.session.cancelled.set()
            if terminate:
                door.terminate()
        return bool(doors)

    @property
    def sessions(self) -> int:
        """How many clients are connected."""
        with self._lock:
            return len(self._doors)

    def close(self) -> None:
        """Listen no more, and break every connection."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            doors = list(self._doors)
        for door in doors:
            door.drop()


class _Door:
    """One client: its socket, and its session."""

    def __init__(self, server: LocalRedshift, connection: socket.socket) -> None:
        self._server = server
        self.client = Wire(connection)
        self.session: Session | None = None
        self._own: dict[str, str] = {}
        self._plain: dict[str, str] = {}

    def serve(self) -> None:
        """Until the client leaves."""
        try:
            backend = self._login()
            if backend is not None:
                with contextlib.suppress(ClosedByPeer, Dropped):
                    self._statements()
        except (ClosedByPeer, OSError):
            pass
        finally:
            if self.session is not None:
                self.session.close()
            self.client.close()

    def drop(self) -> None:
        """Break the connection to the client, from another thread."""
        with contextlib.suppress(OSError):
            self.client.socket.shutdown(socket.SHUT_RDWR)

    def terminate(self) -> None:
        """End the session as an administrator does."""
        if self._server.behaviour.terminated == "fatal":
            with contextlib.suppress(ClosedByPeer):
                self.client.send(texts.error("terminated", fatal=True).encoded())
        self.drop()

    # ---- login ----------------------------------------------------------------------------------------

    def _login(self) -> Backend | None:
        while True:
            (length,) = struct.unpack("!i", self.client.exactly(4))
            body = self.client.exactly(length - 4)
            (code,) = struct.unpack_from("!i", body)
            if code == _SSL:
                self.client.send(b"N")
            elif code == _CANCEL:
                pid, _ = struct.unpack_from("!ii", body, 4)
                self._server.end_session(pid, terminate=False)
                return None
            else:
                break
        words = body[4:].rstrip(b"\0").decode().split("\0")
        given = dict(zip(words[::2], words[1::2], strict=False))
        user, database = given.get("user", ""), given.get("database", "")
        try:
            self._check_password(user)
            limit = self._server.behaviour.max_connections
            if self._server.gateway.sessions > limit and not self._server.catalog.is_superuser(user):
                state = self._server.behaviour.connections_state
                raise texts.error("connections", state=state, limit=limit, fatal=True)
            backend = self._server.connect(user, database, given.get("application_name", ""))
        except ServerError as exc:
            self.client.send(exc.encoded())
            return None
        self.session = Session(self._server, backend, user, database)
        for kind, told in backend.startup:
            if kind == b"S" and told.startswith(b"server_version\0"):
                self.client.send(message(b"S", b"server_version\0" + b"8.0.2\0"))
            else:
                self.client.send(message(kind, told))
        self.client.send(message(b"K", struct.pack("!ii", backend.pid, 0)) + message(b"Z", b"I"))
        return backend

    def _check_password(self, user: str) -> None:
        wanted = self._server.passwords.get(user)
        if wanted is None:
            return
        self.client.send(message(b"R", struct.pack("!i", 3)))
        kind, body = self.client.message()
        if kind != b"p" or body.rstrip(b"\0").decode() != wanted:
            raise texts.error("password", user=user, fatal=True)

    # ---- statements -----------------------------------------------------------------------------------

    def _statements(self) -> None:
        batch: list[tuple[bytes, bytes]] = []
        while True:
            kind, body = self.client.message()
            if kind == b"X":
                return
            if kind == b"Q":
                self._simple(body.rstrip(b"\0").decode())
                continue
            batch.append((kind, body))
            if kind == b"S":
                self._batch(batch)
                batch = []

    def _simple(self, sql: str) -> None:
        session = self._here()
        try:
            done = session.execute(sql)
        except ServerError as exc:
            self.client.send(exc.encoded() + message(b"Z", session.backend.status))
            return
        if done.rows:
            raise Dropped  # nobody who speaks the simple protocol asks for rows
        self.client.send(answer(done.tag, session.backend.status, done.notices))

    def _here(self) -> Session:
        assert self.session is not None
        return self.session

    def _batch(self, batch: list[tuple[bytes, bytes]]) -> None:
        """What the client sends until it waits for an answer."""
        session = self._here()
        out: list[bytes] = []
        executed: str | None = None
        for kind, body in batch:
            match kind:
                case b"P":
                    (name, sql), rest = strings(body, 2)
                    self._own.pop(name, None)
                    self._plain[name] = sql
                    if session.own(sql):
                        self._own[name] = sql
                        self.client.send(message(b"1"))
                        continue
                    try:
                        translated = session.translated(sql)
                    except ServerError as exc:
                        session.break_transaction()
                        self.client.send(exc.encoded() + message(b"Z", session.backend.status))
                        return
                    out.append(message(b"P", name.encode() + b"\0" + translated.encode() + b"\0" + rest))
                case b"D" if body[:1] == b"S" and (own := self._own.get(body[1:].rstrip(b"\0").decode())):
                    self.client.send(_NO_ROWS)
                case b"C" if body[1:].rstrip(b"\0").decode() in self._own:
                    del self._own[body[1:].rstrip(b"\0").decode()]
                    self.client.send(message(b"3"))
                case b"B":
                    (_, name), _ = strings(body, 2)
                    own = self._own.get(name)
                    if own is not None:
                        self._run_own(own)
                        return
                    executed = self._plain.get(name)
                    out.append(message(kind, body))
                case b"S" if not out:
                    self.client.send(message(b"Z", session.backend.status))
                    return
                case _:
                    out.append(message(kind, body))
        self._forward(b"".join(out), executed)

    def _run_own(self, sql: str) -> None:
        session = self._here()
        try:
            done = session.execute(sql)
        except ServerError as exc:
            self._hang_if_cancelled(exc)
            self.client.send(message(b"2") + exc.encoded() + message(b"Z", session.backend.status))
            return
        self.client.send(message(b"2") + answer(done.tag, session.backend.status, done.notices))

    def _hang_if_cancelled(self, exc: ServerError) -> None:
        if exc.fields.get("C") == "57014" and self._server.behaviour.cancel_hangs:
            while True:  # until the client gives up
                self.client.fill()

    def _forward(self, data: bytes, executed: str | None) -> None:
        session = self._here()
        faults: list[Fault] = []
        if executed is not None:
            try:
                faults = session.begin(executed)
            except ServerError as exc:
                session.end(executed, [], exc)
                self.client.send(exc.encoded() + message(b"Z", session.backend.status))
                return
        session.backend.wire.send(data)
        out, error, rows = self._answered()
        if error is not None and executed is None:
            error = session.told(error)
        if executed is not None:
            error = None if error is None else session.told(error)
            session.end(executed, faults, error, rows)
        if error is not None:
            self._hang_if_cancelled(error)
            out = out.replace(b"\0ERROR HERE\0", error.encoded(), 1)
        self.client.send(out)

    def _answered(self) -> tuple[bytes, ServerError | None, int]:
        """Everything that PostgreSQL answers; its error is left out, and its place is marked."""
        backend = self._here().backend
        out = bytearray()
        error: ServerError | None = None
        rows = 0
        while True:
            for kind, body in backend.wire.messages():
                match kind:
                    case b"E":
                        error = ServerError(fields_of(body))
                        out += b"\0ERROR HERE\0"
                    case b"Z":
                        backend.status = body
                        out += message(kind, body)
                        return bytes(out), error, rows
                    case b"D":
                        rows += 1
                        out += message(kind, body)
                    case b"C":
                        count = body.rstrip(b"\0").rpartition(b" ")[2]
                        rows = rows or (int(count) if count.isdigit() else 0)
                        tag = body
                        if body.startswith(b"MERGE") and not self._server.behaviour.merge_counts:
                            tag = b"MERGE\0"
                        out += message(kind, tag)
                    case _:
                        out += message(kind, body)
            self._wait()
            backend.wire.fill()

    def _wait(self) -> None:
        """Wait for PostgreSQL; if the client goes away within a transaction, end it as told."""
        session = self._here()
        backend = session.backend
        watched = [backend.wire.socket, self.client.socket]
        while True:
            ready, _, _ = select.select(watched, [], [], 30)
            if backend.wire.socket in ready:
                return
            if self.client.socket in ready:
                if self.client.socket.recv(1, socket.MSG_PEEK):
                    watched.remove(self.client.socket)
                    continue
                watched.remove(self.client.socket)
                if self._server.behaviour.lost_client == "at once" and backend.in_transaction:
                    self._server.terminate_backend(backend.pid)
