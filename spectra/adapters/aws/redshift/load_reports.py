"""Passes over the upload, where lines and records are needed: numbering it, and the reports."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import attrs

from spectra.adapters.aws.redshift.load_errors import LoadErrors
from spectra.adapters.aws.redshift.load_sql import NUMBER, LoadSql
from spectra.adapters.aws.redshift.work import Work
from spectra.domain import Column, Compression, ContentType, Files, Part, Upload
from spectra.ports import ResultStore
from spectra.records.cutting import Record, UnclosedQuoteError, records
from spectra.records.head import Head, UploadError
from spectra.records.numbering import numbered, numbered_header
from spectra.records.reports import Failure, Packed, ReportWriter, report_columns
from spectra.records.unpacking import BrokenFileError, unpacked

__all__ = ["Numbering", "Reports"]

_LOOK: Final = 1_000


@attrs.frozen
class Reports:
    """The files that were written; *total* records were seen, and *failed* of them are told of."""

    total: int
    failed: int
    first_ordinal: int
    first: Failure
    failed_records: Files
    rejected_input: Upload
    unprocessed_records: Files | None


class Numbering:
    """Reads the upload of *work* record by record, as often as is asked; memory does not grow with it."""

    def __init__(
        self, results: ResultStore, work: Work, head: Head, sql: LoadSql, names: tuple[str, ...]
    ) -> None:
        self._results, self._work = results, work
        self._head, self._sql, self._names = head, sql, names
        self._spec = sql.spec
        self._at = 0
        self._numbered = f"{work.task.failed}numbered{self._spec.suffix}"

    def _records(self) -> Iterator[Record]:
        upload = self._work.task.upload
        assert upload is not None
        try:
            with self._results.open_read(upload.location) as stream:
                with unpacked(stream, self._spec.compression) as plain:
                    for record in records(plain, self._spec):
                        if record.ordinal % _LOOK == 0:
                            self._work.check()
                        yield record
        except BrokenFileError as exc:
            raise UploadError.of("BROKEN_FILE", f"{exc}; upload it again") from exc
        except UnclosedQuoteError as exc:
            raise UploadError.of(
                "UNTERMINATED_QUOTE", f"{exc}; close it, or double it", line=exc.line
            ) from exc

    def number(self, errors: LoadErrors) -> str:
        """Write the upload with the ordinal of each record, but without those that COPY refused."""
        failed = {line for line, _ in errors.failures}
        with self._results.open_write(self._numbered) as target:
            packed = Packed(target, self._spec.compression)
            packed.write(numbered_header(self._head.header, self._spec, NUMBER))
            for record in self._records():
                if not (failed and any(line in failed for line in range(record.line, record.last_line + 1))):
                    packed.write(numbered(record, self._spec, NUMBER))
            packed.finish()
        return self._numbered

    def forget(self) -> None:
        """Remove what `number` wrote."""
        with contextlib.suppress(Exception):
            self._results.delete(self._numbered)

    def report(self, errors: LoadErrors, failures: dict[int, Failure], budget: int, failed: int) -> Reports:
        """Write the reports: *failures* are known by ordinal, *errors* by line.

        If more than *budget* failed, one more than that is told of, and the rest counts as unprocessed.
        """
        folder = self._work.task.failed
        suffix = self._spec.suffix
        whole = failed > budget
        limit = budget + 1 if whole else failed
        paths = [
            f"{folder}failed-records.csv",
            f"{folder}rejected-input{suffix}",
            f"{folder}unprocessed-records{suffix}",
        ]
        first: tuple[int, Failure] | None = None
        total = 0
        with contextlib.ExitStack() as stack:
            report, rejected = (stack.enter_context(self._results.open_write(path)) for path in paths[:2])
            rest = stack.enter_context(self._results.open_write(paths[2])) if whole else None
            writer = ReportWriter(
                self._spec, self._names, self._head.header, report=report, rejected=rejected, rest=rest
            )
            for total, record in enumerate(self._records(), 1):  # noqa: B007 - it is used afterwards
                failure = None
                if writer.failed < limit:
                    failure = failures.get(record.ordinal) or self._told(errors, record)
                    first = first or ((record.ordinal, failure) if failure is not None else None)
                writer.take(record, failure)
            writer.finish()
        if first is None:
            # The lines that COPY tells of are not those of the file.
            raise UploadError.of(
                "BROKEN_QUOTES",
                "Redshift refuses records at lines where there are none; double the quotes in fields",
            )
        columns = tuple(Column(name, "character varying") for name in report_columns(self._names))
        sizes = [self._results.stat(path) for path in paths[: 3 if whole else 2]]
        return Reports(
            total,
            writer.failed,
            *first,
            _files(paths[0], sizes[0].bytes, writer.failed, columns, ContentType.CSV, Compression.NONE),
            Upload(paths[1], sizes[1].bytes, sizes[1].etag),
            _files(
                paths[2], sizes[2].bytes, writer.others, (), self._spec.content_type, self._spec.compression
            )
            if whole
            else None,
        )

    def _told(self, errors: LoadErrors, record: Record) -> Failure | None:
        """What COPY said of a record; its lines come in order, as the records do."""
        found: Failure | None = None
        while self._at < len(errors.failures) and errors.failures[self._at][0] <= record.last_line:
            if errors.failures[self._at][0] >= record.line:
                found = found or errors.failures[self._at][1]
            self._at += 1
        return found


def _files(
    location: str, size: int, rows: int, columns: tuple[Column, ...], kind: ContentType, packed: Compression
) -> Files:
    return Files((Part(location, size, rows),), columns, size, rows, kind, packed)
