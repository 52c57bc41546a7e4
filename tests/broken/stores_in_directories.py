"""Result stores on a directory that break one promise each, with real files; `result_stores.py` tries them."""

from __future__ import annotations

import contextlib
import io
import os
from contextlib import contextmanager
from datetime import timedelta

import attrs
import pytest

from spectra.adapters.embedded import DirectoryResultStore
from spectra.errors import ObjectNotFoundError, SpectraError
from spectra.ports import Area, Page
from spectra.testing import HostedHarness, ManualClock


def in_directory(kind):
    """The fixture `harness` for *kind*, a broken `DirectoryResultStore`."""

    @pytest.fixture
    def harness(self, tmp_path, monkeypatch):
        # They break promises, not disks: what they write need not reach one.
        monkeypatch.setattr(os, "fsync", lambda _: None)
        clock = ManualClock()
        store = kind(tmp_path / "files", clock=clock)
        yield HostedHarness(store, clock=clock)
        DirectoryResultStore.close(store)

    return harness


# ---- RS1 ------------------------------------------------------------------------------------------


class SeenWhileWritten(DirectoryResultStore):
    """A new object grows where readers look; one that is there already is replaced as it should be."""

    @contextmanager
    def open_write(self, location, /, *, max_bytes=None):
        path = self._at(location)[1]
        with super().open_write(location, max_bytes=max_bytes) as writer:
            if path.exists():
                yield writer
                return

            class Both:
                def write(self, data):
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        path.parent.mkdir(parents=True, exist_ok=True)
                        with path.open("ab") as file:
                            file.write(data)
                    return writer.write(data)

            try:
                yield Both()
            except BaseException:
                path.unlink(missing_ok=True)
                raise


class LeftBehindByAnError(DirectoryResultStore):
    """When the code of its caller fails, what there is of the file stays."""

    @contextmanager
    def open_write(self, location, /, *, max_bytes=None):
        half = io.BytesIO()

        class Both:
            def write(self, data):
                half.write(data)
                return writer.write(data)

        try:
            with super().open_write(location, max_bytes=max_bytes) as writer:
                yield Both()
        except SpectraError:
            raise
        except BaseException:
            path = self._at(location)[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(half.getvalue())
            raise


# ---- RS2 ------------------------------------------------------------------------------------------


class LinkOutlivesItsInstant(DirectoryResultStore):
    def download_link(self, location, /, *, filename, expires_at):
        later = expires_at + timedelta(seconds=30)
        link = super().download_link(location, filename=filename, expires_at=later)
        return attrs.evolve(link, expires_at=expires_at)


class LinksShareAToken(DirectoryResultStore):
    """Finds what a link is for by the name of the object alone; the last one wins."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._last = {}

    def download_link(self, location, /, *, filename, expires_at):
        self._last[location.rpartition("/")[2]] = location
        return super().download_link(location, filename=filename, expires_at=expires_at)

    def redeem(self, url, /):
        redeemed = super().redeem(url)
        return attrs.evolve(redeemed, location=self._last[redeemed.location.rpartition("/")[2]])


class TargetOffByOne(DirectoryResultStore):
    """Takes one byte more, if the size is not known."""

    def upload_target(self, location, /, *, max_bytes, size, expires_at):
        if size is not None:
            return super().upload_target(location, max_bytes=max_bytes, size=size, expires_at=expires_at)
        target = super().upload_target(location, max_bytes=max_bytes + 1, size=None, expires_at=expires_at)
        return attrs.evolve(target, max_bytes=max_bytes)


class PurposeUnchecked(DirectoryResultStore):
    """A link for a download takes an upload."""

    def receive(self, url, stream, /):
        redeemed = self.redeem(url)
        if redeemed.max_bytes is not None:
            return super().receive(url, stream)
        with self.open_write(redeemed.location) as writer:
            writer.write(stream.read())
        return self.stat(redeemed.location)


# ---- RS3 ------------------------------------------------------------------------------------------


class DropsDots(DirectoryResultStore):
    """Its folders are named as Windows names them: without a dot at the end."""

    def _at(self, location):
        here, _ = super()._at(location)
        return here, self._path / str(attrs.evolve(here, job_id=here.job_id.rstrip(".")))


class PointsOutside(DirectoryResultStore):
    """Takes a path for a path, dots and all; outside of the job, but at least not of the test's folder."""

    def _at(self, location):
        if location.startswith(self._url) and ".." in location:
            path = (self._path / location.removeprefix(self._url)).resolve()
            if path.is_relative_to(self._path) and not path.is_dir():
                here, _ = super()._at(self.location("t", "j", Area.UPLOAD) + "data")
                return here, path
        return super()._at(location)


# ---- RS4 ------------------------------------------------------------------------------------------


class DeletesByPrefix(DirectoryResultStore):
    """``t/j`` takes ``t/j2`` too."""

    def delete(self, location, /):
        super().delete(location)
        if location.endswith("/"):
            path = self._path / location.removeprefix(self._url).rstrip("/")
            for other in path.parent.glob(path.name + "*"):
                super().delete(f"{self._url}{other.relative_to(self._path)}/")


class DeletesOnce(DirectoryResultStore):
    """What is deleted already is missing."""

    def delete(self, location, /):
        self._check_open()
        if not (self._path / location.removeprefix(self._url)).exists():
            raise ObjectNotFoundError(location)
        super().delete(location)


# ---- RS5 to RS7 -----------------------------------------------------------------------------------


class ReadsItAll(DirectoryResultStore):
    """A stream that gives all it has, whatever it is asked for."""

    def open_read(self, location, /, *, start=0):
        class All(io.BytesIO):
            def read(self, size=-1, /):
                return super().read()

        with super().open_read(location, start=start) as stream:
            return All(stream.read())


class CopyIsAHardLink(DirectoryResultStore):
    """A second name for the same file, and a file with two names is written in place to keep both."""

    def copy(self, source, target, /, *, if_etag):
        super().copy(source, target, if_etag=if_etag)
        here, there = self._at(source)[1], self._at(target)[1]
        there.unlink()
        there.hardlink_to(here)
        return self.stat(target)

    @contextmanager
    def open_write(self, location, /, *, max_bytes=None):
        path = self._at(location)[1]
        if not (path.exists() and path.stat().st_nlink > 1):
            with super().open_write(location, max_bytes=max_bytes) as writer:
                yield writer
            return
        buffer = io.BytesIO()
        yield buffer
        path.write_bytes(buffer.getvalue())


class GoesOnAfterClose(DirectoryResultStore):
    def _check_open(self):
        pass


class ListsTwice(DirectoryResultStore):
    """The last job of a page comes again."""

    def jobs(self, *, older_than, cursor=None):
        page = super().jobs(older_than=older_than, cursor=cursor)
        return Page((*page.items, *page.items[-1:]), page.next_cursor)
