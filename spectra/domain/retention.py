"""How long things live, and when a job must have got further."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from spectra.errors import InvalidSpecError

__all__ = ["Retention"]


def _positive(_: object, attribute: attrs.Attribute[timedelta], value: timedelta | None) -> None:
    if value is not None and not timedelta(0) < value <= timedelta(days=3650):
        raise InvalidSpecError(attribute.name, "must be more than nothing and at most ten years")


@attrs.frozen(kw_only=True)
class Retention:
    """The clocks of a job.

    *jobs* and *results* run from the terminal instant; files never outlive their job. *upload*
    bounds Open, *queue* UploadComplete (None: no bound), *run* InProgress from ``started_at``.
    """

    jobs: timedelta = attrs.field(default=timedelta(days=7), validator=_positive)
    results: timedelta = attrs.field(default=timedelta(days=7), validator=_positive)
    upload: timedelta = attrs.field(default=timedelta(hours=24), validator=_positive)
    queue: timedelta | None = attrs.field(default=None, validator=_positive)
    run: timedelta = attrs.field(default=timedelta(hours=24), validator=_positive)

    def __attrs_post_init__(self) -> None:
        if self.results > self.jobs:
            raise InvalidSpecError("results", "must not be kept longer than their job")

    def files_until(self, ended_at: datetime) -> datetime:
        """When the files of a job that ended at *ended_at* expire."""
        return ended_at + self.results

    def ttl(self, ended_at: datetime) -> datetime:
        """When a job that ended at *ended_at* ceases to exist."""
        return ended_at + self.jobs
