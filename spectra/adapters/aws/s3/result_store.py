"""`S3ResultStore`: a `ResultStore` in a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, BinaryIO

from spectra.adapters.aws.s3 import links
from spectra.adapters.aws.s3.clients import clients_of
from spectra.adapters.aws.s3.copying import copied
from spectra.adapters.aws.s3.errors import refusal, translated
from spectra.adapters.aws.s3.listing import delete_below, jobs_below
from spectra.adapters.aws.s3.reading import opened
from spectra.adapters.aws.s3.writing import Upload
from spectra.errors import (
    BackendError,
    ClosedError,
    InvalidCursorError,
    InvalidSpecError,
    ObjectNotFoundError,
    UploadChangedError,
    UploadTooLargeError,
)
from spectra.ports.job_store import Page
from spectra.ports.places import Place, Places
from spectra.ports.result_store import Area, Link, ObjectInfo, ResultStore, UploadTarget, UploadWriter

__all__ = ["S3ResultStore"]


class S3ResultStore(ResultStore):
    """Files in *bucket*, below *prefix* (empty, or ending with ``/``): RS1 to RS7.

    *client* makes a boto3 client of S3, on first use and again after a fork; a ready client is taken
    too, but not across a fork. It is one of the bucket's region, and signs with version 4
    (``Config(signature_version="s3v4")``). Without it boto3's defaults are used.

    Every object is written with a checksum, which S3 verifies, and keeps; one that is read from its
    beginning is compared with it, whoever wrote it, or the read raises `BackendError` at its end.
    A range, and a checksum that S3 keeps by parts only, cannot be compared.

    Links: of a known size a PUT, of an unknown one a form POST, which S3 bounds. Both end with the
    credentials that sign them, and `expires_at` says so; what nobody can know is the end of a session
    token from the environment. S3 counts in whole seconds.

    An object is written in parts of 8 MiB, to 78 GiB. `jobs` may give an empty page before the last.
    """

    scheme = "s3"
    max_upload_bytes = 5 * 1024**3

    def __init__(
        self, bucket: str, *, prefix: str = "", client: Any | Callable[[], Any] | None = None
    ) -> None:
        if prefix and (not prefix.endswith("/") or prefix.startswith("/") or "//" in prefix):
            raise InvalidSpecError("prefix", "must be empty, or end with / and not begin with it")
        self._bucket, self._prefix = bucket, prefix
        self._places = Places(f"s3://{bucket}/{prefix}")
        self._clients = clients_of(client)

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
        client, named = self._clients.client(), self._object(location)
        try:
            with translated(location):
                found = client.head_object(**named)
        except ObjectNotFoundError:
            self._check_bucket(client)
            raise
        return ObjectInfo(int(found["ContentLength"]), found["ETag"].strip('"'))

    def _check_bucket(self, client: Any) -> None:
        # The answer to HEAD has no body, and so does not say what is missing.
        root = f"s3://{self._bucket}"
        try:
            # Who may list below the prefix only may not look at the bucket; then it is there.
            with suppress(BackendError), translated(root):
                client.head_bucket(Bucket=self._bucket)
        except ObjectNotFoundError as exc:
            raise refusal("NoSuchBucket", "HeadBucket", root) from exc

    def copy(self, source: str, target: str, /, *, if_etag: str) -> ObjectInfo:
        client, here, there = self._clients.client(), self._object(source), self._object(target)
        info = self.stat(source)
        etag = copied(client, here, there, source, info) if info.etag == if_etag else None
        if etag is None:
            raise UploadChangedError(
                self._places.object_at(source).job, "the upload was replaced; close it again"
            )
        return ObjectInfo(info.bytes, etag)

    def open_read(self, location: str, /, *, start: int = 0, length: int | None = None) -> BinaryIO:
        client, here = self._clients.client(), self._places.object_at(location)
        return opened(client, self._named(location), location, here.job, start, length)

    @contextmanager
    def open_write(self, location: str, /) -> Iterator[UploadWriter]:
        upload = Upload(self._clients.client(), self._object(location), location)
        try:
            yield upload
            if self._clients.closed:
                raise ClosedError("the result store")
            upload.complete()
        except BaseException:
            upload.abandon()
            raise

    def delete(self, location: str, /) -> None:
        client, place, named = self._clients.client(), self._places.at(location), self._named(location)
        if place.name is None:
            delete_below(client, named["Bucket"], named["Key"])
            return
        with translated(location):
            client.delete_object(**named)

    def jobs(self, *, older_than: datetime, cursor: str | None = None) -> Page[tuple[str, str]]:
        client, after = self._clients.client(), ""
        if cursor is not None:
            tenant, _, job = cursor.partition("/")
            try:
                after = self._named(self._places.folder(tenant, job, None, None))["Key"]
            except InvalidSpecError:
                raise InvalidCursorError from None
        return jobs_below(client, self._bucket, self._prefix, self._own, older_than, after)

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
        client, here = self._clients.client(), self._linkable(location)
        if size is not None and size > max_bytes:
            raise UploadTooLargeError(
                here.job, f"the upload has {size} bytes, at most {max_bytes} are allowed; split it"
            )
        with translated(location):
            if size is None:
                return links.post(client, self._named(location), max_bytes, expires_at)
            return links.put(client, self._named(location), size, expires_at)

    def download_link(self, location: str, /, *, filename: str, expires_at: datetime) -> Link:
        client = self._clients.client()
        self._linkable(location)
        with translated(location):
            return links.get(client, self._named(location), filename, expires_at)

    def _linkable(self, location: str) -> Place:
        here = self._places.object_at(location)
        if here.area is Area.INPUT:
            raise InvalidSpecError("location", "no link is made into the input area")
        return here

    def close(self) -> None:
        self._clients.close()
