"""What every result store does alike: locations, and taking them apart again.

::

    <root><tenant>/<job>/<area>/[~<attempt>/]<name>
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import attrs

from spectra.domain.text import check_id, is_id
from spectra.errors import InvalidSpecError
from spectra.ports.result_store import Area

__all__ = ["Place", "Places"]

_NAME: Final = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,200}(?<!\.)")
# It begins with a character that no name of an object has.
_ATTEMPT: Final = re.compile(r"~([1-9][0-9]{0,9})")


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
        """The text form of the job, which errors carry."""
        return f"{self.tenant_id}/{self.job_id}"


def _as_it_is(text: str) -> str | None:
    return text if is_id(text) else None


@attrs.frozen
class Places:
    """The locations below *root*, which ends with ``/``.

    A store where two ids could meet under one name, as on disks that fold case, gives *spell*, and
    *read*, its inverse, which returns None for what *spell* never makes.
    """

    root: str
    spell: Callable[[str], str] = str
    read: Callable[[str], str | None] = _as_it_is

    def folder(self, tenant_id: str, job_id: str, area: Area | None, attempt: int | None) -> str:
        """`ResultStore.location`.

        Raises:
            InvalidSpecError: an id, an area or an attempt that cannot be.
        """
        check_id("tenant_id", tenant_id)
        check_id("job_id", job_id)
        text = f"{self.root}{self.spell(tenant_id)}/{self.spell(job_id)}/"
        if area is None and attempt is not None:
            raise InvalidSpecError("attempt", "belongs to an area; name the area too")
        if area is not None:
            if area not in [*Area]:
                raise InvalidSpecError("area", f"must be one of {', '.join(Area)}")
            text += f"{Area(area)}/"
        if attempt is not None:
            if type(attempt) is not int or not 1 <= attempt < 10**10:
                raise InvalidSpecError("attempt", "must be a number from 1")
            text += f"~{attempt}/"
        return text

    def at(self, location: str) -> Place:
        """Take a location apart.

        Raises:
            InvalidSpecError: this store never made it.
        """
        found = None
        if isinstance(location, str) and location.startswith(self.root):
            *folders, name = location[len(self.root) :].split("/")
            found = self._place(folders, name)
        if found is None:
            raise InvalidSpecError("location", f"{location!r} is not a location of this store")
        return found

    def object_at(self, location: str) -> Place:
        """Take the location of an object apart.

        Raises:
            InvalidSpecError: it is of a folder, or this store never made it.
        """
        found = self.at(location)
        if found.name is None:
            raise InvalidSpecError("location", f"{location!r} is a folder")
        return found

    def _place(self, folders: list[str], name: str) -> Place | None:
        if not 2 <= len(folders) <= 4 or (name and (len(folders) == 2 or not _NAME.fullmatch(name))):
            return None
        tenant_id, job_id = self.read(folders[0]), self.read(folders[1])
        area = next((area for area in Area if folders[2:3] == [area]), None)
        attempt = _ATTEMPT.fullmatch(folders[3]) if len(folders) == 4 else None
        if tenant_id is None or job_id is None:
            return None
        if (len(folders) >= 3 and area is None) or (len(folders) == 4 and attempt is None):
            return None
        return Place(tenant_id, job_id, area, int(attempt[1]) if attempt else None, name or None)
