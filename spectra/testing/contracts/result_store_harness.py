"""A result store on trial, and a client of its links."""

from __future__ import annotations

import secrets
import urllib.error
import urllib.request
from typing import Any

from spectra.errors import LinkRefusedError
from spectra.ports.clock import Clock, SystemClock
from spectra.ports.result_store import Link, ResultStore, UploadTarget

__all__ = ["HostedHarness", "ResultStoreHarness"]

_TIMEOUT = 30


class ResultStoreHarness:
    """*store* is empty, and checks links against *clock*; `send` and `fetch` are what a client does.

    They speak HTTP. For links without a server override both, or use `HostedHarness`. What is refused
    must be raised: as a `LinkRefusedError`, or as whatever error of Spectra's the store raises.
    """

    def __init__(self, store: ResultStore, *, clock: Clock | None = None) -> None:
        self.store = store
        self.clock: Clock = clock if clock is not None else SystemClock()

    def send(self, target: UploadTarget, data: bytes, /) -> None:
        """Upload *data*, as *target* says."""
        headers = dict(target.headers)
        if target.fields:
            boundary = secrets.token_hex(16)
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
            data = _form(boundary, dict(target.fields), data)
        self._request(urllib.request.Request(target.url, data, headers, method=target.method))

    def fetch(self, link: Link, /) -> bytes:
        """Download what *link* is for."""
        return self._request(urllib.request.Request(link.url))

    def _request(self, request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
                body: bytes = answer.read()
        except urllib.error.HTTPError as exc:
            exc.close()
            raise LinkRefusedError(f"the server answered {exc.code}") from None
        except (OSError, ValueError) as exc:
            raise LinkRefusedError(f"the request failed: {type(exc).__name__}") from None
        return body


class HostedHarness(ResultStoreHarness):
    """For a store whose links a host serves: its own `send` and `fetch` stand in for the requests."""

    store: Any

    def send(self, target: UploadTarget, data: bytes, /) -> None:
        self.store.send(target, data)

    def fetch(self, link: Link, /) -> bytes:
        data: bytes = self.store.fetch(link)
        return data


def _form(boundary: str, fields: dict[str, str], data: bytes) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="data"\r\n\r\n'
    return b"".join(parts) + head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
