"""What the beginning of an upload tells: its columns, and whether it is what it was said to be."""

from __future__ import annotations

import contextlib
import io
import json
from typing import BinaryIO, Final

import attrs

from spectra.domain import Category, ContentType, JobError, LoadSpec
from spectra.records.cutting import UnclosedQuoteError, fields, records
from spectra.records.cutting import first as first_record
from spectra.records.unpacking import BrokenFileError, packed_as, unpacked

__all__ = ["Head", "UploadError", "head"]

SEEN: Final = 4 << 20
GLANCE: Final = 1 << 16
_BOM: Final = b"\xef\xbb\xbf"


class UploadError(Exception):
    """The upload as a whole cannot be loaded; *error* says why."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error

    @classmethod
    def of(
        cls, code: str, message: str, *, category: Category = Category.VALIDATION, **details: object
    ) -> UploadError:
        """With a message that says what to do."""
        return cls(JobError.of(code, category, message, **details))


@attrs.frozen
class Head:
    """The upload's columns: of CSV the header, or None where there is none, and how many fields; of JSON
    the keys of its first objects, in order of appearance. *header* is the header's own line.
    """

    names: tuple[str, ...] | None
    width: int
    header: bytes
    any: bool


def head(stream: BinaryIO, spec: LoadSpec) -> Head:
    """Look at no more than the first 4 MiB, unpacked.

    Raises:
        UploadError: nothing in it, packed in another way than was said, not UTF-8, a JSON array.
    """
    begin = io.BufferedReader(stream) if not hasattr(stream, "peek") else stream  # type: ignore[type-var]
    magic = begin.peek(4)[:4]
    packing = packed_as(magic)
    if magic and packing is not spec.compression:
        raise UploadError.of(
            "WRONG_COMPRESSION",
            f"the upload is packed as {packing}, not {spec.compression}; name it in the load's compression",
        )
    found = bytearray()
    try:
        with unpacked(begin, spec.compression) as source:
            if spec.content_type is ContentType.CSV and _more(source, found, GLANCE):
                # Nearly always the header and a record stand here; reading on would be in vain.
                with contextlib.suppress(UnclosedQuoteError):
                    seen = _csv(_whole_lines(found), spec)
                    if seen.any:
                        return seen
            longer = _more(source, found, SEEN)
    except BrokenFileError as exc:
        longer = False
        if not found:
            raise UploadError.of("BROKEN_FILE", f"{exc}; upload it again") from exc
    if not found:
        raise UploadError.of("NO_DATA", "the upload is empty; upload a file with records")
    plain = _whole_lines(found) if longer and b"\n" in found else bytes(found)
    if spec.content_type is ContentType.JSON:
        return _json(plain, spec)
    try:
        return _csv(plain, spec)
    except UnclosedQuoteError as exc:
        raise UploadError.of("UNTERMINATED_QUOTE", f"{exc}; close it, or double it", line=exc.line) from exc


def _more(source: BinaryIO, found: bytearray, limit: int) -> bool:
    """Read until *found* has more than *limit* bytes; whether it has."""
    while len(found) <= limit and (block := source.read(limit + 1 - len(found))):
        found += block
    return len(found) > limit


def _whole_lines(found: bytearray) -> bytes:
    return bytes(found[: found.rfind(b"\n") + 1])


def _csv(plain: bytes, spec: LoadSpec) -> Head:
    line = first_record(io.BytesIO(plain), spec)
    try:
        line.decode()
    except UnicodeDecodeError:
        if spec.header:
            raise UploadError.of(
                "INVALID_ENCODING", "the header is not UTF-8; save the file as UTF-8"
            ) from None
    if spec.header and b"\0" in line:
        raise UploadError.of("INVALID_ENCODING", "the header is not UTF-8 text; save the file as UTF-8")
    names = tuple(fields(line, spec.delimiter))
    if not spec.header:
        return Head(None, len(names), b"", bool(line))
    try:
        any_record = next(records(io.BytesIO(plain), spec), None) is not None
    except UnclosedQuoteError:
        any_record = True
    return Head(names, len(names), line, any_record)


def _json(plain: bytes, spec: LoadSpec) -> Head:
    if plain.removeprefix(_BOM).lstrip().startswith(b"["):
        raise UploadError.of("JSON_ARRAY", "the upload is a JSON array; send one object a line")
    names: dict[str, None] = {}
    any_record = False
    for record in records(io.BytesIO(plain), spec):
        any_record = True
        try:
            facts = json.loads(record.data)
        except ValueError:
            continue
        if isinstance(facts, dict):
            names.update(dict.fromkeys(map(str, facts)))
    return Head(tuple(names), len(names), b"", any_record)
