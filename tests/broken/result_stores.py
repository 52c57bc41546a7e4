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
from tests.broken import stores_on_directory as folder


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


class ReadsPastTheEnd(MemoryResultStore):
    """One byte too many: a range of HTTP names its last byte, and not the one after it."""

    def open_read(self, location, /, *, start=0, length=None):
        return super().open_read(location, start=start, length=None if length is None else length + 1)


class TestHalfVisible(OnDirectory):
    kind, breaks = folder.HalfVisible, "RS1"


class TestPublishesOnError(OnMemory):
    kind, breaks = PublishesOnError, "RS1"


class TestReadsPastTheEnd(OnMemory):
    kind, breaks = ReadsPastTheEnd, "RS1"
    also = {"RS5"}  # there it is a range as well


class TestEtagOfTheSize(OnMemory):
    kind, breaks = EtagOfTheSize, "RS1"
    also = {"RS6"}  # a copy cannot tell that its source was replaced


# ---- RS2 ----------------------------------------------------------------------------------------------


class LinkServesAnother(MemoryResultStore):
    """Signs the job, not the object."""

    def redeem(self, url, /):
        redeemed = super().redeem(url)
        folder = redeemed.location.rpartition("/")[0] + "/"
        names = sorted(name for name in self._objects if name.startswith(folder))
        return attrs.evolve(redeemed, location=names[-1]) if names and redeemed.filename else redeemed


class TargetTruncates(MemoryResultStore):
    def receive(self, url, stream, /):
        return super().receive(url, io.BytesIO(stream.read(self.redeem(url).max_bytes)))


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
    kind, breaks = folder.LinkOutlivesItsInstant, "RS2"


class TestLinkServesAnother(OnMemory):
    kind, breaks = LinkServesAnother, "RS2"


class TestTargetOffByOne(OnDirectory):
    kind, breaks = folder.TargetOffByOne, "RS2"


class TestTargetTruncates(OnMemory):
    kind, breaks = TargetTruncates, "RS2"


class TestPurposeUnchecked(OnDirectory):
    kind, breaks = folder.PurposeUnchecked, "RS2"


class TestUnsignedTarget(OnMemory):
    kind, breaks = UnsignedTarget, "RS2"


# ---- RS3 ----------------------------------------------------------------------------------------------


class CaseFolded(MemoryResultStore):
    def location(self, tenant_id, job_id, area=None, attempt=None, /):
        if not isinstance(tenant_id, str) or not isinstance(job_id, str):
            return super().location(tenant_id, job_id, area, attempt)
        return super().location(tenant_id, job_id.lower(), area, attempt)


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
    kind, breaks = folder.PointsOutside, "RS3"


# ---- RS4 ----------------------------------------------------------------------------------------------


class DeletesAThousand(MemoryResultStore):
    def delete(self, location, /):
        names = sorted(name for name in self._objects if name.startswith(location))
        kept = {name: self._objects[name] for name in names[1000:]}
        super().delete(location)
        self._objects.update(kept)


class TestDeletesAThousand(OnMemory):
    kind, breaks = DeletesAThousand, "RS4"


class TestDeletesByPrefix(OnDirectory):
    kind, breaks = folder.DeletesByPrefix, "RS4"


class TestDeletesOnce(OnDirectory):
    kind, breaks = folder.DeletesOnce, "RS4"


# ---- RS5 to RS7 ---------------------------------------------------------------------------------------


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


class ListsOnePage(MemoryResultStore):
    def jobs(self, *, older_than, cursor=None):
        return attrs.evolve(super().jobs(older_than=older_than, cursor=cursor), next_cursor=None)


class TestReadsItAll(OnDirectory):
    kind, breaks = folder.ReadsItAll, "RS5"


class TestCopyIgnoresTheEtag(OnMemory):
    kind, breaks = CopyIgnoresTheEtag, "RS6"


class TestCopyIsALink(OnMemory):
    kind, breaks = CopyIsALink, "RS6"


class TestGoesOnAfterClose(OnDirectory):
    kind, breaks = folder.GoesOnAfterClose, "RS7"


class TestListsTwice(OnDirectory):
    kind, breaks = folder.ListsTwice, "RS7"


class TestListsOnePage(OnMemory):
    kind, breaks = ListsOnePage, "RS7"


class TestGoneWhileReplaced(OnDirectory):
    kind, breaks = folder.GoneWhileReplaced, "RS1"


class LinkServesWhatIsGone(MemoryResultStore):
    """What was served once is kept for whoever has the link."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.served: dict[str, bytes] = {}

    def fetch(self, link, /):
        try:
            self.served[link.url] = super().fetch(link)
        except ObjectNotFoundError:
            if link.url not in self.served:
                raise
        return self.served[link.url]


class AttemptOfNothing(MemoryResultStore):
    """A number that belongs nowhere is left out."""

    def location(self, tenant_id, job_id, area=None, attempt=None, /):
        return super().location(tenant_id, job_id, area, attempt if area is not None else None)


class SparesTheInput(MemoryResultStore):
    """What was loaded is kept, in case somebody asks."""

    def delete(self, location, /):
        kept = {name: one for name, one in self._objects.items() if "/input/" in name}
        super().delete(location)
        if location.count("/") == self.location("t", "j").count("/") and location.endswith("/"):
            self._objects.update(kept)


class ListsWhatHasResults(MemoryResultStore):
    def jobs(self, *, older_than, cursor=None):
        page = super().jobs(older_than=older_than, cursor=cursor)
        folders = {job: self.location(*job, Area.RESULTS) for job in page.items}
        listed = [job for job in page.items if any(name.startswith(folders[job]) for name in self._objects)]
        return Page(listed, page.next_cursor)


class TestLinkServesWhatIsGone(OnMemory):
    kind, breaks = LinkServesWhatIsGone, "RS2"


class TestAttemptOfNothing(OnMemory):
    kind, breaks = AttemptOfNothing, "RS3"


class TestSparesTheInput(OnMemory):
    kind, breaks = SparesTheInput, "RS4"


class TestListsWhatHasResults(OnMemory):
    kind, breaks = ListsWhatHasResults, "RS7"
    also = {"RS3"}  # whether two places are one is looked up in the list
