"""The hosted stores' own: links; and the directory's: processes, crashes, memory."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spectra.adapters.embedded import DirectoryResultStore
from spectra.adapters.embedded.files import make_folder
from spectra.adapters.memory import MemoryResultStore
from spectra.errors import BackendError, LinkRefusedError, ObjectNotFoundError, UploadTooLargeError
from spectra.ports import Area
from spectra.testing import ManualClock
from tests.contract.hosted_stores import HOUR, HostedStores, read

FOREVER = datetime.max.replace(tzinfo=UTC)
MEGABYTE = 1 << 20


class TestMemoryLinks(HostedStores):
    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[MemoryResultStore]:
        with MemoryResultStore(clock=clock) as store:
            yield store


class TestDirectory(HostedStores):
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "made é %20 [x]" / "files"

    @pytest.fixture
    def store(self, clock: ManualClock, root: Path) -> Iterator[DirectoryResultStore]:
        with DirectoryResultStore(root, clock=clock) as store:
            yield store

    def test_making_one_touches_nothing(self, store: Any, root: Path) -> None:
        assert not root.parent.exists()
        assert store.jobs(older_than=FOREVER).items == ()
        store.delete(store.location("t", "j"))
        with pytest.raises(ObjectNotFoundError):
            store.stat(store.location("t", "j", Area.INPUT) + "data")
        assert not root.parent.exists()

    def test_rs1_nothing_is_left_beside_what_was_published(self, store: Any, put: Any, root: Path) -> None:
        put(b"data")
        with (
            pytest.raises(RuntimeError),
            store.open_write(store.location("t", "j", Area.INPUT) + "x") as writer,
        ):
            writer.write(b"half")
            raise RuntimeError
        files = [path for path in root.rglob("*") if path.is_file()]
        assert [path.name for path in files] == ["data"]
        store.delete(store.location("acme", "j1"))
        assert [path.name for path in root.iterdir()] == [".spectra"], "empty folders stayed"

    def test_rs1_a_crash_leaves_nothing_visible(self, store: Any, put: Any, root: Path) -> None:
        old = put(b"old")
        new = store.location("acme", "j2", Area.RESULTS) + "data"
        for location in (old, new):
            died = run(
                "import os, sys; from spectra.adapters.embedded import DirectoryResultStore\n"
                "store = DirectoryResultStore(sys.argv[1])\n"
                "with store.open_write(sys.argv[2]) as writer:\n"
                "    writer.write(b'x' * 5_000_000)\n"
                "    os._exit(7)\n",
                root,
                location,
            )
            assert died.returncode == 7, died.stderr
        assert read(store, old) == b"old"
        with pytest.raises(ObjectNotFoundError):
            store.stat(new)
        assert store.jobs(older_than=FOREVER).items == (("acme", "j1"),)

    def test_rs1_leavings_of_the_dead_are_swept_when_they_are_old(
        self, put: Any, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(b"data")
        private = root / ".spectra" / "tmp"
        monkeypatch.setattr("spectra.adapters.embedded.result_store_files._AGE", 1.0)
        (private / "file-dead").write_bytes(b"x")
        time.sleep(1.1)
        (private / "trash-dead").mkdir()
        (private / "trash-dead" / "x").write_bytes(b"x")
        # The time that a file says is the store's; a clock that is wrong must not make it look old.
        (private / "file-alive").write_bytes(b"x")
        os.utime(private / "file-alive", (0, 0))
        with DirectoryResultStore(root) as other:
            with other.open_write(other.location("acme", "j3", Area.INPUT) + "data") as writer:
                writer.write(b"x")
            assert [path.name for path in private.iterdir()] == ["file-alive"]

    def test_rs1_everything_is_private(self, store: Any, put: Any, root: Path, clock: ManualClock) -> None:
        location = put(b"data")
        store.download_link(location, filename="a", expires_at=clock.now() + HOUR)
        for path in root.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path

    def test_rs4_folders_that_are_deleted_while_a_file_is_written_do_not_matter(
        self, store: Any, put: Any, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.replace
        other = root / "acme" / "k"
        came = iter(["comes", "stays", "goes", "comes", "goes"])

        def between(source: Any, target: Any) -> None:
            """Before each rename of the write the other job of the tenant comes or goes."""
            match next(came, "") if target.is_relative_to(root / "acme") else "":
                case "comes":
                    other.mkdir(parents=True)
                case "goes":
                    shutil.rmtree(root / "acme")
            real(source, target)

        class Emptied(type(root)):  # type: ignore[misc]
            """Who deletes comes right after each folder that is made where jobs are."""

            def mkdir(self, *args: Any, **options: Any) -> None:
                super().mkdir(*args, **options)
                if self.is_relative_to(root / "acme"):
                    self.rmdir()

        monkeypatch.setattr(os, "replace", between)
        store._path = Emptied(store._path)
        location = put(b"data")
        assert read(store, location) == b"data"
        assert next(came, None) is None
        assert [*(root / ".spectra" / "tmp").iterdir()] == []

    def test_rs2_links_hold_in_every_process_of_the_root(
        self, store: Any, put: Any, root: Path, clock: ManualClock, tmp_path: Path
    ) -> None:
        link = store.download_link(put(b"data"), filename="a", expires_at=datetime.now(UTC) + HOUR)
        script = (
            "import sys; from spectra.adapters.embedded import DirectoryResultStore\n"
            "sys.stdout.buffer.write(DirectoryResultStore(sys.argv[1]).fetch(sys.argv[2]))\n"
        )
        assert run(script, root, link.url).stdout == b"data"
        with DirectoryResultStore(tmp_path / "another") as other, pytest.raises(LinkRefusedError):
            other.redeem(link.url)

    def test_rs2_of_several_first_starts_one_makes_the_secret(self, root: Path) -> None:
        script = (
            "import sys; from datetime import UTC, datetime, timedelta\n"
            "from spectra.adapters.embedded import DirectoryResultStore; from spectra.ports import Area\n"
            "store = DirectoryResultStore(sys.argv[1]); sys.stdin.readline()\n"
            "place = store.location('t', 'j', Area.RESULTS) + 'data'\n"
            "print(store.download_link(place, filename='a', expires_at=datetime.now(UTC) + timedelta(hours=1)).url)\n"
        )
        command = [sys.executable, "-c", script, str(root)]
        children = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)
        ]
        for child in children:
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.flush()
        urls = [child.communicate()[0].decode().strip() for child in children]
        with DirectoryResultStore(root) as store:
            assert len({store.redeem(url).location for url in urls}) == 1
        assert stat.S_IMODE((root / ".spectra" / "secret" / "links").stat().st_mode) == 0o600
        assert list((root / ".spectra" / "tmp").iterdir()) == []

    def test_rs3_files_lie_below_the_root(self, store: Any, put: Any, root: Path) -> None:
        put(b"x", job="A.b")
        found = [path for path in root.parent.parent.rglob("*") if path.is_file()]
        assert len(found) == 1
        assert found[0].is_relative_to(root)

    @pytest.mark.parametrize("depth", ["tenant", "job", "area", "object"])
    def test_rs3_a_symbolic_link_leads_nowhere(
        self, store: Any, put: Any, root: Path, tmp_path: Path, depth: str
    ) -> None:
        location = put(b"data")
        outside = tmp_path / "outside"
        inner = {"tenant": "j1/results", "job": "results", "area": "", "object": ""}[depth]
        (outside / inner).mkdir(parents=True)
        secret = outside / inner / "data"
        secret.write_bytes(b"secret")
        store.delete(store.location("acme", "j1"))
        steps = {
            "tenant": "acme",
            "job": "acme/j1",
            "area": "acme/j1/results",
            "object": "acme/j1/results/data",
        }
        place = root / steps[depth]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(secret if depth == "object" else outside)
        for call in (lambda: store.stat(location), lambda: store.open_read(location)):
            with pytest.raises((BackendError, ObjectNotFoundError)):
                call()
        if depth == "object":
            put(b"mine")
            assert read(store, location) == b"mine"
        else:
            with pytest.raises(BackendError):
                put(b"mine")
        store.jobs(older_than=FOREVER)
        if depth != "tenant":
            store.delete(store.location("acme", "j1"))
        assert secret.read_bytes() == b"secret"

    def test_rs3_a_root_behind_a_symbolic_link_is_the_hosts_own_choice(
        self, root: Path, tmp_path: Path
    ) -> None:
        root.mkdir(parents=True)
        (tmp_path / "link").symlink_to(root)
        with DirectoryResultStore(tmp_path / "link") as store:
            location = store.location("t", "j", Area.INPUT) + "data"
            with store.open_write(location) as writer:
                writer.write(b"data")
            assert read(store, location) == b"data"

    def test_rs5_files_stream(self, store: Any, clock: ManualClock) -> None:
        size = 64 * MEGABYTE
        location = store.location("t", "j", Area.UPLOAD) + "data"
        frozen = store.location("t", "j", Area.INPUT) + "data"
        target = store.upload_target(location, max_bytes=size, size=size, expires_at=clock.now() + HOUR)
        tracemalloc.start()
        try:
            info = store.receive(target.url, Zeros(size))
            assert info.bytes == size
            assert store.copy(location, frozen, if_etag=info.etag).bytes == size
            total = 0
            with store.open_read(frozen) as stream:
                while chunk := stream.read(MEGABYTE):
                    total += len(chunk)
            assert total == size
            with pytest.raises(UploadTooLargeError):
                store.receive(target.url, Zeros(2 * size))
            assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
        finally:
            tracemalloc.stop()

    def test_what_the_disk_refuses_is_told_without_paths(self, store: Any, put: Any, root: Path) -> None:
        location = put(b"data")
        path = next(path for path in root.rglob("data"))
        path.unlink()
        path.mkdir()
        with pytest.raises((BackendError, ObjectNotFoundError)) as failed:
            store.stat(location)
        assert str(root) not in str(failed.value) or isinstance(failed.value, ObjectNotFoundError)
        with pytest.raises(BackendError) as failed:
            put(b"again")
        assert str(root) not in str(failed.value)

    def test_a_clock_that_jumps_back_still_tells_contents_apart(
        self, store: Any, put: Any, clock: ManualClock
    ) -> None:
        etags = []
        for number in range(20):
            clock.advance(seconds=-1 if number % 2 else 1)
            etags.append(store.stat(put(b"%04d" % number)).etag)
        assert len(set(etags)) == 20


def test_a_folder_is_made_while_others_remove_empty_ones(tmp_path: Path) -> None:
    class Emptied(type(tmp_path)):  # type: ignore[misc]
        removed = 0

        def mkdir(self, *args: Any, **options: Any) -> None:
            super().mkdir(*args, **options)
            if self.name == "tenant" and Emptied.removed < 3:
                Emptied.removed += 1
                self.rmdir()

    folder = Emptied(tmp_path / "tenant" / "job")
    make_folder(folder)
    assert folder.is_dir()
    assert Emptied.removed == 3


class Zeros(io.RawIOBase):
    """A stream of *size* zeros that are nowhere in memory."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size

    def read(self, size: int = -1, /) -> bytes:
        took = self.left if size < 0 else min(size, self.left)
        self.left -= took
        return bytes(took)


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60)
