"""Uploads as records: CSV and JSON lines, plain or gzip, read whole; small and clear rather than fast."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

import attrs

from spectra.adapters.memory.warehouse import refusal
from spectra.domain import Compression, ContentType, LoadSpec

__all__ = ["Record", "Upload", "read"]

_MAGIC: Final = {Compression.GZIP: b"\x1f\x8b", Compression.ZSTD: b"\x28\xb5\x2f\xfd"}


@attrs.define
class Record:
    """One record: its ordinal from 1, its line, its bytes, and what they say.

    *content* is a list of fields or an object; *fault* a code and a message if there is none.
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


def read(data: bytes, spec: LoadSpec) -> Upload:
    """Read an upload.

    Raises:
        LoadFailed: it is empty, broken, or packed in another way than was said.
    """
    data = _unpacked(data, spec.compression).removeprefix(b"\xef\xbb\xbf")
    if not data:
        raise refusal("NO_DATA", "the upload is empty; upload a file with records")
    return _csv(data, spec) if spec.content_type is ContentType.CSV else _json(data)


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


def _csv(data: bytes, spec: LoadSpec) -> Upload:
    rows = _records(data, spec.delimiter)
    header, names = b"", None
    if spec.header:
        first = next(rows, None)
        if first is None:
            raise refusal("NO_DATA", "the upload has no header; upload a file with records")
        header = first[1]
        try:
            names = tuple(_fields(header.decode(), spec))
        except UnicodeDecodeError:
            raise refusal("INVALID_ENCODING", "the header is not UTF-8; save the file as UTF-8") from None
    records = []
    for ordinal, (line, raw) in enumerate(rows, 1):
        record = Record(ordinal, line, raw)
        try:
            record.content = _fields(raw.decode(), spec)
        except UnicodeDecodeError:
            record.fault = ("INVALID_ENCODING", "not UTF-8")
        records.append(record)
    return Upload(header, names, records)


def _fields(text: str, spec: LoadSpec) -> list[str]:
    return next(csv.reader([text.rstrip("\r\n")], delimiter=spec.delimiter), [])


def _records(data: bytes, delimiter: str) -> Iterator[tuple[int, bytes]]:
    """Line and bytes of each record, blank lines left out."""
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    pending, begun = b"", 0
    for number, line in enumerate(io.BytesIO(data), 1):
        begun = begun if pending else number
        pending += line
        if _open_quote(pending, delimiter.encode()):
            continue
        if pending.strip(b"\r\n"):
            yield begun, pending
        pending = b""
    if pending:
        raise refusal(
            "UNTERMINATED_QUOTE",
            f"a quote that is opened in the record at line {begun} is never closed; close it, or double it",
            line=begun,
        )


def _open_quote(data: bytes, delimiter: bytes) -> bool:
    inside, at_start, i = False, True, 0
    while i < len(data):
        letter = data[i : i + 1]
        if inside:
            if letter == b'"':
                if data[i + 1 : i + 2] == b'"':
                    i += 1
                else:
                    inside = False
        elif letter == b'"' and at_start:
            inside = True
        at_start = not inside and letter == delimiter
        i += 1
    return inside


def _json(data: bytes) -> Upload:
    if data.lstrip().startswith(b"["):
        raise refusal("JSON_ARRAY", "the upload is a JSON array; send one object a line")
    records: list[Record] = []
    names: dict[str, None] = {}
    for line, raw in enumerate(io.BytesIO(data), 1):
        if not raw.strip():
            continue
        record = Record(len(records) + 1, line, raw)
        try:
            facts = json.loads(raw)
        except UnicodeDecodeError:
            record.fault = ("INVALID_ENCODING", "not UTF-8")
        except ValueError:
            facts = None
        if record.fault is None:
            if isinstance(facts, dict):
                record.content = facts
                names.update(dict.fromkeys(facts))
            else:
                record.fault = ("MALFORMED", "not a JSON object")
        records.append(record)
    return Upload(b"", tuple(names), records)
