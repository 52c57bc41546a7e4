"""What is known of a job's files: the upload, the parts, their columns."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from spectra.domain.numbers import check_count
from spectra.domain.spec import Compression, ContentType

__all__ = ["Column", "Files", "Part", "Upload", "distinct"]


@attrs.frozen
class Upload:
    """The frozen input of a load: where it lies, its bytes as uploaded, and its etag."""

    location: str
    bytes: int = attrs.field(validator=check_count)
    etag: str


@attrs.frozen
class Column:
    """A column of a result; *type* is the warehouse's own name of it."""

    name: str
    type: str


@attrs.frozen
class Part:
    """One file; *rows* does not count a header."""

    location: str
    bytes: int = attrs.field(validator=check_count)
    rows: int = attrs.field(validator=check_count)


@attrs.frozen
class Files:
    """A list of parts with one schema.

    A result of more parts than a job item could hold is described by its manifest alone; *parts* is
    then empty and *manifest* says where to read them.
    """

    parts: tuple[Part, ...] = attrs.field(default=())
    columns: tuple[Column, ...] = attrs.field(default=())
    bytes: int = attrs.field(default=0, validator=check_count)
    rows: int = attrs.field(default=0, validator=check_count)
    content_type: ContentType = ContentType.CSV
    compression: Compression = Compression.NONE
    manifest: str | None = None


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """*names* made different: of equal ones the first stays, the others become ``name_1``, ``name_2``.

    Columns of a statement may share a name; fields of a record may not.
    """
    taken: set[str] = set()
    found = []
    for name in names:
        other, number = name, 0
        while other in taken or (number and other in names):
            number += 1
            other = f"{name}_{number}"
        taken.add(other)
        found.append(other)
    return tuple(found)
