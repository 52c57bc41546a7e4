"""Reading an upload into the table ``stage``: typed values, and what is wrong with each record.

``stage`` has ``g``, the record's ordinal; ``t0``, ``t1``, … , its values in the types of the target's
columns; ``f``, NULL or a `Fault` and the column it is about; ``v``, the value that is at fault. Records
that cannot even be cut into fields are not in it; `stage` returns them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import attrs

from spectra.adapters.embedded.failures import refusal
from spectra.adapters.embedded.load_source import LONGEST, Source
from spectra.adapters.embedded.load_target import Target, TargetColumn
from spectra.adapters.embedded.work import Work
from spectra.domain import ContentType, LoadSpec, Operation
from spectra.sql.literals import literal

__all__ = ["COLUMNS", "Fault", "Staged", "Torn", "stage"]

COLUMNS: Final = 10_000


class Fault(IntEnum):
    """What can be wrong with a record; the last two are no failures."""

    CAST = 1
    NULL_KEY = 2
    NOT_NULL = 3
    MALFORMED = 4
    DUPLICATE_KEY = 5
    UNIQUE_VIOLATION = 6
    NOT_FOUND = 7
    CHECK = 8
    SUPERSEDED = 9
    UNMATCHED = 10

    def at(self, column: int = 0) -> int:
        """The number that ``f`` holds."""
        return self * COLUMNS + column


@attrs.frozen
class Torn:
    """A record that is no record: its ordinal, and what the reader said."""

    ordinal: int
    code: str
    message: str


@attrs.frozen
class Staged:
    """What `stage` found: the upload's columns, how many records there are, and those that are torn."""

    columns: tuple[TargetColumn, ...]
    names: tuple[str, ...]
    total: int
    torn: tuple[Torn, ...]


def stage(work: Work, source: Source, target: Target) -> Staged:
    """Read the whole upload.

    Raises:
        WorkError: it cannot be read, or its columns are not those of the table.
    """
    match source.spec.content_type:
        case ContentType.CSV:
            return _csv(work, source, target)
        case ContentType.JSON:
            return _json(work, source, target)
        case ContentType.PARQUET:
            return _parquet(work, source, target)


def _csv(work: Work, source: Source, target: Target) -> Staged:
    spec = source.spec
    first = source.first()
    try:
        first.decode()
    except UnicodeDecodeError:
        if spec.header:
            raise refusal("INVALID_ENCODING", "the header is not UTF-8; save the file as UTF-8") from None
    names = tuple(source.fields(first))
    if not spec.header:
        if first and len(names) != len(target.columns):
            raise refusal(
                "MISSING_COLUMN",
                f"the first record has {len(names)} fields and the table {len(target.columns)} columns; "
                "send a header, or all columns in the table's order",
            )
        names = tuple(column.name for column in target.columns)
    columns = target.match(names, spec)
    fields = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(columns)))
    token = "" if spec.null_token is None else spec.null_token
    scan = (
        f"read_csv($1, columns = {{{fields}}}, auto_detect = false, header = {str(spec.header).lower()},"
        f" delim = {_text(spec.delimiter)}, quote = '\"', escape = '\"', nullstr = {_text(token)},"
        f" compression = 'none', max_line_size = {LONGEST}, store_rejects = true, rejects_limit = 0,"
        " rejects_line_size_limit = 64)"
    )
    raw = f"SELECT row_number() OVER () AS g, * FROM {scan}"
    torn = _scan(
        work, source, spec, columns, raw, [f"TRY_CAST(c{i} AS {c.type})" for i, c in enumerate(columns)]
    )
    staged = _staged(work, columns, names, torn, int(spec.header))
    if torn:
        _count(work, source, staged)
    return staged


def _count(work: Work, source: Source, staged: Staged) -> None:
    """Make sure that no quote has swallowed records: one that is never closed takes all that follow."""
    total = 0
    for _ in source.records():
        work.check()
        total += 1
    if total != staged.total:
        first = staged.torn[0].ordinal
        raise refusal(
            "BROKEN_QUOTES",
            f"quotes that do not pair, in record {first:,} or after it, hide where records end; double those in fields",
            record=first,
        )


def _json(work: Work, source: Source, target: Target) -> Staged:
    lines = (
        "read_csv($1, columns = {'l': 'VARCHAR'}, auto_detect = false, header = false, delim = '\x01',"
        f" quote = '', escape = '', nullstr = '\x02', compression = 'none', max_line_size = {LONGEST},"
        " store_rejects = true, rejects_limit = 0, rejects_line_size_limit = 64)"
    )
    work.run("DROP TABLE IF EXISTS lines")
    work.run(
        "CREATE TEMP TABLE lines AS SELECT g, l, CASE WHEN json_valid(l) THEN json_type(l) = 'OBJECT' ELSE false"
        f" END AS ok FROM (SELECT row_number() OVER () AS g, l FROM {lines})",
        [_plain(source)],
    )
    names = tuple(
        name
        for (name,) in work.run(
            "SELECT name FROM (SELECT unnest(json_keys(l)) AS name, g FROM lines WHERE ok) GROUP BY name"
            " ORDER BY min(g), name"
        )
    )
    columns = target.match(names, source.spec) if names else ()
    if not columns:
        columns, names = _guessed(target, source.spec)
    paths = ", ".join(_text("$." + _json_key(name)) for name in names)
    shape = ", ".join(
        f"{_json_key(name)}: {_json_key(c.type)}" for name, c in zip(names, columns, strict=True)
    )
    raw = (
        "SELECT g, ok, "
        + ", ".join(f"x[{i + 1}] AS c{i}" for i in range(len(columns)))
        + ", s FROM (SELECT g, ok, CASE WHEN ok THEN json_extract_string(l, ["
        + paths
        + "]) END AS x, CASE WHEN ok THEN json_transform(l, "
        + _text("{" + shape + "}")
        + ") END AS s FROM lines)"
    )
    typed = [f"s.{_quote(name)}" for name in names]
    torn = _scan(work, source, source.spec, columns, raw, typed, malformed="NOT ok", parameters=[])
    torn += _rejects(work, 0)
    work.run("DROP TABLE lines")
    return _staged(work, columns, names, torn, 0)


