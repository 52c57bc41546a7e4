"""Leases: the right to drive one InProgress job until an instant."""

from __future__ import annotations

from datetime import datetime

import attrs

from spectra.domain.instants import utc_ms
from spectra.domain.text import bounded_text

__all__ = ["Lease"]


@attrs.frozen
class Lease:
    """*worker* may drive the job until *until*. Versions, not clocks, keep two workers apart."""

    worker: str = attrs.field(validator=bounded_text(255, min_bytes=1))
    until: datetime = attrs.field(converter=utc_ms)
