"""The files that tell of records without effect: which failed and why, and both kinds to load again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from spectra.domain import Category, Compression, ContentType, LoadSpec
from spectra.records.cutting import Record, fields
from spectra.records.unpacking import Writer, packer

__all__ = ["ABOUT", "Failure", "Packed", "ReportWriter", "report_columns"]

ABOUT: Final = ("record", "line", "column", "value", "code", "category", "retryable", "message")
_GATHERED: Final = 1 << 18


@attrs.frozen
class Failure:
    """Why one record failed; without a *value* it is the one in *column*."""

    code: str
    message: str
    column: str | None = None
    value: str | None = None
    category: Category = Category.VALIDATION


def report_columns(names: Sequence[str]) -> list[str]:
    """The header of the report: the upload's columns, and what is told of each failed record."""
    return [*names, *(f"spectra_{name}" for name in ABOUT)]


class Packed:
    """Packs what is written to it, in blocks that are worth it."""

    def __init__(self, target: Writer, compression: Compression) -> None:
        self._target = target
        self._pack, self._flush = packer(compression)
        self._pending = bytearray()

    def write(self, data: bytes) -> None:
        """Take *data*."""
        self._pending += data
        if len(self._pending) > _GATHERED:
            self._target.write(self._pack(bytes(self._pending)))
            self._pending.clear()

    def finish(self) -> None:
        """Write what is left, and the end of the file."""
        self._target.write(self._pack(bytes(self._pending)) + self._flush())
        self._pending.clear()


class ReportWriter:
    """Writes the report on failed records, and the records themselves, while it is shown each record.

    *rest* takes the records that did not fail; None if nobody wants them. `failed` and `others` count.
    """

    def __init__(
        self,
        spec: LoadSpec,
        names: Sequence[str],
        header: bytes,
        *,
        report: Writer,
        rejected: Writer,
        rest: Writer | None,
    ) -> None:
        self._spec, self._names = spec, names
        self._report = Packed(report, Compression.NONE)
        self._rejected = Packed(rejected, spec.compression)
        self._rest = None if rest is None else Packed(rest, spec.compression)
        self.failed = self.others = 0
        self._line(report_columns(names))
        for stream in (self._rejected, self._rest):
            if stream is not None and header:
                stream.write(_ended(header))

    def take(self, record: Record, failure: Failure | None) -> None:
        """*record* failed, or did not."""
        if failure is None:
            self.others += 1
            if self._rest is not None:
                self._rest.write(_ended(record.data))
            return
        self.failed += 1
        self._rejected.write(_ended(record.data))
        values = self._values(record)
        self._line(
            [
                *values,
                record.ordinal,
                record.line,
                failure.column or "",
                self._value(failure, values),
                failure.code,
                str(failure.category),
                "false",
                failure.message,
            ]
        )

    def _value(self, failure: Failure, values: Sequence[str]) -> str:
        """The value that is at fault: as was told, or else what stands in the column."""
        if failure.value is not None or failure.column is None:
            return failure.value or ""
        wanted = failure.column.casefold()
        return next((v for n, v in zip(self._names, values, strict=True) if n.casefold() == wanted), "")

    def finish(self) -> None:
        """The end of each file."""
        for stream in filter(None, (self._report, self._rejected, self._rest)):
            stream.finish()

    def _line(self, values: Iterable[Any]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(list(values))
        self._report.write(text.getvalue().encode("utf-8", "replace"))

    def _values(self, record: Record) -> list[str]:
        """The record's values by the upload's columns, as far as it can be read."""
        width = len(self._names)
        if self._spec.content_type is ContentType.CSV:
            return (fields(record.data, self._spec.delimiter) + [""] * width)[:width]
        try:
            facts = json.loads(record.data)
        except ValueError:
            facts = None
        if not isinstance(facts, Mapping):
            return [""] * width
        return [_shown(facts.get(name)) for name in self._names]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _ended(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"
