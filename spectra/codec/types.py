"""Names of column types, as the codecs sort them."""

from __future__ import annotations

from typing import Final

__all__ = ["DECIMALS", "FLOATS", "JSON", "PLAIN_INSTANTS", "type_name"]

FLOATS: Final = ("real", "double precision", "double", "float", "float4", "float8")
DECIMALS: Final = ("numeric", "decimal")
JSON: Final = ("super", "json")
PLAIN_INSTANTS: Final = (
    *("timestamp", "timestamp without time zone"),
    *("timestamp_s", "timestamp_ms", "timestamp_ns"),
)


def type_name(kind: str) -> str:
    """The type without what is in its parentheses."""
    return "nested" if kind.endswith("]") else kind.lower().partition("(")[0].strip()
