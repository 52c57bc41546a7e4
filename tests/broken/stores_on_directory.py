"""`DirectoryResultStore`, broken in one way each: they are for `result_stores.py`."""

from __future__ import annotations

import io
import time
from contextlib import contextmanager
from datetime import timedelta

import attrs

from spectra.adapters.embedded import DirectoryResultStore
from spectra.errors import ObjectNotFoundError
from spectra.ports import Area, Page


class HalfVisible(DirectoryResultStore):
    """Writes results where readers look, if they are not there yet."""

    @contextmanager
    def open_write(self, location, /, *, max_bytes=None):
        _, path = self._at(location)
        there = path.exists() or "/results/" not in location
        if not there:
            path.parent.mkdir(parents=True, exist_ok=True)
        with super().open_write(location, max_bytes=max_bytes) as writer:
            if there:
                yield writer
                return

            class Both:
                def write(self, data):
                    with path.open("ab") as file:
                        file.write(data)
                    return writer.write(data)

            yield Both()


class LinkOutlivesItsInstant(DirectoryResultStore):
    def download_link(self, location, /, *, filename, expires_at):
        link = super().download_link(
            location, filename=filename, expires_at=expires_at + timedelta(seconds=30)
        )
        return attrs.evolve(link, expires_at=expires_at)


class TargetOffByOne(DirectoryResultStore):
    def upload_target(self, location, /, *, max_bytes, size, expires_at):
        target = super().upload_target(location, max_bytes=max_bytes + 1, size=size, expires_at=expires_at)
        return attrs.evolve(target, max_bytes=max_bytes)


class PurposeUnchecked(DirectoryResultStore):
    def receive(self, url, stream, /):
        redeemed = self.redeem(url)
        if redeemed.max_bytes is not None:
            return super().receive(url, stream)
        with self.open_write(redeemed.location) as writer:
            writer.write(stream.read())
        return self.stat(redeemed.location)


class PointsOutside(DirectoryResultStore):
    """Takes a path for a path, dots and all; here at least not out of the test's own folder."""

    def _at(self, location):
        if location.startswith(self._places.root) and ".." in location:
            path = (self._path / location.removeprefix(self._places.root)).resolve()
            if path.is_relative_to(self._path) and not path.is_dir():
                here, _ = super()._at(self.location("t", "j", Area.UPLOAD) + "data")
                return here, path
        return super()._at(location)


class DeletesByPrefix(DirectoryResultStore):
    def delete(self, location, /):
        super().delete(location)
        if location.endswith("/"):
            path = self._path / location.removeprefix(self._places.root).rstrip("/")
            for other in path.parent.glob(path.name + "*") if path.parent.is_dir() else ():
                super().delete(self._url + str(other.relative_to(self._path)) + "/")


class DeletesOnce(DirectoryResultStore):
    def delete(self, location, /):
        if location.endswith("data") or "j-2" in location:
            return super().delete(location)
        path = self._path / location.removeprefix(self._places.root)
        if not path.exists():
            raise ObjectNotFoundError(location)
        return super().delete(location)


class ReadsItAll(DirectoryResultStore):
    def open_read(self, location, /, *, start=0, length=None):
        with super().open_read(location, start=start, length=length) as stream:
            data = stream.read()

        class All(io.BytesIO):
            def read(self, size=-1, /):
                return super().read()

        return io.BytesIO(data) if len(data) < 5_000_000 else All(data)


class GoesOnAfterClose(DirectoryResultStore):
    def _check_open(self):
        pass


class ListsTwice(DirectoryResultStore):
    def jobs(self, *, older_than, cursor=None):
        page = super().jobs(older_than=older_than, cursor=cursor)
        return Page((*page.items, *page.items[:1]), page.next_cursor)


class GoneWhileReplaced(DirectoryResultStore):
    """The old object goes before the new one comes."""

    @contextmanager
    def open_write(self, location, /, *, max_bytes=None):
        _, path = self._at(location)
        with super().open_write(location, max_bytes=max_bytes) as writer:
            yield writer
            path.unlink(missing_ok=True)
            time.sleep(0.002)  # as long as a busy machine takes
