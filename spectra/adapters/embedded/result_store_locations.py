"""How `DirectoryResultStore` spells ids as names of folders.

A file system may fold the case of names, or drop a dot at their end. Ids are therefore spelled so that
no two of them can meet in one folder: in lower case, with the places of the capital letters as a
number in front.
"""

from __future__ import annotations

import re
from typing import Final

from spectra.domain.text import is_id

__all__ = ["decoded", "encoded"]

_SPELLED: Final = re.compile(r"(?:(0|[1-9a-f][0-9a-f]*)~)?([a-z0-9._-]+)(~?)")
# Windows takes these for devices, whatever follows a dot.
_DEVICES: Final = frozenset(
    ["aux", "con", "nul", "prn", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))]
)


def encoded(id_: str) -> str:
    """How the id of a tenant or job is spelled as the name of a folder."""
    capitals = sum(1 << place for place, letter in enumerate(id_) if letter.isupper())
    lower = id_.lower()
    if capitals == 0 and not lower.endswith(".") and lower.partition(".")[0] not in _DEVICES:
        return lower
    return f"{capitals:x}~{lower}" + ("~" if lower.endswith(".") else "")


def decoded(folder: str) -> str | None:
    """The id that `encoded` spelled so; None for what it never spells."""
    found = _SPELLED.fullmatch(folder)
    if found is None:
        return None
    capitals = int(found[1] or "0", 16)
    id_ = "".join(
        letter.upper() if capitals >> place & 1 else letter for place, letter in enumerate(found[2])
    )
    return id_ if is_id(id_) and encoded(id_) == folder else None
