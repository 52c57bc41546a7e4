"""Packed files as streams, both ways."""

from __future__ import annotations

import bz2
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, Protocol

from spectra.domain import Compression
from spectra.errors import MissingExtraError

__all__ = ["BrokenFileError", "Reader", "Writer", "packed_as", "packer", "unpacked"]

_BLOCK: Final = 1 << 18
_PLAIN: Final = 1 << 20
_MAGIC: Final = {
    Compression.GZIP: b"\x1f\x8b",
    Compression.ZSTD: b"\x28\xb5\x2f\xfd",
    Compression.BZIP2: b"BZh",
}


class BrokenFileError(Exception):
    """A packed file cannot be unpacked."""


class Reader(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most *size* bytes; nothing at the end."""
        ...


class Writer(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> int:
        """Take *data*."""
        ...


def packed_as(begin: bytes) -> Compression:
    """How a file that begins like this is packed."""
    return next((kind for kind, magic in _MAGIC.items() if begin.startswith(magic)), Compression.NONE)


def unpacked(stream: Reader, compression: Compression) -> BinaryIO:
    """The content of a packed stream; memory does not grow with it. *stream* stays the caller's to close.

    Reading raises:
        BrokenFileError: it is broken, ends too early, or goes on after its end.
        MissingExtraError: the library for ZSTD is not installed.
    """
    return io.BufferedReader(_Unpacked(_blocks(stream, compression)), _BLOCK)


def _blocks(stream: Reader, compression: Compression) -> Iterator[bytes]:
    if compression is Compression.NONE:
        while block := stream.read(_BLOCK):
            yield block
        return
    fresh = _unpacker(compression)
    current: Any = None
    begun = False
    try:
        while block := stream.read(_BLOCK):
            while block:
                if current is None:
                    if begun and not block.startswith(_MAGIC[compression][:1]):
                        raise BrokenFileError(f"the {compression} file goes on after its end")
                    current, begun = fresh(), True
                # A small block may unpack to gigabytes: never all of it at once.
                yield current.decompress(block, _PLAIN)
                while not current.eof and (rest := _more(current)) is not None:
                    yield current.decompress(rest, _PLAIN)
                if not current.eof:
                    break
                block, current = current.unused_data, None
    except (BrokenFileError, MissingExtraError):
        raise
    except (zlib.error, ValueError, EOFError, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise BrokenFileError(f"the {compression} file is broken: {exc}") from exc
    except Exception as exc:
        if "zstd" not in type(exc).__module__.lower():
            raise
        raise BrokenFileError(f"the {compression} file is broken: {exc}") from exc
    if current is not None:
        raise BrokenFileError(f"the {compression} file ends too early")


def _more(current: Any) -> bytes | None:
    """What to give to get the rest of what it has; None if it needs more of the file."""
    tail = getattr(current, "unconsumed_tail", None)
    if tail is not None:  # zlib's own
        return bytes(tail) or None
    return None if current.needs_input else b""


def _unpacker(compression: Compression) -> Callable[[], Any]:
    match compression:
        case Compression.GZIP:
            return lambda: zlib.decompressobj(31)
        case Compression.BZIP2:
            return bz2.BZ2Decompressor
        case _:
            fresh: Callable[[], Any] = _zstd().ZstdDecompressor
            return fresh


def packer(compression: Compression) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """A function that packs the next bytes, and one that ends the file."""
    match compression:
        case Compression.NONE:
            return bytes, bytes
        case Compression.GZIP:
            gzip = zlib.compressobj(6, zlib.DEFLATED, 31)
            return gzip.compress, gzip.flush
        case Compression.BZIP2:
            bzip = bz2.BZ2Compressor()
            return bzip.compress, bzip.flush
        case _:
            zstd = _zstd().ZstdCompressor()
            return zstd.compress, zstd.flush


def _zstd() -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ModuleNotFoundError as exc:
        raise MissingExtraError("aws", exc.name or "") from exc
    return zstd


class _Unpacked(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
