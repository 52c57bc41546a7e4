"""What a load is going to do with each record, as far as the upload and the keys of the table tell."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs

from spectra.adapters.memory.reading import Record, Upload
from spectra.adapters.memory.reports import Failure
from spectra.adapters.memory.target import Column, Target, fitted
from spectra.adapters.memory.warehouse import refusal
from spectra.domain import Category, ContentType, LoadSpec, OnDuplicateKey, OnMissingKey, Operation
from spectra.sql.identifiers import quote

__all__ = ["Plan", "match", "plan"]

_SEEN: Final = 1_000


@attrs.define
class Plan:
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
    keys: tuple[int, ...] = attrs.field(init=False)
    """Where the key columns stand among *columns*."""

    @keys.default
    def _keys(self) -> tuple[int, ...]:
        wanted = {key.casefold() for key in self.spec.key_columns}
        return tuple(i for i, column in enumerate(self.columns) if column.name.casefold() in wanted)

    def key(self, ordinal: int) -> tuple[Any, ...]:
        """The key of a record whose values could be read."""
        return tuple(self.values[ordinal][i] for i in self.keys)

    def same(self) -> str:
        """The condition that a row has a key."""
        return " AND ".join(f"{quote(self.columns[i].name)} = ?" for i in self.keys)

    def fail(self, ordinal: int, code: str, message: str, **facts: Any) -> None:
        """Set a record aside."""
        self.failures[ordinal] = Failure(ordinal, code, message, **facts)
        self.values.pop(ordinal, None)


def plan(spec: LoadSpec, target: Target, upload: Upload, seen: Callable[[int, int], None]) -> Plan:
    """Fit the records' values to the table, and find keys that repeat.

    Raises:
        LoadFailed: the upload's columns are not the table's.
    """
    names = _names(spec, target, upload)
    made = Plan(spec, target, upload, target.match(names, spec), names)
    for number, record in enumerate(upload.records):
        if number % _SEEN == 0:
            seen(number, len(upload.records))
        _read_values(made, record)
    if spec.operation is not Operation.INSERT:
        _check_repeated(made)
    return made


def match(connection: sqlite3.Connection, made: Plan, seen: Callable[[int, int], None]) -> None:
    """Find keys that no row of the table has, where that matters."""
    if made.spec.operation not in (Operation.UPDATE, Operation.DELETE):
        return
    select = f"SELECT 1 FROM {made.target.name} WHERE {made.same()} LIMIT 1"
    total = len(made.upload.records)
    for number, ordinal in enumerate(list(made.values)):
        if number % _SEEN == 0:
            seen(total, total)
        key = made.key(ordinal)
        if connection.execute(select, key).fetchone() is not None:
            continue
        if made.spec.on_missing_key is OnMissingKey.IGNORE:
            made.unmatched.add(ordinal)
            del made.values[ordinal]
        else:
            made.fail(
                ordinal,
                "NOT_FOUND",
                "no row of the table has this key",
                value=_shown(key),
                category=Category.RESOURCE,
            )


def _names(spec: LoadSpec, target: Target, upload: Upload) -> tuple[str, ...]:
    every = tuple(column.name for column in target.columns)
    if spec.content_type is ContentType.CSV and not spec.header:
        first = len(upload.records[0].content) if upload.records else len(every)
        if first != len(every):
            raise refusal(
                "MISSING_COLUMN",
                f"the first record has {first} fields and the table {len(every)} columns; send a header, or all"
                " columns in the table's order",
            )
        return every
    if upload.names:
        return upload.names
    # No object of the upload names anything, so nothing but its records' failures is asked for.
    keys = {key.casefold() for key in spec.key_columns}
    return tuple(n for n in every if spec.operation is not Operation.DELETE or n.casefold() in keys)


def _read_values(made: Plan, record: Record) -> None:
    if record.fault is not None:
        made.fail(record.ordinal, *record.fault)
        return
    if isinstance(record.content, dict):
        raw = [record.content.get(name) for name in made.names]
    else:
        token = made.spec.null_token or ""
        raw = [None if field == token else field for field in record.content]
        if len(raw) != len(made.columns):
            code = "MISSING_FIELDS" if len(raw) < len(made.columns) else "TOO_MANY_FIELDS"
            made.fail(record.ordinal, code, f"{len(raw)} fields where the upload has {len(made.columns)}")
            return
    values = []
    for column, value in zip(made.columns, raw, strict=True):
        try:
            values.append(fitted(value, column.type))
        except ValueError:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            made.fail(
                record.ordinal, "CAST", f"cannot be read as {column.type}", column=column.name, value=shown
            )
            return
    writes = made.spec.operation is not Operation.DELETE
    for i, (column, value) in enumerate(zip(made.columns, values, strict=True)):
        if value is None and i in made.keys:
            made.fail(record.ordinal, "NULL_KEY", "a key column may not be NULL", column=column.name)
            return
        if value is None and column.required and writes:
            made.fail(record.ordinal, "NOT_NULL", "the column may not be NULL", column=column.name)
            return
    made.values[record.ordinal] = values


def _check_repeated(made: Plan) -> None:
    policy = made.spec.on_duplicate_key
    repeated = Counter(made.key(ordinal) for ordinal in made.values)
    kept: set[tuple[Any, ...]] = set()
    for ordinal in sorted(made.values, reverse=policy is OnDuplicateKey.LAST):
        key = made.key(ordinal)
        if repeated[key] == 1:
            continue
        if policy is OnDuplicateKey.ERROR:
            made.fail(
                ordinal, "DUPLICATE_KEY", "several records of the upload have this key", value=_shown(key)
            )
        elif key in kept:
            made.superseded.add(ordinal)
            del made.values[ordinal]
        kept.add(key)


def _shown(values: tuple[Any, ...]) -> str:
    return ", ".join(map(str, values))
