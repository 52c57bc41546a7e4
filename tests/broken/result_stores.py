"""Result stores that break one promise each; half of them on a directory. `test_broken_adapters.py` judges."""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import timedelta

import attrs
import pytest

from spectra.adapters.embedded import DirectoryResultStore
from spectra.adapters.memory import MemoryResultStore
from spectra.errors import ObjectNotFoundError
from spectra.ports import Area, ObjectInfo, Page
from spectra.testing import HostedHarness, ManualClock, ResultStoreContract


class OnMemory(ResultStoreContract):
    kind: type[MemoryResultStore]

    @pytest.fixture
    def harness(self):
        clock = ManualClock()
        store = self.kind(clock=clock)
        yield HostedHarness(store, clock=clock)
        MemoryResultStore.close(store)


class OnDirectory(ResultStoreContract):
    kind: type[DirectoryResultStore]

    @pytest.fixture
    def harness(self, tmp_path):
        clock = ManualClock()
        store = self.kind(tmp_path / "files", clock=clock)
        yield HostedHarness(store, clock=clock)
        DirectoryResultStore.close(store)


# ---- RS1 ----------------------------------------------------------------------------------------------


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


class PublishesOnError(MemoryResultStore):
    @contextmanager
    def open_write(self, location, /, *, max_bytes=None):
        failed = None
        with super().open_write(location, max_bytes=max_bytes) as writer:
            try:
                yield writer
            except RuntimeError as exc:
                failed = exc
        if failed is not None:
            raise failed


class EtagOfTheSize(MemoryResultStore):
    def stat(self, location, /):
        info = super().stat(location)
        return ObjectInfo(info.bytes, str(info.bytes))

    def copy(self, source, target, /, *, if_etag):
        if self.stat(source).etag == if_etag:
            if_etag = super().stat(source).etag
        super().copy(source, target, if_etag=if_etag)
        return self.stat(target)


class TestHalfVisible(OnDirectory):
    kind, breaks = HalfVisible, "RS1"


class TestPublishesOnError(OnMemory):
    kind, breaks = PublishesOnError, "RS1"


class TestEtagOfTheSize(OnMemory):
    kind, breaks = EtagOfTheSize, "RS1"
    also = {"RS6"}  # a copy cannot tell that its source was replaced


# ---- RS2 ----------------------------------------------------------------------------------------------


class LinkOutlivesItsInstant(DirectoryResultStore):
    def download_link(self, location, /, *, filename, expires_at):
        link = super().download_link(
            location, filename=filename, expires_at=expires_at + timedelta(seconds=30)
        )
        return attrs.evolve(link, expires_at=expires_at)


class LinkServesAnother(MemoryResultStore):
    """Signs the job, not the object."""

    def redeem(self, url, /):
        redeemed = super().redeem(url)
        folder = redeemed.location.rpartition("/")[0] + "/"
        names = sorted(name for name in self._objects if name.startswith(folder))
        return attrs.evolve(redeemed, location=names[-1]) if names and redeemed.filename else redeemed


class TargetOffByOne(DirectoryResultStore):
    def upload_target(self, location, /, *, max_bytes, size, expires_at):
        target = super().upload_target(location, max_bytes=max_bytes + 1, size=size, expires_at=expires_at)
        return attrs.evolve(target, max_bytes=max_bytes)


class TargetTruncates(MemoryResultStore):
    def receive(self, url, stream, /):
        return super().receive(url, io.BytesIO(stream.read(self.redeem(url).max_bytes)))


class PurposeUnchecked(DirectoryResultStore):
    def receive(self, url, stream, /):
        redeemed = self.redeem(url)
        if redeemed.max_bytes is not None:
            return super().receive(url, stream)
        with self.open_write(redeemed.location) as writer:
            writer.write(stream.read())
        return self.stat(redeemed.location)


class UnsignedTarget(MemoryResultStore):
    """Whoever knows a URL can make others."""

    def upload_target(self, location, /, *, max_bytes, size, expires_at):
        target = super().upload_target(location, max_bytes=max_bytes, size=size, expires_at=expires_at)
        url = f"/put?{location}&{target.max_bytes}&{int(size is not None)}&{target.expires_at.timestamp()}"
        return attrs.evolve(target, url=url)

    def receive(self, url, stream, /):
        if not url.startswith("/put?"):
            return super().receive(url, stream)
        location, most, exact, until = url.removeprefix("/put?").split("&")
        self.stat_or_nothing(location)
        real = super().upload_target(
            location,
            max_bytes=int(most),
            size=int(most) if exact == "1" else None,
            expires_at=self._clock.now() + timedelta(seconds=float(until) - self._clock.now().timestamp()),
        )
        return super().receive(real.url, stream)

    def stat_or_nothing(self, location):
        try:
            self.stat(location)
        except ObjectNotFoundError:
            return


class TestLinkOutlivesItsInstant(OnDirectory):
    kind, breaks = LinkOutlivesItsInstant, "RS2"


