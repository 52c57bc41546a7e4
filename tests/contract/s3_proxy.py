"""What stands between a client and the local S3, and does harm on request."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import attrs


@attrs.frozen
class Refuse:
    """Answer an error of S3's, and ask nobody; with a status of 200 it stands in the body alone."""

    code: str
    status: int
    forward: bool = False


@attrs.frozen
class Lose:
    """Let the request be done, and cut the connection instead of answering."""


@attrs.frozen
class Cut:
    """Break off the answer's body after so many bytes."""

    after: int


@attrs.frozen
class Flip:
    """Change one byte of the answer's body."""

    at: int


Harm = Refuse | Lose | Cut | Flip


class Proxy:
    """``harm(method, path, nth)`` says what to do with the nth request, from 0; None lets it pass."""

    def __init__(self, endpoint: str) -> None:
        self.host = urlsplit(endpoint).netloc
        self.harm: Callable[[str, str, int], Harm | None] = lambda method, path, nth: None
        self.seen: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            here = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05])

    def next(self, method: str, path: str) -> Harm | None:
        with self._lock:
            self.seen.append((method, path))
            return self.harm(method, path, len(self.seen) - 1)

    def each(self, harm: Harm, *, method: str = "", having: str = "", times: int = 10**9) -> None:
        """Do *harm* to so many of the requests with that method and that in their path."""
        left = [times]

        def decide(seen: str, path: str, nth: int) -> Harm | None:
            if method in ("", seen) and having in path and left[0] > 0:
                left[0] -= 1
                return harm
            return None

        self.harm = decide
        self.seen.clear()

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    here: Proxy

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        harm = self.here.next(self.command, self.path)
        if isinstance(harm, Refuse):
            if harm.forward:
                self._forward(body)
            self._refuse(harm)
            return
        status, headers, data = self._forward(body)
        if isinstance(harm, Lose):
            self._hang_up()
            return
        if isinstance(harm, Flip) and len(data) > harm.at:
            data = data[: harm.at] + bytes([data[harm.at] ^ 1]) + data[harm.at + 1 :]
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                self.send_header(name, value)
        length = next((v for n, v in headers if n.lower() == "content-length"), str(len(data)))
        self.send_header("Content-Length", length)
        self.end_headers()
        with contextlib.suppress(OSError):
            if isinstance(harm, Cut) and harm.after < len(data):
                self.wfile.write(data[: harm.after])
                self._hang_up()
            elif self.command != "HEAD":
                self.wfile.write(data)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        with contextlib.closing(http.client.HTTPConnection(self.here.host, timeout=60)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body)
            with connection.getresponse() as answer:
                return answer.status, answer.getheaders(), answer.read()

    def _refuse(self, harm: Refuse) -> None:
        data = b""
        if self.command != "HEAD":
            data = (
                f'<?xml version="1.0"?><Error><Code>{harm.code}</Code><Message>no</Message></Error>'.encode()
            )
        self.send_response(harm.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve
