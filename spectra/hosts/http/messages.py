"""Requests and responses, as every host gives and takes them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, BinaryIO, Final

import attrs

from spectra.errors import InvalidSpecError, RequestTooLargeError, SpectraError

__all__ = ["JSON", "Request", "Response", "WholeBody", "json_response"]

JSON: Final = "application/json"
MAX_BODY: Final = 1024 * 1024
"""Bytes of a JSON body; the largest honest one has 100 KB of SQL, and as much of parameters."""

_DRAINED: Final = 64 * 1024 * 1024
_DRAINING: Final = 10.0
_BLOCK: Final = 256 * 1024


@attrs.frozen(kw_only=True)
class Request:
    """One request. *headers* have names in lower case; *body* is read once, at the host's pace.

    *base_url* is where the interface is mounted, as the client sees it, without a slash at its end.
    *patience* is how many seconds this host can let a request wait; without it, as many as a request may.
    """

    method: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: BinaryIO = attrs.field(factory=io.BytesIO, repr=False)
    base_url: str = ""
    patience: float | None = None

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case."""
        return self.headers.get(name)

    @property
    def length(self) -> int | None:
        """Bytes of the body, if the client said so."""
        said = self.headers.get("content-length", "")
        if not (said.isascii() and said.isdigit()):
            return None
        return int(said) if len(said) <= 18 else 10**18

    def parameters(self, *names: str) -> dict[str, list[str]]:
        """The parameters of the query, each with all its values.

        Raises:
            InvalidSpecError: one is not among *names*.
        """
        found: dict[str, list[str]] = {}
        for name, value in self.query:
            if name not in names:
                known = f"one of {', '.join(names)}" if names else "none"
                raise InvalidSpecError(name[:64], f"is not a parameter of this call; it takes {known}")
            found.setdefault(name, []).append(value)
        return found

    def drain(self) -> None:
        """Read the rest of the body, up to 64 MiB and for some seconds.

        Who sends all of it before listening hears no answer from a host that hangs up in the middle.
        """
        if (self.length or 0) > _DRAINED:
            return
        left, until = _DRAINED, time.monotonic() + _DRAINING
        with suppress(Exception):  # of a client that is gone
            while left > 0 and time.monotonic() < until and (block := self.body.read(_BLOCK)):
                left -= len(block)

    def json(self, *, optional: bool = False) -> dict[str, Any]:
        """The body, an object of JSON; numbers with a fraction are decimals. Empty, where *optional*.

        Raises:
            InvalidSpecError: it is not, or did not come whole.
            RequestTooLargeError: it has more than 1 MiB.
        """
        if (self.length or 0) > MAX_BODY:
            raise RequestTooLargeError(MAX_BODY)
        body, data = WholeBody(self), b""
        while len(data) <= MAX_BODY and (block := body.read(MAX_BODY + 1 - len(data))):
            data += block
        if len(data) > MAX_BODY:
            raise RequestTooLargeError(MAX_BODY)
        if not data and optional:
            return {}
        if (self.header("content-type") or "").partition(";")[0].strip().lower() != JSON:
            raise InvalidSpecError("Content-Type", f"must be {JSON}")
        try:
            found = json.loads(data, parse_float=Decimal, parse_constant=_refused, object_pairs_hook=_once)
        except InvalidSpecError:
            raise
        except (ValueError, RecursionError, ArithmeticError):
            raise InvalidSpecError("body", "is not JSON") from None
        if not isinstance(found, dict):
            raise InvalidSpecError("body", "must be a JSON object")
        return found


class WholeBody:
    """The body of *request*, of which a part must never pass for the whole."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._taken = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most *size* bytes more; none at its end.

        Raises:
            InvalidSpecError: the client broke off, or the server does not read what it sends.
        """
        try:
            block = self._request.body.read(size)
        except SpectraError:
            raise
        except Exception as exc:
            # Each server has exceptions of its own for clients that break off or send nonsense.
            why = f"could not be read to its end ({type(exc).__name__}); send it again"
            raise InvalidSpecError("body", why) from exc
        self._taken += len(block)
        if not block:
            self._check_end()
        return block

    def _check_end(self) -> None:
        length = self._request.length
        if length is not None and self._taken != length:
            raise InvalidSpecError("body", f"ended after {self._taken} of {length} bytes; send it again")
        if length is None and not self._taken and self._request.header("transfer-encoding"):
            # Servers of WSGI that know no chunks give an empty body for them.
            why = (
                "is empty, or came in chunks that this server does not read; send it with its Content-Length"
            )
            raise InvalidSpecError("body", why)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Who checks requests on their way to us may have read the other value.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidSpecError("body", "names a field twice")
    return found


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@attrs.frozen(kw_only=True)
class Response:
    """One response. A *body* that is a stream has as many bytes as its ``Content-Length`` says; the host closes it."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes | BinaryIO = attrs.field(default=b"", repr=False)


def json_response(status: int, content: Any, **headers: str) -> Response:
    """A response of JSON, never to be kept by caches on the way; header names have ``_`` for ``-``."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        status=status,
        headers={"Content-Type": JSON, "Cache-Control": "private, no-store", **named},
        body=body,
    )
