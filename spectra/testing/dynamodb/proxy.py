"""`FaultProxy`: an HTTP proxy before DynamoDB, which records calls and lets them fail as told."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import uuid
import zlib
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

import attrs

from spectra.errors import MissingExtraError
from spectra.testing.dynamodb.calls import READS, WRITES, Call
from spectra.testing.dynamodb.faults import FaultKind, Faults
from spectra.testing.dynamodb.refusals import divided, refusal, with_unprocessed

__all__ = ["FaultProxy"]

_KEPT: Final = frozenset(
    {"x-amz-target", "content-type", "authorization", "x-amz-date", "x-amz-security-token"}
)
_ANSWERED: Final = frozenset({"x-amzn-requestid", "x-amz-crc32", "content-type"})


@attrs.frozen
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, status: int, body: Mapping[str, Any]) -> Self:
        data = json.dumps(body).encode()
        headers = {
            "x-amzn-requestid": str(uuid.uuid4()),
            "x-amz-crc32": str(zlib.crc32(data)),
            "content-type": "application/x-amz-json-1.0",
        }
        return cls(status, headers, data)


class FaultProxy:
    """Listens on a free port of 127.0.0.1, and passes on to *upstream*, the URL of a DynamoDB.

        with LocalDynamoDB() as dynamodb, FaultProxy(dynamodb.endpoint) as proxy:
            client = dynamodb.client(endpoint=proxy.endpoint)
            proxy.faults.add("lost reply", "TransactWriteItems")

    With *measure* it asks for consumed capacity where the client did not, so that `Call.capacity` is known;
    the client then sees it, too. Leaving the context cuts the connections of clients.
    """

    def __init__(self, upstream: str, *, measure: bool = False) -> None:
        self.faults = Faults()
        self.endpoint = ""
        self._upstream = upstream
        self._measure = measure
        self._calls: list[Call] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: _Server | None = None
        self._pool: Any = None

    @property
    def calls(self) -> list[Call]:
        """The calls so far, in the order in which they arrived."""
        with self._lock:
            return list(self._calls)

    def forget(self) -> None:
        """Begin a new list of calls."""
        with self._lock:
            self._calls.clear()

    def start(self) -> Self:
        """Start it.

        Raises:
            MissingExtraError: urllib3, which comes with boto3, is not installed.
        """
        try:
            import urllib3
        except ImportError as exc:
            raise MissingExtraError("aws", "urllib3") from exc
        self._closing.clear()
        self._pool = urllib3.connection_from_url(self._upstream, maxsize=64, retries=False, timeout=60.0)
        self._server = _Server(self)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="dynamodb-faults", daemon=True
        ).start()
        return self

    def close(self) -> None:
        """Stop it, when the calls that it has passed on are answered."""
        if self._server is not None:
            self._closing.set()
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._pool.close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def handle(self, headers: Mapping[str, str], body: bytes) -> _Answer | None:
        """What a request is answered with; None if its connection is to break."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        call = Call(operation=operation, request=json.loads(body or b"{}"), request_bytes=len(body))
        faults = self.faults.take(call)
        call.faults = tuple(fault.kind.value for fault in faults)
        with self._lock:
            self._calls.append(call)
        for fault in faults:
            if fault.kind is FaultKind.DELAY and self._closing.wait(fault.seconds):
                return None
        for fault in faults:
            match fault.kind:
                case FaultKind.CUT:
                    return None
                case FaultKind.LOST_REPLY:
                    self._pass_on(call, headers, body)
                    return None
                case FaultKind.FAILED_REPLY:
                    self._pass_on(call, headers, body)
                case FaultKind.UNPROCESSED:
                    return self._half(call, headers)
            refused = refusal(fault, call)
            if refused is not None:
                return _Answer.of(*refused)
        return self._pass_on(call, headers, body)

    def _half(self, call: Call, headers: Mapping[str, str]) -> _Answer | None:
        first, rest = divided(call.request)
        if not first["RequestItems"]:
            return _Answer.of(200, with_unprocessed(call.operation, {}, rest))
        answer = self._pass_on(call, headers, json.dumps(first).encode())
        if answer is None or answer.status != 200:
            return answer
        assert call.response is not None
        return _Answer.of(200, with_unprocessed(call.operation, call.response, rest))

    def _pass_on(self, call: Call, headers: Mapping[str, str], body: bytes) -> _Answer | None:
        from urllib3.exceptions import HTTPError

        if self._measure and call.operation in READS | WRITES:
            body = json.dumps({"ReturnConsumedCapacity": "INDEXES", **json.loads(body)}).encode()
        kept = {name: value for name, value in headers.items() if name in _KEPT}
        try:
            reply = self._pool.urlopen("POST", "/", body=body, headers=kept)
        except HTTPError:
            return None
        call.status, call.response_bytes = reply.status, len(reply.data)
        with contextlib.suppress(ValueError):
            call.response = json.loads(reply.data)
        told = {name.lower(): value for name, value in reply.headers.items() if name.lower() in _ANSWERED}
        return _Answer(reply.status, told, reply.data)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def hang_up(self) -> None:
        """No client can send another call."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that has gone away needs no report
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length", 0))
        body = self.rfile.read(size)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.proxy.handle(headers, body) if len(body) == size else None
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        """Nothing: `FaultProxy.calls` has them."""
