"""Uploads as records: CSV and JSON lines, plain or gzip, read whole; small and clear rather than fast."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from spectra.adapters.memory.warehouse import refusal
from spectra.domain import Compression, ContentType, LoadSpec

__all__ = ["Record", "Upload", "read"]

_MAGIC: Final = {Compression.GZIP: b"\x1f\x8b", Compression.ZSTD: b"\x28\xb5\x2f\xfd"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SEEN: Final = 1_000


@attrs.define
class Record:
    """One record: its ordinal from 1, its line, its bytes, and what they say.

    *content* is a list of fields or an object, as far as it can be read; with a *fault*, which is a
    code and a message, it is for people only.
    """

    ordinal: int
    line: int
    data: bytes
    content: Any = None
    fault: tuple[str, str] | None = None


@attrs.frozen
class Upload:
    """The header as it was sent, the names of the columns (None: the table's own), and the records."""

    header: bytes
    names: tuple[str, ...] | None
    records: list[Record]


def read(data: bytes, spec: LoadSpec, seen: Callable[[int], None]) -> Upload:
    """Read an upload; *seen* is told how many records there are by now.

    Raises:
        LoadFailed: it is empty, broken, or packed in another way than was said.
    """
    data = _unpacked(data, spec.compression).removeprefix(b"\xef\xbb\xbf")
    if not data:
        raise refusal("NO_DATA", "the upload is empty; upload a file with records")
    # Bytes that are no text travel as surrogates, so that they spoil their own record alone.
    text = data.decode("utf-8", "surrogateescape")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return _csv(text, spec, seen) if spec.content_type is ContentType.CSV else _json(text, seen)


def _unpacked(data: bytes, said: Compression) -> bytes:
    found = next((c for c, magic in _MAGIC.items() if data.startswith(magic)), Compression.NONE)
    if data and found is not said:
        raise refusal(
            "WRONG_COMPRESSION",
            f"the upload is packed as {found}, not {said}; name it in the load's compression",
        )
    if said is Compression.NONE:
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as exc:
        raise refusal("BROKEN_FILE", f"the {said} file is broken: {exc}; upload it again") from exc


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _csv(text: str, spec: LoadSpec, seen: Callable[[int], None]) -> Upload:
    rows = _rows(text, spec.delimiter)
    header, names = b"", None
    if spec.header:
        _, raw, fields = next(rows, (0, "", []))
        if not fields:
            raise refusal("NO_DATA", "the upload has no header; upload a file with records")
        if _SURROGATE.search(raw):
            raise refusal("INVALID_ENCODING", "the header is not UTF-8; save the file as UTF-8")
        header, names = _bytes(raw), tuple(fields)
    records: list[Record] = []
    for line, raw, fields in rows:
        record = Record(len(records) + 1, line, _bytes(raw), fields)
        if _SURROGATE.search(raw):
            record.fault = ("INVALID_ENCODING", "not UTF-8")
            record.content = [_SURROGATE.sub("\ufffd", field) for field in fields]
        records.append(record)
        if record.ordinal % _SEEN == 0:
            seen(record.ordinal)
    return Upload(header, names, records)


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, str, list[str]]]:
    """Line, text and fields of each row, blank lines left out."""
    d = re.escape(delimiter)
    space = "" if delimiter == " " else " *+"
    # Possessive, so that a quote that is never closed costs one look at what follows it.
    field = re.compile(rf'(?:{space}"([^"]*+(?:""[^"]*+)*+)"{space})?+([^{d}\r\n]*+)({d}|\r?\n|\r?\Z)')
    at, line = 0, 1
    while at < len(text):
        begun, fields, end = at, list[str](), delimiter
        while end == delimiter:
            found = field.match(text, at)
            if found is None:
                raise refusal(
                    "MIXED_LINE_ENDINGS",
                    f"the record at line {line} has a carriage return inside; quote that field, or end all lines"
                    " alike",
                    line=line,
                )
            quoted, rest, end = found.groups()
            if quoted is None and rest.lstrip(" ").startswith('"'):
                raise refusal(
                    "UNTERMINATED_QUOTE",
                    f"a quote that is opened in the record at line {line} is never closed; close it, or double it",
                    line=line,
                )
            fields.append(rest if quoted is None else quoted.replace('""', '"') + rest)
            at = found.end()
        raw = text[begun:at]
        if raw.strip("\r\n"):
            yield line, raw, fields
        line += raw.count("\n")


def _json(text: str, seen: Callable[[int], None]) -> Upload:
    if text.lstrip().startswith("["):
        raise refusal("JSON_ARRAY", "the upload is a JSON array; send one object a line")
    records: list[Record] = []
    names: dict[str, None] = {}
    for line, raw in enumerate(text.split("\n"), 1):
        if not raw.strip():
            continue
        record = Record(len(records) + 1, line, _bytes(raw))
        records.append(record)
        if _SURROGATE.search(raw):
            record.fault = ("INVALID_ENCODING", "not UTF-8")
        elif (facts := _object(raw)) is None:
            record.fault = ("MALFORMED", "not a JSON object")
        else:
            record.content = facts
            names.update(dict.fromkeys(facts))
        if record.ordinal % _SEEN == 0:
            seen(record.ordinal)
    return Upload(b"", tuple(names), records)


def _object(text: str) -> dict[str, Any] | None:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict):
        return None
    # An escape may spell half a character, which no column could keep.
    spoiled = "\\u" in text and _SURROGATE.search(json.dumps(facts, ensure_ascii=False))
    return None if spoiled else facts
