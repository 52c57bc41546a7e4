"""Result stores that break one promise each; `test_broken_adapters.py` sees to it that each is caught by its number."""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import timedelta

import attrs
import pytest

from spectra.adapters.memory import MemoryResultStore
from spectra.errors import SpectraError
from spectra.testing import HostedHarness, ManualClock, ResultStoreContract
from tests.broken import stores_in_directories as directory
from tests.broken.stores_in_directories import in_directory


def in_memory(kind):
    """The fixture `harness` for *kind*, a broken `MemoryResultStore`."""

    @pytest.fixture
    def harness(self):
        clock = ManualClock()
        store = kind(clock=clock)
        yield HostedHarness(store, clock=clock)
        MemoryResultStore.close(store)

    return harness


# ---- RS1: whole or not at all ---------------------------------------------------------------------


class TestSeenWhileWritten(ResultStoreContract):
    breaks = "RS1"
    harness = in_directory(directory.SeenWhileWritten)


class TestLeftBehindByAnError(ResultStoreContract):
    breaks = "RS1"
    harness = in_directory(directory.LeftBehindByAnError)


class PublishesOnError(MemoryResultStore):
    """When the code of its caller fails, it publishes what it has."""

    @contextmanager
    def open_write(self, location, /, *, max_bytes=None):
        failed = None
        with super().open_write(location, max_bytes=max_bytes) as writer:
            try:
                yield writer
            except SpectraError:
                raise
            except BaseException as exc:
                failed = exc
        if failed is not None:
            raise failed


class TestPublishesOnError(ResultStoreContract):
    breaks = "RS1"
    harness = in_memory(PublishesOnError)


# ---- RS2: links -----------------------------------------------------------------------------------


class TestLinkOutlivesItsInstant(ResultStoreContract):
    breaks = "RS2"
    harness = in_directory(directory.LinkOutlivesItsInstant)


class TargetOutlivesItsInstant(MemoryResultStore):
    """An upload may come late."""

    def upload_target(self, location, /, *, max_bytes, size, expires_at):
        later = expires_at + timedelta(seconds=30)
        target = super().upload_target(location, max_bytes=max_bytes, size=size, expires_at=later)
        return attrs.evolve(target, expires_at=expires_at)


class TestTargetOutlivesItsInstant(ResultStoreContract):
    breaks = "RS2"
    harness = in_memory(TargetOutlivesItsInstant)


class TestLinksShareAToken(ResultStoreContract):
    breaks = "RS2"
    harness = in_directory(directory.LinksShareAToken)


class LinkToTheFolder(MemoryResultStore):
    """A link is good for a folder, and serves the last object in it."""

    def redeem(self, url, /):
        redeemed = super().redeem(url)
        folder = redeemed.location.rpartition("/")[0] + "/"
        names = sorted(name for name in self._objects if name.startswith(folder))
        return attrs.evolve(redeemed, location=names[-1]) if names and redeemed.filename else redeemed


class TestLinkToTheFolder(ResultStoreContract):
    breaks = "RS2"
    harness = in_memory(LinkToTheFolder)


class SignatureWithoutTheLocation(MemoryResultStore):
    """Signs how much and until when; whereto is said beside it."""

    def upload_target(self, location, /, *, max_bytes, size, expires_at):
        target = super().upload_target(location, max_bytes=max_bytes, size=size, expires_at=expires_at)
        return attrs.evolve(target, url=f"{target.url}?{location}")

    def _verify(self, url):
        claim = super()._verify(url)
        return {**claim, "put": url.partition("?")[2]} if "put" in claim else claim


class TestSignatureWithoutTheLocation(ResultStoreContract):
    breaks = "RS2"
    harness = in_memory(SignatureWithoutTheLocation)


class TestTargetOffByOne(ResultStoreContract):
    breaks = "RS2"
    harness = in_directory(directory.TargetOffByOne)


class TargetTruncates(MemoryResultStore):
    """Drops what is too much, and says nothing."""

    def receive(self, url, stream, /):
        return super().receive(url, io.BytesIO(stream.read(self.redeem(url).max_bytes)))


class TestTargetTruncates(ResultStoreContract):
    breaks = "RS2"
    harness = in_memory(TargetTruncates)


class TestPurposeUnchecked(ResultStoreContract):
    breaks = "RS2"
    harness = in_directory(directory.PurposeUnchecked)


# ---- RS3: places ----------------------------------------------------------------------------------


