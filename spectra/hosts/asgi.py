"""Requests of an ASGI host (Starlette's): answered in threads, waited for without one, streamed through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, BinaryIO, Final, cast
from urllib.parse import quote

from anyio import CapacityLimiter, from_thread, to_thread
from starlette.datastructures import URL
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from spectra.errors import InvalidSpecError
from spectra.hosts import http
from spectra.hosts.http.messages import MAX_BODY

__all__ = ["PATIENCE", "Answers", "Body", "File"]

PATIENCE: Final = "spectra.patience"
"""In a request's scope: the seconds that it can be kept waiting."""
BLOCK: Final = 256 * 1024
SECONDS: Final = 60.0
UPLOADS: Final = 100
CHANGES: Final = 40


class Answers:
    """Answers to requests, found in threads of the event loop's.

    Reads share the loop's pool with all else that the host does. `CHANGES` changes and queries at once, and
    `UPLOADS` uploads, have threads besides: so who waits for a lock, a warehouse or a client holds up no read.

    *public_url* is where clients see the interface; without it the request's own URL tells.
    """

    def __init__(self, api: http.Api, *, public_url: str | None) -> None:
        self._api = api
        self._public_url = public_url
        changes = CapacityLimiter(CHANGES)
        self._limiters = {
            "POST": changes,
            "PATCH": changes,
            "DELETE": changes,
            "PUT": CapacityLimiter(UPLOADS),
        }

    async def to(self, route: http.Route, request: Request, caller: Any) -> Response:
        """The answer to *request*, who sent it being known."""
        reply = await self._reply(route, request, caller)
        if isinstance(reply.body, bytes):
            if request.method == "HEAD" and reply.body:
                return Response(None, reply.status, {**reply.headers, "Content-Length": str(len(reply.body))})
            return Response(reply.body, reply.status, reply.headers)
        return File(reply.body, reply.status, reply.headers)

    async def _reply(self, route: http.Route, request: Request, caller: Any) -> http.Response:
        # A prefix of the host's may have parameters of its own.
        parameters = {name: v for name, v in request.path_params.items() if f"{{{name}}}" in route.path}
        body = Body(request)
        if route.method in ("POST", "PATCH"):
            await body.hold(MAX_BODY + 1)  # so that no thread waits for a slow client
        asked = http.Request(
            method=request.method,
            query=request.query_params.multi_items(),
            headers=dict(request.headers),
            body=cast(BinaryIO, body),
            base_url=self._base_url(request, route.path.format(**parameters)),
            patience=request.scope.get(PATIENCE),
        )
        exchange = self._api.begin(route, asked, parameters, caller)
        limiter = self._limiters.get(route.method)
        while True:
            reply = await to_thread.run_sync(exchange.step, limiter=limiter)
            if body.fault is not None:
                raise body.fault
            if isinstance(reply, http.Response):
                return reply
            await asyncio.sleep(reply)
            if await request.is_disconnected():
                return http.Response(status=499)  # which nobody reads

    def _base_url(self, request: Request, own: str) -> str:
        """Where the interface is, as the client sees it: the request's URL without the route's *own* part."""
        if self._public_url is not None:
            return self._public_url.rstrip("/")
        root, above = request.scope.get("root_path", ""), request.scope["path"].removesuffix(own)
        path = above if above.startswith(root) else root + above  # a proxy may have cut it off
        return str(URL(scope={**request.scope, "path": quote(path), "query_string": b""}))


class Body:
    """The body of *request*, for a thread that reads it: what it has not yet asked for stays with the client.

    A client that is gone, or is too slow (`BLOCK` bytes in `SECONDS`), is an `InvalidSpecError` to who reads.
    What else comes of receiving, such as a limit of the host's own, stays in `fault` besides.
    """

    def __init__(self, request: Request) -> None:
        self.fault: Exception | None = None
        self._chunks = request.stream()
        self._held = bytearray()
        self._ended = False
        self._broken: InvalidSpecError | None = None

    async def hold(self, size: int) -> None:
        """Receive until *size* bytes are here, or the end is; `read` then gives them without waiting."""
        try:
            async with asyncio.timeout(SECONDS):
                while len(self._held) < size and not self._ended:
                    chunk = await anext(self._chunks, b"")
                    self._held += chunk
                    self._ended = not chunk
        except ClientDisconnect:
            self._broken = InvalidSpecError("body", "broke off; send it again")
        except TimeoutError:
            self._broken = InvalidSpecError("body", f"stood still for {SECONDS:g} seconds; send it again")
        except Exception as exc:
            self.fault = exc
            raise

    def read(self, size: int, /) -> bytes:
        """Up to *size* bytes, none at the end; waits in a thread of the event loop's, and nowhere else."""
        if not self._ended and self._broken is None and len(self._held) < size:
            from_thread.run(self.hold, min(size, BLOCK))
        if self._broken is not None:
            raise self._broken
        block = bytes(self._held[:size])
        del self._held[:size]
        return block


class File(StreamingResponse):
    """A response of *stream*'s bytes, read at the client's pace; closes it whatever happens."""

    def __init__(self, stream: BinaryIO, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(self._blocks(), status, headers)
        self._stream = stream

    async def _blocks(self) -> AsyncIterator[bytes]:
        while block := await to_thread.run_sync(self._stream.read, BLOCK):
            yield block

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()
