"""Writing into a folder so that a file is there whole or not at all, whatever dies in between."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from spectra.adapters.embedded.files import etag
from spectra.errors import BackendError, BackendUnavailableError, OutcomeUnknownError

__all__ = [
    "bounded",
    "check_plain",
    "create",
    "make_folder",
    "move_away",
    "open_plain",
    "prune",
    "publish",
    "sweep",
    "translated",
]

_TRIES: Final = 100
# What a system says of a folder that cannot be replaced, because there are files in it.
_OCCUPIED: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST, *((errno.EACCES,) if os.name == "nt" else ())})
_PAUSE: Final = 0.005
_AGE: Final = 24 * 3600
_BUFFER: Final = 1024 * 1024
_LATER: Final = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EAGAIN,
        errno.EINTR,
        errno.EBUSY,
        errno.ETIMEDOUT,
        errno.ESTALE,
    }
)


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what the operating system raises into errors of the port."""
    try:
        yield
    except OSError as exc:
        problem = f"the directory of files failed to {doing}: {exc.strerror or exc}"
        raise (BackendUnavailableError if exc.errno in _LATER else BackendError)(problem) from exc


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading; a symbolic link in its place is not followed."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))

    file = open(path, "rb", buffering=_BUFFER, opener=opener)  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(errno.ENOENT, "not a file", str(path))
    return file


def bounded(file: BinaryIO, length: int) -> BinaryIO:
    """The next *length* bytes of *file*, which is closed with what is returned."""
    return io.BufferedReader(_Bounded(file, length))


class _Bounded(io.RawIOBase):
    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._left = file, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._file.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def check_plain(path: Path, root: Path) -> None:
    """Refuse what a symbolic link below *root* would lead astray.

    Raises:
        BackendError: a folder on the way is one.
    """
    for folder in path.parents:
        if folder == root:
            return
        if folder.is_symlink():
            raise BackendError("a folder of the job is a symbolic link; put a folder in its place")


def create(temporary: Path) -> tuple[Path, BinaryIO]:
    """A new file in the private folder, where nobody looks for objects."""
    path = temporary / f"file-{secrets.token_hex(12)}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return path, open(handle, "wb", buffering=_BUFFER)


def publish(draft: Path, target: Path, *, root: Path, now: datetime | None) -> None:
    """Give a finished and synced *draft* its name, replacing what had it.

    With *now* its time is set: to that millisecond and a random part of it, because the etag is made
    of size and time, and the clock of a file system stands still for milliseconds.

    Raises:
        OutcomeUnknownError: it has its name, but perhaps not after a power cut.
    """
    if now is not None:
        _date(draft, target, now)
    try:
        os.replace(draft, target)
        touched = [target.parent]
    except FileNotFoundError:  # it is the first file there, or the last other one was just deleted
        touched = _plant(draft, target, root)
    try:
        _sync(touched)
    except OSError as exc:
        raise OutcomeUnknownError(f"the file was written, but not surely kept: {exc.strerror}") from exc


def make_folder(folder: Path, *, root: Path) -> None:
    """Make *folder* and what is missing above it, and bring each new name to the disk."""
    _sync(_make(folder, root))


def move_away(path: Path, temporary: Path) -> None:
    """Delete a file or a folder: out of sight at once, then piece by piece; silent if there is none."""
    trash = temporary / f"trash-{secrets.token_hex(12)}"
    try:
        os.rename(path, trash)
    except (FileNotFoundError, NotADirectoryError):
        return
    _sync([path.parent])
    _remove(trash)


def prune(folder: Path, root: Path) -> None:
    """Remove *folder* and the folders above it, up to *root*, while they are empty."""
    while folder != root and folder.is_relative_to(root):
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return
        folder = folder.parent


def sweep(temporary: Path, fresh: Path) -> None:
    """Remove what a process that died left in the private folder.

    Ages are told by the time of *fresh*, which was made just now, and by when a file was last touched,
    not by the time that it says: no clock makes a file look old that is being written.
    """
    now = fresh.stat().st_ctime
    for entry in list(os.scandir(temporary)):
        with contextlib.suppress(OSError):
            if entry.name.startswith("trash-") or now - entry.stat(follow_symlinks=False).st_ctime > _AGE:
                _remove(Path(entry.path))


def _remove(path: Path) -> None:
    while True:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            return
        except FileNotFoundError:
            # a sweep of another process takes part; its share is done already
            if not os.path.lexists(path):
                return


def _date(draft: Path, target: Path, now: datetime) -> None:
    millis = int(now.astimezone(UTC).timestamp() * 1000)
    while True:
        instant = millis * 1_000_000 + secrets.randbelow(1_000_000)
        os.utime(draft, ns=(instant, instant))
        try:
            if etag(target) != etag(draft):
                return
        except OSError:
            return


def _plant(draft: Path, target: Path, root: Path) -> list[Path]:
    """Give *draft* its name and, in one and the same step, the folders that are missing above it.

    Folders made one by one are removed one by one by whoever deletes, while they are still empty.
    Returns the folders with a new name in them.
    """
    names = target.relative_to(root).parts
    branch = draft.with_name(f"branch-{secrets.token_hex(12)}")
    try:
        folder = branch
        for name in names:
            folder.mkdir(mode=0o700)
            folder /= name
        os.replace(draft, branch.joinpath(*names))
        for _ in range(_TRIES):
            for depth in range(1, len(names) + 1):
                try:
                    os.replace(branch.joinpath(*names[:depth]), root.joinpath(*names[:depth]))
                    return [root.joinpath(*names[:above]) for above in range(depth - 1, len(names))]
                except FileNotFoundError:  # the folder above was deleted: once more, from the top
                    time.sleep(random.uniform(0, _PAUSE))  # noqa: S311 - no secret
                    break
                except OSError as exc:
                    if depth == len(names) or exc.errno not in _OCCUPIED:
                        raise
    finally:
        shutil.rmtree(branch, ignore_errors=True)
    raise BackendUnavailableError("files of the job are deleted as fast as they are written")


def _make(folder: Path, root: Path) -> set[Path]:
    """Make *folder* and what is missing above it; return those that have a new name in them."""
    if folder.is_dir():
        return set()
    missing = [folder, *(p for p in folder.parents if p.is_relative_to(root) and not p.is_dir())]
    for new in reversed(missing):
        with contextlib.suppress(FileExistsError):
            new.mkdir(mode=0o700, parents=new == root)
    return {new.parent for new in missing}


def _sync(folders: Iterable[Path]) -> None:
    if os.name == "nt":  # which cannot open a folder, and keeps its names without being asked
        return
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile: nothing to keep
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
