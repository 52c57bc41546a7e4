"""Loads as statements: staging, looking for what is wrong, and the change of the table.

``spectra_stage_…`` has the upload's columns in the types of the table's; it is named after the attempt. Only if something is wrong that
COPY cannot tell of (keys that repeat, are NULL, or match nothing), the upload is staged again, numbered:
``spectra_numbered`` has the ordinal of each record, and what is wrong with it.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Final

import attrs

from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.domain import Compression, ContentType, LoadSpec, OnDuplicateKey, OnMissingKey, Operation
from spectra.sql.identifiers import parts, quote, table
from spectra.sql.literals import literal

__all__ = ["GOOD", "NUMBERED", "Fault", "LoadSql", "stage_of"]

NUMBERED: Final = "spectra_numbered"
GOOD: Final = "spectra_good"
NUMBER: Final = "spectra_record"
FAULT: Final = "spectra_fault"
COLUMNS: Final = 10_000
BACKSLASH_N: Final = "\\N"
"""What COPY takes for NULL if nothing is said; how it reads a backslash in a literal nobody could say."""

MAX_ERRORS: Final = 100_000


class Fault(IntEnum):
    """What can be wrong with a staged record; the last two are no failures."""

    NULL_KEY = 1
    NOT_NULL = 2
    DUPLICATE_KEY = 3
    NOT_FOUND = 4
    SUPERSEDED = 5
    UNMATCHED = 6

    def at(self, column: int = 0) -> int:
        """The number that stands for it."""
        return self * COLUMNS + column


def stage_of(label: str) -> str:
    """The name of the staging table of what carries *label*: while it is there, a session of that is open."""
    return f"spectra_stage_{hashlib.sha256(label.encode()).hexdigest()[:24]}"


@attrs.frozen
class LoadSql:
    """The statements of one load: *columns* are the table's names in the upload's order."""

    staged: str
    spec: LoadSpec
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    required: tuple[str, ...]
    options: RedshiftOptions

    @property
    def target(self) -> str:
        """The table's name, quoted."""
        return table(self.spec.object)

    @property
    def _short(self) -> str:
        """As it is called inside its own statements, which know no alias of it."""
        return quote(parts(self.spec.object)[-1])

    def _listed(self, prefix: str = "") -> str:
        return ", ".join(prefix + quote(name) for name in self.columns)

    # ---- staging --------------------------------------------------------------------------------------

    def drop(self) -> list[str]:
        """Remove what this load made when it looked at the table before."""
        return [f"DROP TABLE IF EXISTS {name}" for name in (self.staged, NUMBERED, GOOD)]

    def stage(self) -> str:
        """Make the staging table: the types of the target's columns, none of them required."""
        return f"CREATE TEMP TABLE {self.staged} AS SELECT {self._listed()} FROM {self.target} WHERE 1 = 0"

    def stage_numbered(self) -> str:
        """Make the staging table of the numbered upload."""
        return (
            f"CREATE TEMP TABLE {NUMBERED} AS SELECT CAST(NULL AS BIGINT) AS {NUMBER},"
            f" CAST(NULL AS INTEGER) AS {FAULT}, {self._listed()} FROM {self.target} WHERE 1 = 0"
        )

    def copy(self, location: str, max_errors: int, *, numbered: bool = False) -> str:
        """Read the upload at *location*."""
        spec = self.spec
        name, listed = (
            (NUMBERED, f"{NUMBER}, {self._listed()}") if numbered else (self.staged, self._listed())
        )
        said = [
            f"COPY {name} ({listed})",
            f"FROM {_text(location)}",
            self.options.authorization(),
        ]
        if spec.content_type is ContentType.CSV:
            said.append(f"FORMAT AS CSV DELIMITER AS {_text(spec.delimiter)} IGNOREBLANKLINES")
            if spec.header:
                said.append("IGNOREHEADER AS 1")
            if spec.null_token is None:
                said.append("NULL AS '' EMPTYASNULL")
            elif spec.null_token != BACKSLASH_N:
                said.append(f"NULL AS {_text(spec.null_token)}")
        else:
            said.append("FORMAT AS JSON 'auto ignorecase'")
        if spec.compression is not Compression.NONE:
            said.append(str(spec.compression))
        said.append("DATEFORMAT AS 'auto' TIMEFORMAT AS 'auto'")
        said.append(f"MAXERROR AS {max_errors} COMPUPDATE OFF STATUPDATE OFF")
        if self.options.region is not None:
            said.append(f"REGION AS {_text(self.options.region)}")
        return "\n".join(said)

    # ---- looking --------------------------------------------------------------------------------------

    def count_nulls(self) -> str:
        """How many staged records have a NULL where none may be."""
        wrong = [f"{quote(name)} IS NULL" for name in self.never_null]
        return f"SELECT count(*) FROM {self.staged} WHERE {' OR '.join(wrong)}"

    @property
    def never_null(self) -> list[str]:
        """The columns that a NULL in a record may not be in."""
        writes = self.spec.operation is not Operation.DELETE
        return [name for name in self.columns if name in self.keys or (writes and name in self.required)]

    def count_repeated(self) -> str:
        """How many staged records share their key with another one."""
        keys = ", ".join(map(quote, self.keys))
        return (
            f"SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {self.staged} GROUP BY {keys}"
            " HAVING count(*) > 1) AS repeated"
        )

    def count_unmatched(self, source: str) -> str:
        """How many records of *source* match no row of the table."""
        where = f"{FAULT} IS NULL AND " if source == NUMBERED else ""
        return f"SELECT count(*) FROM {source} AS s WHERE {where}NOT EXISTS ({self._match('s')})"

    def _match(self, source: str) -> str:
        same = " AND ".join(f"t.{quote(name)} = {source}.{quote(name)}" for name in self.keys)
        return f"SELECT 1 FROM {self.target} AS t WHERE {same}"

    @property
    def needs_match(self) -> bool:
        """Whether a record that matches no row is told of."""
        return self.spec.operation in (Operation.UPDATE, Operation.DELETE)

    def marks(self) -> list[str]:
        """Note in the numbered staging table what is wrong with each record."""
        found = []
        for at, name in enumerate(self.columns):
            if name in self.never_null:
                fault = Fault.NULL_KEY if name in self.keys else Fault.NOT_NULL
                found.append(
                    f"UPDATE {NUMBERED} SET {FAULT} = {fault.at(at)} WHERE {FAULT} IS NULL AND {quote(name)} IS NULL"
                )
        if self.keys:
            found.append(self._mark_repeated())
        if self.needs_match:
            found.append(self.mark_unmatched())
        return found

    def _mark_repeated(self) -> str:
        policy = self.spec.on_duplicate_key
        kept = {OnDuplicateKey.FIRST: "min", OnDuplicateKey.LAST: "max"}.get(policy)
        fault = Fault.DUPLICATE_KEY if kept is None else Fault.SUPERSEDED
        keys = ", ".join(map(quote, self.keys))
        same = " AND ".join(f"{NUMBERED}.{quote(name)} = d.{quote(name)}" for name in self.keys)
        other = "" if kept is None else f" AND {NUMBERED}.{NUMBER} <> d.kept"
        return (
            f"UPDATE {NUMBERED} SET {FAULT} = {fault.at()} FROM"
            f" (SELECT {keys}, {kept or 'min'}({NUMBER}) AS kept FROM {NUMBERED} WHERE {FAULT} IS NULL"
            f" GROUP BY {keys} HAVING count(*) > 1) AS d WHERE {FAULT} IS NULL AND {same}{other}"
        )

    def mark_unmatched(self) -> str:
        """Note which records match no row of the table."""
        ignored = self.spec.on_missing_key is OnMissingKey.IGNORE
        fault = Fault.UNMATCHED if ignored else Fault.NOT_FOUND
        return (
            f"UPDATE {NUMBERED} SET {FAULT} = {fault.at()}"
            f" WHERE {FAULT} IS NULL AND NOT EXISTS ({self._match(NUMBERED)})"
        )

    def count_marks(self) -> str:
        """What is wrong, and with how many records."""
        return (
            f"SELECT {FAULT} / {COLUMNS}, count(*) FROM {NUMBERED} WHERE {FAULT} IS NOT NULL"
            f" GROUP BY {FAULT} / {COLUMNS}"
        )

    def failures(self, limit: int) -> str:
        """Ordinals and faults of the first *limit* failed records."""
        return (
            f"SELECT {NUMBER}, {FAULT} FROM {NUMBERED} WHERE {FAULT} < {Fault.SUPERSEDED.at()}"
            f" ORDER BY {NUMBER} LIMIT {limit}"
        )

    def keep_good(self) -> str:
        """The numbered records that nothing is wrong with, as the source of the change."""
        return f"CREATE TEMP TABLE {GOOD} AS SELECT {self._listed()} FROM {NUMBERED} WHERE {FAULT} IS NULL"

    # ---- the change -----------------------------------------------------------------------------------

    def change(self, source: str) -> str:
        """Change the table by what is in *source*."""
        listed = self._listed()
        t = self._short
        same = " AND ".join(f"{t}.{quote(name)} = {source}.{quote(name)}" for name in self.keys)
        others = [name for name in self.columns if name not in self.keys]
        # MERGE must change something; a key that is set to itself is nothing.
        changed = ", ".join(f"{quote(name)} = {source}.{quote(name)}" for name in others or self.keys)
        match self.spec.operation:
            case Operation.INSERT:
                return f"INSERT INTO {self.target} ({listed}) SELECT {listed} FROM {source}"
            case Operation.UPDATE:
                return f"UPDATE {self.target} SET {changed} FROM {source} WHERE {same}"
            case Operation.DELETE:
                return f"DELETE FROM {self.target} USING {source} WHERE {same}"
            case _:
                return (
                    f"MERGE INTO {self.target} USING {source} ON {same} WHEN MATCHED THEN UPDATE SET {changed}"
                    f" WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({self._listed(source + '.')})"
                )


def _text(value: str) -> str:
    return literal(value, "redshift")
