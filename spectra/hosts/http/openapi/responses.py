"""Response Objects: what a status means, its headers, its body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spectra.hosts.http.messages import JSON
from spectra.hosts.http.openapi.examples import EXAMPLES
from spectra.hosts.http.openapi.schemas import Schema, text

__all__ = ["CONTENT_RANGE", "ETAG", "FILE", "LOCATION", "RETRY_AFTER", "json", "response"]


def _header(name: str, description: str, *, required: bool = True, **schema: Any) -> dict[str, Schema]:
    return {name: {"description": description, "required": required, "schema": {**text(), **schema}}}


_REQUEST_ID: Final = _header("X-Request-ID", "The request's own, or one that was made here", minLength=1)
ETAG: Final = _header("ETag", "Changes whenever the job does; for If-None-Match", pattern='^"[0-9]+"$')
LOCATION: Final = _header("Location", "Where the job can be read", format="uri")
RETRY_AFTER: Final = _header(
    "Retry-After", "Seconds after which asking again may be worth it", required=False, pattern="^[0-9]+$"
)
CONTENT_RANGE: Final = _header("Content-Range", "Which bytes these are, and of how many", pattern="^bytes ")
FILE: Final = {
    **_header("ETag", "Of the file; for If-Range"),
    **_header("Accept-Ranges", "One range of bytes may be asked for", enum=["bytes"]),
    **_header("Content-Disposition", "The name to save it as"),
    **_header("Content-Length", "Bytes of the body", pattern="^[0-9]+$"),
}


def response(
    description: str, headers: Mapping[str, Schema] | None = None, content: Mapping[str, Schema] | None = None
) -> Schema:
    """What comes with a status; every reply has an X-Request-ID."""
    return {
        "description": description,
        "headers": {**_REQUEST_ID, **(headers or {})},
        **({"content": dict(content)} if content else {}),
    }


def json(
    description: str,
    schema: str,
    headers: Mapping[str, Schema] | None = None,
    examples: Mapping[str, Any] | None = None,
) -> Schema:
    """A reply of JSON, by the name of its schema; *examples* are the schema's own unless others are given."""
    said = EXAMPLES[schema] if examples is None else examples
    body = {
        "schema": {"$ref": f"#/components/schemas/{schema}"},
        "examples": {name: {"value": value} for name, value in said.items()},
    }
    return response(description, headers, {JSON: body})
