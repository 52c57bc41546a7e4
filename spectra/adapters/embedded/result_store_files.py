"""Writing into a folder so that a file is there whole or not at all, whatever dies in between."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from spectra.adapters.embedded.files import etag
from spectra.errors import BackendError, BackendUnavailableError, OutcomeUnknownError

__all__ = ["create", "make_folder", "move_away", "open_plain", "prune", "publish", "sweep", "translated"]

_TRIES: Final = 20
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
    for attempt in range(_TRIES):
        make_folder(target.parent, root=root)
        try:
            os.replace(draft, target)
            break
        except FileNotFoundError:
            # somebody deleted the last other file of the job, and the empty folder with it
            if attempt + 1 == _TRIES:
                raise
    try:
        _sync_folder(target.parent)
    except OSError as exc:
        raise OutcomeUnknownError(f"the file was written, but not surely kept: {exc.strerror}") from exc


def make_folder(folder: Path, *, root: Path) -> None:
    """Make *folder* and what is missing above it, and bring each new name to the disk."""
    for _ in range(_TRIES):
        if folder.is_dir():
            return
        missing = [folder, *(p for p in folder.parents if p.is_relative_to(root) and not p.is_dir())]
        try:
            for new in reversed(missing):
                with contextlib.suppress(FileExistsError):
                    new.mkdir(mode=0o700, parents=new == root)
                _sync_folder(new.parent)
        except FileNotFoundError:
            continue  # pruned under our hands
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def move_away(path: Path, temporary: Path) -> None:
    """Delete a file or a folder: out of sight at once, then piece by piece; silent if there is none."""
    trash = temporary / f"trash-{secrets.token_hex(12)}"
    try:
        os.rename(path, trash)
    except (FileNotFoundError, NotADirectoryError):
        return
    _sync_folder(path.parent)
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

    Ages are told by the time of *fresh*, which was made just now: the clock of the file system, so
    that no skew between machines makes a file look old that is being written.
    """
    now = fresh.stat().st_mtime
    for entry in list(os.scandir(temporary)):
        with contextlib.suppress(OSError):
            if entry.name.startswith("trash-") or now - entry.stat(follow_symlinks=False).st_mtime > _AGE:
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


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which cannot open a folder, and keeps its names without being asked
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
