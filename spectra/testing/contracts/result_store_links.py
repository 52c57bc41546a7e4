"""RS2: links that do one thing, until an instant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import attrs
import pytest

from spectra.errors import (
    LinkRefusedError,
    ObjectNotFoundError,
    SpectraError,
    UploadTooLargeError,
)
from spectra.ports.clock import Clock
from spectra.ports.result_store import Area, Link, ResultStore, UploadTarget
from spectra.testing.contracts.calls import read
from spectra.testing.contracts.contract import Contract
from spectra.testing.contracts.result_store_harness import ResultStoreHarness

HOUR = timedelta(hours=1)
REFUSED = (LinkRefusedError, UploadTooLargeError, ObjectNotFoundError)
Put = Callable[..., str]


class LinkPromises(Contract):
    """See `ResultStoreContract`."""

    def test_rs2_an_upload_target_takes_whole_objects_again_and_again(
        self, harness: ResultStoreHarness, store: ResultStore, clock: Clock
    ) -> None:
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        target = store.upload_target(location, max_bytes=5, size=None, expires_at=clock.now() + HOUR)
        assert target.max_bytes == 5
        for data in (b"one", b"12345", b"x"):
            harness.send(target, data)
            assert (store.stat(location).bytes, read(store, location)) == (len(data), data)

    @pytest.mark.parametrize("size", [None, 5])
    @pytest.mark.parametrize("more", [1, 5_000_000])
    def test_rs2_what_is_too_long_is_refused_and_unseen(
        self, harness: ResultStoreHarness, store: ResultStore, clock: Clock, size: int | None, more: int
    ) -> None:
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        target = store.upload_target(location, max_bytes=5, size=size, expires_at=clock.now() + HOUR)
        harness.send(target, b"12345")
        with pytest.raises(REFUSED):
            harness.send(target, b"x" * (5 + more))
        assert read(store, location) == b"12345"

    def test_rs2_a_known_size_is_exact(
        self, harness: ResultStoreHarness, store: ResultStore, clock: Clock
    ) -> None:
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        with pytest.raises(UploadTooLargeError):
            store.upload_target(location, max_bytes=5, size=6, expires_at=clock.now() + HOUR)
        target = store.upload_target(location, max_bytes=9, size=4, expires_at=clock.now() + HOUR)
        for wrong in (b"123", b"12345"):
            with pytest.raises(REFUSED):
                harness.send(target, wrong)
        with pytest.raises(ObjectNotFoundError):
            store.stat(location)
        harness.send(target, b"1234")
        assert read(store, location) == b"1234"

    def test_rs2_a_download_link_serves_one_object(
        self, harness: ResultStoreHarness, store: ResultStore, put: Put, clock: Clock
    ) -> None:
        put(b"another", name="data2")
        location = put(b"data")
        link = store.download_link(location, filename='é "x".csv', expires_at=clock.now() + HOUR)
        assert harness.fetch(link) == b"data"
        put(b"later")
        assert harness.fetch(link) == b"later"
        store.delete(location)
        with pytest.raises(REFUSED):
            harness.fetch(link)

    def test_rs2_two_links_are_two_objects(
        self, harness: ResultStoreHarness, store: ResultStore, put: Put, clock: Clock
    ) -> None:
        places = [put(name.encode(), name=name, job=job) for job in ("j1", "j2") for name in ("a", "b")]
        links = [store.download_link(p, filename="x", expires_at=clock.now() + HOUR) for p in places]
        assert [harness.fetch(link) for link in links] == [b"a", b"b", b"a", b"b"]
        targets = [
            store.upload_target(place, max_bytes=9, size=None, expires_at=clock.now() + HOUR)
            for place in (store.location("acme", job, Area.UPLOAD) + "data" for job in ("j1", "j2"))
        ]
        for number, target in enumerate(targets):
            harness.send(target, b"%d" % number)
        places = [store.location("acme", job, Area.UPLOAD) + "data" for job in ("j1", "j2")]
        assert [read(store, place) for place in places] == [b"0", b"1"]

    def test_rs2_a_link_is_good_for_its_own_purpose_only(
        self, harness: ResultStoreHarness, store: ResultStore, put: Put, clock: Clock
    ) -> None:
        location = put(b"data")
        down = store.download_link(location, filename="a", expires_at=clock.now() + HOUR)
        up = store.upload_target(location, max_bytes=9, size=None, expires_at=clock.now() + HOUR)
        with pytest.raises(REFUSED):
            harness.send(UploadTarget(url=down.url, expires_at=down.expires_at, max_bytes=9), b"evil")
        with pytest.raises(REFUSED):
            harness.fetch(Link(url=up.url, expires_at=up.expires_at))
        assert read(store, location) == b"data"

    @pytest.mark.parametrize("life", [2, 3.999])
    def test_rs2_no_link_outlives_its_instant(
        self, harness: ResultStoreHarness, store: ResultStore, put: Put, clock: Clock, life: float
    ) -> None:
        location = put(b"data")
        asked = clock.now() + timedelta(seconds=life)
        link = store.download_link(location, filename="a", expires_at=asked)
        target = store.upload_target(location, max_bytes=9, size=None, expires_at=asked)
        assert link.expires_at <= asked
        assert target.expires_at <= asked
        assert harness.fetch(link) == b"data"
        harness.send(target, b"sent")
        clock.sleep((max(link.expires_at, target.expires_at) - clock.now()).total_seconds())
        # A server's second may end a little after ours; a clock that stands still has none.
        for wait in (0.0, 1.0):
            clock.sleep(wait)
            answers = [self.refused(lambda: harness.fetch(link))]
            answers.append(self.refused(lambda: harness.send(target, b"late")))
            if all(answers):
                break
        assert all(answers)
        assert read(store, location) == b"sent"
        clock.sleep(1)
        assert self.refused(lambda: harness.fetch(link))

    @staticmethod
    def refused(call: Callable[[], object]) -> bool:
        """Whether *call* is refused."""
        try:
            call()
        except REFUSED:
            return True
        return False

    def test_rs2_no_link_is_made_into_the_input(self, store: ResultStore, put: Put, clock: Clock) -> None:
        location = put(b"data", area=Area.INPUT)
        with pytest.raises(ValueError):  # noqa: PT011 - the promise names no more
            store.download_link(location, filename="a", expires_at=clock.now() + HOUR)
        with pytest.raises(ValueError):  # noqa: PT011
            store.upload_target(location, max_bytes=1, size=None, expires_at=clock.now() + HOUR)

    def test_rs2_a_link_to_nothing_serves_nothing(
        self, harness: ResultStoreHarness, store: ResultStore, clock: Clock
    ) -> None:
        missing = store.location("acme", "j1", Area.RESULTS) + "missing"
        try:
            link = store.download_link(missing, filename="a", expires_at=clock.now() + HOUR)
        except ObjectNotFoundError:
            return
        with pytest.raises(REFUSED):
            harness.fetch(link)

    def test_rs2_an_altered_link_serves_nothing(
        self, harness: ResultStoreHarness, store: ResultStore, put: Put, clock: Clock
    ) -> None:
        put(b"secret", name="data2")
        put(b"secret", job="j2")
        link = store.download_link(put(b"mine"), filename="a", expires_at=clock.now() + HOUR)
        for url in _altered(link.url, 12 if self.profile == "slow" else 60):
            with pytest.raises(SpectraError):
                harness.fetch(attrs.evolve(link, url=url))
        assert harness.fetch(link) == b"mine"

    def test_rs2_an_altered_target_takes_nothing(
        self, harness: ResultStoreHarness, store: ResultStore, put: Put, clock: Clock
    ) -> None:
        others = [put(b"theirs", job="j2", area=Area.UPLOAD), put(b"theirs", name="data2", area=Area.UPLOAD)]
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        target = store.upload_target(location, max_bytes=4, size=None, expires_at=clock.now() + HOUR)
        for url in _altered(target.url, 8 if self.profile == "slow" else 30):
            with pytest.raises(SpectraError):
                harness.send(attrs.evolve(target, url=url), b"evil")
        for name, value in target.fields.items():
            with pytest.raises(SpectraError):
                harness.send(attrs.evolve(target, fields={**target.fields, name: f"{value}9"}), b"evil")
        assert [read(store, other) for other in others] == [b"theirs"] * 2
        with pytest.raises(ObjectNotFoundError):
            store.stat(location)


def _altered(url: str, count: int) -> list[str]:
    """*url* changed at *count* places of its path and query."""
    parts = urlsplit(url)
    text = parts.path + ("?" + parts.query if parts.query else "")
    step = max(1, (len(text) - 1) // count)
    found = []
    for at in range(1, len(text), step):
        letter = "1" if text[at] != "1" else "2"
        path, _, query = (text[:at] + letter + text[at + 1 :]).partition("?")
        found.append(urlunsplit((parts.scheme, parts.netloc, path, query, "")))
    for changed in (text.replace("data", "data2"), text.replace("j1", "j2"), text[:-1], text + "0"):
        path, _, query = changed.partition("?")
        if changed != text:
            found.append(urlunsplit((parts.scheme, parts.netloc, path, query, "")))
    return found
