"""What the two stores whose links a host serves have in common, beyond `ResultStoreContract`."""

from __future__ import annotations

import io
import string
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from spectra.errors import (
    ClosedError,
    InvalidCursorError,
    InvalidSpecError,
    LinkRefusedError,
    ObjectNotFoundError,
    UploadChangedError,
    UploadTooLargeError,
)
from spectra.ports import Area, ObjectInfo
from spectra.testing import ManualClock

HOUR = timedelta(hours=1)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}[A-Za-z0-9_-]", fullmatch=True)
# One store serves all examples: what they leave behind is part of the trial.
SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
)


class HostedStores:
    """Beyond the contract: links as text, streams of uploads, every location that could be thought of."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def store(self, clock: ManualClock) -> Any:
        """The store on trial; overridden by every subclass, which also closes it."""
        raise NotImplementedError

    @pytest.fixture
    def put(self, store: Any) -> Callable[..., str]:
        def put(data: bytes, *, name: str = "data", job: str = "j1", area: Area = Area.RESULTS) -> str:
            location: str = store.location("acme", job, area) + name
            with store.open_write(location) as writer:
                assert writer.write(data) == len(data)
            return location

        return put

    # ---- RS1 and RS5: whole or not at all, and as it was written --------------------------------

    def test_rs1_the_etag_tells_every_content_apart(self, store: Any, put: Any) -> None:
        # same size, same instant
        etags = [store.stat(put(b"%04d" % number)).etag for number in range(50)]
        assert all(one != other for one, other in zip(etags, etags[1:], strict=False))
        location = put(b"last")
        etag = store.stat(location).etag
        put(b"x", name="other")
        assert store.stat(location).etag == etag

    def test_rs1_a_closed_store_publishes_nothing(self, store: Any, put: Any) -> None:
        location = put(b"data")
        with pytest.raises(ClosedError), store.open_write(location) as writer:
            writer.write(b"late")
            store.close()
        store.close()
        until = datetime.now(UTC)
        for call in (
            lambda: store.stat(location),
            lambda: store.open_read(location),
            lambda: store.delete(location),
            lambda: store.jobs(older_than=until),
            lambda: store.download_link(location, filename="a", expires_at=until),
            lambda: store.upload_target(location, max_bytes=1, size=None, expires_at=until),
            lambda: store.redeem("/files/x"),
        ):
            with pytest.raises(ClosedError):
                call()

    # ---- RS2: links -----------------------------------------------------------------------------

    @pytest.mark.parametrize("size", [None, 5])
    def test_rs2_what_is_too_long_is_refused_and_unseen(
        self, store: Any, clock: ManualClock, size: int | None
    ) -> None:
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        target = store.upload_target(location, max_bytes=5, size=size, expires_at=clock.now() + HOUR)
        store.send(target, b"12345")
        stream = io.BytesIO(b"x" * 10_000_000)
        with pytest.raises(UploadTooLargeError):
            store.receive(target.url, stream)
        assert stream.tell() < 5_000_000, "it was read on after the bound"
        assert read(store, location) == b"12345"

    def test_rs2_a_known_size_is_exact(self, store: Any, clock: ManualClock) -> None:
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        with pytest.raises(UploadTooLargeError):
            store.upload_target(location, max_bytes=5, size=6, expires_at=clock.now() + HOUR)
        target = store.upload_target(location, max_bytes=9, size=4, expires_at=clock.now() + HOUR)
        assert target.headers == {"Content-Length": "4"}
        with pytest.raises(LinkRefusedError):
            store.send(target, b"123")
        with pytest.raises(ObjectNotFoundError):
            store.stat(location)
        assert store.send(target, b"1234").bytes == 4

    def test_rs2_a_download_link_serves_one_object(self, store: Any, put: Any, clock: ManualClock) -> None:
        location = put(b"data")
        link = store.download_link(location, filename='é "x".csv', expires_at=clock.now() + HOUR)
        assert store.fetch(link) == b"data"
        stream, redeemed = store.serve(link.url)
        stream.close()
        assert (redeemed.location, redeemed.filename, redeemed.max_bytes) == (location, 'é "x".csv', None)

    def test_rs2_a_link_is_good_for_its_own_purpose_only(
        self, store: Any, put: Any, clock: ManualClock
    ) -> None:
        location = put(b"data")
        down = store.download_link(location, filename="a", expires_at=clock.now() + HOUR)
        up = store.upload_target(location, max_bytes=9, size=None, expires_at=clock.now() + HOUR)
        with pytest.raises(LinkRefusedError):
            store.receive(down.url, io.BytesIO(b"evil"))
        with pytest.raises(LinkRefusedError):
            store.serve(up.url)
        assert store.redeem(up.url).max_bytes == 9
        assert read(store, location) == b"data"

    @pytest.mark.parametrize("life", [timedelta(), timedelta(milliseconds=1), timedelta(minutes=15)])
    def test_rs2_no_link_outlives_its_instant(
        self, store: Any, put: Any, clock: ManualClock, life: timedelta
    ) -> None:
        location = put(b"data")
        asked = clock.now() + life + timedelta(microseconds=999)
        link = store.download_link(location, filename="a", expires_at=asked)
        target = store.upload_target(location, max_bytes=9, size=None, expires_at=asked)
        assert link.expires_at == target.expires_at
        assert asked - timedelta(seconds=1) <= link.expires_at <= asked
        if life:
            clock.instant = link.expires_at - timedelta(microseconds=1)
            assert store.fetch(link) == b"data"
            store.send(target, b"data")
        for instant in (link.expires_at, asked, asked + timedelta(days=999)):
            clock.instant = instant
            for call in (lambda: store.fetch(link), lambda: store.send(target, b"late")):
                with pytest.raises(LinkRefusedError, match="expired"):
                    call()
        assert read(store, location) == b"data"

    def test_rs2_an_upload_that_began_in_time_may_end_later(self, store: Any, clock: ManualClock) -> None:
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        target = store.upload_target(location, max_bytes=99, size=None, expires_at=clock.now() + HOUR)

        class Slow(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                clock.advance(hours=2)
                return super().read(size)

        assert store.receive(target.url, Slow(b"slow")).bytes == 4

    @SHARED
    @given(data=st.data())
    def test_rs2_altered_links_are_refused(
        self, store: Any, put: Any, clock: ManualClock, data: st.DataObject
    ) -> None:
        location = put(b"data")
        life = timedelta(seconds=data.draw(st.integers(1, 10**6), label="life"))
        if data.draw(st.booleans(), label="upload"):
            url = store.upload_target(location, max_bytes=9, size=None, expires_at=clock.now() + life).url
        else:
            url = store.download_link(location, filename="a", expires_at=clock.now() + life).url
        assert store.redeem(url).location == location
        start = url.rindex("/") + 1
        at = data.draw(st.integers(start, len(url) - 1), label="at")
        letter = data.draw(st.sampled_from("Aa0_-.~%=\n\t\0 é\ud800/"), label="letter")
        kind = data.draw(st.sampled_from(["replace", "insert", "delete", "cut", "double", "append"]))
        altered = {
            "replace": url[:at] + letter + url[at + 1 :],
            "insert": url[:at] + letter + url[at:],
            "delete": url[:at] + url[at + 1 :],
            "cut": url[:at],
            "double": url + url[start:],
            "append": url + letter,
        }[kind]
        assume(altered != url)
        with pytest.raises(LinkRefusedError):
            store.redeem(altered)

    def test_rs2_a_link_has_one_spelling(self, store: Any, put: Any, clock: ManualClock) -> None:
        # base64 has several for the same bytes: the last letter of a piece may say less than six bits
        location = put(b"data")
        for name in ("a", "ab", "abc"):
            url = store.download_link(location, filename=name, expires_at=clock.now() + HOUR).url
            start = url.rindex("/") + 1
            ends = [at for at in range(start, len(url)) if url[at + 1 : at + 2] in (".", "")]
            for at in ends:
                for letter in string.ascii_letters + string.digits + "-_=.":
                    altered = url[:at] + letter + url[at + 1 :]
                    if altered != url:
                        with pytest.raises(LinkRefusedError):
                            store.redeem(altered)

    @pytest.mark.parametrize("url", ["", "/", "/files/", "/files/x.y.z", "x", "/files/..", "http://[", "\0"])
    def test_rs2_nonsense_is_refused(self, store: Any, url: str) -> None:
        with pytest.raises(LinkRefusedError):
            store.redeem(url)
        with pytest.raises(LinkRefusedError):
            store.receive(url, io.BytesIO(b"x"))

    def test_rs2_scheme_host_and_query_are_the_hosts_affair(
        self, store: Any, put: Any, clock: ManualClock
    ) -> None:
        link = store.download_link(put(b"data"), filename="a", expires_at=clock.now() + HOUR)
        for url in (f"https://example.org{link.url}", f"{link.url}?download=1", f"{link.url}#top"):
            assert store.fetch(url) == b"data"
        with pytest.raises(LinkRefusedError):
            store.redeem("/elsewhere/" + link.url.rpartition("/")[2])

    # ---- RS3: locations -------------------------------------------------------------------------

    @SHARED
    @given(ids=st.lists(st.tuples(IDS, IDS), min_size=2, max_size=4, unique=True), name=NAMES)
    def test_rs3_no_two_jobs_share_a_place(self, store: Any, ids: list[tuple[str, str]], name: str) -> None:
        locations = [store.location(*job, Area.RESULTS, 1) + name for job in ids]
        # not even where the case of names does not count
        assert len({location.lower() for location in locations if store.scheme == "file"}) in (0, len(ids))
        for number, location in enumerate(locations):
            with store.open_write(location) as writer:
                writer.write(b"%d" % number)
        assert [read(store, location) for location in locations] == [b"%d" % n for n in range(len(ids))]
        store.delete(store.location(*ids[0]))
        with pytest.raises(ObjectNotFoundError):
            store.stat(locations[0])
        assert read(store, locations[1]) == b"1"

    @SHARED
    @given(data=st.data())
    def test_rs3_no_location_points_outside(
        self, store: Any, clock: ManualClock, data: st.DataObject
    ) -> None:
        good = store.location("t", "j", Area.RESULTS, 1) + "data"
        root = store.location("t", "j").removesuffix("t/j/")
        hostile = data.draw(
            st.one_of(
                st.sampled_from(
                    [
                        "",
                        "/",
                        "/etc/passwd",
                        "file:///etc/passwd",
                        "memory:///",
                        root,
                        f"{root}t/",
                        "http://x/y",
                    ]
                ),
                st.lists(
                    st.sampled_from(
                        [
                            "..",
                            ".",
                            "",
                            "t",
                            "j",
                            "results",
                            "input",
                            "1",
                            "~1",
                            "data",
                            "%2e%2e",
                            "a\0",
                            "~",
                            "é",
                        ]
                    ),
                    max_size=7,
                ).map(lambda parts: root + "/".join(parts)),
                st.tuples(
                    st.integers(0, len(good)), st.sampled_from(["/", "..", "/../", "\0", "%2F", "\\"])
                ).map(lambda cut: good[: cut[0]] + cut[1] + good[cut[0] :]),
                st.text(max_size=20).map(lambda text: root + text),
            )
        )
        try:
            with store.open_write(hostile) as writer:
                writer.write(b"x")
        except InvalidSpecError:
            for call in (
                lambda: store.stat(hostile),
                lambda: store.open_read(hostile),
                lambda: store.copy(hostile, good, if_etag="x"),
                lambda: store.copy(good, hostile, if_etag="x"),
                lambda: store.download_link(hostile, filename="a", expires_at=clock.now() + HOUR),
                lambda: store.upload_target(hostile, max_bytes=1, size=None, expires_at=clock.now() + HOUR),
            ):
                with pytest.raises((InvalidSpecError, ObjectNotFoundError)):
                    call()
        else:
            # Then it is one that the store itself makes, of ids that are ids.
            tenant, job, area, *rest = hostile.removeprefix(root).split("/")
            assert area in list(Area)
            attempt = int(rest[0].removeprefix("~")) if len(rest) == 2 else None
            assert hostile == store.location(tenant, job, Area(area), attempt) + rest[-1]

    # ---- RS4: deleting --------------------------------------------------------------------------

    # ---- RS6: copying ---------------------------------------------------------------------------

    # ---- reconciliation -------------------------------------------------------------------------


def read(store: Any, location: str, *, start: int = 0) -> bytes:
    with store.open_read(location, start=start) as stream:
        data: bytes = stream.read()
    return data
