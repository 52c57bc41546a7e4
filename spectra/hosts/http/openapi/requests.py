"""What clients send: parameters and bodies. Bodies are closed: what is not in them is refused."""

from __future__ import annotations

from typing import Any, Final

from spectra.domain import (
    Compression,
    ContentType,
    JobState,
    LineEnding,
    OnDuplicateKey,
    OnMissingKey,
    Operation,
)
from spectra.domain.record import MAX_LABELS
from spectra.domain.spec import MAX_FAILED_RECORDS, MAX_KEY_COLUMNS, SQL_BYTES
from spectra.hosts.http.jobs import LONGEST_WAIT
from spectra.hosts.http.messages import JSON
from spectra.hosts.http.openapi.schemas import ID, Schema, nullable, one_of, text

__all__ = [
    "BYTES",
    "CHANGE",
    "CREATE",
    "EXPIRES_IN",
    "IDEMPOTENCY_KEY",
    "IF_NONE_MATCH",
    "JOB_ID",
    "LISTING",
    "QUERY",
    "RANGE",
    "REQUEST_ID",
    "RETRY",
    "SIZE",
    "TOKEN",
    "WAIT",
]


def _parameter(where: str, name: str, description: str, schema: Schema, **more: Any) -> Schema:
    return {"name": name, "in": where, "description": description, "schema": schema, **more}


def _query(name: str, description: str, schema: Schema) -> Schema:
    return _parameter("query", name, description, schema, allowEmptyValue=True)  # counts as none


def _words(description: str | None = None, *, most: int, least: int = 0) -> Schema:
    """Text of the domain: its bounds are bytes of UTF-8, so that much of what is longer in them is refused too."""
    return text(description, minLength=least, maxLength=most, pattern=_NO_NUL)


def _body(schema: Schema, *, required: bool = True, **examples: Any) -> Schema:
    content = {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}
    return {"required": required, "content": {JSON: content}}


_NO_NUL: Final = r"^[^\u0000]*$"

# ---- parameters ---------------------------------------------------------------------------------------

JOB_ID: Final = _parameter("path", "job_id", "The job", text(pattern=ID), required=True)
TOKEN: Final = _parameter("path", "token", "The rest of a link, as it was given", text(), required=True)
REQUEST_ID: Final = _parameter(
    "header",
    "X-Request-ID",
    "Comes back with the reply and stands in the logs. Made here if it is missing, longer than 128 characters, "
    "or of others than `A-Za-z0-9._:/+=@-`",
    text(),
)
IDEMPOTENCY_KEY: Final = _parameter(
    "header",
    "Idempotency-Key",
    "Send it again with the same request, and the first one's answer comes back; it lives as long as its job",
    text(minLength=1, maxLength=255),
)
IF_NONE_MATCH: Final = _parameter(
    "header", "If-None-Match", "The ETag that you have: 304 comes as long as the job has not changed", text()
)
RANGE: Final = (
    _parameter(
        "header", "Range", "One range of bytes, such as `bytes=0-1023`; anything else is ignored", text()
    ),
    _parameter("header", "If-Range", "The range holds only if the file still has this ETag", text()),
)
WAIT: Final = _query(
    "wait",
    "Seconds to wait: the reply comes when the job has ended, when it differs from `If-None-Match`, or after them",
    {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT},
)
EXPIRES_IN: Final = _query(
    "expires_in",
    "Seconds that the links live; at most what the host allows",
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1e9},
)
SIZE: Final = _query(
    "size",
    "Bytes of the upload, if known: it then takes no others",
    {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
)
LISTING: Final = (
    _query(
        "state",
        "Only these; several are repeated, or joined by commas",
        {"type": "array", "items": one_of(JobState)},
    ),
    _query("operation", "Only these, likewise", {"type": "array", "items": one_of(Operation)}),
    _query("created_after", "With a time zone", text(format="date-time")),
    _query("created_before", "With a time zone", text(format="date-time")),
    _query("limit", "Jobs of a page", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}),
    _query("cursor", "`next_cursor` of the page before, with the same filters", text(minLength=1)),
)

# ---- bodies -------------------------------------------------------------------------------------------

