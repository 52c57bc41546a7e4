"""Where `DirectoryResultStore` keeps what: the one grammar that its locations and its folders share.

::

    <root>/<tenant>/<job>/<area>/[~<attempt>/]<name>

A file system may fold the case of names, or drop a dot at their end. Ids are therefore spelled so that
no two of them can meet in one folder: in lower case, with the places of the capital letters as a
number in front. Attempts begin with a character that no name of an object has.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from spectra.domain.text import check_id
from spectra.errors import InvalidSpecError
from spectra.ports.result_store import Area

__all__ = ["Place", "decoded", "encoded", "parsed", "place"]

_NAME: Final = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,200}(?<!\.)")
_ATTEMPT: Final = re.compile(r"~([1-9][0-9]{0,9})")
_SPELLED: Final = re.compile(r"(?:(0|[1-9a-f][0-9a-f]*)~)?([a-z0-9._-]+)(~?)")
# Windows takes these for devices, whatever follows a dot.
_DEVICES: Final = frozenset(
    ["aux", "con", "nul", "prn", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))]
)


@attrs.frozen
class Place:
    """A location taken apart; *name* is None for a folder, *area* for the folder of a job."""

    tenant_id: str
    job_id: str
    area: Area | None = None
    attempt: int | None = None
    name: str | None = None

    @property
    def job(self) -> str:
        """The text form of the job."""
        return f"{self.tenant_id}/{self.job_id}"

    def __str__(self) -> str:
        """What follows the root; ends with ``/`` for a folder."""
        text = f"{encoded(self.tenant_id)}/{encoded(self.job_id)}/"
        if self.area is not None:
            text += f"{self.area}/"
        if self.attempt is not None:
            text += f"~{self.attempt}/"
        return text + (self.name or "")


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
    try:
        check_id("location", id_)
    except InvalidSpecError:
        return None
    return id_ if encoded(id_) == folder else None


def place(tenant_id: str, job_id: str, area: Area | None, attempt: int | None) -> Place:
    """The folder of a job, an area or an attempt.

    Raises:
        InvalidSpecError: an id or an attempt that cannot be.
    """
    check_id("tenant_id", tenant_id)
    check_id("job_id", job_id)
    if attempt is not None:
        if area is None:
            raise InvalidSpecError("attempt", "belongs to an area; name the area too")
        if type(attempt) is not int or not 1 <= attempt < 10**10:
            raise InvalidSpecError("attempt", "must be a number from 1")
    return Place(tenant_id, job_id, None if area is None else Area(area), attempt)


def parsed(location: str, root: str) -> Place:
    """Take a location below *root* apart.

    Raises:
        InvalidSpecError: the store never made it.
    """
    if location.startswith(root):
        parts = location[len(root) :].split("/")
        found = _read(parts[:-1], parts[-1])
        if found is not None:
            return found
    raise InvalidSpecError("location", f"{location!r} is not a location of this store")


def _read(folders: list[str], name: str) -> Place | None:
    if not 2 <= len(folders) <= 4 or (name and (len(folders) < 3 or _NAME.fullmatch(name) is None)):
        return None
    tenant_id, job_id = decoded(folders[0]), decoded(folders[1])
    area = next((area for area in Area if folders[2:3] == [area]), None)
    attempt = _ATTEMPT.fullmatch(folders[3]) if len(folders) == 4 else None
    if tenant_id is None or job_id is None:
        return None
    if (len(folders) >= 3 and area is None) or (len(folders) == 4 and attempt is None):
        return None
    return Place(tenant_id, job_id, area, int(attempt[1]) if attempt else None, name or None)
