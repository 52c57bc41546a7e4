"""The JSON that replies are made of, as JSON Schema; each schema stands for itself and refers to no other.

What replies have may become more, so they are open; what a client sends is closed (`requests`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from spectra import errors
from spectra.domain import (
    Category,
    Compression,
    ContentType,
    Effect,
    JobState,
    OnDuplicateKey,
    OnMissingKey,
    Operation,
)
from spectra.domain.spec import MAX_FAILED_RECORDS, MAX_KEY_COLUMNS

__all__ = ["CODES", "SCHEMAS", "Schema", "nullable", "one_of", "text"]

Schema: TypeAlias = dict[str, Any]

ID: Final = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


def text(description: str | None = None, **more: Any) -> Schema:
    """A string; *more* are keywords of JSON Schema."""
    return {"type": "string", **({"description": description} if description else {}), **more}


def one_of(kind: Iterable[StrEnum], description: str | None = None) -> Schema:
    """A member of an enumeration."""
    return text(description, enum=[str(member) for member in kind])


def nullable(schema: Schema) -> Schema:
    """*schema*, or null."""
    with_null = {**schema, "type": [schema["type"], "null"]}
    return {**with_null, "enum": [*schema["enum"], None]} if "enum" in schema else with_null


def _count(description: str | None = None) -> Schema:
    return {"type": "integer", "minimum": 0, **({"description": description} if description else {})}


def _object(properties: Mapping[str, Schema], **more: Any) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties), **more}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _codes() -> list[str]:
    kinds = [getattr(errors, name) for name in errors.__all__]
    return sorted({str(kind.code) for kind in kinds if isinstance(kind.code, str)})


CODES: Final = _codes()
"""Every code that Spectra itself gives."""

_INSTANT: Final = text(
    "UTC, with milliseconds", format="date-time", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
)
_ID: Final = text(pattern=ID)
_CODE: Final = text(
    f"Stable. Of Spectra itself: {', '.join(CODES)}. Others are the warehouse's, such as QUERY_ERROR.",
    minLength=1,
    maxLength=64,
)
_CATEGORY: Final = one_of(Category, "What kind of failure it is, and so what helps")
_RETRYABLE: Final[Schema] = {
    "type": "boolean",
    "description": "Whether the same request may succeed when it is sent again",
}
_MESSAGE: Final = text("For people: what is wrong, and what to do")
_DETAILS: Final[Schema] = {
    "type": "object",
    "description": "Facts for programs; they differ from code to code",
}

_JOB_ERROR: Final = _object(
    {
        "code": _CODE,
        "category": _CATEGORY,
        "retryable": _RETRYABLE,
        "message": _MESSAGE,
        "advice": text("What to do next, in a few words"),
        "details": _DETAILS,
    }
)
_PROGRESS: Final = _object(
    {
        "records": _count("Seen so far in this attempt"),
        "percent": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
    },
    description="Provisional; never falls within an attempt. Null before work began",
)
_ABORT: Final = _object(
    {
        "reason": nullable(text(maxLength=4096)),
        "actor": nullable(text(maxLength=255)),
        "code": nullable(text("Set where Spectra ended the job by itself")),
        "effect": one_of(Effect, "What the job did to its table"),
    },
    description="Why and by whom it was aborted",
)
_JOB_PROPERTIES: Final[Mapping[str, Schema]] = {
    "schema": {"const": 1, "description": "The form of this object"},
    "job_id": _ID,
    "tenant_id": _ID,
    "state": one_of(JobState),
    "operation": one_of(Operation, "query is an export, the others are loads"),
    "object": nullable(text("The table of a load; only a name for people of an export", maxLength=1024)),
    "content_type": one_of(ContentType),
    "compression": one_of(Compression),
    "created_at": _INSTANT,
    "updated_at": _INSTANT,
    "started_at": nullable(_INSTANT),
    "completed_at": nullable(_INSTANT),
    "number_records_processed": _count("Progress while InProgress, succeeded and failed records afterwards"),
    "number_records_failed": _count("Attempted and refused"),
    "number_records_unprocessed": _count("Without effect, although nothing was found wrong with them"),
    "number_records_total": nullable(_count("Known once the job has ended")),
    "result_location": nullable(
        text("The manifest, where tenants can reach it by themselves", pattern="^s3://")
    ),
    "error": nullable({**_JOB_ERROR, "description": "Of a job that is Failed"}),
    "last_error": nullable({**_JOB_ERROR, "description": "Why the last attempt did not do"}),
    "ttl": nullable(text("Until when the job is kept; null until it has ended", format="date-time")),
    "progress": nullable(_PROGRESS),
    "attempt": _count("0 before the first one"),
    "retry_of": nullable(text("The job that this one repeats", pattern=ID)),
    "abort": nullable(_ABORT),
    "effect": nullable(one_of(Effect, "What a job that ended without JobComplete did to its table")),
    "warnings": _list(text(maxLength=1000), maxItems=32),
    "labels": {"type": "object", "additionalProperties": text(maxLength=255), "maxProperties": 32},
}
_EXPORT_ONLY: Final = _object({"operation": {"const": "query"}, "query": text("The statement")})
_LOAD_ONLY: Final = _object(
    {
        "operation": {"enum": [str(o) for o in Operation if o is not Operation.QUERY]},
        "object": text(minLength=1),
        "key_columns": _list(text(minLength=1, maxLength=127), maxItems=MAX_KEY_COLUMNS),
        "max_failed_records": {"type": "integer", "minimum": 0, "maximum": MAX_FAILED_RECORDS},
        "on_duplicate_key": one_of(OnDuplicateKey),
        "on_missing_key": one_of(OnMissingKey),
    }
)


def _job(**more: Schema) -> Schema:
    return _object({**_JOB_PROPERTIES, **more}, oneOf=[_EXPORT_ONLY, _LOAD_ONLY])


_JOB: Final = _job()
_LINK: Final = text("Good until expires_at; whoever has it needs nothing else", format="uri")
_RESULTS: Final = _object(
    {
        "download_url": nullable(
            {**_LINK, "description": "The only part's link; null when there are several, or none"}
        ),
        "expires_at": {**_INSTANT, "description": "When the first of the links ends"},
        "format": one_of(ContentType),
        "compression": one_of(Compression),
        "size_bytes": _count(),
        "record_count": _count("Headers are not counted"),
        "schema": _list(_object({"name": text(), "type": text("The warehouse's name of it")})),
        "parts": _list(
            _object(
                {
                    "download_url": _LINK,
                    "name": text("What a browser saves it as"),
                    "size_bytes": _count(),
                    "record_count": _count(),
                }
            )
        ),
    }
)
_TEXTS: Final[Schema] = {"type": "object", "additionalProperties": text()}
_UPLOAD_TARGET: Final = _object(
    {
        "upload_url": _LINK,
        "method": text("POST is a form: fields first, then the file", enum=["PUT", "POST"]),
        "headers": {**_TEXTS, "description": "Send these with it"},
        "fields": {**_TEXTS, "description": "Of a form; empty for PUT"},
        "expires_at": _INSTANT,
        "max_bytes": _count("More is refused"),
    }
)
_QUERY_REPLY: Final = _object(
    {
        "data": _list(
            {"type": "object"}, description="An object a row; decimals are strings, instants ISO 8601"
        ),
        "metadata": _object(
            {
                "columns": _list(text()),
                "column_types": _list(text()),
                "row_count": _count(),
                "truncated": {"type": "boolean", "description": "There are more rows"},
                "message": nullable(text("What to do about rows that are missing")),
                "execution_time_ms": _count(),
                "query_id": text("The job's id, if an idempotency key was sent"),
            }
        ),
    }
)
_ERROR: Final = _object(
    {
        "error": _object(
            {
                "code": _CODE,
                "category": _CATEGORY,
                "retryable": _RETRYABLE,
                "message": _MESSAGE,
                "details": _DETAILS,
                "request_id": text("The same as the header X-Request-ID", minLength=1, maxLength=128),
            }
        )
    }
)

SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "Job": _JOB,
        "CreatedJob": _job(
            replayed={"type": "boolean", "description": "The idempotency key had made this job before"}
        ),
        "JobList": _object(
            {"jobs": _list(_JOB, maxItems=1000), "next_cursor": nullable(text("Null on the last page"))}
        ),
        "Results": _RESULTS,
        "UploadTarget": _UPLOAD_TARGET,
        "QueryReply": _QUERY_REPLY,
        "Health": _object({"status": {"const": "ok"}}),
        "Error": _ERROR,
    }
)
"""The schemas of replies, by name."""
