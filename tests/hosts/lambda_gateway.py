"""A gateway of this machine: it hands HTTP to a function's handler as events, one request at a time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.hosts.function import Context
from tests.hosts.lambda_events import event, reply


@contextlib.contextmanager
def gateway(handler, port=0, *, kind="HTTP", seconds=30.0):
    """The URL at which *handler* answers, as a function behind that *kind* of gateway."""

    class Gateway(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {**self.headers, "X-Forwarded-Proto": "http"}
            sent = event(kind, self.command, self.path, headers=headers, body=body, stage="$default")
            found = reply(kind, handler(sent, Context(seconds)))
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            if "content-length" not in found.headers and found.status not in (204, 304):
                self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", port), Gateway)

    def serve():
        # Where Mangum looks for the loop.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            server.serve_forever(poll_interval=0.05)
        finally:
            loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()
