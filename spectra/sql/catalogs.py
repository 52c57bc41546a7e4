"""Tables that no tenant may read, by their names: the system's, and Spectra's ledger."""

from __future__ import annotations

import re
from typing import Final

import attrs

__all__ = ["Catalog", "catalog"]


@attrs.frozen
class Catalog:
    """How a dialect names what is its own: *schemas*, and *names*, which with *anywhere* no schema changes.

    *files* are names that it would open as files.
    """

    schemas: re.Pattern[str]
    names: re.Pattern[str]
    anywhere: bool
    ledger: re.Pattern[str]
    files: re.Pattern[str] | None = None

    def refuses(self, path: tuple[str, ...]) -> tuple[str, str] | None:
        """The reason and the problem, if the table with these parts of its name is not for tenants."""
        *schemas, name = (part.lower() for part in path)
        if self.ledger.fullmatch(name) or _SCHEMA in schemas:
            return "ledger", "the ledger is not for tenants"
        if any(map(self.schemas.fullmatch, schemas)):
            return "catalog", f"{'.'.join(path)} belongs to the system's catalog"
        if self.names.fullmatch(name) and (self.anywhere or not schemas):
            return "catalog", f"{name} belongs to the system's catalog"
        if self.files is not None and self.files.search(".".join((*schemas, name))):
            return "file", f"{'.'.join(path)} would be read as a file"
        return None


def catalog(dialect: str) -> Catalog:
    """What the dialect calls its own; of an unknown one, what any calls so."""
    return _CATALOGS.get(dialect, _ANY)


def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


_SCHEMA: Final = "spectra"
_LEDGER: Final = _pattern("spectra_ledger")
# The sixteen tables; their schema may have another name.
_LEDGERS: Final = _pattern(r"spectra_ledger|ledger_(0\d|1[0-5])")
_POSTGRES: Final = r"information_schema|pg_.*"
_REDSHIFT: Final = r"(pg|stl|stv|svl|svv|svcs|sys|stcs|stll|systable|awsdms)_.*"
_DUCKDB: Final = r"(duckdb|pg|pragma|sqlite)_.*"
_SQLITE: Final = r"(sqlite|pragma)_.*|dbstat|bytecode|tables_used|fsdir|zipfile|completion"
# DuckDB goes by the end of a name, also of one with a schema; what its extensions open is among these.
_FILE: Final = _pattern(
    r"[/\\]|\.(arrows?|avro|csv|db|duckdb|fgb|geojson|gpkg|gpx|ipc|jsonl?|kml|lance|ndjson|parquet|shp|sqlite3?|"
    r"tsv|txt|vortex|xlsx?)(\.(br|bz2|gz|lz4|xz|zst))?([?#]|$)"
)

_CATALOGS: Final = {
    "redshift": Catalog(_pattern(rf"{_POSTGRES}|catalog_history"), _pattern(_REDSHIFT), False, _LEDGERS),
    "postgres": Catalog(_pattern(_POSTGRES), _pattern(r"pg_.*"), False, _LEDGERS),
    "duckdb": Catalog(_pattern(rf"{_POSTGRES}|system"), _pattern(_DUCKDB), True, _LEDGER, _FILE),
    "sqlite": Catalog(_pattern(r"sqlite_.*|pragma_.*"), _pattern(_SQLITE), True, _LEDGER),
}
_ANY: Final = Catalog(
    _pattern(rf"{_POSTGRES}|system|sys"),
    _pattern(rf"{_REDSHIFT}|{_DUCKDB}|{_SQLITE}"),
    True,
    _LEDGERS,
    _FILE,
)
