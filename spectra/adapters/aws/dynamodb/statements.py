"""Statements that are too large to be written again with every change of their job."""

from __future__ import annotations

import hashlib
import lzma
import zlib
from typing import Final

from spectra.adapters.aws.dynamodb.layout import Item, statement_key
from spectra.domain import ExportSpec, Job

__all__ = ["LARGE", "digest_of", "owner_of", "statement_item", "text_of"]

LARGE: Final = 1024
"""Bytes of a statement above which it has an item of its own."""

_FILTERS: Final = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


def digest_of(job: Job) -> str | None:
    """The digest of the job's statement, if that is a large one."""
    if not isinstance(job.spec, ExportSpec) or len(job.spec.query) * 4 <= LARGE:
        return None
    text = job.spec.query.encode()
    return hashlib.sha256(text).hexdigest()[:16] if len(text) > LARGE else None


def statement_item(job: Job, digest: str) -> Item:
    """The item of the job's statement, packed by whichever of two ways makes it smaller."""
    assert isinstance(job.spec, ExportSpec)
    text = job.spec.query.encode()
    deflated = zlib.compress(text, 9)
    packed = lzma.compress(text, lzma.FORMAT_RAW, filters=_FILTERS)
    name, data = ("lz", packed) if len(packed) < len(deflated) else ("z", deflated)
    return {**statement_key(job.tenant_id, job.job_id, digest), name: {"B": data}}


def owner_of(item: Item) -> tuple[str, str]:
    """Tenant and id of the job whose statement *item* is."""
    return item["pk"]["S"], item["sk"]["S"].split("#")[1]


def text_of(item: Item) -> str:
    """The statement that *item* has."""
    if "z" in item:
        return zlib.decompress(item["z"]["B"]).decode()
    return lzma.decompress(item["lz"]["B"], lzma.FORMAT_RAW, filters=_FILTERS).decode()
