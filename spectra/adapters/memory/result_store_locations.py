"""The locations of `MemoryResultStore`: ``memory:///<tenant>/<job>/<area>/[<attempt>/]<name>``."""

from __future__ import annotations

import re
from typing import Final

import attrs

from spectra.domain.text import check_id, is_id
from spectra.errors import InvalidSpecError
from spectra.ports.result_store import Area

__all__ = ["ROOT", "Place", "object_at", "parsed", "place"]

ROOT: Final = "memory:///"

_NAME: Final = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,200}(?<!\.)")
_ATTEMPT: Final = re.compile(r"[1-9][0-9]{0,9}")


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
        """The location; ends with ``/`` for a folder."""
        area = "" if self.area is None else f"{self.area}/"
        attempt = "" if self.attempt is None else f"{self.attempt}/"
        return f"{ROOT}{self.job}/{area}{attempt}{self.name or ''}"


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


def parsed(location: str) -> Place:
    """Take a location apart.

    Raises:
        InvalidSpecError: the store never made it.
    """
    found = _read(location.removeprefix(ROOT).split("/")) if location.startswith(ROOT) else None
    if found is None:
        raise InvalidSpecError("location", f"{location!r} is not a location of this store")
    return found


def object_at(location: str) -> Place:
    """Take the location of an object apart.

    Raises:
        InvalidSpecError: it is of a folder, or the store never made it.
    """
    found = parsed(location)
    if found.name is None:
        raise InvalidSpecError("location", f"{location!r} is a folder")
    return found


def _read(parts: list[str]) -> Place | None:
    *folders, name = parts
    if not 2 <= len(folders) <= 4 or (name and (len(folders) == 2 or _NAME.fullmatch(name) is None)):
        return None
    tenant_id, job_id, area, attempt, *_ = (*folders, None, None)
    if not (is_id(tenant_id) and is_id(job_id)) or tenant_id is None or job_id is None:
        return None
    if area is not None and area not in Area.__members__.values():
        return None
    if attempt is not None and _ATTEMPT.fullmatch(attempt) is None:
        return None
    return Place(
        tenant_id,
        job_id,
        None if area is None else Area(area),
        None if attempt is None else int(attempt),
        name or None,
    )
