"""Django's requests and responses, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO, Final, cast
from wsgiref.util import FileWrapper

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from spectra.hosts.http import Request, Response

__all__ = ["from_django", "to_django"]

_BLOCK: Final = 256 * 1024


def from_django(request: HttpRequest, base_url: str) -> Request:
    """Our request, whose body is not read yet."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(
        method=request.method or "",
        query=[(name, value) for name, values in request.GET.lists() for value in values],
        # Proxies may have changed the host's name; `get_host` is what Django was told to believe.
        headers={**headers, "host": request.get_host()},
        body=_body(request),
        base_url=base_url.rstrip("/"),
    )


def _body(request: HttpRequest) -> BinaryIO:
    environ: Mapping[str, Any] = getattr(request, "environ", {})
    if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
        # Django takes a body without a length for none; such a server knows where it ends.
        return cast(BinaryIO, environ["wsgi.input"])
    return cast(BinaryIO, request)


def to_django(request: HttpRequest, answer: Response) -> HttpResponseBase:
    """Django's response, which closes what it streams."""
    response: HttpResponseBase
    if isinstance(answer.body, bytes):
        response = HttpResponse(answer.body if request.method != "HEAD" else b"", status=answer.status)
        if answer.status not in (204, 304):
            response.headers["Content-Length"] = str(len(answer.body))
    else:
        blocks: Any = _Blocks if hasattr(request, "scope") else FileWrapper
        response = StreamingHttpResponse(blocks(answer.body, _BLOCK), status=answer.status)
    del response.headers["Content-Type"]  # that of a page, which Django assumes
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


class _Blocks:
    """A stream within an event loop: threads read it. Django closes it, whether or not it was read."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._read = sync_to_async(stream.read, thread_sensitive=False)
        self._size = size
        self.close = stream.close

    def __aiter__(self) -> _Blocks:
        return self

    async def __anext__(self) -> bytes:
        block = await self._read(self._size)
        if not block:
            raise StopAsyncIteration
        return block
