"""A machine that drives a `ResultStore` beside a dict: whatever the order of calls, both agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from spectra.errors import (
    InvalidSpecError,
    LinkRefusedError,
    ObjectNotFoundError,
    SpectraError,
    UploadChangedError,
    UploadTooLargeError,
)
from spectra.ports.result_store import Area, Link, UploadTarget
from spectra.testing.clock import ManualClock

if TYPE_CHECKING:
    from spectra.testing.contracts.result_store_harness import ResultStoreHarness

__all__ = ["ResultStoreMachine"]

TENANTS = st.sampled_from(["t", "T", "t-2"])
JOBS = st.sampled_from(["j", "j.1", "j-1"])
AREAS = st.sampled_from(Area)
ATTEMPTS = st.none() | st.integers(1, 2)
NAMES = st.sampled_from(["data", "data.gz", "part-1"])
CONTENTS = st.binary(max_size=40) | st.integers(0, 3).map(lambda n: b"x" * (70_000 * n))
PLACES = st.tuples(TENANTS, JOBS, AREAS, ATTEMPTS, NAMES)
FOREVER = datetime.max.replace(tzinfo=UTC)
REFUSED = (LinkRefusedError, UploadTooLargeError, ObjectNotFoundError)


class ResultStoreMachine(RuleBasedStateMachine):
    """Random calls to a store and to a dict; they must agree. Missing, stale and repeated ones too.

    Every example empties what an earlier one left. Time passes only if the harness has a `ManualClock`.
    """

    def __init__(self, harness: ResultStoreHarness) -> None:
        super().__init__()
        self.harness = harness
        self.store = harness.store
        self.objects: dict[str, bytes] = {}
        self.etags: list[str] = ["no-such-etag"]
        self.links: list[tuple[Link, str]] = []
        self.targets: list[tuple[UploadTarget, str]] = []
        for job in self._jobs():
            self.store.delete(self.store.location(*job))

    def _jobs(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        cursor = None
        while True:
            page = self.store.jobs(older_than=FOREVER, cursor=cursor)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    def at(self, place: tuple[str, str, Area, int | None, str]) -> str:
        """The location of *place*."""
        *folder, name = place
        return self.store.location(*folder) + name  # type: ignore[arg-type] # four of them

    def outcome(self, call: Callable[[], Any]) -> Any:
        """What *call* returns, or the type of what it raises."""
        try:
            return call()
        except SpectraError as exc:
            return type(exc)

    @rule(place=PLACES, data=CONTENTS, fails=st.sampled_from([False, False, True]))
    def write(self, place: Any, data: bytes, fails: bool) -> None:
        location = self.at(place)
        try:
            with self.store.open_write(location) as writer:
                writer.write(data[:30_000])
                writer.write(data[30_000:])
                if fails:
                    raise RuntimeError
        except RuntimeError:
            return
        self.objects[location] = data
        self.etags.append(self.store.stat(location).etag)

    @rule(place=PLACES, start=st.integers(0, 10), length=st.none() | st.integers(0, 40) | st.just(100_000))
    def read(self, place: Any, start: int, length: int | None) -> None:
        location = self.at(place)
        data = self.objects.get(location)
        if data is None:
            assert self.outcome(lambda: self.store.open_read(location)) is ObjectNotFoundError
            return
        with self.store.open_read(location, start=start, length=length) as stream:
            assert stream.read() == data[start:][:length]
        assert self.store.stat(location).bytes == len(data)

    @rule(source=PLACES, to=PLACES, stale=st.booleans(), data=st.data())
    def copy(self, source: Any, to: Any, stale: bool, data: st.DataObject) -> None:
        here, there = self.at(source), self.at(to)
        if here not in self.objects:
            got = self.outcome(lambda: self.store.copy(here, there, if_etag=self.etags[0]))
            assert got is ObjectNotFoundError
            return
        etag = self.store.stat(here).etag
        if stale:
            other = data.draw(st.sampled_from(self.etags))
            if other != etag:
                got = self.outcome(lambda: self.store.copy(here, there, if_etag=other))
                assert got is UploadChangedError
            return
        if here == there:
            return
        info = self.store.copy(here, there, if_etag=etag)
        self.objects[there] = self.objects[here]
        assert info == self.store.stat(there)

    @rule(place=PLACES, depth=st.integers(2, 5))
    def delete(self, place: Any, depth: int) -> None:
        location = self.at(place) if depth == 5 else self.store.location(*place[:depth])
        self.store.delete(location)
        if depth == 5:
            self.objects.pop(location, None)
        else:
            self.objects = {
                name: data for name, data in self.objects.items() if not name.startswith(location)
            }

    @rule()
    def list_jobs(self) -> None:
        found = self._jobs()
        assert len(found) == len(set(found))
        wanted = {self.store.location(*job) for job in found}
        assert all(any(name.startswith(folder) for folder in wanted) for name in self.objects)
        assert all(any(name.startswith(folder) for name in self.objects) for folder in wanted)

    @rule(place=PLACES, hours=st.integers(1, 3))
    def link(self, place: Any, hours: int) -> None:
        location = self.at(place)
        until = self.harness.clock.now() + timedelta(hours=hours)
        got = self.outcome(lambda: self.store.download_link(location, filename="a.csv", expires_at=until))
        if place[2] is Area.INPUT:
            assert got is InvalidSpecError
        elif location in self.objects or isinstance(got, Link):
            assert got.expires_at <= until
            self.links.append((got, location))
        else:
            assert got is ObjectNotFoundError

    @rule(place=PLACES, hours=st.integers(1, 3), most=st.integers(1, 50))
    def target(self, place: Any, hours: int, most: int) -> None:
        location = self.at(place)
        until = self.harness.clock.now() + timedelta(hours=hours)
        got = self.outcome(
            lambda: self.store.upload_target(location, max_bytes=most, size=None, expires_at=until)
        )
        if place[2] is Area.INPUT:
            assert got is InvalidSpecError
        else:
            self.targets.append((got, location))

    @precondition(lambda self: self.links)
    @rule(data=st.data())
    def fetch(self, data: st.DataObject) -> None:
        link, location = data.draw(st.sampled_from(self.links))
        valid = self.harness.clock.now() < link.expires_at
        try:
            got = self.harness.fetch(link)
        except REFUSED:
            assert not valid or location not in self.objects
        else:
            assert valid
            assert got == self.objects[location]

    @precondition(lambda self: self.targets)
    @rule(data=st.data(), body=st.binary(min_size=1, max_size=60))
    def send(self, data: st.DataObject, body: bytes) -> None:
        target, location = data.draw(st.sampled_from(self.targets))
        valid = self.harness.clock.now() < target.expires_at and len(body) <= target.max_bytes
        try:
            self.harness.send(target, body)
        except REFUSED:
            assert not valid
        else:
            assert valid
            self.objects[location] = body

    @precondition(lambda self: isinstance(self.harness.clock, ManualClock))
    @rule(minutes=st.sampled_from([1, 59, 60, 121]))
    def wait(self, minutes: int) -> None:
        self.harness.clock.sleep(60 * minutes)

    def teardown(self) -> None:
        for location, data in self.objects.items():
            with self.store.open_read(location) as stream:
                assert stream.read() == data