class TestLinkServesAnother(OnMemory):
    kind, breaks = LinkServesAnother, "RS2"


class TestTargetOffByOne(OnDirectory):
    kind, breaks = TargetOffByOne, "RS2"


class TestTargetTruncates(OnMemory):
    kind, breaks = TargetTruncates, "RS2"


class TestPurposeUnchecked(OnDirectory):
    kind, breaks = PurposeUnchecked, "RS2"


class TestUnsignedTarget(OnMemory):
    kind, breaks = UnsignedTarget, "RS2"


# ---- RS3 ----------------------------------------------------------------------------------------------


class CaseFolded(MemoryResultStore):
    def location(self, tenant_id, job_id, area=None, attempt=None, /):
        if not isinstance(tenant_id, str) or not isinstance(job_id, str):
            return super().location(tenant_id, job_id, area, attempt)
        return super().location(tenant_id, job_id.lower(), area, attempt)


class PointsOutside(DirectoryResultStore):
    """Takes a path for a path, dots and all; here at least not out of the test's own folder."""

    def _at(self, location):
        if location.startswith(self._places.root) and ".." in location:
            path = (self._path / location.removeprefix(self._places.root)).resolve()
            if path.is_relative_to(self._path) and not path.is_dir():
                here, _ = super()._at(self.location("t", "j", Area.UPLOAD) + "data")
                return here, path
        return super()._at(location)


class DeletesAnyPrefix(MemoryResultStore):
    """Takes what ends with a slash, and nothing at all, for a folder."""

    def delete(self, location):
        if location and not location.endswith("/"):
            super().delete(location)
            return
        with self._lock:
            for name in [name for name in self._objects if name.startswith(location)]:
                del self._objects[name]


class TestDeletesAnyPrefix(OnMemory):
    kind, breaks = DeletesAnyPrefix, "RS3"


class TestCaseFolded(OnMemory):
    kind, breaks = CaseFolded, "RS3"
    also = {"RS7"}  # jobs that share a place are listed as one


class TestPointsOutside(OnDirectory):
    kind, breaks = PointsOutside, "RS3"


# ---- RS4 ----------------------------------------------------------------------------------------------


class DeletesAThousand(MemoryResultStore):
    def delete(self, location, /):
        names = sorted(name for name in self._objects if name.startswith(location))
        kept = {name: self._objects[name] for name in names[1000:]}
        super().delete(location)
        self._objects.update(kept)


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


class TestDeletesAThousand(OnMemory):
    kind, breaks = DeletesAThousand, "RS4"


class TestDeletesByPrefix(OnDirectory):
    kind, breaks = DeletesByPrefix, "RS4"


class TestDeletesOnce(OnDirectory):
    kind, breaks = DeletesOnce, "RS4"


# ---- RS5 to RS7 ---------------------------------------------------------------------------------------


class ReadsItAll(DirectoryResultStore):
    def open_read(self, location, /, *, start=0):
        with super().open_read(location, start=start) as stream:
            data = stream.read()

        class All(io.BytesIO):
            def read(self, size=-1, /):
                return super().read()

        return io.BytesIO(data) if len(data) < 5_000_000 else All(data)


class CopyIgnoresTheEtag(MemoryResultStore):
    def copy(self, source, target, /, *, if_etag):
        return super().copy(source, target, if_etag=self.stat(source).etag)


class CopyIsALink(MemoryResultStore):
    """The copy goes with its source."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.copies: dict[str, str] = {}

    def copy(self, source, target, /, *, if_etag):
        info = super().copy(source, target, if_etag=if_etag)
        self.copies[target] = source
        return info

    def delete(self, location, /):
        super().delete(location)
        for target, source in list(self.copies.items()):
            if source.startswith(location):
                self._objects.pop(target, None)


class GoesOnAfterClose(DirectoryResultStore):
    def _check_open(self):
        pass


class ListsTwice(DirectoryResultStore):
    def jobs(self, *, older_than, cursor=None):
        page = super().jobs(older_than=older_than, cursor=cursor)
        return Page((*page.items, *page.items[:1]), page.next_cursor)


class ListsOnePage(MemoryResultStore):
    def jobs(self, *, older_than, cursor=None):
        return attrs.evolve(super().jobs(older_than=older_than, cursor=cursor), next_cursor=None)


class TestReadsItAll(OnDirectory):
    kind, breaks = ReadsItAll, "RS5"


class TestCopyIgnoresTheEtag(OnMemory):
    kind, breaks = CopyIgnoresTheEtag, "RS6"


class TestCopyIsALink(OnMemory):
    kind, breaks = CopyIsALink, "RS6"


class TestGoesOnAfterClose(OnDirectory):
    kind, breaks = GoesOnAfterClose, "RS7"


class TestListsTwice(OnDirectory):
    kind, breaks = ListsTwice, "RS7"


class TestListsOnePage(OnMemory):
    kind, breaks = ListsOnePage, "RS7"
