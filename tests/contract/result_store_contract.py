"""RS1 to RS6 for every result store: subclass `ResultStoreContract` and give it a `store`."""

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
from tests.clocks import ManualClock

HOUR = timedelta(hours=1)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}[A-Za-z0-9_-]", fullmatch=True)
# One store serves all examples: what they leave behind is part of the trial.
SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
)


class ResultStoreContract:
    """Tests are named after the promises; *store* is empty, asks *clock* for the time, and hosts links."""

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

    def test_rs1_what_was_written_is_read(self, store: Any) -> None:
        location = store.location("acme", "j1", Area.RESULTS, 1) + "part-00000.csv"
        pieces = [b"id\n", b"", bytes(range(256)) * 5_000, b"\0end"]
        with store.open_write(location) as writer:
            for piece in pieces:
                assert writer.write(piece) == len(piece)
            with pytest.raises(ObjectNotFoundError):
                store.stat(location)
        data = b"".join(pieces)
        with store.open_read(location) as stream:
            assert stream.read() == data
        assert store.stat(location).bytes == len(data)

    def test_rs1_an_empty_object_is_one(self, store: Any, put: Any) -> None:
        location = put(b"")
        assert store.stat(location).bytes == 0
        assert read(store, location) == b""

    @pytest.mark.parametrize("start", [0, 1, 5, 10, 11])
    def test_rs1_reading_from_an_offset(self, store: Any, put: Any, start: int) -> None:
        assert read(store, put(b"0123456789"), start=start) == b"0123456789"[start:]

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
    def test_rs1_leaving_by_an_error_changes_nothing(self, store: Any, put: Any, error: Any) -> None:
        old = put(b"old")
        new = store.location("acme", "j2", Area.RESULTS) + "data"
        for location in (old, new):
            with pytest.raises(error), store.open_write(location) as writer:
                writer.write(b"half of it")
                raise error
        assert read(store, old) == b"old"
        with pytest.raises(ObjectNotFoundError):
            store.stat(new)
        assert store.jobs(older_than=datetime.max.replace(tzinfo=UTC)).items == (("acme", "j1"),)

    def test_rs1_a_reader_keeps_what_it_opened(self, store: Any, put: Any) -> None:
        location = put(b"old" * 1_000)
        with store.open_read(location) as stream:
            assert stream.read(3) == b"old"
            put(b"new")
            assert stream.read() == b"old" * 999
        assert read(store, location) == b"new"

    def test_rs1_of_writers_at_once_one_wins_whole(self, store: Any) -> None:
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        bodies = [bytes([n]) * (50_000 + n) for n in range(8)]

        def write(body: bytes) -> None:
            with store.open_write(location) as writer:
                for at in range(0, len(body), 7_000):
                    writer.write(body[at : at + 7_000])

        threads = [threading.Thread(target=write, args=[body]) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read(store, location) in bodies

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

    def test_missing_objects(self, store: Any, put: Any, clock: ManualClock) -> None:
        put(b"here")
        missing = store.location("acme", "j1", Area.RESULTS) + "missing"
        nowhere = store.location("nobody", "j1", Area.RESULTS) + "missing"
        link = store.download_link(missing, filename="a", expires_at=clock.now() + HOUR)
        for call in (
            lambda: store.stat(missing),
            lambda: store.open_read(nowhere),
            lambda: store.copy(missing, nowhere, if_etag="x"),
            lambda: store.fetch(link),
        ):
            with pytest.raises(ObjectNotFoundError):
                call()

    # ---- RS2: links -----------------------------------------------------------------------------

    def test_rs2_an_upload_target_takes_whole_objects_again_and_again(
        self, store: Any, clock: ManualClock
    ) -> None:
        location = store.location("acme", "j1", Area.UPLOAD) + "data"
        target = store.upload_target(location, max_bytes=5, size=None, expires_at=clock.now() + HOUR)
        assert target.max_bytes == 5
        assert target.expires_at <= clock.now() + HOUR
        for data in (b"one", b"", b"12345"):
            info = store.send(target, data)
            assert info == store.stat(location)
            assert (info.bytes, read(store, location)) == (len(data), data)

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

    def test_rs2_no_link_is_made_into_the_input(self, store: Any, put: Any, clock: ManualClock) -> None:
        location = put(b"data", area=Area.INPUT)
        with pytest.raises(ValueError, match="input"):
            store.download_link(location, filename="a", expires_at=clock.now() + HOUR)
        with pytest.raises(ValueError, match="input"):
            store.upload_target(location, max_bytes=1, size=None, expires_at=clock.now() + HOUR)

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

    def test_rs3_case_dots_and_devices(self, store: Any) -> None:
        ids = ["A", "a", "a.", "a..", "a-", "CON", "con", "nul.txt", "0", "x" * 128, "X" * 128]
        for job in ids:
            with store.open_write(store.location("t", job, Area.UPLOAD) + "data") as writer:
                writer.write(job.encode())
        for job in ids:
            assert read(store, store.location("t", job, Area.UPLOAD) + "data") == job.encode()
        page = store.jobs(older_than=datetime.max.replace(tzinfo=UTC))
        assert page.items == tuple(sorted(("t", job) for job in ids))

    @pytest.mark.parametrize(
        "id_",
        ["", ".", "..", "../x", "a/b", "/etc", "a\0b", "-a", ".a", "é", "a b", "x" * 200, "a\n", 7, None],
    )
    def test_rs3_ids_that_could_lead_elsewhere_are_refused(self, store: Any, id_: Any) -> None:
        for ids in ((id_, "job"), ("tenant", id_)):
            with pytest.raises(InvalidSpecError):
                store.location(*ids)

    @pytest.mark.parametrize("attempt", [0, -1, "1", "../1", 1.0, True])
    def test_rs3_attempts_are_numbers_from_one(self, store: Any, attempt: Any) -> None:
        with pytest.raises(InvalidSpecError):
            store.location("t", "j", Area.RESULTS, attempt)
        with pytest.raises(InvalidSpecError):
            store.location("t", "j", None, 1)

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

    def test_rs4_delete_takes_what_lies_below(self, store: Any) -> None:
        places = [
            (tenant, job, area, attempt)
            for tenant in ("t", "t2")
            for job in ("j", "j-2", "j2")
            for area in (Area.RESULTS, Area.FAILED)
            for attempt in (1, 11)
        ]
        for place in places:
            for name in ("a", "b"):
                with store.open_write(store.location(*place) + name) as writer:
                    writer.write(b"x")

        def left() -> set[tuple[Any, ...]]:
            found = set()
            for place in places:
                for name in ("a", "b"):
                    try:
                        store.stat(store.location(*place) + name)
                        found.add((*place, name))
                    except ObjectNotFoundError:
                        pass
            return found

        every = left()
        assert len(every) == 48
        steps: list[tuple[str, Callable[[tuple[Any, ...]], bool]]] = [
            (store.location(*places[0]) + "a", lambda p: p == (*places[0], "a")),
            (store.location(*places[0]), lambda p: p[:4] == places[0]),
            (store.location("t", "j", Area.FAILED), lambda p: p[:3] == ("t", "j", Area.FAILED)),
            (store.location("t", "j"), lambda p: p[:2] == ("t", "j")),
        ]
        for location, gone in steps:
            for _ in range(2):
                store.delete(location)
                every = {p for p in every if not gone(p)}
                assert left() == every
        assert store.jobs(older_than=datetime.max.replace(tzinfo=UTC)).items == (
            ("t", "j-2"),
            ("t", "j2"),
            ("t2", "j"),
            ("t2", "j-2"),
            ("t2", "j2"),
        )

    def test_rs4_writing_while_deleting_neither_fails_nor_tears(self, store: Any) -> None:
        folder = store.location("t", "j")
        location = store.location("t", "j", Area.UPLOAD) + "data"
        done = threading.Event()

        def delete() -> None:
            while not done.is_set():
                store.delete(folder)

        thread = threading.Thread(target=delete)
        thread.start()
        try:
            for number in range(200):
                with store.open_write(location) as writer:
                    writer.write(b"%d" % number)
                try:
                    assert read(store, location) == b"%d" % number
                except ObjectNotFoundError:
                    pass
        finally:
            done.set()
            thread.join()

    # ---- RS6: copying ---------------------------------------------------------------------------

    def test_rs6_copy_is_the_content_that_had_the_etag(self, store: Any, put: Any) -> None:
        source = put(b"old", area=Area.UPLOAD)
        target = store.location("acme", "j1", Area.INPUT) + "frozen"
        etag = store.stat(source).etag
        info = store.copy(source, target, if_etag=etag)
        assert isinstance(info, ObjectInfo)
        assert (info, read(store, target)) == (store.stat(target), b"old")
        put(b"new", area=Area.UPLOAD)
        with pytest.raises(UploadChangedError):
            store.copy(source, target, if_etag=etag)
        assert read(store, target) == b"old"
        store.delete(source)
        assert read(store, target) == b"old"

    def test_rs6_a_replaced_source_is_never_copied(self, store: Any, put: Any) -> None:
        source = put(b"a" * 100_000, area=Area.UPLOAD)
        done = threading.Event()

        def replace() -> None:
            while not done.is_set():
                put(b"b" * 100_000, area=Area.UPLOAD)
                put(b"c" * 100_000, area=Area.UPLOAD)

        thread = threading.Thread(target=replace)
        thread.start()
        target = store.location("acme", "j2", Area.INPUT) + "frozen"
        copied = 0
        try:
            for _ in range(100):
                etag = store.stat(source).etag
                try:
                    info = store.copy(source, target, if_etag=etag)
                except UploadChangedError:
                    continue
                copied += 1
                data = read(store, target)
                assert len(data) == info.bytes == 100_000
                assert len(set(data)) == 1
        finally:
            done.set()
            thread.join()

    # ---- reconciliation -------------------------------------------------------------------------

    def test_jobs_by_their_newest_file(self, store: Any, put: Any, clock: ManualClock) -> None:
        put(b"x", job="old")
        put(b"x", job="touched")
        clock.advance(hours=1)
        middle = clock.now()
        put(b"x", job="touched", area=Area.INPUT)
        put(b"x", job="new")
        assert store.jobs(older_than=middle).items == (("acme", "old"),)
        clock.advance(hours=1)
        assert len(store.jobs(older_than=clock.now()).items) == 3

    def test_jobs_come_in_pages(self, store: Any, put: Any, clock: ManualClock) -> None:
        names = sorted(f"{letter}{number:03}" for letter in "aB" for number in range(110))
        for name in names:
            put(b"x", job=name)
        later = clock.now() + HOUR
        seen, cursor = [], None
        for _ in range(20):
            page = store.jobs(older_than=later, cursor=cursor)
            seen += [job for _, job in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == names
        with pytest.raises(InvalidCursorError):
            store.jobs(older_than=later, cursor="nonsense")


def read(store: Any, location: str, *, start: int = 0) -> bytes:
    with store.open_read(location, start=start) as stream:
        data: bytes = stream.read()
    return data
