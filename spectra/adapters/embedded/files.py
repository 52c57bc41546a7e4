"""Files of the embedded family: ``file://`` locations, etags, and writing that survives a power cut."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

__all__ = ["etag", "make_folder", "path_of", "remove", "sync", "url_of"]

_TRIES = 100
_PLAIN = "/-._~!$&'()*+,;=:@"


def path_of(location: str) -> Path:
    """The path that a ``file://`` location means.

    Percent escapes are read as such; a plain ``%`` that begins none stays what it is.

    Raises:
        ValueError: another scheme, another host, a relative path, or a NUL.
    """
    parts = urlsplit(location.replace("?", "%3F").replace("#", "%23"))
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise ValueError(f"{location!r} is not a file:// location of this machine")
    path = unquote(parts.path, errors="surrogateescape")
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"{location!r} has no absolute path")
    return Path(path)


def url_of(path: str | os.PathLike[str], *, folder: bool = False) -> str:
    """The ``file://`` location of an absolute path; one of a folder ends with ``/``."""
    text = os.path.abspath(os.fspath(path))
    return "file://" + quote(os.fsencode(text), safe=_PLAIN) + ("/" if folder and text != "/" else "")


def etag(path: str | os.PathLike[str] | int) -> str:
    """A text that differs whenever the file, by path or descriptor, was written again: size and time.

    Raises:
        FileNotFoundError: there is no such file.
    """
    stat = os.stat(path)
    return f"{stat.st_size:x}-{stat.st_mtime_ns:x}"


def make_folder(folder: Path) -> None:
    """Make *folder* and what is missing above it, also while others remove empty folders there."""
    for attempt in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError:
            if attempt + 1 == _TRIES:
                raise
        else:
            return


def sync(path: str | os.PathLike[str]) -> int:
    """Bring a finished file and its name to the disk; return its bytes.

    A job that was recorded as complete must still have its files after a power cut.
    """
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size


def remove(path: str | os.PathLike[str]) -> None:
    """Delete a file; silent if there is none."""
    Path(path).unlink(missing_ok=True)