class FoldsCase(MemoryResultStore):
    """Keeps the case in which a job was named first, and takes all others for the same."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._first = {}

    def location(self, tenant_id, job_id, area=None, attempt=None, /):
        super().location(tenant_id, job_id, area, attempt)
        first = self._first.setdefault((tenant_id, job_id.lower()), job_id)
        return super().location(tenant_id, first, area, attempt)


class TestFoldsCase(ResultStoreContract):
    breaks = "RS3"
    harness = in_memory(FoldsCase)


class TestDropsDots(ResultStoreContract):
    breaks = "RS3"
    harness = in_directory(directory.DropsDots)


class TestPointsOutside(ResultStoreContract):
    breaks = "RS3"
    harness = in_directory(directory.PointsOutside)


# ---- RS4: deleting --------------------------------------------------------------------------------


class DeletesAThousand(MemoryResultStore):
    """One page, as S3 lists it."""

    def delete(self, location, /):
        below = sorted(name for name in self._objects if name.startswith(location))
        kept = {name: self._objects[name] for name in below[1000:]}
        super().delete(location)
        self._objects.update(kept)


class TestDeletesAThousand(ResultStoreContract):
    breaks = "RS4"
    harness = in_memory(DeletesAThousand)


class TestDeletesByPrefix(ResultStoreContract):
    breaks = "RS4"
    harness = in_directory(directory.DeletesByPrefix)


class TestDeletesOnce(ResultStoreContract):
    breaks = "RS4"
    harness = in_directory(directory.DeletesOnce)


class DeletesWhatIsBegun(MemoryResultStore):
    """What is being written when something is deleted never appears."""

    deletions = 0

    def delete(self, location, /):
        super().delete(location)
        self.deletions += 1

    @contextmanager
    def open_write(self, location, /, *, max_bytes=None):
        before = self.deletions
        with super().open_write(location, max_bytes=max_bytes) as writer:
            yield writer
        if self.deletions != before:
            super().delete(location)


class TestDeletesWhatIsBegun(ResultStoreContract):
    breaks = "RS4"
    harness = in_memory(DeletesWhatIsBegun)


# ---- RS5: streams ---------------------------------------------------------------------------------


class TestReadsItAll(ResultStoreContract):
    breaks = "RS5"
    harness = in_directory(directory.ReadsItAll)


# ---- RS6: copying ---------------------------------------------------------------------------------


class EtagOfTheSize(MemoryResultStore):
    """Another content of the same length has the same etag."""

    def stat(self, location, /):
        info = super().stat(location)
        return attrs.evolve(info, etag=str(info.bytes))

    def copy(self, source, target, /, *, if_etag):
        if self.stat(source).etag == if_etag:
            if_etag = super().stat(source).etag
        super().copy(source, target, if_etag=if_etag)
        return self.stat(target)


class TestEtagOfTheSize(ResultStoreContract):
    breaks = "RS6"
    harness = in_memory(EtagOfTheSize)


class CopyIgnoresTheEtag(MemoryResultStore):
    def copy(self, source, target, /, *, if_etag):
        return super().copy(source, target, if_etag=self.stat(source).etag)


class TestCopyIgnoresTheEtag(ResultStoreContract):
    breaks = "RS6"
    harness = in_memory(CopyIgnoresTheEtag)


class TestCopyIsAHardLink(ResultStoreContract):
    breaks = "RS6"
    harness = in_directory(directory.CopyIsAHardLink)


class CopyIsAReference(MemoryResultStore):
    """Who reads the copy is sent to the source."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._sources = {}

    def copy(self, source, target, /, *, if_etag):
        info = super().copy(source, target, if_etag=if_etag)
        self._sources[target] = source
        return info

    def _get(self, location):
        return super()._get(self._sources.get(location, location))


class TestCopyIsAReference(ResultStoreContract):
    breaks = "RS6"
    harness = in_memory(CopyIsAReference)


class CopiesLater(CopyIsAReference):
    """Takes note of it, and copies when somebody looks."""

    def _get(self, location):
        source = self._sources.pop(location, location)
        if source in self._objects:
            self._objects[location] = self._objects[source]
        return super()._get(location)


class TestCopiesLater(ResultStoreContract):
    breaks = "RS6"
    harness = in_memory(CopiesLater)


# ---- RS7: the end, and all jobs -------------------------------------------------------------------


class TestGoesOnAfterClose(ResultStoreContract):
    breaks = "RS7"
    harness = in_directory(directory.GoesOnAfterClose)


class TestListsTwice(ResultStoreContract):
    breaks = "RS7"
    harness = in_directory(directory.ListsTwice)


class ListsOnePage(MemoryResultStore):
    def jobs(self, *, older_than, cursor=None):
        return attrs.evolve(super().jobs(older_than=older_than, cursor=cursor), next_cursor=None)


class TestListsOnePage(ResultStoreContract):
    breaks = "RS7"
    harness = in_memory(ListsOnePage)
