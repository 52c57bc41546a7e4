"""One session of the PostgreSQL behind the local Redshift."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from spectra.testing.redshift.protocol import ClosedByPeer, ServerError, Wire, fields_of, message

__all__ = ["Answer", "Backend", "Field"]


@attrs.frozen
class Field:
    """A column of an answer: its name and PostgreSQL's number of its type."""

    name: str
    oid: int
    modifier: int


@attrs.define
class Answer:
    """What a statement gave: rows as texts, columns, the command's tag, notices."""

    rows: list[tuple[str | None, ...]] = attrs.field(factory=list)
    columns: tuple[Field, ...] = ()
    tag: str = ""
    notices: list[dict[str, str]] = attrs.field(factory=list)

    @property
    def count(self) -> int:
        """How many rows the tag tells of; -1 if it tells of none."""
        last = self.tag.rpartition(" ")[2]
        return int(last) if last.isdigit() else -1


class Backend:
    """A connection over PostgreSQL's socket *path*, in its own protocol.

    *startup* has the messages that followed the login, which a client wants to see.
    """

    def __init__(self, path: str, parameters: Mapping[str, str]) -> None:
        self.status = b"I"
        self.pid = 0
        self.startup: list[tuple[bytes, bytes]] = []
        connection = socket.socket(socket.AF_UNIX)
        self.wire = Wire(connection)
        try:
            connection.connect(path)
            body = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
            body = struct.pack("!i", 196608) + body + b"\0"
            self.wire.send(struct.pack("!i", len(body) + 4) + body)
            self._log_in()
        except BaseException:
            connection.close()
            raise

    def _log_in(self) -> None:
        while True:
            kind, body = self.wire.message()
            if kind == b"E":
                raise ServerError(fields_of(body), fatal=True)
            if kind == b"K":
                self.pid = int(struct.unpack_from("!i", body)[0])
            if kind == b"Z":
                self.status = body
                return
            self.startup.append((kind, body))

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, failed or not."""
        return self.status != b"I"

    def run(self, sql: str) -> Answer:
        """Run *sql* by the simple protocol; of several statements the last answer counts.

        Raises:
            ServerError: PostgreSQL refused it.
        """
        self.wire.send(message(b"Q", sql.encode() + b"\0"))
        return self._answer()

    def value(self, sql: str) -> Any:
        """The first column of the first row."""
        return self.run(sql).rows[0][0]

    def copy_out(self, sql: str, take: Callable[[bytes], None]) -> Answer:
        """Run a ``COPY … TO STDOUT``, giving each row to *take*."""
        self.wire.send(message(b"Q", sql.encode() + b"\0"))
        return self._answer(take)

    def copy_in(self, sql: str, data: Iterable[bytes]) -> Answer:
        """Run a ``COPY … FROM STDIN`` with *data*; an error of the iterable ends the statement."""
        self.wire.send(message(b"Q", sql.encode() + b"\0"))
        kind, body = self._next()
        while kind not in b"GE":
            kind, body = self._next()
        if kind == b"E":
            return self._answer(error=ServerError(fields_of(body)))
        broken: BaseException | None = None
        try:
            for block in data:
                self.wire.send(message(b"d", block))
            self.wire.send(message(b"c"))
        except ClosedByPeer:
            raise
        except BaseException as exc:
            broken = exc
            self.wire.send(message(b"f", b"the data could not be read\0"))
        try:
            answer = self._answer()
        except ServerError:
            if broken is not None:
                raise broken from None
            raise
        if broken is not None:
            raise broken
        return answer

    def _next(self) -> tuple[bytes, bytes]:
        kind, body = self.wire.message()
        if kind == b"Z":
            self.status = body
        return kind, body

    def _answer(
        self, take: Callable[[bytes], None] | None = None, error: BaseException | None = None
    ) -> Answer:
        """Read to the end of the statement; what went wrong is raised there, so that the session stays whole."""
        answer = Answer()
        while True:
            kind, body = self._next()
            match kind:
                case b"Z":
                    if error is not None:
                        raise error
                    return answer
                case b"E":
                    error = error or ServerError(fields_of(body))
                case b"T":
                    answer.columns = tuple(_columns(body))
                    answer.rows = []
                case b"D":
                    answer.rows.append(tuple(_values(body)))
                case b"C":
                    answer.tag = body.rstrip(b"\0").decode()
                case b"N":
                    answer.notices.append(fields_of(body))
                case b"d" if take is not None and error is None:
                    try:
                        take(body)
                    except BaseException as exc:
                        error = exc

    def close(self) -> None:
        """Leave; what was open is rolled back."""
        with contextlib.suppress(ClosedByPeer):
            self.wire.send(message(b"X"))
        self.wire.close()


def _columns(body: bytes) -> Iterator[Field]:
    (count,) = struct.unpack_from("!h", body)
    at = 2
    for _ in range(count):
        end = body.index(b"\0", at)
        _, _, oid, _, modifier, _ = struct.unpack_from("!ihihih", body, end + 1)
        yield Field(body[at:end].decode(), oid, modifier)
        at = end + 19


def _values(body: bytes) -> Iterator[str | None]:
    (count,) = struct.unpack_from("!h", body)
    at = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        if length < 0:
            yield None
        else:
            yield body[at : at + length].decode()
            at += length
