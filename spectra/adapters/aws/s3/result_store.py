"""`S3ResultStore`: a `ResultStore` in a bucket."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO, Final

from spectra.adapters.aws.s3 import links
from spectra.adapters.aws.s3.errors import code_of, translated
from spectra.adapters.aws.s3.streams import Multipart, opened
from spectra.errors import (
    BackendError,
    ClosedError,
    InvalidCursorError,
    InvalidSpecError,
    MissingExtraError,
    UploadChangedError,
    UploadTooLargeError,
)
from spectra.ports.job_store import Page
from spectra.ports.places import Place, Places
from spectra.ports.result_store import Area, Link, ObjectInfo, ResultStore, UploadTarget, UploadWriter

__all__ = ["S3ResultStore"]

PAGE: Final = 100
_DELETED: Final = 1_000
_WHOLE: Final = 5 * 1024**3
_PART: Final = 1024**3


class S3ResultStore(ResultStore):
    """Files in *bucket*, below *prefix* (empty, or ending with ``/``): RS1 to RS7.

    *client* is a boto3 client of S3, or makes one; without it boto3's defaults are used. It needs the
    bucket's region. Clients are made on first use, and again after a fork.

    Links: of a known size a PUT, of an unknown one a form POST, which S3 bounds; both end with the
    credentials that sign them, and `expires_at` says so. S3 counts in whole seconds.
    """

    scheme = "s3"
    max_upload_bytes = _WHOLE

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        client: Any | Callable[[], Any] = None,
        copy_in_parts_from: int = _WHOLE,
        copied_part: int = _PART,
    ) -> None:
        if prefix and (not prefix.endswith("/") or prefix.startswith("/") or "//" in prefix):
            raise InvalidSpecError("prefix", "must be empty, or end with / and not begin with it")
        self._bucket, self._prefix = bucket, prefix
        self._places = Places(f"s3://{bucket}/{prefix}")
        self._made: Any = client
        self._clients: dict[int, Any] = {}
        self._lock = threading.Lock()
        self._copy_in_parts_from, self._copied_part = copy_in_parts_from, copied_part
        self._closed = False

    @property
    def _client(self) -> Any:
        if self._closed:
            raise ClosedError("the result store")
        with self._lock:
            process = os.getpid()
            if process not in self._clients:
                self._clients = {process: self._new_client()}
            return self._clients[process]

    def _new_client(self) -> Any:
        if self._made is not None:
            return self._made() if callable(self._made) and not hasattr(self._made, "meta") else self._made
        try:
            import boto3
        except ModuleNotFoundError as exc:
            raise MissingExtraError("aws", exc.name or "") from exc
        return boto3.client("s3")

    # ---- locations ------------------------------------------------------------------------------------

    def location(
        self, tenant_id: str, job_id: str, area: Area | None = None, attempt: int | None = None, /
    ) -> str:
        return self._places.folder(tenant_id, job_id, area, attempt)

    def _object(self, location: str) -> dict[str, str]:
        self._places.object_at(location)
        return self._named(location)

    def _named(self, location: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": location.removeprefix(f"s3://{self._bucket}/")}

    # ---- objects --------------------------------------------------------------------------------------

    def stat(self, location: str, /) -> ObjectInfo:
        client, named = self._client, self._object(location)
        with translated(location):
            found = client.head_object(**named)
        return ObjectInfo(int(found["ContentLength"]), _etag(found))

    def copy(self, source: str, target: str, /, *, if_etag: str) -> ObjectInfo:
        client, here, there = self._client, self._object(source), self._object(target)
        info = self.stat(source)
        if info.etag != if_etag:
            raise self._changed(source)
        with self._unless_changed(source), translated(source, writes=True):
            if info.bytes <= self._copy_in_parts_from:
                copied = client.copy_object(**there, CopySource=here, CopySourceIfMatch=f'"{if_etag}"')
                return ObjectInfo(info.bytes, _etag(copied["CopyObjectResult"]))
            with Multipart(client, there) as upload:
                for begin in range(0, info.bytes, self._copied_part):
                    end = min(begin + self._copied_part, info.bytes) - 1
                    upload.copy(here, if_etag, begin, end)
                return ObjectInfo(info.bytes, upload.complete())

    @contextmanager
    def _unless_changed(self, source: str) -> Iterator[None]:
        try:
            yield
        except BackendError as exc:
            if code_of(exc.__cause__ or exc) in ("PreconditionFailed", "412"):
                raise self._changed(source) from exc
            raise

    def _changed(self, source: str) -> UploadChangedError:
        return UploadChangedError(
            self._places.object_at(source).job, "the upload was replaced; close it again"
        )

    def open_read(self, location: str, /, *, start: int = 0) -> BinaryIO:
        client, named = self._client, self._object(location)
        return opened(client, named, location, start)

    @contextmanager
    def open_write(self, location: str, /) -> Iterator[UploadWriter]:
        client, named = self._client, self._object(location)
        with translated(location, writes=True), Multipart(client, named) as upload:
            yield upload
            if self._closed:
                raise ClosedError("the result store")
            upload.complete()

    def delete(self, location: str, /) -> None:
        client = self._client
        place = self._places.at(location)
        named = self._named(location)
        with translated(location):
            if place.name is not None:
                client.delete_object(**named)
                return
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=named["Key"])
            for page in pages:
                keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
                for at in range(0, len(keys), _DELETED):
                    told = client.delete_objects(
                        Bucket=self._bucket, Delete={"Objects": keys[at : at + _DELETED], "Quiet": True}
                    )
                    if told.get("Errors"):
                        raise BackendError(f"S3 did not delete: {told['Errors'][0].get('Code')}")
            uploads = client.get_paginator("list_multipart_uploads")
            for page in uploads.paginate(Bucket=self._bucket, Prefix=named["Key"]):
                for one in page.get("Uploads", ()):
                    client.abort_multipart_upload(
                        Bucket=self._bucket, Key=one["Key"], UploadId=one["UploadId"]
                    )

    def jobs(self, *, older_than: datetime, cursor: str | None = None) -> Page[tuple[str, str]]:
        client = self._client
        after = ""
        if cursor is not None:
            tenant, slash, job = cursor.partition("/")
            try:
                after = self._named(self._places.folder(tenant, job, None, None))["Key"]
            except InvalidSpecError:
                raise InvalidCursorError from None
            if not slash:
                raise InvalidCursorError
        found: list[tuple[str, str]] = []
        with translated(f"s3://{self._bucket}"):
            # What comes after the last name that a job's folder could have: no name has this character.
            begin = {"StartAfter": after + "\U0010fffd"} if after else {}
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix, **begin
            )
            latest: datetime | None = None
            current: tuple[str, str] | None = None
            for page in pages:
                for one in page.get("Contents", ()):
                    place = self._own(one["Key"])
                    if place is None:
                        continue
                    ids = (place.tenant_id, place.job_id)
                    if ids != current:
                        if current is not None and latest is not None and latest < older_than:
                            found.append(current)
                            if len(found) == PAGE:
                                return Page(tuple(found), "/".join(current))
                        current, latest = ids, one["LastModified"]
                    latest = max(latest or one["LastModified"], one["LastModified"])
            if current is not None and latest is not None and latest < older_than:
                found.append(current)
        return Page(tuple(found), None)

    def _own(self, key: str) -> Place | None:
        """Where an object belongs; None for what others keep in the bucket."""
        try:
            return self._places.at(f"s3://{self._bucket}/{key}")
        except InvalidSpecError:
            return None

    # ---- links ----------------------------------------------------------------------------------------

    def upload_target(
        self, location: str, /, *, max_bytes: int, size: int | None, expires_at: datetime
    ) -> UploadTarget:
        client, here = self._client, self._linkable(location)
        if size is not None and size > max_bytes:
            raise UploadTooLargeError(
                here.job, f"the upload has {size} bytes, at most {max_bytes} are allowed; split it"
            )
        with translated(location):
            if size is None:
                return links.post(client, self._named(location), max_bytes, expires_at)
            return links.put(client, self._named(location), size, expires_at)

    def download_link(self, location: str, /, *, filename: str, expires_at: datetime) -> Link:
        client = self._client
        self._linkable(location)
        with translated(location):
            return links.get(client, self._named(location), filename, expires_at)

    def _linkable(self, location: str) -> Place:
        here = self._places.object_at(location)
        if here.area is Area.INPUT:
            raise InvalidSpecError("location", "no link is made into the input area")
        return here

    def close(self) -> None:
        self._closed = True


def _etag(answer: Any) -> str:
    return str(answer["ETag"]).strip('"')
