"""RS1, RS5 to RS7: objects whole or not at all, copies, and the end."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from spectra.errors import ClosedError, InvalidCursorError, ObjectNotFoundError, UploadChangedError
from spectra.ports.clock import Clock
from spectra.ports.result_store import Area, ObjectInfo, ResultStore
from spectra.testing.contracts.calls import everything_of, read
from spectra.testing.contracts.contract import Contract

FOREVER = datetime.max.replace(tzinfo=UTC)
Put = Callable[..., str]


class ObjectPromises(Contract):
    """See `ResultStoreContract`."""

    # ---- RS1: whole or not at all, and as it was written ----------------------------------------

    def test_rs1_what_was_written_is_read(self, store: ResultStore) -> None:
        location = store.location("acme", "j1", Area.RESULTS, 1) + "part-00000.csv"
        pieces = [b"id\n", b"", bytes(range(256)) * 5_000, b"\0end"]
        with store.open_write(location) as writer:
            for piece in pieces:
                assert writer.write(piece) == len(piece)
        data = b"".join(pieces)
        assert read(store, location) == data
        assert store.stat(location).bytes == len(data)

    def test_rs1_what_is_being_written_is_not_seen(self, store: ResultStore, put: Put) -> None:
        old = put(b"old")
        new = store.location("acme", "j2", Area.RESULTS) + "data"
        for location in (old, new):
            with store.open_write(location) as writer:
                writer.write(b"x" * 6_000_000)
                if location == old:
                    assert read(store, old) == b"old"
                else:
                    with pytest.raises(ObjectNotFoundError):
                        store.stat(new)
            assert store.stat(location).bytes == 6_000_000

    @pytest.mark.parametrize("size", [0, 1, 8_388_608])
    def test_rs1_of_any_size(self, store: ResultStore, put: Put, size: int) -> None:
        location = put(b"x" * size)
        assert store.stat(location).bytes == size
        assert read(store, location) == b"x" * size

    @pytest.mark.parametrize("start", [0, 1, 5, 10])
    def test_rs1_reading_from_an_offset(self, store: ResultStore, put: Put, start: int) -> None:
        assert read(store, put(b"0123456789"), start=start) == b"0123456789"[start:]

    @pytest.mark.parametrize("length", [0, 1, 7, 10, 100, None])
    def test_rs1_reading_a_range(self, store: ResultStore, put: Put, length: int | None) -> None:
        location = put(b"0123456789")
        for start in (0, 3, 9, 10, 12):
            wanted = b"0123456789"[start:][:length]
            assert read(store, location, start=start, length=length) == wanted
            with store.open_read(location, start=start, length=length) as stream:
                pieces = [stream.read(4), stream.read(4), stream.read(), stream.read(1)]
            assert pieces == [wanted[:4], wanted[4:8], wanted[8:], b""]

    def test_rs1_a_range_of_an_empty_object(self, store: ResultStore, put: Put) -> None:
        assert read(store, put(b""), length=5) == b""

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
    def test_rs1_leaving_by_an_error_changes_nothing(
        self, store: ResultStore, put: Put, error: type[BaseException]
    ) -> None:
        old = put(b"old")
        new = store.location("acme", "j2", Area.RESULTS) + "data"
        for location in (old, new):
            with pytest.raises(error), store.open_write(location) as writer:
                writer.write(b"half of it")
                raise error
        assert read(store, old) == b"old"
        with pytest.raises(ObjectNotFoundError):
            store.stat(new)

    def test_rs1_a_reader_keeps_what_it_opened(self, store: ResultStore, put: Put) -> None:
        location = put(b"old" * 1_000)
        with store.open_read(location) as stream:
            assert stream.read(3) == b"old"
            put(b"new")
            assert stream.read() == b"old" * 999
        assert read(store, location) == b"new"

    def test_rs1_of_writers_at_once_one_wins_whole(self, store: ResultStore) -> None:
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

    def test_rs1_who_looks_meanwhile_sees_the_old_or_the_new(self, store: ResultStore, put: Put) -> None:
        location, source = put(b"a" * 40_000), put(b"b" * 50_000, name="source")
        etag = store.stat(source).etag
        whole = {(b"a", 40_000), (b"b", 50_000)}
        seen: set[tuple[bytes, int]] = set()
        done = threading.Event()

        def look() -> None:
            while not done.is_set():
                data = read(store, location)
                seen.add((data[:1], len(data)))

        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(look)
            try:
                for _ in range(5 if self.profile == "slow" else 40):
                    put(b"a" * 40_000)
                    store.copy(source, location, if_etag=etag)
            finally:
                done.set()
            looking.result()
        assert seen <= whole

    def test_rs1_the_etag_tells_contents_apart(self, store: ResultStore, put: Put) -> None:
        etags = [store.stat(put(b"%04d" % number)).etag for number in range(20)]
        assert all(one != other for one, other in itertools.pairwise(etags))
        location = put(b"last")
        etag = store.stat(location).etag
        put(b"x", name="other")
        assert store.stat(location).etag == etag

    # ---- RS5: streams -----------------------------------------------------------------------------

    def test_rs5_pieces_of_any_size(self, store: ResultStore) -> None:
        location = store.location("acme", "j1", Area.INPUT) + "data"
        data = bytes(range(251)) * 40_000
        with store.open_write(location) as writer:
            source = io.BytesIO(data)
            for size in (1, 65_537, 5_242_880, 3):
                piece = source.read(size)
                assert writer.write(piece) == len(piece)
            writer.write(source.read())
        pieces = []
        with store.open_read(location) as stream:
            for size in (1, 0, 7, 100_003):
                pieces.append(stream.read(size))
                assert len(pieces[-1]) <= size
            while piece := stream.read(1_000_000):
                assert len(piece) <= 1_000_000
                pieces.append(piece)
        assert b"".join(pieces) == data
        start, length = 300_001, 8_500_000
        pieces = []
        with store.open_read(location, start=start, length=length) as stream:
            while piece := stream.read(1_000_000):
                assert len(piece) <= 1_000_000
                pieces.append(piece)
        assert b"".join(pieces) == data[start : start + length]

    # ---- RS6: copying -----------------------------------------------------------------------------

    def test_rs6_copy_is_the_content_that_had_the_etag(self, store: ResultStore, put: Put) -> None:
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
        with pytest.raises(ObjectNotFoundError):
            store.copy(source, target, if_etag=etag)

    def test_rs6_a_source_that_is_replaced_meanwhile_is_never_mixed(
        self, store: ResultStore, put: Put
    ) -> None:
        source = put(b"a" * 100_000, area=Area.UPLOAD)
        target = store.location("acme", "j2", Area.INPUT) + "frozen"
        done = threading.Event()

        def replace() -> None:
            while not done.is_set():
                put(b"b" * 100_000, area=Area.UPLOAD)
                put(b"c" * 100_001, area=Area.UPLOAD)

        thread = threading.Thread(target=replace)
        thread.start()
        try:
            for _ in range(10 if self.profile == "slow" else 60):
                try:
                    seen = store.stat(source)
                    info = store.copy(source, target, if_etag=seen.etag)
                except (UploadChangedError, ObjectNotFoundError):
                    continue  # that it was never missing is RS1
                data = read(store, target)
                assert info.bytes == seen.bytes == len(data)
                assert len(set(data)) == 1
        finally:
            done.set()
            thread.join()

    # ---- RS7: what is missing, what is old, the end -------------------------------------------------

    def test_rs7_missing_objects(self, store: ResultStore, put: Put) -> None:
        put(b"here")
        missing = store.location("acme", "j1", Area.RESULTS) + "missing"
        nowhere = store.location("nobody", "j1", Area.RESULTS) + "missing"
        for call in (
            lambda: store.stat(missing),
            lambda: store.open_read(nowhere),
            lambda: store.open_read(missing, start=1, length=1),
            lambda: store.open_read(missing, length=0),
            lambda: store.copy(missing, nowhere, if_etag="x"),
        ):
            with pytest.raises(ObjectNotFoundError):
                call()

    def test_rs7_jobs_by_their_newest_file(self, store: ResultStore, put: Put, clock: Clock) -> None:
        put(b"x", job="old", area=Area.INPUT)
        put(b"x", job="touched", area=Area.FAILED)
        clock.sleep(2)
        middle = clock.now()
        clock.sleep(2)
        put(b"x", job="touched", area=Area.INPUT)
        put(b"x", job="new", area=Area.UPLOAD)
        assert everything_of(store.jobs, older_than=middle) == [("acme", "old")]
        later = clock.now() + timedelta(hours=1)
        assert sorted(everything_of(store.jobs, older_than=later)) == [
            ("acme", "new"),
            ("acme", "old"),
            ("acme", "touched"),
        ]

    def test_rs7_jobs_come_in_pages(self, store: ResultStore, put: Put) -> None:
        count = 12 if self.profile == "slow" else 130
        names = sorted(f"{letter}{number:03}" for letter in "aB" for number in range(count))
        for name in names:
            put(b"x", job=name)
            put(b"y", job=name, area=Area.FAILED)
        found = everything_of(store.jobs, older_than=FOREVER)
        assert sorted(job for _, job in found) == names
        with pytest.raises(InvalidCursorError):
            store.jobs(older_than=FOREVER, cursor="nonsense")

    def test_rs7_a_closed_store_publishes_nothing(self, store: ResultStore, put: Put) -> None:
        location = put(b"data")
        etag = store.stat(location).etag
        with pytest.raises(ClosedError), store.open_write(location) as writer:
            writer.write(b"late")
            store.close()
        store.close()
        until = datetime.now(UTC)
        for call in (
            lambda: store.stat(location),
            lambda: store.open_read(location),
            lambda: store.open_write(location).__enter__(),
            lambda: store.copy(location, f"{location}2", if_etag=etag),
            lambda: store.delete(location),
            lambda: store.jobs(older_than=until),
            lambda: store.download_link(location, filename="a", expires_at=until),
            lambda: store.upload_target(location, max_bytes=1, size=None, expires_at=until),
        ):
            with pytest.raises(ClosedError):
                call()
