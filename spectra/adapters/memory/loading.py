"""Loads: all good records or none, in one transaction with the ledger row."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import attrs

from spectra.adapters.memory.applying import apply
from spectra.adapters.memory.planning import Plan, match, plan
from spectra.adapters.memory.reading import Upload, read
from spectra.adapters.memory.reports import Failure, write
from spectra.adapters.memory.target import inspect
from spectra.adapters.memory.warehouse import Ledger, Warehouse, refusal
from spectra.adapters.memory.work import Stopped, Work
from spectra.domain import Category, Counts, JobError, LoadSpec
from spectra.errors import ObjectNotFoundError
from spectra.ports import Execution, ResultStore, Status, Task

__all__ = ["applied", "load"]


def load(warehouse: Warehouse, results: ResultStore, work: Work, now: str) -> Execution:
    """Do the load of *work*, or say what came of it if it was applied before.

    Raises:
        LoadFailed: it cannot be done; nothing was changed.
        Stopped: it was cancelled, or a later attempt has begun; nothing was changed.
    """
    task = work.task
    spec = task.spec
    assert isinstance(spec, LoadSpec)
    with warehouse.writing(work.check) as connection:
        row = Ledger.row(connection, task)
        if row is not None and row["state"] == "applied":
            return applied(row, task)
        if row is not None and (row["state"] == "closed" or row["attempt"] > task.attempt):
            raise Stopped
        Ledger.put(connection, task, "open", None, now)
    with warehouse.writing(work.check) as connection:
        target = inspect(connection, spec)
    upload = _upload(results, work, spec)
    # The transaction shuts everybody out, so what can be done before it is.
    made = plan(spec, target, upload, work.seen)
    with warehouse.writing(work.check) as connection:
        work.began(connection)
        target = inspect(connection, spec)
        if target != made.target:
            made = plan(spec, target, upload, work.seen)
        match(connection, made, work.seen)
        apply(connection, made, work.seen)
        failures = [made.failures[ordinal] for ordinal in sorted(made.failures)]
        if len(failures) > spec.max_failed_records:
            connection.execute("ROLLBACK")
            return _too_many(results, task, made, failures[: spec.max_failed_records + 1])
        execution = _succeeded(results, task, made, failures)
        row = Ledger.row(connection, task)
        if row is None or row["state"] != "open" or row["attempt"] != task.attempt:
            raise Stopped
        work.seen(len(upload.records), len(upload.records))
        Ledger.put(connection, task, "applied", pickle.dumps(execution), now)
    return execution


def applied(row: Mapping[str, Any], task: Task) -> Execution:
    """What the load of an applied row came to."""
    execution: Execution = pickle.loads(row["outcome"])  # noqa: S301 - written by this process
    return attrs.evolve(execution, handle=task.label)


def _upload(results: ResultStore, work: Work, spec: LoadSpec) -> Upload:
    assert work.task.upload is not None
    try:
        with results.open_read(work.task.upload.location) as stream:
            data = stream.read()
    except ObjectNotFoundError as exc:
        raise refusal(
            "UPLOAD_MISSING", "the upload is not there any more; upload it again", category=Category.RESOURCE
        ) from exc
    return read(data, spec, work.seen)


def _too_many(results: ResultStore, task: Task, plan: Plan, failures: list[Failure]) -> Execution:
    reports = write(results, task, plan.upload, plan.names, failures, unprocessed=True)
    first, total = failures[0], len(plan.upload.records)
    where = f" in column '{first.column}'" if first.column else ""
    error = JobError.of(
        "TOO_MANY_FAILED_RECORDS",
        Category.VALIDATION,
        f"more than {len(failures) - 1:,} records failed, so nothing was changed; the first is record "
        f"{first.ordinal:,}{where}: {first.code}. Correct them, or allow more by max_failed_records",
        record=first.ordinal,
        column=first.column,
        reason=first.code,
    )
    return Execution(
        status=Status.FAILED,
        handle=task.label,
        error=error,
        counts=Counts(total=total, failed=len(failures), unprocessed=total - len(failures)),
        failed_records=reports.failed_records,
        rejected_input=reports.rejected_input,
        unprocessed_records=reports.unprocessed_records,
    )


def _succeeded(results: ResultStore, task: Task, plan: Plan, failures: list[Failure]) -> Execution:
    reports = write(results, task, plan.upload, plan.names, failures, unprocessed=False) if failures else None
    warnings = []
    if not plan.upload.records:
        warnings.append("the upload has no records; nothing was changed")
    if plan.superseded:
        kept = plan.spec.on_duplicate_key
        warnings.append(
            f"records without effect, because the {kept} with their key counts: {len(plan.superseded):,}"
        )
    if plan.unmatched:
        warnings.append(
            f"records without effect, because no row of the table has their key: {len(plan.unmatched):,}"
        )
    return Execution(
        status=Status.SUCCEEDED,
        handle=task.label,
        counts=Counts(
            total=len(plan.upload.records),
            succeeded=len(plan.values),
            failed=len(failures),
            unprocessed=len(plan.superseded) + len(plan.unmatched),
        ),
        failed_records=None if reports is None else reports.failed_records,
        rejected_input=None if reports is None else reports.rejected_input,
        warnings=tuple(warnings),
    )
