"""What items and calls of DynamoDB cost, by the documented rules."""

from __future__ import annotations

import math


ITEM_BYTES = 400 * 1024
"""The most that an item may have."""


def value_bytes(value) -> int:
    ((kind, inner),) = value.items()
    if kind == "N":
        digits = inner.lstrip("-").replace(".", "").strip("0")
        return math.ceil(len(digits) / 2) + 1 + inner.startswith("-")
    if kind in ("L", "M"):
        parts = inner if kind == "L" else inner.values()
        return 3 + sum(1 + value_bytes(part) for part in parts) + sum(map(len, inner if kind == "M" else ()))
    if kind in ("SS", "BS"):
        return sum(len(one.encode()) if kind == "SS" else len(one) for one in inner)
    return 1 if kind in ("NULL", "BOOL") else len(inner.encode() if kind == "S" else inner)


def item_bytes(item) -> int:
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def write_units(before, after, *, transactional: bool = False) -> int:
    """The units of one write: of the larger image, doubled in a transaction, and of the index."""
    size = max(item_bytes(before or {}), item_bytes(after or {}), 1)
    here, there = ([(image or {}).get(name) for name in ("lane", "at")] for image in (before, after))
    index = 0 if here == there else (here[1] is not None) + (there[1] is not None)
    return (math.ceil(size / 1024) + index) * (2 if transactional else 1)
