"""The port where files are kept."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Literal, Protocol, Self

import attrs

from spectra.ports.job_store import Page

__all__ = [
    "Area",
    "HostedLinks",
    "Link",
    "ObjectInfo",
    "Redeemed",
    "ResultStore",
    "UploadTarget",
    "UploadWriter",
]


class Area(StrEnum):
    """The kinds of files that a job has; no link is ever made into `INPUT`."""

    UPLOAD = "upload"
    INPUT = "input"
    RESULTS = "results"
    FAILED = "failed"


@attrs.frozen
class ObjectInfo:
    """An object's bytes, and an etag that differs whenever its content does."""

    bytes: int
    etag: str


@attrs.frozen(kw_only=True)
class UploadTarget:
    """How to send one object: *method* to *url* with *headers*; *fields* for a form POST."""

    url: str = attrs.field(repr=False)
    method: Literal["PUT", "POST"] = "PUT"
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    fields: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    expires_at: datetime
    max_bytes: int


@attrs.frozen(kw_only=True)
class Link:
    """Where to download one object, and until when."""

    url: str = attrs.field(repr=False)
    expires_at: datetime


class UploadWriter(Protocol):
    """Takes bytes; leaving its context normally publishes them, leaving by an error drops them."""

    def write(self, data: bytes, /) -> int:
        """Take *data*; return its length."""
        ...


class ResultStore(abc.ABC):
    """Keeps files. A location is a URI; one that ends with ``/`` is a folder, and an object in it is
    the folder's location followed by a name of ``A-Z a-z 0-9 . _ -``. Every implementation promises:

    RS1  An object becomes visible whole or not at all; what was written is what is read, all of it
         or a range.
    RS2  An upload target writes at one key, whole objects of at most the given bytes, any number of
         times; a download link serves one object. Of both no request is accepted that begins after
         the instant, or is altered. The instant may be earlier than asked, never later.
    RS3  Locations are made by the store from tenant, job, area and attempt, a number from 1; what
         cannot be one of these raises `InvalidSpecError`. Every method takes these locations, and
         names in the folder of an area or attempt; whatever else it is given, it refuses
         (`InvalidSpecError` or `ObjectNotFoundError`) before anything is read, written or deleted.
         `spectra.ports.places` has the checking ready.
    RS4  `delete` removes everything that lies below a location when it is called, any number of
         objects; idempotent. Old versions are the bucket's configuration.
    RS5  Reading and writing stream: memory does not grow with size.
    RS6  `copy` happens inside the store and only if the source still has that etag, else
         `UploadChangedError`.
    RS7  What is missing raises `ObjectNotFoundError`. `jobs` lists every job that has files once, in
         pages of any size; a cursor it never gave raises `InvalidCursorError`. `close` may be repeated; after it `ClosedError`, and nothing is published.

    Driver exceptions arrive as `BackendUnavailableError`,
    `OutcomeUnknownError` or `BackendError`.
    """

    __slots__ = ()

    scheme: str
    """Of its locations: ``s3``, ``file``, ``memory``."""

    max_upload_bytes: int | None = None
    """The largest object that an upload target can take; None if there is no bound."""

    @abc.abstractmethod
    def location(
        self, tenant_id: str, job_id: str, area: Area | None = None, attempt: int | None = None, /
    ) -> str:
        """The folder of a job, of one of its areas, of one attempt in an area; ends with ``/``.

        Raises:
            InvalidSpecError: an id, area or attempt that cannot be, or an attempt without an area.
        """

    @abc.abstractmethod
    def upload_target(
        self, location: str, /, *, max_bytes: int, size: int | None, expires_at: datetime
    ) -> UploadTarget:
        """Make a way to send the object at *location*; *size* if the client knows it exactly.

        Raises:
            UploadTooLargeError: *size* is more than *max_bytes*.
            InvalidSpecError: *location* is in the input area.
        """

    @abc.abstractmethod
    def stat(self, location: str, /) -> ObjectInfo:
        """Describe an object.

        Raises:
            ObjectNotFoundError: there is none.
        """

    @abc.abstractmethod
    def copy(self, source: str, target: str, /, *, if_etag: str) -> ObjectInfo:
        """Copy an object inside the store.

        Raises:
            ObjectNotFoundError: no object at *source*.
            UploadChangedError: it has another etag.
        """

    @abc.abstractmethod
    def open_read(self, location: str, /, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """Open an object as a stream of bytes from offset *start*; the caller closes it.

        With *length* it ends after so many bytes, if the object does not end before; what lies beyond
        costs nothing. An offset at the object's end, or after it, gives nothing. Neither number is negative.

        Raises:
            ObjectNotFoundError: there is none.
        """

    @abc.abstractmethod
    def open_write(self, location: str, /) -> AbstractContextManager[UploadWriter]:
        """Write an object, replacing an older one when the context is left without an error."""

    @abc.abstractmethod
    def download_link(self, location: str, /, *, filename: str, expires_at: datetime) -> Link:
        """Make a link to one object; `Link.expires_at` may be earlier than asked, never later.

        Raises:
            InvalidSpecError: *location* is in the input area.
        """

    @abc.abstractmethod
    def jobs(self, *, older_than: datetime, cursor: str | None = None) -> Page[tuple[str, str]]:
        """(tenant, job) that have files, none changed since *older_than*; for reconciliation.

        Raises:
            InvalidCursorError: *cursor* is not of this listing.
        """

    @abc.abstractmethod
    def delete(self, location: str, /) -> None:
        """Remove the object, or everything below the folder, at *location*."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release everything; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@attrs.frozen(kw_only=True)
class Redeemed:
    """What a hosted link allows: a download as *filename*, or an upload of at most *max_bytes*."""

    location: str
    filename: str | None = None
    max_bytes: int | None = None


class HostedLinks(Protocol):
    """A store without a server of its own: a host serves its links."""

    def redeem(self, url: str, /) -> Redeemed:
        """Verify a link.

        Raises:
            LinkRefusedError: altered, or past its instant.
        """
        ...

    def receive(self, url: str, stream: BinaryIO, /) -> ObjectInfo:
        """Take an upload through its link, whole or not at all.

        Raises:
            LinkRefusedError: altered, past its instant, not for an upload, or for another size.
            UploadTooLargeError: more bytes than the link allows; nothing is visible.
        """
        ...
