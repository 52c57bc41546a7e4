"""The root of every exception."""

from __future__ import annotations

from typing import ClassVar

import attrs

__all__ = ["SpectraError", "error"]

error = attrs.define(eq=False, slots=False)


class SpectraError(Exception):
    """Catch this to catch everything that Spectra raises on purpose."""

    code: ClassVar[str] = "INTERNAL"
    category: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    @property
    def details(self) -> dict[str, object]:
        """Facts for the caller, JSON-ready; never a secret or a row of data."""
        return {}
