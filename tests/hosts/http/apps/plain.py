"""A host without any framework: the standard library's server over `spectra.hosts.http`."""

from __future__ import annotations

import io
import re
import signal
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from spectra.hosts.http import ROUTES, Api, Request, methods_of
from tests.hosts.http.apps.making import TRUSTED, caller_of, configured, working

_PATHS = [(route, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path))) for route in ROUTES]


class _Body(io.RawIOBase):
    """So many bytes of the connection, or the chunks that the client sends."""

    def __init__(self, stream: Any, length: int | None, chunked: bool) -> None:
        self._stream, self._left, self._chunked = stream, length or 0, chunked
        self.over = not chunked and not self._left

    def read(self, size: int = -1, /) -> bytes:
        if self.over:
            return b""
        if self._chunked and not self._left:
            self._left = int(self._stream.readline().split(b";")[0], 16)
            if not self._left:
                self.over = True
                self._stream.readline()
                return b""
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        if self._chunked and not self._left:
            self._stream.readline()
        self.over = not data or (not self._chunked and not self._left)
        return data


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers["content-length"]) if "content-length" in headers else None
        body = _Body(self.rfile, length, headers.get("transfer-encoding") == "chunked")
        found = [(route, match) for route, path in _PATHS if (match := path.fullmatch(url.path))]
        fitting = [(route, match) for route, match in found if route.method == self.command]
        if self.command == "HEAD":
            fitting = fitting or [(route, match) for route, match in found if route.method == "GET"]
        caller = caller_of(headers.get("x-tenant"))
        if not fitting:
            allow = {"Allow": ", ".join(methods_of(found[0][0].path))} if found else {}
            self.answer(405 if found else 404, allow, b"")
        elif fitting[0][0].needs_caller and caller is None:
            self.answer(401, {}, b"")
        else:
            request = Request(
                method=self.command,
                query=parse_qsl(url.query, keep_blank_values=True),
                headers=headers,
                body=body,  # type: ignore[arg-type]
                base_url=f"http://{headers.get('host')}",
            )
            parameters = {name: unquote(value) for name, value in fitting[0][1].groupdict().items()}
            response = self.api.begin(fitting[0][0], request, parameters, caller).response()
            self.answer(response.status, response.headers, response.body)
        if not body.over:
            self.close_connection = True  # what the client still sends would be taken for a request

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_TRACE = handle_any

    def answer(self, status: int, headers: Any, body: Any) -> None:
        data = body if isinstance(body, bytes) else body.read()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers and status not in (204, 304):
            self.send_header("Content-Length", str(len(data)))
        with suppress(ConnectionError):  # who is refused in the middle of an upload may have left
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def main(port: int) -> None:
    spectra = configured()
    Handler.api = Api(spectra, trusted_origins=TRUSTED)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with working(spectra), ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
