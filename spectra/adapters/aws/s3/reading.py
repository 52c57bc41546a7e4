"""Reading that resumes, and that checks what it reads."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from collections.abc import Callable
from typing import Any, BinaryIO, Final, Protocol

from spectra.adapters.aws.s3.errors import code_of, translated
from spectra.errors import BackendError, BackendUnavailableError, MissingExtraError, UploadChangedError

__all__ = ["opened"]

_BLOCK: Final = 1 << 18
_TRIES: Final = 5


def opened(
    client: Any, named: dict[str, str], location: str, job: str, start: int, length: int | None
) -> BinaryIO:
    """The object from byte *start* on, at most *length* bytes; nothing, if it has no such byte."""
    return io.BufferedReader(_Reader(client, named, location, job, start, length), _BLOCK)


class _Digest(Protocol):
    def update(self, data: memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class _Reader(io.RawIOBase):
    """Begins again where a broken connection left off, if the object is still the same.

    Read from its beginning, an object is compared with the checksum that S3 keeps of the whole of it;
    the last bytes are given out only if it is right. S3 keeps none for a range, and of parts that were
    sent with checksums of their own (an answer of the kind ``…-N``) none that can be compared here.
    """

    def __init__(
        self,
        client: Any,
        named: dict[str, str],
        location: str,
        job: str,
        start: int,
        length: int | None,
    ) -> None:
        self._client, self._named, self._location, self._job = client, named, location, job
        self._at = self._end = start
        self._stop = None if length is None else start + length
        self._etag: str | None = None
        self._body: Any = None
        self._digest: _Digest | None = None
        self._expected = b""
        self._open()

    def readable(self) -> bool:
        return True

    def _open(self) -> None:
        import botocore.exceptions as told

        asked: dict[str, str] = {**self._named, "ChecksumMode": "ENABLED"}
        if self._stop is not None:
            # There is no range of no bytes: one is asked for then, and not read.
            asked["Range"] = f"bytes={self._at}-{max(self._stop - 1, self._at)}"
        elif self._at:
            asked["Range"] = f"bytes={self._at}-"
        if self._etag is not None:
            asked["IfMatch"] = self._etag
        with translated(self._location):
            try:
                answer = self._client.get_object(**asked)
            except told.ClientError as exc:
                if code_of(exc) in ("InvalidRange", "416"):
                    self._body = io.BytesIO()
                    return
                if code_of(exc) in ("PreconditionFailed", "412"):
                    raise UploadChangedError(self._job, "a file was replaced while it was read") from exc
                raise
        if self._at == 0 and self._stop is None:
            self._digest, self._expected = _checksum(answer)
        self._etag = answer["ETag"]
        self._body = answer["Body"]
        self._end = self._at + int(answer["ContentLength"])
        if self._stop is not None:
            self._end = min(self._end, self._stop)

    def readinto(self, buffer: Any, /) -> int:
        if self._at >= self._end or not len(buffer):
            return 0
        count = self._received(buffer)
        self._at += count
        if self._digest is not None:
            self._digest.update(memoryview(buffer)[:count])
            if self._at == self._end and self._digest.digest() != self._expected:
                raise BackendError(
                    f"{self._location} is not what its checksum in S3 says; read it again, "
                    "and if it is so still, the object is damaged: make it again"
                )
        return count

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(_BLOCK) or b"", b""))

    def _received(self, buffer: Any) -> int:
        import botocore.exceptions as told
        import urllib3.exceptions

        for attempt in range(_TRIES):
            try:
                count: int = self._body.readinto(buffer)
                if count:
                    return count
                cause: Exception | None = None
            except (
                told.HTTPClientError,
                told.IncompleteReadError,
                urllib3.exceptions.HTTPError,
                OSError,
            ) as exc:
                cause = exc
            if attempt + 1 == _TRIES:
                raise BackendUnavailableError("the connection to S3 broke again and again") from cause
            with contextlib.suppress(Exception):
                self._body.close()
            with contextlib.suppress(BackendUnavailableError):
                self._open()
        raise AssertionError("unreachable")

    def close(self) -> None:
        if not self.closed and self._body is not None:
            with contextlib.suppress(Exception):
                self._body.close()
        super().close()


class _Crc:
    """A function that continues a checksum, in the manner of `hashlib`."""

    def __init__(self, step: Callable[[Any, int], int], size: int) -> None:
        self._step, self._size, self._value = step, size, 0

    def update(self, data: memoryview, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def _checksum(answer: Any) -> tuple[_Digest | None, bytes]:
    """How to compute what S3 keeps of the whole object, and what it keeps; nothing if it has none."""
    try:
        from awscrt import checksums
    except ModuleNotFoundError as exc:
        raise MissingExtraError("aws", exc.name or "") from exc
    known: dict[str, Callable[[], _Digest]] = {
        "ChecksumCRC64NVME": lambda: _Crc(checksums.crc64nvme, 8),
        "ChecksumCRC32C": lambda: _Crc(checksums.crc32c, 4),
        "ChecksumCRC32": lambda: _Crc(checksums.crc32, 4),
        "ChecksumSHA256": hashlib.sha256,
        "ChecksumSHA1": lambda: hashlib.sha1(usedforsecurity=False),
    }
    for name, new in known.items():
        value = answer.get(name)
        if value is not None and "-" not in value:
            return new(), base64.b64decode(value)
    return None, b""
