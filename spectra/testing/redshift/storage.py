"""The S3 that the local Redshift reads and writes: a real server, over boto3."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO, Any

import attrs

from spectra.testing.redshift.texts import error

__all__ = ["Storage", "StoredObject"]


@attrs.frozen
class StoredObject:
    """An object of S3."""

    bucket: str
    key: str
    size: int

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class Storage:
    """Objects by their ``s3://`` names; what S3 refuses is raised in Redshift's words."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def below(self, prefix: str) -> list[StoredObject]:
        """Every object whose name begins with *prefix*."""
        bucket, key = _split(prefix)
        with _told(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
            return [
                StoredObject(bucket, one["Key"], one["Size"])
                for page in pages
                for one in page.get("Contents", ())
            ]

    def named(self, name: str) -> StoredObject | None:
        """The object of exactly that name."""
        return next((one for one in self.below(name) if str(one) == name), None)

    def read(self, one: StoredObject) -> Iterator[bytes]:
        """Its bytes, in blocks."""
        with _told(str(one)):
            body = self._client.get_object(Bucket=one.bucket, Key=one.key)["Body"]
        try:
            while block := body.read(1 << 20):
                yield block
        finally:
            body.close()

    def write(self, name: str, file: IO[bytes]) -> None:
        """Store *file* as *name*."""
        bucket, key = _split(name)
        file.seek(0)
        with _told(name):
            self._client.upload_fileobj(_Open(file), bucket, key)

    def put(self, name: str, data: bytes) -> None:
        """Store *data* as *name*."""
        bucket, key = _split(name)
        with _told(name):
            self._client.put_object(Bucket=bucket, Key=key, Body=data)

    def delete(self, one: StoredObject) -> None:
        """Remove it."""
        with _told(str(one)):
            self._client.delete_object(Bucket=one.bucket, Key=one.key)


class _Open(io.RawIOBase):
    """A file that boto3's transfers may close without harm."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


class _told:  # noqa: N801 - it reads like a function
    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: object) -> None:
        import botocore.exceptions as told

        if isinstance(exc, told.ClientError):
            status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status == 403:
                raise error("s3 denied", key=self._name) from exc
            said = f"S3ServiceException:{exc.response['Error'].get('Message')},Status {status}"
            raise error("s3 error", key=self._name, said=said) from exc
        if isinstance(exc, told.BotoCoreError):
            said = "S3ServiceException:cannot be reached,Status 503,Error SlowDown"
            raise error("s3 error", key=self._name, said=said) from exc


def _split(name: str) -> tuple[str, str]:
    found = re.fullmatch(r"s3://([^/]+)/(.*)", name, re.DOTALL)
    if found is None:
        raise error("s3 error", key=name, said="Invalid S3 path")
    return found[1], found[2]
