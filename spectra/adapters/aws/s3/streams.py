"""Reading that resumes, and writing that publishes nothing before its end."""

from __future__ import annotations

import contextlib
import io
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from spectra.adapters.aws.s3.errors import code_of, translated
from spectra.errors import BackendError, BackendUnavailableError, UploadChangedError

__all__ = ["Multipart", "opened"]

PART: Final = 8 * 1024 * 1024
_BLOCK: Final = 1 << 18
_TRIES: Final = 5


class Multipart:
    """An object that is being written, in parts; one that fits into one part is put at once.

    Leaving it without `complete` aborts: nothing becomes visible, and no part stays behind. Parts grow
    slowly, so that 10,000 of them are enough for the largest object that S3 keeps.
    """

    def __init__(self, client: Any, named: dict[str, str]) -> None:
        self._client, self._named = client, named
        self._pending = bytearray()
        self._id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._completed = False

    def __enter__(self) -> Self:
        return self

    def write(self, data: bytes, /) -> int:
        """Take *data*."""
        self._pending += data
        while len(self._pending) >= self._size:
            self._send(bytes(self._pending[: self._size]))
        return len(data)

    @property
    def _size(self) -> int:
        return PART * (1 + len(self._parts) // 1_000)

    def _begin(self) -> str:
        if self._id is None:
            self._id = str(self._client.create_multipart_upload(**self._named)["UploadId"])
        return self._id

    def _send(self, block: bytes) -> None:
        upload = self._begin()
        number = len(self._parts) + 1
        told = self._client.upload_part(**self._named, UploadId=upload, PartNumber=number, Body=block)
        self._parts.append({"PartNumber": number, "ETag": told["ETag"]})
        del self._pending[: len(block)]

    def copy(self, source: dict[str, str], if_etag: str, begin: int, end: int) -> None:
        """Take a range of another object, if it still has that etag."""
        upload = self._begin()
        number = len(self._parts) + 1
        told = self._client.upload_part_copy(
            **self._named,
            UploadId=upload,
            PartNumber=number,
            CopySource=source,
            CopySourceIfMatch=f'"{if_etag}"',
            CopySourceRange=f"bytes={begin}-{end}",
        )
        self._parts.append({"PartNumber": number, "ETag": told["CopyPartResult"]["ETag"]})

    def complete(self) -> str:
        """Publish; the etag."""
        if self._id is None:
            told = self._client.put_object(**self._named, Body=bytes(self._pending))
        else:
            if self._pending:
                self._send(bytes(self._pending))
            told = self._client.complete_multipart_upload(
                **self._named, UploadId=self._id, MultipartUpload={"Parts": self._parts}
            )
        self._completed = True
        return str(told["ETag"]).strip('"')

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._id is not None and not self._completed:
            with contextlib.suppress(Exception):
                self._client.abort_multipart_upload(**self._named, UploadId=self._id)


def opened(client: Any, named: dict[str, str], location: str, start: int) -> BinaryIO:
    """The object from byte *start* on; nothing, if it has no such byte."""
    return io.BufferedReader(_Reader(client, named, location, start), _BLOCK)


class _Reader(io.RawIOBase):
    """Begins again where a broken connection left off, if the object is still the same."""

    def __init__(self, client: Any, named: dict[str, str], location: str, start: int) -> None:
        self._client, self._named, self._location = client, named, location
        self._at = start
        self._etag: str | None = None
        self._body: Any = None
        self._open()

    def readable(self) -> bool:
        return True

    def _open(self) -> None:
        import botocore.exceptions as told

        asked: dict[str, str] = dict(self._named)
        if self._at:
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
                    raise UploadChangedError(self._location, "it was replaced while it was read") from exc
                raise
        self._etag = answer["ETag"]
        self._body = answer["Body"]

    def readinto(self, buffer: Any, /) -> int:
        for attempt in range(_TRIES):
            try:
                data: bytes = self._body.read(len(buffer))
            except Exception as exc:
                if attempt + 1 == _TRIES:
                    raise BackendUnavailableError("the connection to S3 broke again and again") from exc
                with contextlib.suppress(Exception):
                    self._body.close()
                try:
                    self._open()
                except BackendError:
                    if attempt + 2 == _TRIES:
                        raise
            else:
                self._at += len(data)
                buffer[: len(data)] = data
                return len(data)
        raise AssertionError("unreachable")

    def close(self) -> None:
        if not self.closed and self._body is not None:
            with contextlib.suppress(Exception):
                self._body.close()
        super().close()
