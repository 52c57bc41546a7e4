"""The names of Redshift's types, by their numbers in PostgreSQL's protocol."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["type_name"]

_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        16: "boolean",
        18: "char",
        19: "name",
        20: "bigint",
        21: "smallint",
        23: "integer",
        25: "character varying",
        26: "oid",
        700: "real",
        701: "double precision",
        705: "unknown",
        1042: "character",
        1043: "character varying",
        1082: "date",
        1083: "time without time zone",
        1114: "timestamp without time zone",
        1184: "timestamp with time zone",
        1188: "interval year to month",
        1190: "interval day to second",
        1266: "time with time zone",
        1700: "numeric",
        2935: "hllsketch",
        3000: "geometry",
        3001: "geography",
        4000: "super",
        6551: "varbyte",
    }
)


def type_name(number: int) -> str:
    """Its long name, as manifests and catalogs have it; of an unknown one the number."""
    return _NAMES.get(number, f"type {number}")
