"""Parquet files, written by DuckDB from the CSV that PostgreSQL gives."""

from __future__ import annotations

import contextlib
import tempfile
from typing import IO, Final

from spectra.testing.redshift.backend import Field

__all__ = ["parquet"]

_DUCK: Final = {
    16: "BOOLEAN", 20: "BIGINT", 21: "SMALLINT", 23: "INTEGER", 700: "FLOAT", 701: "DOUBLE", 1082: "DATE",
    1114: "TIMESTAMP", 1184: "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip


def parquet(
    file: IO[bytes], columns: tuple[Field, ...], folder: str, stack: contextlib.ExitStack
) -> IO[bytes]:
    """*file*, which is CSV without a header, as a Parquet file that *stack* closes."""
    import duckdb

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with open(f"{scratch}/rows.csv", "wb") as plain:
            file.seek(0)
            while block := file.read(1 << 20):
                plain.write(block)
        kinds = ", ".join(f"'c{i}': '{_duck(column)}'" for i, column in enumerate(columns))
        renamed = ", ".join(f"c{i} AS {identifier(column.name)}" for i, column in enumerate(columns))
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT {renamed} FROM read_csv('{scratch}/rows.csv', columns = {{{kinds}}}, header = false,"
                " auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\x02'))"
                f" TO '{scratch}/rows.parquet' (FORMAT parquet, COMPRESSION snappy)"
            )
        target: IO[bytes] = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - the stack closes it
        with open(f"{scratch}/rows.parquet", "rb") as written:
            while block := written.read(1 << 20):
                target.write(block)
    return target


def _duck(column: Field) -> str:
    if column.oid == 1700 and column.modifier > 0:
        return f"DECIMAL({(column.modifier - 4) >> 16}, {(column.modifier - 4) & 0xFFFF})"
    return "DECIMAL(38, 10)" if column.oid == 1700 else _DUCK.get(column.oid, "VARCHAR")


def identifier(name: str) -> str:
    """A quoted name."""
    return '"' + name.replace('"', '""') + '"'