def _parquet(work: Work, source: Source, target: Target) -> Staged:
    rows = work.run("DESCRIBE SELECT * FROM read_parquet($1)", [_plain(source)])
    names = tuple(row[0] for row in rows)
    columns = target.match(names, source.spec)
    fields = ", ".join(f"{_quote(name)} AS c{i}" for i, name in enumerate(names))
    raw = f"SELECT file_row_number + 1 AS g, {fields} FROM read_parquet($1, file_row_number = true)"
    typed = [f"TRY_CAST(c{i} AS {c.type})" for i, c in enumerate(columns)]
    torn = _scan(work, source, source.spec, columns, raw, typed)
    return _staged(work, columns, names, torn, 0)


def _scan(
    work: Work,
    source: Source,
    spec: LoadSpec,
    columns: Sequence[TargetColumn],
    raw: str,
    typed: Sequence[str],
    *,
    malformed: str = "false",
    parameters: list[str] | None = None,
) -> list[Torn]:
    """Create ``stage``; return the records that the reader refused."""
    keys = {key.casefold() for key in spec.key_columns}
    writes = spec.operation is not Operation.DELETE
    faults, values = [f"WHEN {malformed} THEN {Fault.MALFORMED.at()}"], []
    for i, column in enumerate(columns):
        wrong = f"c{i} IS NOT NULL AND t{i} IS NULL"
        if changed := column.changed(f"c{i}::VARCHAR", f"t{i}"):
            wrong = f"({wrong} OR {changed})"
        faults.append(f"WHEN {wrong} THEN {Fault.CAST.at(i)}")
        values.append(f"WHEN {Fault.CAST.at(i)} THEN c{i}::VARCHAR")
    for i, column in enumerate(columns):
        if column.name.casefold() in keys:
            faults.append(f"WHEN t{i} IS NULL THEN {Fault.NULL_KEY.at(i)}")
        elif column.required and writes:
            faults.append(f"WHEN t{i} IS NULL THEN {Fault.NOT_NULL.at(i)}")
    names = ", ".join(f"t{i}" for i in range(len(columns)))
    work.run("DROP TABLE IF EXISTS stage")
    work.run(
        f"CREATE TEMP TABLE stage AS SELECT g, {names}, f::INTEGER AS f, CASE f {' '.join(values)} END AS v"
        f" FROM (SELECT *, CASE {' '.join(faults)} END AS f FROM (SELECT *, "
        + ", ".join(f"{expression} AS t{i}" for i, expression in enumerate(typed))
        + f" FROM ({raw})))",
        [_plain(source)] if parameters is None else parameters,
    )
    return _rejects(work, int(spec.header)) if spec.content_type is ContentType.CSV else []


_CODES: Final = {
    "MISSING COLUMNS": "MISSING_FIELDS",
    "TOO MANY COLUMNS": "TOO_MANY_FIELDS",
    "UNQUOTED VALUE": "BROKEN_QUOTES",
    "LINE SIZE OVER MAXIMUM": "TOO_LONG",
    "INVALID ENCODING": "INVALID_ENCODING",
}


def _rejects(work: Work, header: int) -> list[Torn]:
    rows = work.run(
        "SELECT line - $1, error_type::VARCHAR, error_message FROM reject_errors"
        " QUALIFY row_number() OVER (PARTITION BY line ORDER BY byte_position, column_idx) = 1 ORDER BY line",
        [header],
    )
    return [
        Torn(ordinal, _CODES.get(kind, "MALFORMED"), re.sub(r"\s+", " ", message).strip())
        for ordinal, kind, message in rows
    ]


def _staged(
    work: Work, columns: tuple[TargetColumn, ...], names: tuple[str, ...], torn: list[Torn], header: int
) -> Staged:
    good = work.value("SELECT count(*) FROM stage")
    if torn:
        # The reader numbered what it kept; every torn record before one moves it on.
        work.run(
            "CREATE OR REPLACE TEMP TABLE stage AS WITH"
            f" r AS (SELECT DISTINCT line - {header} AS o FROM reject_errors),"
            " b AS (SELECT o - row_number() OVER (ORDER BY o) AS before FROM r),"
            " k AS (SELECT before, sum(count(*)) OVER (ORDER BY before) AS shift FROM b GROUP BY before)"
            " SELECT g + coalesce(shift, 0)::BIGINT AS g, stage.* EXCLUDE (g)"
            " FROM stage ASOF LEFT JOIN k ON stage.g > k.before"
        )
    work.seen(good + len(torn), 1)
    return Staged(columns, names, good + len(torn), tuple(torn))


def _guessed(target: Target, spec: LoadSpec) -> tuple[tuple[TargetColumn, ...], tuple[str, ...]]:
    """For a file without one good object: enough columns to say what is wrong with each record."""
    wanted = {key.casefold() for key in spec.key_columns}
    alone = spec.operation is Operation.DELETE
    columns = tuple(c for c in target.columns if not alone or c.name.casefold() in wanted)
    return columns, tuple(c.name for c in columns)


def _plain(source: Source) -> str:
    """The path, so that DuckDB finds no pattern in it."""
    return re.sub(r"([\[*?])", r"[\1]", str(source.path))


def _text(value: str) -> str:
    return literal(value, "duckdb")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _json_key(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