_LABELS: Final = {
    "type": ["object", "null"],
    "description": "Yours; kept with the job",
    "maxProperties": MAX_LABELS,
    "propertyNames": _words(least=1, most=63),
    "additionalProperties": _words(most=255),
}
_VALUES: Final = {
    "type": "object",
    "description": "Values of `:name` in the statement; never put into its text",
    "maxProperties": 255,
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
    "additionalProperties": {"type": ["string", "number", "boolean", "null"], "pattern": _NO_NUL},
}
_FORMAT: Final = {
    "content_type": {**one_of(ContentType, "JSON is one object a line"), "default": "CSV"},
    "compression": {**one_of(Compression, "NONE for PARQUET, which packs itself"), "default": "NONE"},
    "delimiter": text("Of CSV", minLength=1, maxLength=1, pattern=r'^[^"\\\r\n\u0000]$', default=","),
    "line_ending": {**one_of(LineEnding, "Of CSV"), "default": "LF"},
    "header": {"type": "boolean", "description": "Whether CSV has one", "default": True},
    "null_token": nullable(
        text(
            "What stands for NULL in CSV; without it an empty field does. The delimiter is not in it",
            minLength=1,
            maxLength=64,
            pattern=r'^[^"\r\n\u0000]*$',
        )
    ),
    "labels": _LABELS,
}
_KEYS: Final[Schema] = {
    "type": ["array", "string"],
    "items": _words(least=1, most=127),
    "minItems": 1,
    "maxItems": MAX_KEY_COLUMNS,
    "uniqueItems": True,
    "minLength": 1,
    "maxLength": 127,
    "pattern": _NO_NUL,
}
_PARQUET: Final[Schema] = {
    "if": {"properties": {"content_type": {"const": "PARQUET"}}, "required": ["content_type"]},
    "then": {"properties": {"compression": {"const": "NONE"}}},
}
_SQL: Final = text("One statement that only reads", minLength=1, maxLength=SQL_BYTES)

_EXPORT: Final[Schema] = {
    "title": "Export",
    "type": "object",
    "properties": {
        "operation": {"const": "query"},
        "query": _SQL,
        "object": nullable(_words("Only a name for people", least=1, most=1024)),
        "parameters": _VALUES,
        "single_file": {"type": "boolean", "description": "One part, however large", "default": False},
        **_FORMAT,
    },
    "required": ["operation", "query"],
    "additionalProperties": False,
    **_PARQUET,
}


def _load(title: str, operations: list[Operation], **more: Any) -> Schema:
    return {
        "title": title,
        "type": "object",
        "properties": {
            "operation": one_of(operations),
            "object": _words("The table", least=1, most=1024),
            "key_columns": {"type": "array", "maxItems": 0},
            "max_failed_records": {
                "type": "integer",
                "description": "Bad records that are set aside; one more fails the load, and changes nothing",
                "minimum": 0,
                "maximum": MAX_FAILED_RECORDS,
                "default": 0,
            },
            "on_duplicate_key": {**one_of(OnDuplicateKey), "default": "error"},
            "on_missing_key": {**one_of(OnMissingKey), "default": "reject"},
            **_FORMAT,
            **more,
        },
        "additionalProperties": False,
        **_PARQUET,
    }


_INSERT: Final = {**_load("Insert", [Operation.INSERT]), "required": ["operation", "object"]}
_BY_KEY: Final = {
    **_load(
        "Load by key",
        [Operation.UPDATE, Operation.UPSERT, Operation.DELETE],
        key_columns={**_KEYS, "description": "Which row a record means"},
        external_id_field={**_KEYS, "description": "The same as key_columns"},
    ),
    "required": ["operation", "object"],
    "oneOf": [{"required": ["key_columns"]}, {"required": ["external_id_field"]}],
}
CREATE: Final = _body(
    {"oneOf": [_EXPORT, _INSERT, _BY_KEY]},
    export={
        "operation": "query",
        "object": "sales",
        "query": "SELECT * FROM sales WHERE year = :year",
        "parameters": {"year": 2024},
        "content_type": "CSV",
        "compression": "GZIP",
    },
    load={
        "operation": "upsert",
        "object": "sales",
        "key_columns": ["id"],
        "content_type": "CSV",
        "max_failed_records": 100,
    },
)
CHANGE: Final = _body(
    {
        "oneOf": [
            {
                "title": "Close",
                "type": "object",
                "properties": {"state": {"const": "UploadComplete"}},
                "required": ["state"],
                "additionalProperties": False,
            },
            {
                "title": "Abort",
                "type": "object",
                "properties": {"state": {"const": "Aborted"}, "reason": nullable(_words(most=4096))},
                "required": ["state"],
                "additionalProperties": False,
            },
        ]
    },
    close={"state": "UploadComplete"},
    abort={"state": "Aborted", "reason": "wrong file"},
)
RETRY: Final = _body(
    {
        "type": "object",
        "properties": {
            "only": text("All records, or those that failed", enum=["all", "failed"], default="all")
        },
        "additionalProperties": False,
    },
    required=False,
    all={"only": "all"},
    failed={"only": "failed"},
)
QUERY: Final = _body(
    {
        "type": "object",
        "properties": {
            "sql": _SQL,
            "parameters": {**_VALUES, "type": ["object", "null"]},
            "limit": {
                "type": ["integer", "null"],
                "description": "Rows at most; the host may allow fewer",
                "minimum": 1,
                "maximum": 10_000,
            },
            "timeout_seconds": {
                "type": ["number", "null"],
                "description": "After it the statement is cancelled; the host may allow less",
                "minimum": 1,
                "maximum": 300,
            },
        },
        "required": ["sql"],
        "additionalProperties": False,
    },
    totals={
        "sql": "SELECT region, sum(amount) AS amount FROM sales WHERE year = :year GROUP BY region",
        "parameters": {"year": 2024},
        "limit": 1000,
        "timeout_seconds": 60,
    },
)
BYTES: Final[Schema] = {
    "required": True,
    "description": "The file, streamed; of any Content-Type",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
