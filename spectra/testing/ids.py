"""Ids that tests can foresee."""

from __future__ import annotations

import itertools

__all__ = ["CountingIds"]


class CountingIds:
    """Makes job ids that count and sort: ``job-000001``, ``job-000002``; for `Spectra`'s *new_id*."""

    def __init__(self, prefix: str = "job-") -> None:
        self._prefix = prefix
        self._numbers = itertools.count(1)

    def __call__(self) -> str:
        return f"{self._prefix}{next(self._numbers):06}"
