"""What a caller may ask with: wrong types are told at the edge, before anything is read or written."""

from __future__ import annotations

from datetime import datetime, timedelta

from spectra.domain import Caller, ExportSpec, LoadSpec, Spec
from spectra.errors import InvalidSpecError

__all__ = ["check_listing", "check_spec", "checked", "within"]


def checked(caller: Caller) -> Caller:
    """Return *caller*, if it is one: a name alone would be taken from wherever the host has it."""
    if not isinstance(caller, Caller):
        raise TypeError(
            f"the first argument must be a Caller, made by the host; {type(caller).__name__} is none"
        )
    return caller


def check_spec(spec: Spec) -> None:
    """Refuse what is no spec."""
    if not isinstance(spec, ExportSpec | LoadSpec):
        raise TypeError(f"a job needs an ExportSpec or a LoadSpec; {type(spec).__name__} is neither")


def check_listing(limit: int, created_after: datetime | None, created_before: datetime | None) -> None:
    """Refuse a page of no or too many jobs, and bounds that are no instants."""
    if type(limit) is not int or not 1 <= limit <= 1_000:
        raise InvalidSpecError("limit", "must be 1 to 1,000")
    for name, bound in (("created_after", created_after), ("created_before", created_before)):
        if bound is not None and not isinstance(bound, datetime):
            raise InvalidSpecError(name, f"must be a datetime, not {type(bound).__name__}")


def within(expires_in: timedelta | None, life: timedelta) -> timedelta:
    """The life of a link: *life*, or *expires_in* if that is shorter."""
    if expires_in is None:
        return life
    if not isinstance(expires_in, timedelta) or expires_in <= timedelta(0):
        raise InvalidSpecError("expires_in", "must be more than 0 seconds")
    return min(expires_in, life)
