"""Progress, which is provisional, and counts, which balance."""

from __future__ import annotations

import attrs
from attrs import validators as v

from spectra.domain.numbers import check_count
from spectra.errors import InvalidSpecError

__all__ = ["Counts", "Progress"]


@attrs.frozen
class Progress:
    """How far the attempt is: records seen, and percent where the warehouse tells."""

    records: int = attrs.field(default=0, validator=check_count)
    percent: float | None = attrs.field(
        default=None, converter=attrs.converters.optional(float), validator=v.optional((v.ge(0), v.le(100)))
    )

    def raised_to(self, other: Progress) -> Progress:
        """The larger of the two, field by field: progress never falls within an attempt."""
        percent = self.percent
        if other.percent is not None:
            percent = other.percent if percent is None else max(percent, other.percent)
        return Progress(max(self.records, other.records), percent)


@attrs.frozen(kw_only=True)
class Counts:
    """The final account of a job: total = succeeded + failed + unprocessed.

    *failed* records were attempted and refused; *unprocessed* ones had no effect although nothing
    was found wrong with them.
    """

    total: int = attrs.field(validator=check_count)
    succeeded: int = attrs.field(default=0, validator=check_count)
    failed: int = attrs.field(default=0, validator=check_count)
    unprocessed: int = attrs.field(default=0, validator=check_count)

    def __attrs_post_init__(self) -> None:
        if self.total != self.succeeded + self.failed + self.unprocessed:
            raise InvalidSpecError("counts", f"do not balance: {self!r}")
