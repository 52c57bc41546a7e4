"""Cutting an upload into records: physical lines, quoted line ends, blank lines, byte order marks."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import attrs

from spectra.domain import ContentType, LoadSpec

__all__ = ["LONGEST", "Record", "UnclosedQuoteError", "fields", "first", "records"]

LONGEST: Final = 64 << 20
"""Bytes of a record; what is longer is one whose end is missing."""

_BOM: Final = b"\xef\xbb\xbf"
_BLOCK: Final = 1 << 20


@attrs.frozen
class Record:
    """One record: its ordinal from 1, the first and last of its physical lines, its bytes with their ending."""

    ordinal: int
    line: int
    last_line: int
    data: bytes


class UnclosedQuoteError(Exception):
    """A quote that is opened in the record at *line* is never closed."""

    def __init__(self, line: int) -> None:
        super().__init__(f"a quote that is opened in the record at line {line} is never closed")
        self.line = line


def records(stream: BinaryIO, spec: LoadSpec) -> Iterator[Record]:
    """Every record of a CSV or JSON stream, without the header and without blank lines, in order.

    Raises:
        UnclosedQuoteError: the end of a record cannot be found.
    """
    found = _records(stream, spec)
    if spec.content_type is ContentType.CSV and spec.header:
        next(found, None)
    for ordinal, (line, last, data) in enumerate(found, 1):
        yield Record(ordinal, line, last, data)


def first(stream: BinaryIO, spec: LoadSpec) -> bytes:
    """The first record, be it a header or not; nothing of a file without any."""
    return next((data for _, _, data in _records(stream, spec)), b"")


def fields(data: bytes, delimiter: str) -> list[str]:
    """The fields of a CSV record; bytes that are not UTF-8 are replaced."""
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    found, pattern, at = [], _field(delimiter), 0
    while match := pattern.match(text, at):
        quoted, rest, end = match.groups()
        found.append(rest if quoted is None else quoted.replace('""', '"') + rest)
        at = match.end()
        if not end:
            break
    return found


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    begin = b""
    # Of a stream that gives little at a time, or between CR and LF, nothing could be told.
    while len(begin) < _BLOCK or begin.endswith(b"\r"):
        more = stream.read(_BLOCK)
        if not more:
            break
        begin += more
    if b"\r" in begin and b"\n" not in begin:
        # Lines that end in CR alone, as old programs write them.
        yield from _split(stream, begin, b"\r")
        return
    yield from _split(stream, begin, b"\n")


def _split(stream: BinaryIO, begin: bytes, ending: bytes) -> Iterator[bytes]:
    rest: list[bytes] = []
    block = begin
    while block:
        pieces = block.split(ending)
        if len(pieces) > 1:
            yield b"".join((*rest, pieces[0], b"\n"))
            for piece in pieces[1:-1]:
                yield piece + b"\n"
            rest = [pieces[-1]] if pieces[-1] else []
        else:
            rest.append(block)
        block = stream.read(_BLOCK)
    if rest:
        yield b"".join(rest)


def _records(stream: BinaryIO, spec: LoadSpec) -> Iterator[tuple[int, int, bytes]]:
    """First and last physical line, and bytes, of every record; blank lines left out."""
    whole = _whole_csv(spec.delimiter) if spec.content_type is ContentType.CSV else None
    pieces: list[bytes] = []
    begun = size = 0
    for number, line in enumerate(_lines(stream), 1):
        data = line.removeprefix(_BOM) if number == 1 else line
        if whole is not None and (pieces or b'"' in data):
            # Inside a quoted field, the rest of it reads like a field that begins with a quote.
            ended = whole(b'"' + data.rstrip(b"\r\n") if pieces else data.rstrip(b"\r\n"))
            begun = begun if pieces else number
            if not ended:
                pieces.append(data)
                size += len(data)
                if size > LONGEST:
                    break
                continue
        if pieces:
            data = b"".join((*pieces, data))
            pieces.clear()
            size = 0
        else:
            begun = number
        if data.strip(b"\r\n") and (whole is not None or data.strip()):
            yield begun, number, data
    if pieces:
        raise UnclosedQuoteError(begun)


@functools.cache
def _whole_csv(delimiter: str) -> Callable[[bytes], object]:
    """Tells whether a record ends here, and not inside a quoted field; spaces may stand before a quote."""
    d = re.escape(delimiter.encode())
    # A delimiter of several bytes is no class of characters.
    other = rb"[^" + d + rb"]*+" if len(delimiter.encode()) == 1 else rb"(?:(?!" + d + rb").)*+"
    field = rb'(?:[ ]*+"[^"]*+(?:""[^"]*+)*+"' + other + rb'|(?![ ]*+")' + other + rb")"
    return re.compile(field + rb"(?:" + d + field + rb")*+", re.DOTALL).fullmatch


@functools.cache
def _field(delimiter: str) -> re.Pattern[str]:
    d = re.escape(delimiter)
    return re.compile(rf'(?:[ ]*+"([^"]*+(?:""[^"]*+)*+)"[ ]*+)?+([^{d}]*+)({d}|\Z)', re.DOTALL)
