"""Loads: all good records or none, in one transaction with the ledger row."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs

from spectra.adapters.memory.reading import Record, Upload, read
from spectra.adapters.memory.reports import Failure, write
from spectra.adapters.memory.target import Column, Target, fitted, inspect
from spectra.adapters.memory.warehouse import Ledger, Stopped, Warehouse, refusal
from spectra.domain import (
    Category,
    ContentType,
    Counts,
    JobError,
    LoadSpec,
    OnDuplicateKey,
    OnMissingKey,
    Operation,
)
from spectra.ports import Execution, ResultStore, Status, Task
from spectra.sql.identifiers import quote

__all__ = ["load"]

_SEEN: Final = 1_000


@attrs.define
class _Plan:
    """The records with their values, and what became of each that has no effect."""

    spec: LoadSpec
    target: Target
    upload: Upload
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    values: dict[int, list[Any]] = attrs.field(factory=dict)
    failures: dict[int, Failure] = attrs.field(factory=dict)
    superseded: set[int] = attrs.field(factory=set)
    unmatched: set[int] = attrs.field(factory=set)

    @property
    def keys(self) -> list[int]:
        wanted = {key.casefold() for key in self.spec.key_columns}
        return [i for i, column in enumerate(self.columns) if column.name.casefold() in wanted]

    def key(self, ordinal: int) -> tuple[Any, ...]:
        return tuple(self.values[ordinal][i] for i in self.keys)

    def fail(self, ordinal: int, code: str, message: str, **facts: Any) -> None:
        self.failures[ordinal] = Failure(ordinal, code, message, **facts)
        self.values.pop(ordinal, None)


def load(
    warehouse: Warehouse,
    results: ResultStore,
    task: Task,
    now: str,
    seen: Callable[[int, int], None],
    began: Callable[[sqlite3.Connection], None],
) -> Execution:
    """Do the load of *task*; *seen* is told how far it is and raises `Stopped` to end it.

    Raises:
        LoadFailed: it cannot be done; nothing was changed.
        Stopped: it was cancelled, or a later attempt has begun; nothing was changed.
    """
    spec = task.spec
    assert isinstance(spec, LoadSpec)
    assert task.upload is not None
    with warehouse.writing() as connection:
        row = Ledger.row(connection, task.tenant_id, task.job_id)
        if row is not None and row["state"] == "applied":
            return applied(row, task)
        if row is not None and (row["state"] == "closed" or row["attempt"] > task.attempt):
            raise Stopped
        Ledger.put(connection, task, "open", None, now)
    with warehouse.writing() as connection:
        began(connection)
        target = inspect(connection, spec)
        with results.open_read(task.upload.location) as stream:
            upload = read(stream.read(), spec)
        plan = _plan(spec, target, upload, seen)
        if spec.operation is Operation.INSERT:
            _check_unique(connection, plan)
        else:
            _check_keys(connection, plan)
        failures = [plan.failures[ordinal] for ordinal in sorted(plan.failures)]
        if len(failures) > spec.max_failed_records:
            return _too_many(results, task, plan, failures[: spec.max_failed_records + 1])
        _apply(connection, plan, seen)
        execution = _succeeded(results, task, plan, failures)
        row = Ledger.row(connection, task.tenant_id, task.job_id)
        if row is None or row["state"] != "open" or row["attempt"] != task.attempt:
            raise Stopped
        seen(len(upload.records), len(upload.records))
        Ledger.put(connection, task, "applied", _kept(execution), now)
        return execution


def applied(row: Any, task: Task) -> Execution:
    """What the load of an applied row came to."""
    import pickle

    execution: Execution = pickle.loads(row["outcome"])  # noqa: S301 - written by this process
    return attrs.evolve(execution, handle=task.label)


def _kept(execution: Execution) -> bytes:
    import pickle

    return pickle.dumps(execution)


def _plan(spec: LoadSpec, target: Target, upload: Upload, seen: Callable[[int, int], None]) -> _Plan:
    names = upload.names
    if not names:
        wanted = {key.casefold() for key in spec.key_columns}
        alone = spec.operation is Operation.DELETE
        names = tuple(c.name for c in target.columns if not alone or c.name.casefold() in wanted)
        if not spec.header and spec.content_type is ContentType.CSV:
            names = tuple(column.name for column in target.columns)
            if upload.records and len(upload.records[0].content or ()) != len(names):
                raise refusal(
                    "MISSING_COLUMN", "send a header, or all columns in the table's order in every record"
                )
    plan = _Plan(spec, target, upload, target.match(names, spec), names)
    for number, record in enumerate(upload.records):
        if number % _SEEN == 0:
            seen(number, len(upload.records))
        _read_values(plan, record)
    return plan


def _read_values(plan: _Plan, record: Record) -> None:
    if record.fault is not None:
        plan.fail(record.ordinal, *record.fault)
        return
    if isinstance(record.content, dict):
        raw = [record.content.get(name) for name in plan.names]
        raw = [json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for v in raw]
    else:
        token = plan.spec.null_token or ""
        raw = [None if field == token else field for field in record.content]
        if len(raw) != len(plan.columns):
            code = "MISSING_FIELDS" if len(raw) < len(plan.columns) else "TOO_MANY_FIELDS"
            plan.fail(record.ordinal, code, f"{len(raw)} fields where the upload has {len(plan.columns)}")
            return
    values = []
    for column, value in zip(plan.columns, raw, strict=True):
        try:
            values.append(fitted(value, column.type))
        except ValueError:
            plan.fail(
                record.ordinal,
                "CAST",
                f"cannot be read as {column.type}",
                column=column.name,
                value=str(value),
            )
            return
    plan.values[record.ordinal] = values
    keys = plan.keys
    for i, (column, value) in enumerate(zip(plan.columns, values, strict=True)):
        if value is None and i in keys:
            plan.fail(record.ordinal, "NULL_KEY", "a key column may not be NULL", column=column.name)
            return
        if value is None and column.required:
            plan.fail(record.ordinal, "NOT_NULL", "the column may not be NULL", column=column.name)
            return


def _check_unique(connection: sqlite3.Connection, plan: _Plan) -> None:
    here = {column.name: i for i, column in enumerate(plan.columns)}
    for names in plan.target.unique:
        if not all(name in here for name in names):
            continue  # defaults fill it; the table itself will say
        taken: set[tuple[Any, ...]] = set()
        for ordinal in list(plan.values):
            values = tuple(plan.values[ordinal][here[name]] for name in names)
            if None in values:
                continue
            if values in taken or _exists(connection, plan.target, names, values):
                plan.fail(
                    ordinal,
                    "UNIQUE_VIOLATION",
                    "another row or an earlier record has these values, which must be unique",
                    value=", ".join(map(str, values)),
                )
            taken.add(values)


def _check_keys(connection: sqlite3.Connection, plan: _Plan) -> None:
    spec = plan.spec
    repeated = Counter(plan.key(ordinal) for ordinal in plan.values)
    order = sorted(plan.values, reverse=spec.on_duplicate_key is OnDuplicateKey.LAST)
    counted: set[tuple[Any, ...]] = set()
    for ordinal in order:
        key = plan.key(ordinal)
        if repeated[key] > 1:
            if spec.on_duplicate_key is OnDuplicateKey.ERROR:
                shown = ", ".join(map(str, key))
                plan.fail(
                    ordinal, "DUPLICATE_KEY", "several records of the upload have this key", value=shown
                )
            elif key in counted:
                plan.superseded.add(ordinal)
                del plan.values[ordinal]
        counted.add(key)
    if spec.operation is Operation.UPSERT:
        return
    names = tuple(plan.columns[i].name for i in plan.keys)
    for ordinal in list(plan.values):
        key = plan.key(ordinal)
        if _exists(connection, plan.target, names, key):
            continue
        if spec.on_missing_key is OnMissingKey.IGNORE:
            plan.unmatched.add(ordinal)
            del plan.values[ordinal]
        else:
            plan.fail(
                ordinal,
                "NOT_FOUND",
                "no row of the table has this key",
                value=", ".join(map(str, key)),
                category=Category.RESOURCE,
            )


def _exists(
    connection: sqlite3.Connection, target: Target, names: tuple[str, ...], values: tuple[Any, ...]
) -> bool:
    where = " AND ".join(f"{quote(name)} = ?" for name in names)
    found = connection.execute(f"SELECT 1 FROM {target.name} WHERE {where} LIMIT 1", values).fetchone()
    return found is not None


def _apply(connection: sqlite3.Connection, plan: _Plan, seen: Callable[[int, int], None]) -> None:
    keys = plan.keys
    names = [quote(column.name) for column in plan.columns]
    others = [i for i in range(len(names)) if i not in keys]
    same = " AND ".join(f"{names[i]} = ?" for i in keys)
    changes = ", ".join(f"{names[i]} = ?" for i in others)
    insert = f"INSERT INTO {plan.target.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    total = len(plan.upload.records)
    for number, ordinal in enumerate(sorted(plan.values)):
        if number % _SEEN == 0:
            seen(total, total)
        values = plan.values[ordinal]
        key, rest = [values[i] for i in keys], [values[i] for i in others]
        match plan.spec.operation:
            case Operation.INSERT:
                connection.execute(insert, values)
            case Operation.UPDATE:
                connection.execute(f"UPDATE {plan.target.name} SET {changes} WHERE {same}", rest + key)
            case Operation.DELETE:
                connection.execute(f"DELETE FROM {plan.target.name} WHERE {same}", key)
            case _:
                _upsert(connection, plan, insert, same, changes, values, key, rest)


def _upsert(
    connection: sqlite3.Connection,
    plan: _Plan,
    insert: str,
    same: str,
    changes: str,
    values: list[Any],
    key: list[Any],
    rest: list[Any],
) -> None:
    found = connection.execute(f"SELECT 1 FROM {plan.target.name} WHERE {same} LIMIT 1", key).fetchone()
    if found is None:
        connection.execute(insert, values)
    elif changes:
        connection.execute(f"UPDATE {plan.target.name} SET {changes} WHERE {same}", rest + key)


def _too_many(results: ResultStore, task: Task, plan: _Plan, failures: list[Failure]) -> Execution:
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


def _succeeded(results: ResultStore, task: Task, plan: _Plan, failures: list[Failure]) -> Execution:
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
