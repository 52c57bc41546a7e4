"""RS3 and RS4: where files lie, and deleting what lies below a place."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spectra.errors import InvalidSpecError, ObjectNotFoundError
from spectra.ports.clock import Clock
from spectra.ports.result_store import Area, ResultStore
from spectra.testing.contracts.calls import everything_of, read
from spectra.testing.contracts.contract import Contract

FOREVER = datetime.max.replace(tzinfo=UTC)
Put = Callable[..., str]


class PlaceOfFilesPromises(Contract):
    """See `ResultStoreContract`."""

    # ---- RS3: locations ---------------------------------------------------------------------------

    def test_rs3_a_location_is_a_uri_of_the_stores_scheme(self, store: ResultStore) -> None:
        folders = [
            store.location("t", "j"),
            store.location("t", "j", Area.RESULTS),
            store.location("t", "j", Area.RESULTS, 2),
        ]
        for outer, inner in itertools.pairwise(folders):
            assert inner.startswith(outer)
        assert all(one.startswith(f"{store.scheme}://") and one.endswith("/") for one in folders)
        assert store.location("t", "j", Area.RESULTS, 2) == folders[-1]

    def test_rs3_no_two_places_are_one(self, store: ResultStore) -> None:
        jobs = ["A", "a", "a.", "a..", "a-", "a_", "CON", "con", "nul.txt", "0", "x" * 128, "X" * 128]
        places = [store.location("t", job, Area.UPLOAD) + "data" for job in jobs]
        places += [store.location(tenant, "j", Area.UPLOAD) + "data" for tenant in ("T", "t.", "t-1", "1")]
        places += [store.location("t", "j", area) + "data" for area in Area]
        places += [store.location("t", "j", Area.RESULTS, attempt) + "data" for attempt in (1, 2, 11, 100)]
        places += [store.location("t", "j", Area.RESULTS, 1) + name for name in ("Data", "d", "data.gz", "1")]
        assert len(set(places)) == len(places)
        for number, location in enumerate(places):
            with store.open_write(location) as writer:
                writer.write(b"%d" % number)
        assert [read(store, location) for location in places] == [b"%d" % n for n in range(len(places))]
        found = set(everything_of(store.jobs, older_than=FOREVER))
        assert found == {("t", job) for job in [*jobs, "j"]} | {(t, "j") for t in ("T", "t.", "t-1", "1")}

    @pytest.mark.parametrize(
        "id_",
        ["", ".", "..", "../x", "a/b", "/etc", "a\0b", "-a", ".a", "é", "a b", "x" * 200, "a\n", 7, None],
        ids=ascii,
    )
    def test_rs3_ids_that_could_lead_elsewhere_are_refused(self, store: ResultStore, id_: Any) -> None:
        for ids in ((id_, "job"), ("tenant", id_)):
            with pytest.raises(InvalidSpecError):
                store.location(*ids)

    @pytest.mark.parametrize("attempt", [0, -1, "1", "../1", 1.0, True], ids=repr)
    def test_rs3_attempts_are_numbers_from_one(self, store: ResultStore, attempt: Any) -> None:
        with pytest.raises(InvalidSpecError):
            store.location("t", "j", Area.RESULTS, attempt)

    def test_rs3_areas_are_the_four_and_hold_the_attempts(self, store: ResultStore) -> None:
        for area in ("elsewhere", "../input", "", 7):
            with pytest.raises(InvalidSpecError):
                store.location("t", "j", area)  # type: ignore[arg-type] # that is what is tried
        with pytest.raises(InvalidSpecError):
            store.location("t", "j", None, 1)

    @pytest.mark.parametrize(
        "ending",
        [
            "",
            "/etc/passwd",
            "../../../etc/passwd",
            "t/j2/upload/../../j/upload/data",
            "t/j/../j2/upload/data",
            "t//j/upload/data",
            "t/j/upload/..",
            "t/j/upload/.",
            "t/j/upload/a\0b",
            "t/j/upload/a b",
            "t/j/upload/é",
            "t/j/elsewhere/data",
            "t/data",
            "data",
        ],
        ids=ascii,
    )
    def test_rs3_no_location_points_outside(self, store: ResultStore, clock: Clock, ending: str) -> None:
        good = store.location("t", "j", Area.UPLOAD) + "data"
        with store.open_write(good) as writer:
            writer.write(b"mine")
        root = good.partition("t/j/")[0]
        tag, later = store.stat(good).etag, clock.now() + timedelta(hours=1)
        calls: dict[str, Callable[[str], object]] = {
            "stat": store.stat,
            "open_read": store.open_read,
            "open_write": lambda place: store.open_write(place).__enter__(),
            "copy from": lambda place: store.copy(place, good, if_etag=tag),
            "copy to": lambda place: store.copy(good, place, if_etag=tag),
            "delete": store.delete,
            "upload_target": lambda place: store.upload_target(
                place, max_bytes=1, size=None, expires_at=later
            ),
            "download_link": lambda place: store.download_link(place, filename="f", expires_at=later),
        }
        accepted = []
        for place in (root + ending, ending, good.removesuffix("data") + ending):
            for name, call in calls.items():
                folder = place.endswith("upload/") and name == "delete"
                if place == good or folder:
                    continue
                try:
                    call(place)
                except (InvalidSpecError, ObjectNotFoundError):
                    continue
                accepted.append((name, place))
        assert accepted == []
        assert set(everything_of(store.jobs, older_than=FOREVER)) == {("t", "j")}
        assert read(store, good) == b"mine"

    # ---- RS4: deleting ----------------------------------------------------------------------------

    def test_rs4_delete_takes_what_lies_below(self, store: ResultStore) -> None:
        places = [
            (tenant, job, area, attempt)
            for tenant in ("t", "t2")
            for job in ("j", "j-2", "j2")
            for area in (Area.RESULTS, Area.FAILED)
            for attempt in (1, 11)
        ]
        objects = {(*place, name): store.location(*place) + name for place in places for name in ("a", "ab")}
        for location in objects.values():
            with store.open_write(location) as writer:
                writer.write(b"x")

        def left() -> set[tuple[Any, ...]]:
            found = set()
            for place, location in objects.items():
                with suppress(ObjectNotFoundError):
                    store.stat(location)
                    found.add(place)
            return found

        every = left()
        assert every == set(objects)
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
        rest = {("t", "j-2"), ("t", "j2"), ("t2", "j"), ("t2", "j-2"), ("t2", "j2")}
        assert set(everything_of(store.jobs, older_than=FOREVER)) == rest

    def test_rs4_of_a_job_nothing_stays(self, store: ResultStore) -> None:
        folders = [store.location("t", "j", area, attempt) for area in Area for attempt in (None, 1)]
        for folder in folders:
            with store.open_write(f"{folder}data") as writer:
                writer.write(b"x")
        store.delete(store.location("t", "j"))
        for folder in folders:
            with pytest.raises(ObjectNotFoundError):
                store.stat(f"{folder}data")

    def test_rs4_any_number_of_objects(self, store: ResultStore) -> None:
        # S3 deletes and lists a thousand at a time.
        count = 5 if self.profile == "slow" else 1_100
        folder = store.location("t", "j", Area.RESULTS, 1)
        for number in range(count):
            with store.open_write(f"{folder}part-{number:05}") as writer:
                writer.write(b"x")
        store.delete(store.location("t", "j"))
        assert everything_of(store.jobs, older_than=FOREVER) == []
        for number in (0, count // 2, count - 1):
            with pytest.raises(ObjectNotFoundError):
                store.stat(f"{folder}part-{number:05}")

    def test_rs4_writing_while_deleting_neither_fails_nor_tears(self, store: ResultStore) -> None:
        folder = store.location("t", "j")
        location = store.location("t", "j", Area.UPLOAD) + "data"
        done = threading.Event()

        def delete() -> None:
            while not done.is_set():
                store.delete(folder)

        thread = threading.Thread(target=delete)
        thread.start()
        try:
            for number in range(10 if self.profile == "slow" else 100):
                with store.open_write(location) as writer:
                    writer.write(b"%d" % number)
                with suppress(ObjectNotFoundError):
                    assert read(store, location) == b"%d" % number
        finally:
            done.set()
            thread.join()
