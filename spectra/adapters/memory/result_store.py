"""Files kept in this process: a `ResultStore` of bytes under a lock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import attrs

from spectra.domain.instants import utc_ms
from spectra.errors import (
    ClosedError,
    InvalidCursorError,
    InvalidSpecError,
    LinkRefusedError,
    ObjectNotFoundError,
    UploadChangedError,
    UploadTooLargeError,
)
from spectra.ports.clock import Clock, SystemClock
from spectra.ports.job_store import Page
from spectra.ports.places import Place, Places
from spectra.ports.result_store import (
    Area,
    Link,
    ObjectInfo,
    Redeemed,
    ResultStore,
    UploadTarget,
    UploadWriter,
)

__all__ = ["MemoryResultStore"]

PAGE: Final = 100
_CHUNK: Final = 1024 * 1024
_PLACES: Final = Places("memory:///")


@attrs.frozen
class _Object:
    data: bytes = attrs.field(repr=False)
    etag: str
    at: datetime


class _Buffer:
    """An object that is being written; refuses the byte after *max_bytes*."""

    def __init__(self, job: str, max_bytes: int | None) -> None:
        self.data = bytearray()
        self._job = job
        self._max_bytes = max_bytes

    def write(self, data: bytes, /) -> int:
        if self._max_bytes is not None and len(self.data) + len(data) > self._max_bytes:
            raise UploadTooLargeError(
                self._job, f"the upload has more than {self._max_bytes} bytes; split it"
            )
        self.data += data
        return len(data)


class MemoryResultStore(ResultStore):
    """Keeps files in a dict, for tests, examples and single-process use.

    Also `HostedLinks`: a host may serve its links by `redeem`. Where there is no host, `send` and
    `fetch` stand in for the HTTP requests of a client.
    """

    scheme = "memory"

    def __init__(self, clock: Clock | None = None, *, base_url: str = "/files") -> None:
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._base_url = base_url.rstrip("/")
        self._base_path = urlsplit(self._base_url).path
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._objects: dict[str, _Object] = {}
        self._closed = False

    # ---- locations ------------------------------------------------------------------------------

    def location(
        self, tenant_id: str, job_id: str, area: Area | None = None, attempt: int | None = None, /
    ) -> str:
        return _PLACES.folder(tenant_id, job_id, area, attempt)

    # ---- objects --------------------------------------------------------------------------------

    def stat(self, location: str, /) -> ObjectInfo:
        found = self._get(location)
        return ObjectInfo(len(found.data), found.etag)

    def copy(self, source: str, target: str, /, *, if_etag: str) -> ObjectInfo:
        _PLACES.object_at(target)
        with self._lock:
            found = self._get(source)
            if found.etag != if_etag:
                raise UploadChangedError(
                    _PLACES.object_at(source).job, "the upload was replaced; close it again"
                )
            self._objects[target] = attrs.evolve(found, at=self._clock.now())
        return ObjectInfo(len(found.data), found.etag)

    def open_read(self, location: str, /, *, start: int = 0, length: int | None = None) -> BinaryIO:
        return io.BytesIO(self._get(location).data[start : None if length is None else start + length])

    @contextmanager
    def open_write(self, location: str, /, *, max_bytes: int | None = None) -> Iterator[UploadWriter]:
        """Write an object; with *max_bytes*, `UploadTooLargeError` at the byte after it."""
        self._check_open()
        buffer = _Buffer(_PLACES.object_at(location).job, max_bytes)
        yield buffer
        data = bytes(buffer.data)
        written = _Object(data, hashlib.sha256(data).hexdigest(), self._clock.now())
        with self._lock:
            self._check_open()
            self._objects[location] = written

    def delete(self, location: str, /) -> None:
        self._check_open()
        _PLACES.at(location)
        with self._lock:
            if location.endswith("/"):
                for name in [name for name in self._objects if name.startswith(location)]:
                    del self._objects[name]
            else:
                self._objects.pop(location, None)

    def jobs(self, *, older_than: datetime, cursor: str | None = None) -> Page[tuple[str, str]]:
        self._check_open()
        if cursor is not None and cursor.count("/") != 1:
            raise InvalidCursorError
        after = tuple(cursor.split("/")) if cursor is not None else ("", "")
        changed: dict[tuple[str, str], datetime] = {}
        with self._lock:
            for name, found in self._objects.items():
                place = _PLACES.at(name)
                ids = place.tenant_id, place.job_id
                changed[ids] = max(found.at, changed.get(ids, found.at))
        old = sorted(job for job, at in changed.items() if at < older_than and job > after)
        more = len(old) > PAGE
        return Page(tuple(old[:PAGE]), "/".join(old[PAGE - 1]) if more else None)

    # ---- links ----------------------------------------------------------------------------------

    def upload_target(
        self, location: str, /, *, max_bytes: int, size: int | None, expires_at: datetime
    ) -> UploadTarget:
        here = self._linkable(location)
        if size is not None and size > max_bytes:
            raise UploadTooLargeError(
                here.job, f"the upload has {size} bytes, at most {max_bytes} are allowed; split it"
            )
        until = utc_ms(expires_at)
        limit = max_bytes if size is None else size
        return UploadTarget(
            url=self._sign(put=location, max=limit, exact=size is not None, until=until),
            headers={} if size is None else {"Content-Length": str(size)},
            expires_at=until,
            max_bytes=limit,
        )

    def download_link(self, location: str, /, *, filename: str, expires_at: datetime) -> Link:
        self._linkable(location)
        until = utc_ms(expires_at)
        return Link(url=self._sign(get=location, name=filename, until=until), expires_at=until)

    def redeem(self, url: str, /) -> Redeemed:
        """Verify a link; see `HostedLinks`."""
        claim = self._verify(url)
        if "put" in claim:
            return Redeemed(location=claim["put"], max_bytes=claim["max"])
        return Redeemed(location=claim["get"], filename=claim["name"])

    def receive(self, url: str, stream: BinaryIO, /) -> ObjectInfo:
        """Take an upload through its link, as the host of this store does.

        Raises:
            LinkRefusedError: altered, expired, not an upload link, or fewer bytes than it is for.
            UploadTooLargeError: more bytes than the link allows; nothing is visible.
        """
        claim = self._verify(url)
        if "put" not in claim:
            raise LinkRefusedError("it is for a download")
        with self.open_write(claim["put"], max_bytes=claim["max"]) as writer:
            total = 0
            while chunk := stream.read(_CHUNK):
                total += writer.write(chunk)
            if claim["exact"] and total != claim["max"]:
                raise LinkRefusedError(f"it is for {claim['max']} bytes, {total} were sent")
        return self.stat(claim["put"])

    def serve(self, url: str, /) -> tuple[BinaryIO, Redeemed]:
        """Open what a download link is for, as the host of this store does.

        Raises:
            LinkRefusedError: altered, expired, or not a download link.
        """
        redeemed = self.redeem(url)
        if redeemed.filename is None:
            raise LinkRefusedError("it is for an upload")
        return self.open_read(redeemed.location), redeemed

    def send(self, target: UploadTarget, data: bytes, /) -> ObjectInfo:
        """Stand in for the client's HTTP request that sends *data* to *target*; see `receive`."""
        return self.receive(target.url, io.BytesIO(data))

    def fetch(self, link: Link | str, /) -> bytes:
        """Stand in for the client's HTTP request that downloads *link*; see `serve`."""
        stream, _ = self.serve(link.url if isinstance(link, Link) else link)
        with stream:
            return stream.read()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._objects.clear()

    # ---- plumbing -------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the result store")

    def _get(self, location: str) -> _Object:
        self._check_open()
        _PLACES.object_at(location)
        found = self._objects.get(location)
        if found is None:
            raise ObjectNotFoundError(location)
        return found

    def _linkable(self, location: str) -> Place:
        self._check_open()
        here = _PLACES.object_at(location)
        if here.area is Area.INPUT:
            raise InvalidSpecError("location", "no link is made into the input area")
        return here

    def _sign(self, *, until: datetime, **claim: Any) -> str:
        claim["until"] = until.timestamp()
        body = base64.urlsafe_b64encode(json.dumps(claim).encode()).decode().rstrip("=")
        return f"{self._base_url}/{body}.{self._mac(body)}"

    def _mac(self, body: str) -> str:
        # over the text as sent, so that no second spelling of the same claim is accepted
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()

    def _verify(self, url: str) -> dict[str, Any]:
        self._check_open()
        # scheme, host and query are the host's own affair
        prefix, _, token = url.partition("#")[0].partition("?")[0].rpartition("/")
        body, _, mac = token.partition(".")
        genuine = token.isascii() and hmac.compare_digest(mac, self._mac(body))
        if not genuine or not prefix.endswith(self._base_path):
            raise LinkRefusedError("it was altered, or is not of this store")
        claim: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if self._clock.now() >= datetime.fromtimestamp(claim["until"], UTC):
            raise LinkRefusedError("it has expired")
        return claim
