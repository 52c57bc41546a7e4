"""`DirectoryResultStore`: files below one directory, with links that a host serves."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from spectra.adapters.embedded.files import etag, url_of
from spectra.adapters.embedded.result_store_files import (
    bounded,
    check_plain,
    create,
    make_folder,
    move_away,
    open_plain,
    prune,
    publish,
    sweep,
    translated,
)
from spectra.adapters.embedded.result_store_locations import decoded, encoded
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
from spectra.ports import (
    Area,
    Clock,
    Link,
    ObjectInfo,
    Page,
    Redeemed,
    ResultStore,
    SystemClock,
    UploadTarget,
    UploadWriter,
)
from spectra.ports.places import Place, Places

if TYPE_CHECKING:
    from spectra.adapters.embedded.result_store_links import Links

__all__ = ["DirectoryResultStore"]

PAGE: Final = 100
_CHUNK: Final = 1024 * 1024
_PRIVATE: Final = ".spectra"


class _Draft:
    """An object that is being written; refuses the byte after *max_bytes*."""

    def __init__(self, file: BinaryIO, job: str, max_bytes: int | None) -> None:
        self.size = 0
        self._file = file
        self._job = job
        self._max_bytes = max_bytes

    def write(self, data: bytes, /) -> int:
        self.size += len(data)
        if self._max_bytes is not None and self.size > self._max_bytes:
            raise UploadTooLargeError(
                self._job, f"the upload has more than {self._max_bytes} bytes; split it"
            )
        with translated("write"):
            self._file.write(data)
        return len(data)


class DirectoryResultStore(ResultStore):
    """Keeps files below *root*, and serves any number of processes on one machine.

    A file gets its name when it is whole and on the disk. Links are `HostedLinks`: URLs below
    *base_url* that a host serves by `serve` and `receive`; they hold in every process that uses the
    same root, because its secret lies there.
    """

    scheme = "file"

    def __init__(
        self, root: str | os.PathLike[str], *, clock: Clock | None = None, base_url: str = "/files"
    ) -> None:
        self._path = Path(os.path.abspath(os.fspath(root)))
        self._places = Places(url_of(self._path, folder=True), encoded, decoded)
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._base_url = base_url
        self._lock = threading.Lock()
        self._signer: Links | None = None
        self._swept = False
        self._closed = False

    # ---- objects --------------------------------------------------------------------------------

    def location(
        self, tenant_id: str, job_id: str, area: Area | None = None, attempt: int | None = None, /
    ) -> str:
        return self._places.folder(tenant_id, job_id, area, attempt)

    def stat(self, location: str, /) -> ObjectInfo:
        with self._found(location), self._open(location) as file:
            return _info(file)

    def copy(self, source: str, target: str, /, *, if_etag: str) -> ObjectInfo:
        here, path = self._at(source)
        with self._found(source), open_plain(path) as file:
            if etag(file.fileno()) != if_etag:
                raise UploadChangedError(here.job, "the upload was replaced; close it again")
            with self.open_write(target) as writer:
                while chunk := file.read(_CHUNK):
                    writer.write(chunk)
                # Names are replaced, never written into: the open file is still what was asked for.
        return self.stat(target)

    def open_read(self, location: str, /, *, start: int = 0, length: int | None = None) -> BinaryIO:
        with self._found(location):
            file = self._open(location)
            file.seek(start)
            return file if length is None else bounded(file, length)

    @contextmanager
    def open_write(self, location: str, /, *, max_bytes: int | None = None) -> Iterator[UploadWriter]:
        """Write an object; with *max_bytes*, `UploadTooLargeError` at the byte after it."""
        here, path = self._at(location)
        with translated("begin a file"):
            draft, file = create(self._temporary())
        try:
            try:
                yield _Draft(file, here.job, max_bytes)
                with translated("write"):
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                with contextlib.suppress(OSError):  # a full disk, again: what is left goes with the draft
                    file.close()
            self._check_open()
            with translated("publish a file"):
                publish(draft, path, root=self._path, now=self._clock.now())
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    def delete(self, location: str, /) -> None:
        self._check_open()
        self._places.at(location)
        path = self._path / self._below(location)
        check_plain(path, self._path)
        with translated("delete"):
            if not os.path.lexists(path):
                return
            move_away(path, self._temporary())
            prune(path.parent, self._path)

    def jobs(self, *, older_than: datetime, cursor: str | None = None) -> Page[tuple[str, str]]:
        self._check_open()
        if cursor is not None and cursor.count("/") != 1:
            raise InvalidCursorError
        after = tuple(cursor.split("/")) if cursor is not None else ("", "")
        found = []
        with translated("list"):
            for tenant, job, folder in self._folders():
                if (tenant, job) > after and _changed(folder) < older_than.timestamp():
                    found.append((tenant, job))
        found.sort()
        more = len(found) > PAGE
        return Page(tuple(found[:PAGE]), "/".join(found[PAGE - 1]) if more else None)

    def close(self) -> None:
        self._closed = True

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
        claim = {"put": self._below(location), "max": limit, "exact": size is not None}
        return UploadTarget(
            url=self._links().sign(claim, until),
            headers={} if size is None else {"Content-Length": str(size)},
            expires_at=until,
            max_bytes=limit,
        )

    def download_link(self, location: str, /, *, filename: str, expires_at: datetime) -> Link:
        self._linkable(location)
        until = utc_ms(expires_at)
        claim = {"get": self._below(location), "name": filename}
        return Link(url=self._links().sign(claim, until), expires_at=until)

    def redeem(self, url: str, /) -> Redeemed:
        """Verify a link; see `HostedLinks`."""
        return self._redeemed(self._links().read(url))

    def receive(self, url: str, stream: BinaryIO, /) -> ObjectInfo:
        """Take an upload through its link, as the host of this store does.

        Raises:
            LinkRefusedError: altered, expired, not an upload link, or fewer bytes than it is for.
            UploadTooLargeError: more bytes than the link allows; nothing is visible.
        """
        claim = self._links().read(url)
        redeemed = self._redeemed(claim)
        if redeemed.max_bytes is None:
            raise LinkRefusedError("it is for a download")
        with self.open_write(redeemed.location, max_bytes=redeemed.max_bytes) as writer:
            total = 0
            while chunk := stream.read(_CHUNK):
                total += writer.write(chunk)
            if claim["exact"] and total != redeemed.max_bytes:
                raise LinkRefusedError(f"it is for {redeemed.max_bytes} bytes, {total} were sent")
        return self.stat(redeemed.location)

    def serve(self, url: str, /) -> tuple[BinaryIO, Redeemed]:
        """Open what a download link is for, as the host of this store does; the caller closes it.

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

    # ---- plumbing -------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the result store")

    def _at(self, location: str) -> tuple[Place, Path]:
        self._check_open()
        here = self._places.object_at(location)
        path = self._path / self._below(location)
        check_plain(path, self._path)
        return here, path

    def _below(self, location: str) -> str:
        return location[len(self._places.root) :]

    def _open(self, location: str) -> BinaryIO:
        return open_plain(self._at(location)[1])

    @contextmanager
    def _found(self, location: str) -> Iterator[None]:
        with translated("read"):
            try:
                yield
            except (FileNotFoundError, NotADirectoryError):
                raise ObjectNotFoundError(location) from None

    def _linkable(self, location: str) -> Place:
        here, _ = self._at(location)
        if here.area is Area.INPUT:
            raise InvalidSpecError("location", "no link is made into the input area")
        return here

    def _redeemed(self, claim: dict[str, Any]) -> Redeemed:
        if "put" in claim:
            return Redeemed(location=self._places.root + claim["put"], max_bytes=claim["max"])
        return Redeemed(location=self._places.root + claim["get"], filename=claim["name"])

    def _temporary(self) -> Path:
        """The private folder; its first use in a process removes what dead ones left."""
        folder = self._path / _PRIVATE / "tmp"
        make_folder(folder, root=self._path)
        with self._lock:
            first, self._swept = not self._swept, True
        if first:
            fresh, file = create(folder)
            file.close()
            sweep(folder, fresh)
            fresh.unlink(missing_ok=True)
        return folder

    def _links(self) -> Links:
        from spectra.adapters.embedded.result_store_links import Links, load_secret

        self._check_open()
        if self._signer is None:
            with translated("read the secret of its links"):
                secret = load_secret(self._path / _PRIVATE / "secret", self._temporary())
            self._signer = Links(secret, self._clock, self._base_url)
        return self._signer

    def _folders(self) -> Iterator[tuple[str, str, Path]]:
        for tenant in _entries(self._path):
            tenant_id = decoded(tenant.name)
            for job in _entries(tenant) if tenant_id is not None else ():
                job_id = decoded(job.name)
                if tenant_id is not None and job_id is not None:
                    yield tenant_id, job_id, job


def _entries(folder: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _changed(folder: Path) -> float:
    """When the newest file below *folder* was written; 0 if there is none."""
    newest = 0.0
    for name, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                newest = max(newest, os.stat(os.path.join(name, file)).st_mtime)
    return newest


def _info(file: BinaryIO) -> ObjectInfo:
    return ObjectInfo(os.fstat(file.fileno()).st_size, etag(file.fileno()))
