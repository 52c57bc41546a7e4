"""Who asks, and as whom the warehouse is used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from spectra.domain.text import bounded_text, optional_text, valid_id
from spectra.errors import InvalidSpecError

__all__ = ["Caller", "Session"]

MAX_GROUPS: Final = 100
_name = bounded_text(128, min_bytes=1)


def _groups(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):  # iterable too, and one group for each letter is nobody's wish
        raise InvalidSpecError("db_groups", "must be a collection of names")
    groups = tuple(value)
    if len(groups) > MAX_GROUPS:
        raise InvalidSpecError("db_groups", f"at most {MAX_GROUPS} are allowed")
    return groups


@attrs.frozen
class Session:
    """The database user and groups under which the tenant's part of the work runs.

    Kept with the job for the worker; never on the wire.
    """

    db_user: str | None = attrs.field(default=None, validator=optional_text(128, min_bytes=1))
    db_groups: tuple[str, ...] = attrs.field(
        default=(), converter=_groups, validator=attrs.validators.deep_iterable(_name)
    )


@attrs.frozen
class Caller:
    """Who asks; made by the host, never from client input. *actor* goes into the history."""

    tenant_id: str = attrs.field(validator=valid_id)
    actor: str | None = attrs.field(default=None, validator=optional_text(255))
    session: Session = attrs.field(default=Session(), validator=attrs.validators.instance_of(Session))
