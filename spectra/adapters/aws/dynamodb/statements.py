"""Statements that are too large to be written again with every change of their job."""

from __future__ import annotations

import hashlib
import json
import lzma
import zlib
from typing import Any, Final

from spectra.adapters.aws.dynamodb.layout import Item, statement_key
from spectra.codec import to_document
from spectra.domain import ExportSpec, Job

__all__ = ["LARGE", "digest_of", "owner_of", "parts_of", "statement_item", "text_of"]

LARGE: Final = 1024
"""Bytes of a statement, with its parameters, above which it has an item of its own."""

_FILTERS: Final = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
_END: Final = "\0"
"""Stands between a statement and its parameters: no statement has it."""


def digest_of(job: Job) -> str | None:
    """The digest of the job's statement, if that is a large one."""
    spec = job.spec
    if not isinstance(spec, ExportSpec) or (len(spec.query) * 4 <= LARGE and not spec.parameters):
        return None
    text = _text(job, spec).encode()
    return hashlib.sha256(text).hexdigest()[:16] if len(text) > LARGE else None


def statement_item(job: Job, digest: str) -> Item:
    """The item of the job's statement, packed by whichever of two ways makes it smaller."""
    assert isinstance(job.spec, ExportSpec)
    text = _text(job, job.spec).encode()
    deflated = zlib.compress(text, 9)
    packed = lzma.compress(text, lzma.FORMAT_RAW, filters=_FILTERS)
    name, data = ("lz", packed) if len(packed) < len(deflated) else ("z", deflated)
    return {**statement_key(job.tenant_id, job.job_id, digest), name: {"B": data}}


def _text(job: Job, spec: ExportSpec) -> str:
    if not spec.parameters:
        return spec.query
    parameters = to_document(job)["spec"]["parameters"]
    return spec.query + _END + json.dumps(parameters, ensure_ascii=False, separators=(",", ":"))


def parts_of(statement: str) -> dict[str, Any]:
    """What of a spec *statement* says: its query, and its parameters if it has any."""
    query, end, parameters = statement.partition(_END)
    return {"query": query, "parameters": json.loads(parameters)} if end else {"query": query}


def owner_of(item: Item) -> tuple[str, str]:
    """Tenant and id of the job whose statement *item* is."""
    return item["pk"]["S"], item["sk"]["S"].split("#")[1]


def text_of(item: Item) -> str:
    """The statement that *item* has."""
    if "z" in item:
        return zlib.decompress(item["z"]["B"]).decode()
    return lzma.decompress(item["lz"]["B"], lzma.FORMAT_RAW, filters=_FILTERS).decode()
