"""The table that a load changes, and how the upload's columns lie on its own."""

from __future__ import annotations

from collections.abc import Sequence

from spectra.adapters.aws.redshift.failures import said
from spectra.adapters.aws.redshift.load_sql import LoadSql, stage_of
from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.adapters.aws.redshift.work import Work, WorkError, refusal
from spectra.domain import Category, ContentType, LoadSpec, Operation
from spectra.records.head import Head
from spectra.sql.identifiers import parts, table
from spectra.sql.literals import literal

__all__ = ["inspect"]


def inspect(
    work: Work, spec: LoadSpec, head: Head, options: RedshiftOptions
) -> tuple[LoadSql, tuple[str, ...]]:
    """Look the table up: the statements of the load, and the names of the upload's columns.

    Raises:
        WorkError: there is no such table, or the upload's columns are not its own.
    """
    work.check()
    if options.ledger_schema in [part.lower() for part in parts(spec.object)[:-1]]:
        raise _absent(spec)
    try:
        described, _ = work.connection.described(f"SELECT * FROM {table(spec.object)} LIMIT 0")
    except Exception as exc:
        if said(exc).sql_state in ("42P01", "3F000"):
            raise _absent(spec) from exc
        raise
    columns = tuple(name for name, _ in described)
    required = _required(work, spec)
    names = head.names
    if names is None:
        if head.any and head.width != len(columns):
            raise refusal(
                "MISSING_COLUMN",
                f"the first record has {head.width} fields and the table {len(columns)} columns; "
                "send a header, or all columns in the table's order",
            )
        names = columns
    keys = _keys(spec, columns)
    if names or spec.content_type is not ContentType.JSON:
        found = _match(spec, columns, names, required)
    else:
        # Not one good object: enough columns to say what is wrong with each record.
        found = names = keys or columns
    return LoadSql(stage_of(work.task.label), spec, found, keys, required, options), names


def _absent(spec: LoadSpec) -> WorkError:
    return refusal(
        "QUERY_ERROR", f"Table '{spec.object}' does not exist", category=Category.RESOURCE, sql_state="42P01"
    )


def _required(work: Work, spec: LoadSpec) -> tuple[str, ...]:
    """Columns that may not be NULL and have no default."""
    name = literal(table(spec.object), "redshift")
    rows = work.run(
        "SELECT a.attname FROM pg_attribute a"
        f" WHERE a.attrelid = {name}::regclass AND a.attnum > 0 AND a.attnotnull AND NOT a.atthasdef"
        " AND NOT a.attisdropped"
    )
    return tuple(str(row[0]) for row in rows)


def _match(
    spec: LoadSpec, columns: Sequence[str], names: Sequence[str], required: Sequence[str]
) -> tuple[str, ...]:
    known = {name.casefold(): name for name in columns}
    found: list[str] = []
    for name in names:
        column = known.get(name.casefold())
        if column is None:
            have = ", ".join(columns)
            raise _wrong("UNKNOWN_COLUMN", f"column '{name}' is not in the table, which has {have}", name)
        if column in found:
            raise _wrong("DUPLICATE_COLUMN", f"column '{name}' appears twice in the upload", name)
        found.append(column)
    keys = _keys(spec, columns)
    for name in keys:
        if name not in found:
            raise _wrong("MISSING_COLUMN", f"key column '{name}' is not in the upload", name)
    others = [name for name in found if name not in keys]
    if spec.operation is Operation.DELETE and others:
        raise _wrong("UNKNOWN_COLUMN", f"a delete takes the key columns only, not '{others[0]}'", others[0])
    if spec.operation is Operation.UPDATE and not others:
        raise refusal("MISSING_COLUMN", "an update needs a column beside the key columns")
    if spec.operation in (Operation.INSERT, Operation.UPSERT):
        for name in required:
            if name not in found:
                raise _wrong(
                    "MISSING_COLUMN", f"column '{name}' may not be NULL, and is not in the upload", name
                )
    return tuple(found)


def _keys(spec: LoadSpec, columns: Sequence[str]) -> tuple[str, ...]:
    known = {name.casefold(): name for name in columns}
    for name in spec.key_columns:
        if name.casefold() not in known:
            raise _wrong("UNKNOWN_COLUMN", f"key column '{name}' is not in the table", name)
    return tuple(known[name.casefold()] for name in spec.key_columns)


def _wrong(code: str, message: str, column: str) -> WorkError:
    return refusal(code, f"{message}; correct the upload", column=column)
