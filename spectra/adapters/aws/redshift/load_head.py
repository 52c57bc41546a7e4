"""The head of an upload, for little: a server of objects takes its time over a large one."""

from __future__ import annotations

import io
from typing import Any, Final

from spectra.adapters.aws.redshift.work import refusal
from spectra.domain import Category, LoadSpec, Upload
from spectra.errors import ObjectNotFoundError
from spectra.ports import ResultStore
from spectra.records.head import SEEN, Head, head

__all__ = ["head_of"]

_FIRST: Final = 1 << 18
"""What unpacking asks for at once, and four times what tells the head of nearly every CSV file."""


def head_of(results: ResultStore, upload: Upload, spec: LoadSpec) -> Head:
    """The head of *upload*; see `head`, which says what it raises.

    Raises:
        WorkError: the upload is not there.
    """
    try:
        with io.BufferedReader(_Pieces(results, upload.location)) as stream:
            return head(stream, spec)
    except ObjectNotFoundError:
        raise refusal(
            "UPLOAD_MISSING",
            "the upload is not there any more; upload it again",
            category=Category.RESOURCE,
        ) from None


class _Pieces(io.RawIOBase):
    """An object that is fetched piece by piece, as it is read; the input area's never change."""

    def __init__(self, results: ResultStore, location: str) -> None:
        self._results, self._location = results, location
        self._piece = io.BytesIO()
        self._at = 0
        self._next = _FIRST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = self._piece.readinto(buffer)
        if not count and self._next:
            self._fetch()
            count = self._piece.readinto(buffer)
        return count

    def _fetch(self) -> None:
        with self._results.open_read(self._location, start=self._at, length=self._next) as stream:
            piece = stream.read()
        self._piece = io.BytesIO(piece)
        self._at += len(piece)
        self._next = SEEN if len(piece) == self._next else 0
