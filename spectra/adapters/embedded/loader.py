"""Loads: all good records or none, at most once, with every bad one accounted for.

The upload is staged into a temporary table outside any transaction. One transaction then looks at what
depends on the table (keys that are there or not), writes the reports, changes the table and flips the
ledger row.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Final

import attrs

from spectra.adapters.embedded.failures import WorkError, is_interrupt, job_error, refusal
from spectra.adapters.embedded.ledger import Ledger
from spectra.adapters.embedded.load_checks import check, failures
from spectra.adapters.embedded.load_reports import Failure, Reports, write
from spectra.adapters.embedded.load_source import Source, prepare
from spectra.adapters.embedded.load_staging import Staged, stage
from spectra.adapters.embedded.load_target import Target, inspect
from spectra.adapters.embedded.warehouse import Warehouse, driver
from spectra.adapters.embedded.work import Stopped, Work
from spectra.domain import Category, Counts, JobError, LoadSpec, Operation
from spectra.ports import Clock, Execution, Status
from spectra.sql.identifiers import quote

__all__ = ["Loader"]

_STAGED: Final = 70.0
_CHECKED: Final = 85.0


class Loader:
    """Loads into one warehouse."""

    def __init__(
        self, warehouse: Warehouse, ledger: Ledger, clock: Clock, fault: Callable[[str], None]
    ) -> None:
        self._warehouse = warehouse
        self._ledger = ledger
        self._clock = clock
        self._fault = fault

    def load(self, work: Work) -> Execution:
        """Do the load of *work*, or say what came of it if it was applied before.

        Raises:
            WorkError: it cannot be done; nothing was changed.
            Stopped: it was cancelled, or a later attempt has begun; nothing was changed.
        """
        spec = work.task.spec
        assert isinstance(spec, LoadSpec)
        self._fault("before-ledger")
        row = self._ledger.open(work.task, self._clock.now())
        self._fault("after-ledger")
        if row.state == "applied":
            return row.execution(work.task.label)
        if row.state != "open" or row.attempt != work.task.attempt:
            raise Stopped
        try:
            with self._warehouse.scratch() as scratch:
                target = inspect(work, spec)
                work.phase(0, _STAGED)
                source = prepare(work, scratch)
                staged = stage(work, source, target)
                return self._apply(work, spec, source, target, staged)
        except driver().Error as exc:
            if is_interrupt(exc) or work.stopping:
                raise Stopped from exc
            if "state machine reached an invalid state" in str(exc):
                raise refusal(
                    "MIXED_LINE_ENDINGS", "there are carriage returns inside lines; end all lines alike"
                ) from exc
            raise WorkError(_without_paths(job_error(exc, code="LOAD_ERROR"))) from exc

    def _apply(self, work: Work, spec: LoadSpec, source: Source, target: Target, staged: Staged) -> Execution:
        budget = spec.max_failed_records
        work.phase(_STAGED, _CHECKED)
        work.run("BEGIN")
        failed, unprocessed = check(work, spec, target, staged)
        found = failures(work, staged, budget + 1)
        if failed > budget:
            with contextlib.suppress(driver().Error):
                work.cursor.execute("ROLLBACK")
            return self._too_many(work, source, staged, found)
        reports = write(work, source, staged, found, unprocessed=False) if found else None
        work.phase(_CHECKED, 99)
        work.run(_statement(spec, target, staged))
        execution = _succeeded(work, spec, staged, failed, unprocessed, reports)
        self._ledger.settle(work.cursor, work.task, execution)
        if not self._ledger.flip(work.cursor, work.task):
            raise Stopped
        self._fault("before-commit")
        work.check()
        work.cursor.execute("COMMIT")
        self._fault("after-commit")
        return execution

    def _too_many(self, work: Work, source: Source, staged: Staged, found: list[Failure]) -> Execution:
        reports = write(work, source, staged, found, unprocessed=True)
        first = found[0]
        where = f" in column '{first.column}'" if first.column else ""
        allowed = len(found) - 1
        error = JobError.of(
            "TOO_MANY_FAILED_RECORDS",
            Category.VALIDATION,
            f"more than {allowed:,} records failed, so nothing was changed; the first is record {first.ordinal:,}"
            f"{where}: {first.code}. Correct them, or allow more by max_failed_records",
            record=first.ordinal,
            column=first.column,
            reason=first.code,
        )
        return Execution(
            status=Status.FAILED,
            handle=work.task.label,
            error=error,
            counts=Counts(total=staged.total, failed=len(found), unprocessed=staged.total - len(found)),
            failed_records=reports.failed_records,
            rejected_input=reports.rejected_input,
            unprocessed_records=reports.unprocessed_records,
        )


def _without_paths(error: JobError) -> JobError:
    """Where the host keeps its files is not the tenant's business."""
    return attrs.evolve(
        error, message=re.sub(r"(file )?['\"]?/[^'\"]*/[^'\"]*['\"]?", "the upload", error.message)
    )


def _succeeded(
    work: Work,
    spec: LoadSpec,
    staged: Staged,
    failed: int,
    unprocessed: dict[str, int],
    reports: Reports | None,
) -> Execution:
    warnings = list(work.warnings)
    if not staged.total:
        warnings.append("the upload has no records; nothing was changed")
    if count := unprocessed.get("superseded"):
        kept = "first" if spec.on_duplicate_key == "first" else "last"
        warnings.append(f"records without effect, because the {kept} with their key counts: {count:,}")
    if count := unprocessed.get("unmatched"):
        warnings.append(f"records without effect, because no row of the table has their key: {count:,}")
    left = sum(unprocessed.values())
    return Execution(
        status=Status.SUCCEEDED,
        handle=work.task.label,
        counts=Counts(
            total=staged.total,
            succeeded=staged.total - failed - left,
            failed=failed,
            unprocessed=left,
        ),
        failed_records=None if reports is None else reports.failed_records,
        rejected_input=None if reports is None else reports.rejected_input,
        warnings=tuple(warnings),
    )


def _statement(spec: LoadSpec, target: Target, staged: Staged) -> str:
    names = [quote(column.name) for column in staged.columns]
    keys = {quote(name) for name in target.keys(spec)}
    good = (
        "(SELECT "
        + ", ".join(f"t{i} AS {name}" for i, name in enumerate(names))
        + " FROM stage WHERE f IS NULL ORDER BY g) AS s"
    )
    listed = ", ".join(names)
    same = " AND ".join(f"t.{name} = s.{name}" for name in names if name in keys)
    changes = ", ".join(f"{name} = s.{name}" for name in names if name not in keys)
    match spec.operation:
        case Operation.INSERT:
            return f"INSERT INTO {target.name} ({listed}) SELECT {listed} FROM {good}"
        case Operation.UPDATE:
            return f"UPDATE {target.name} AS t SET {changes} FROM {good} WHERE {same}"
        case Operation.DELETE:
            return f"DELETE FROM {target.name} AS t USING {good} WHERE {same}"
        case _:
            matched = f"UPDATE SET {changes}" if changes else "DO NOTHING"
            values = ", ".join(f"s.{name}" for name in names)
            return (
                f"MERGE INTO {target.name} AS t USING {good} ON {same} WHEN MATCHED THEN {matched}"
                f" WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({values})"
            )
