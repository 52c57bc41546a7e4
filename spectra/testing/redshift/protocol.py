"""The messages of PostgreSQL's protocol 3.0, as far as the local Redshift looks into them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

__all__ = ["ClosedByPeer", "ServerError", "Wire", "answer", "fields_of", "message", "strings"]

_HEAD: Final = struct.Struct("!ci")
_BLOCK: Final = 1 << 17


class ClosedByPeer(ConnectionError):
    """The other side has gone away."""


class ServerError(Exception):
    """An ErrorResponse: fields by their letters, ``C`` the SQLSTATE, ``M`` the message, ``D`` the detail."""

    def __init__(self, fields: Mapping[str, str], *, fatal: bool = False) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = {"S": "FATAL" if fatal else "ERROR", **fields}
        self.fatal = fatal

    def encoded(self, kind: bytes = b"E") -> bytes:
        """The message that carries it."""
        body = b"".join(name.encode() + text.encode() + b"\0" for name, text in self.fields.items())
        return message(kind, body + b"\0")


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One message."""
    return _HEAD.pack(kind, len(body) + 4) + body


def answer(tag: str, status: bytes, notices: Iterable[Mapping[str, str]] = ()) -> bytes:
    """What follows a statement that returns no rows."""
    told = b"".join(ServerError(notice).encoded(b"N") for notice in notices)
    return told + message(b"C", tag.encode() + b"\0") + message(b"Z", status)


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse."""
    return {chr(part[0]): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


def strings(body: bytes, count: int) -> tuple[list[str], bytes]:
    """The first *count* strings of *body*, and the rest."""
    found = []
    for _ in range(count):
        text, _, body = body.partition(b"\0")
        found.append(text.decode())
    return found, body


class Wire:
    """A socket that messages are read from; it may be read by nobody else."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        """Send all of *data*."""
        try:
            self.socket.sendall(data)
        except OSError as exc:
            raise ClosedByPeer(str(exc)) from exc

    def exactly(self, size: int) -> bytes:
        """The next *size* bytes."""
        while len(self._buffer) < size:
            self.fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def fill(self) -> None:
        """Wait for more bytes.

        Raises:
            ClosedByPeer: there are no more.
        """
        try:
            data = self.socket.recv(_BLOCK)
        except OSError as exc:
            raise ClosedByPeer(str(exc)) from exc
        if not data:
            raise ClosedByPeer("closed")
        self._buffer += data

    def message(self) -> tuple[bytes, bytes]:
        """The next message: its kind and body."""
        while True:
            for found in self.messages(1):
                return found
            self.fill()

    def messages(self, limit: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """The whole messages that have arrived; at most *limit*, if that is not 0."""
        buffer, at, count = self._buffer, 0, 0
        found = []
        while len(buffer) - at >= 5 and (not limit or count < limit):
            kind, length = _HEAD.unpack_from(buffer, at)
            if len(buffer) - at < length + 1:
                break
            found.append((kind, bytes(buffer[at + 5 : at + 1 + length])))
            at += length + 1
            count += 1
        del buffer[:at]
        yield from found

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
