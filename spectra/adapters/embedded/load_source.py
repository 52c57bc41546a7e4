"""The upload: unpacked, checked as a whole, and cut into records where single ones are needed."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import attrs

from spectra.adapters.embedded.failures import refusal
from spectra.adapters.embedded.files import path_of
from spectra.adapters.embedded.work import Work
from spectra.domain import Category, Compression, ContentType, LoadSpec
from spectra.errors import MissingExtraError

__all__ = ["LONGEST", "Record", "Source", "opened", "prepare"]

LONGEST: Final = 64 << 20
"""Of a record; what is longer is one whose end is missing."""

_BLOCK: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_QUOTED: Final = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_MAGIC: Final = {Compression.GZIP: b"\x1f\x8b", Compression.ZSTD: b"\x28\xb5\x2f\xfd"}


@attrs.frozen
class Record:
    """One record: its ordinal from 1, the physical line where it begins, its bytes with their ending."""

    ordinal: int
    line: int
    data: bytes


@attrs.frozen
class Source:
    """The upload, unpacked.

    *path* is what a scan reads: no blank lines, one kind of line ending. *original* has the lines as
    they were sent.
    """

    spec: LoadSpec
    path: Path
    original: Path

    def records(self) -> Iterator[Record]:
        """Every record of a CSV or JSON file, without the header.

        Raises:
            WorkError: a quote is not closed until the end of the file.
        """
        records = _records(self.original, self.spec)
        if self._has_header:
            next(records, None)
        for ordinal, (line, data) in enumerate(records, 1):
            yield Record(ordinal, line, data)

    @property
    def _has_header(self) -> bool:
        return self.spec.content_type is ContentType.CSV and self.spec.header

    def first(self) -> bytes:
        """The first record, be it a header or not; nothing of a file without any."""
        return next((data for _, data in _records(self.original, self.spec)), b"")

    def fields(self, data: bytes) -> list[str]:
        """The fields of a CSV record."""
        text = data.decode("utf-8", "replace").rstrip("\r\n")
        found, field, at = [], _field(self.spec.delimiter), 0
        while match := field.match(text, at):
            quoted, rest, end = match.groups()
            found.append(rest if quoted is None else quoted.replace('""', '"') + rest)
            at = match.end()
            if not end:
                break
        return found


def prepare(work: Work, scratch: Path) -> Source:
    """Unpack the upload of *work* and make it readable in one scan.

    Raises:
        WorkError: it is broken, packed in another way than was said, or empty.
    """
    spec = work.task.spec
    assert isinstance(spec, LoadSpec)
    assert work.task.upload is not None
    sent = path_of(work.task.upload.location)
    if not sent.is_file():
        raise refusal(
            "UPLOAD_MISSING", "the upload is not there any more; upload it again", category=Category.RESOURCE
        )
    _check_magic(sent, spec.compression)
    path = sent
    if spec.compression is not Compression.NONE:
        path = scratch / "unpacked"
        _unpack(work, sent, path, spec.compression)
    if not path.stat().st_size:
        raise refusal("NO_DATA", "the upload is empty; upload a file with records")
    if spec.content_type is ContentType.PARQUET:
        return Source(spec, path, path)
    _check_array(path, spec)
    if not _regular(work, path, spec):
        regular = scratch / "regular"
        with regular.open("wb") as target:
            for line, data in _records(path, spec):
                work.check()
                plain = data.rstrip(b"\r\n")
                if b"\r" in plain and b"\r" in _QUOTED.sub(b"", plain):
                    raise refusal(
                        "MIXED_LINE_ENDINGS",
                        f"line {line} has a carriage return inside; quote that field, or end all lines alike",
                        line=line,
                    )
                target.write(plain + b"\n")
        return Source(spec, regular, path)
    return Source(spec, path, path)


def opened(path: Path, mode: str, compression: Compression) -> IO[bytes]:
    """Open a file that is packed by *compression*.

    Raises:
        MissingExtraError: the library for it is not installed.
    """
    module: Any
    try:
        match compression:
            case Compression.GZIP:
                from isal import igzip as module
            case Compression.ZSTD:
                module = _zstd()
            case _:
                return path.open(mode)
    except ModuleNotFoundError as exc:
        raise MissingExtraError("embedded", exc.name or "") from exc
    stream: IO[bytes] = module.open(path, mode)
    return stream


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def _check_magic(path: Path, said: Compression) -> None:
    with path.open("rb") as file:
        begin = file.read(4)
    found = next((c for c, magic in _MAGIC.items() if begin.startswith(magic)), Compression.NONE)
    if begin and found is not said:
        raise refusal(
            "WRONG_COMPRESSION",
            f"the upload is packed as {found}, not {said}; name it in the load's compression",
        )


def _unpack(work: Work, source: Path, target: Path, compression: Compression) -> None:
    try:
        with opened(source, "rb", compression) as packed, target.open("wb") as plain:
            while block := packed.read(_BLOCK):
                work.check()
                plain.write(block)
    except EOFError:
        raise refusal("BROKEN_FILE", f"the {compression} file ends too early; upload it again") from None
    except Exception as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        if type(exc).__module__.partition(".")[0] in {"isal", "backports", "compression", "zlib", "gzip"}:
            raise refusal("BROKEN_FILE", f"the {compression} file is broken: {exc}; upload it again") from exc
        raise


def _check_array(path: Path, spec: LoadSpec) -> None:
    if spec.content_type is not ContentType.JSON:
        return
    with path.open("rb") as file:
        begin = file.read(4096).removeprefix(_BOM).lstrip()
    if begin.startswith(b"["):
        raise refusal("JSON_ARRAY", "the upload is a JSON array; send one object a line")


def _regular(work: Work, path: Path, spec: LoadSpec) -> bool:
    """Whether no line is blank and all end alike, so that a scan's record numbers are ours."""
    crlf = lf = cr = unended = 0
    last = b"\n"  # a newline at the very beginning is a blank line, too
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            work.check()
            unended = 0 if b"\n" in block or b"\r" in block else unended + len(block)
            if unended > LONGEST:
                raise refusal("TOO_LONG", f"line {lf + 1} is longer than {LONGEST >> 20} MiB", line=lf + 1)
            text = last + (block if lf or cr else block.removeprefix(_BOM))
            if b"\n\n" in text or b"\n\r" in text:
                return False
            if spec.content_type is ContentType.JSON and (b"\n " in text or b"\n\t" in text):
                return False
            if b"\r" in text:
                crlf += text.count(b"\r\n")
                cr += block.count(b"\r")
            lf += block.count(b"\n")
            work.expected = max(lf - int(spec.header), 0)
            last = text[-1:] if text[-1:] == b"\n" or text[-1:] == b"\r" else b""
            if last == b"\r":
                last = text[-2:] if text[-2:-1] == b"\n" else b"\r"
    return cr == 0 or cr == lf == crlf


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        begin = file.read(_BLOCK)
        file.seek(0)
        if b"\r" not in begin or b"\n" in begin:
            yield from file
            return
    # Lines that end in CR alone, as old programs write them.
    with path.open(encoding="latin-1", newline="\r") as text:
        for line in text:
            yield line.encode("latin-1").replace(b"\r", b"\n")


def _records(path: Path, spec: LoadSpec) -> Iterator[tuple[int, bytes]]:
    """Physical line and bytes of every record, blank lines left out."""
    whole = _whole_csv(spec.delimiter) if spec.content_type is ContentType.CSV else None
    pieces: list[bytes] = []
    begun = size = 0
    for number, line in enumerate(_lines(path), 1):
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
            yield begun, data
    if pieces:
        raise refusal(
            "UNTERMINATED_QUOTE",
            f"a quote that is opened in the record at line {begun} is never closed; close it, or double it",
            line=begun,
        )


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
