"""The same upload with one more field: the ordinal of each record."""

from __future__ import annotations

from spectra.domain import ContentType, LoadSpec
from spectra.records.cutting import Record

__all__ = ["numbered", "numbered_header"]


def numbered_header(header: bytes, spec: LoadSpec, column: str) -> bytes:
    """The header's line, with *column* before the others; nothing where there is none."""
    return column.encode() + spec.delimiter.encode() + _ended(header) if header else b""


def numbered(record: Record, spec: LoadSpec, column: str) -> bytes:
    """*record* with its ordinal: the first field of CSV, the first key of a JSON object.

    The rest stays byte for byte, on as many lines as before. What is no object stays as it is.
    """
    if spec.content_type is ContentType.CSV:
        return b"%d%s%s" % (record.ordinal, spec.delimiter.encode(), _ended(record.data))
    data = record.data.lstrip()
    if not data.startswith(b"{"):
        return _ended(record.data)
    rest = data[1:].lstrip()
    comma = b"" if rest.startswith(b"}") else b","
    return b'{"%s":%d%s%s' % (column.encode(), record.ordinal, comma, _ended(data[1:]))


def _ended(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"
