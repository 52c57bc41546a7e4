"""The upload: unpacked, checked as a whole, and cut into records where single ones are needed."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import attrs

from spectra.adapters.embedded.failures import refusal
from spectra.adapters.embedded.files import path_of
from spectra.adapters.embedded.work import Work
from spectra.domain import Compression, ContentType, LoadSpec
from spectra.errors import MissingExtraError

__all__ = ["Record", "Source", "opened", "prepare"]

_BLOCK: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
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
        return next(csv.reader([text], delimiter=self.spec.delimiter, strict=False), [])


def prepare(work: Work, scratch: Path) -> Source:
    """Unpack the upload of *work* and make it readable in one scan.

    Raises:
        WorkError: it is broken, packed in another way than was said, or empty.
    """
    spec = work.task.spec
    assert isinstance(spec, LoadSpec)
    assert work.task.upload is not None
    sent = path_of(work.task.upload.location)
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
            for _, data in _records(path, spec):
                work.check()
                target.write(data.rstrip(b"\r\n") + b"\n")
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
    crlf = lf = cr = 0
    last = b"\n"  # a newline at the very beginning is a blank line, too
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            work.check()
            text = last + block
            if (
                b"\n\n" in text
                or b"\n\r" in text
                or (spec.content_type is ContentType.JSON and b"\n " in text)
            ):
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
        if b"\r" in begin and b"\n" not in begin:
            # Lines that end in CR alone, as old programs write them.
            rest = file.read().replace(b"\r", b"\n").splitlines(keepends=True)
            yield from rest
            return
        yield from file


def _records(path: Path, spec: LoadSpec) -> Iterator[tuple[int, bytes]]:
    """Physical line and bytes of every record, blank lines left out."""
    whole = _whole_csv(spec.delimiter) if spec.content_type is ContentType.CSV else None
    pending = b""
    begun = 0
    for number, line in enumerate(_lines(path), 1):
        data = pending + line if pending else line
        if number == 1:
            data = data.removeprefix(_BOM)
        if not pending:
            begun = number
        if whole is not None and b'"' in data and not whole(data.rstrip(b"\r\n")):
            pending = data
            continue
        pending = b""
        if data.strip(b"\r\n") and (whole is not None or data.strip()):
            yield begun, data
    if pending:
        raise refusal(
            "UNTERMINATED_QUOTE",
            f"a quote that is opened in the record at line {begun} is never closed; close it, or double it",
            line=begun,
        )


def _whole_csv(delimiter: str) -> Callable[[bytes], object]:
    """Tells whether a record ends here, and not inside a quoted field."""
    d = re.escape(delimiter.encode())
    field = rb'(?:"(?:[^"]|"")*+"[^' + d + rb']*+|[^"' + d + rb"][^" + d + rb"]*+)?+"
    return re.compile(field + rb"(?:" + d + field + rb")*+", re.DOTALL).fullmatch
