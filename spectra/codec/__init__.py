"""The public codec: jobs as documents for stores and as JSON for tenants, errors as HTTP replies."""

from spectra.codec.documents import SCHEMA, from_document, instant, readable, to_document
from spectra.codec.problems import error, http_headers, http_status
from spectra.codec.rows import query_json, to_public_result
from spectra.codec.wire import to_public, to_public_error, to_spec

__all__ = [
    "SCHEMA",
    "error",
    "from_document",
    "http_headers",
    "http_status",
    "instant",
    "query_json",
    "readable",
    "to_document",
    "to_public",
    "to_public_error",
    "to_public_result",
    "to_spec",
]
