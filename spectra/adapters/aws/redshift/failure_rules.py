"""The table of what Redshift says: texts, SQLSTATEs and numbers, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from spectra.domain import Category

__all__ = ["LOAD_ERRORS", "RULES", "STATES", "UNLESS_TOLD", "Rule"]

_C = Category


@attrs.frozen
class Rule:
    """A text, or the number inside the detail, and what it means; *source* is where it was seen."""

    pattern: str
    code: str
    category: Category
    source: str
    inner: int | None = None

    def fits(self, text: str, inner: int | None) -> bool:
        """Whether this is it."""
        if not self.pattern:
            return self.inner is not None and inner == self.inner
        return re.search(self.pattern, text, re.IGNORECASE | re.DOTALL) is not None


RULES: Final = (
    Rule(
        r"serializable isolation violation|^1023\b",
        "SERIALIZATION_CONFLICT",
        _C.TRANSIENT,
        "aws-sdk-pandas#665",
    ),
    Rule(
        r"^1018\b|relation does not exist after snapshot",
        "CONCURRENT_DDL",
        _C.TRANSIENT,
        "DG:c_serial_isolation",
    ),
    Rule(
        r"conflict with concurrent transaction", "SERIALIZATION_CONFLICT", _C.TRANSIENT, "dbt-adapters#1873"
    ),
    Rule(r"unique constraint \"pg_", "CONCURRENT_DDL", _C.TRANSIENT, "terraform-provider-redshift#139"),
    Rule(r"could not open relation with OID", "CONCURRENT_DDL", _C.TRANSIENT, "dbt"),
    Rule(
        r"unique constraint \"pg_\w+_index\"",
        "CONCURRENT_DDL",
        _C.TRANSIENT,
        "terraform-provider-redshift#139",
    ),
    Rule(r"deadlock detected", "DEADLOCK", _C.TRANSIENT, "teleport#43335"),
    Rule(
        r"cancelled by WLM abort action of Query Monitoring Rule",
        "QUERY_RULE_ABORT",
        _C.RESOURCE,
        "DG:wlm-rules",
    ),
    Rule(
        r"abort query.*system requested abort|system requested abort",
        "SYSTEM_ABORT",
        _C.RESOURCE,
        "PostHog#64160",
    ),
    Rule(r"cancell?ed on user'?s request", "CANCELLED", _C.RESOURCE, "amazon-redshift-utils#174"),
    Rule(r"session \d+ does not exist", "CANCELLED", _C.RESOURCE, "DG:r_CANCEL"),
    Rule(r"disk full", "DISK_FULL", _C.RESOURCE, "spark-redshift#348"),
    Rule("", "DISK_FULL", _C.RESOURCE, "spark-redshift#348", 1016),
    Rule(r"out of memory", "OUT_OF_MEMORY", _C.RESOURCE, "OHDSI/Achilles#425"),
    Rule("", "OUT_OF_MEMORY", _C.RESOURCE, "OHDSI/Achilles#425", 1004),
    Rule(r"insufficient system resources", "OUT_OF_MEMORY", _C.RESOURCE, "PostHog#47159"),
    Rule(
        r"connection limit \"\d+\" exceeded|too many connections",
        "TOO_MANY_CONNECTIONS",
        _C.CAPACITY,
        "node-postgres#1155",
    ),
    Rule(r"spectrum scan error.*(access denied|403)", "S3_ACCESS_DENIED", _C.PERMISSION, "inferred"),
    Rule(
        r"spectrum scan error.*(slow down|timed out|internal error)",
        "S3_UNAVAILABLE",
        _C.TRANSIENT,
        "inferred",
    ),
    Rule(r"spectrum scan error", "LOAD_ERROR", _C.VALIDATION, "rudder-server#3178"),
    Rule("", "LOAD_ERROR", _C.VALIDATION, "rudder-server#3178", 15007),
    Rule(
        r"S3ServiceException:\s*Access Denied|Status 403|Error AccessDenied",
        "S3_ACCESS_DENIED",
        _C.PERMISSION,
        "field",
    ),
    Rule(
        r"is not authorized to perform: (s3|kms|sts):",
        "S3_ACCESS_DENIED",
        _C.PERMISSION,
        "dbt-labs/redshift#62",
    ),
    Rule(r"not authorized to assume", "ROLE_NOT_ASSUMED", _C.PERMISSION, "inferred"),
    Rule(
        r"Status 301|PermanentRedirect|addressed using the specified endpoint",
        "S3_WRONG_REGION",
        _C.VALIDATION,
        "spectrify#50",
    ),
    Rule(r"Status 50[03]|SlowDown|Error InternalError", "S3_UNAVAILABLE", _C.TRANSIENT, "inferred"),
    Rule(r"ExpiredToken|provided token has expired", "CREDENTIALS_EXPIRED", _C.TRANSIENT, "inferred"),
    Rule(r"unload destination on S3 is not empty", "NOT_EMPTY", _C.INTERNAL, "field"),
    Rule(r"The specified S3 prefix '.*' does not exist", "UPLOAD_MISSING", _C.RESOURCE, "apache/hop#3469"),
    Rule(r"specified key does not exist|no such file or directory", "UPLOAD_MISSING", _C.RESOURCE, "field"),
    Rule(r"requires full path of an S3 object", "S3_ACCESS_DENIED", _C.PERMISSION, "PostHog#61603"),
    Rule(
        r"error while reading gzip|unexpected end of file|not in gzip format|invalid (gzip|zstd|bzip2)",
        "BROKEN_FILE",
        _C.VALIDATION,
        "inferred",
    ),
    Rule(r"Load into table '.*' failed", "LOAD_ERROR", _C.VALIDATION, "spark-redshift#53"),
    Rule(r"Cannot COPY into nonexistent table", "QUERY_ERROR", _C.RESOURCE, "estuary#918"),
    Rule(r"value too long for", "VALUE_TOO_LONG", _C.VALIDATION, "amazon-redshift-utils#716"),
    Rule(
        r"invalid digit|overflow|invalid (date|timestamp)|out of range|division by zero",
        "QUERY_ERROR",
        _C.VALIDATION,
        "field",
    ),
    Rule(r"multiple matches to update the same tuple", "DUPLICATE_KEY", _C.VALIDATION, "DG:r_MERGE"),
    Rule(
        r"must be part of an equijoin predicate|cannot reference target table",
        "QUERY_ERROR",
        _C.VALIDATION,
        "DG:r_UPDATE, DG:r_MERGE",
    ),
    Rule(r"cannot insert a NULL value|violates not-null", "NOT_NULL", _C.VALIDATION, "field"),
    Rule(r"inside a transaction block", "INTERNAL", _C.INTERNAL, "field"),
    Rule(
        r"permission denied|must be owner|insufficient privilege",
        "PERMISSION_DENIED",
        _C.PERMISSION,
        "field",
    ),
    Rule(r"password authentication failed", "LOGIN_FAILED", _C.PERMISSION, "python-driver#237"),
    Rule(r"column .* of relation .* does not exist", "QUERY_ERROR", _C.VALIDATION, "PostgreSQL"),
    Rule(
        r"(relation|schema|table|database) \"?[^\"]*\"? ?.*does not exist",
        "QUERY_ERROR",
        _C.RESOURCE,
        "field",
    ),
    Rule(
        r"does not exist|syntax error|multiple commands|is ambiguous|not supported|must appear in the GROUP BY|"
        r"more than one row returned|unrecognized configuration parameter",
        "QUERY_ERROR",
        _C.VALIDATION,
        "field",
    ),
    Rule(r"invalid input syntax|cannot cast|data exception", "QUERY_ERROR", _C.VALIDATION, "PostgreSQL"),
    Rule(r"current transaction is aborted", "INTERNAL", _C.INTERNAL, "awslabs/mcp#1489"),
    Rule(r"usage limit", "USAGE_LIMIT", _C.CAPACITY, "wording unconfirmed"),
    Rule(
        r"cluster.*(is being resized|read-only|paused)",
        "CLUSTER_UNAVAILABLE",
        _C.CAPACITY,
        "wording unconfirmed",
    ),
    Rule(
        r"terminating connection|BrokenPipe|server socket closed",
        "CONNECTION_LOST",
        _C.TRANSIENT,
        "field",
    ),
    Rule(
        r"connection time out|communication error|connection is closed",
        "CONNECTION_LOST",
        _C.TRANSIENT,
        "field",
    ),
    Rule(r"^assert", "INTERNAL", _C.INTERNAL, "field"),
)

STATES: Final[Mapping[str, tuple[str, Category]]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("08001", "08003", "08004", "08006", "08007", "08P01", "08S01"), ("CONNECTION_LOST", _C.TRANSIENT)
        ),
        "23502": ("NOT_NULL", _C.VALIDATION),
        "24000": ("QUERY_ERROR", _C.VALIDATION),
        "25P02": ("INTERNAL", _C.INTERNAL),
        "26000": ("INTERNAL", _C.INTERNAL),
        "28000": ("LOGIN_FAILED", _C.PERMISSION),
        "2BP01": ("QUERY_ERROR", _C.VALIDATION),
        "28P01": ("LOGIN_FAILED", _C.PERMISSION),
        "40001": ("SERIALIZATION_CONFLICT", _C.TRANSIENT),
        "40P01": ("DEADLOCK", _C.TRANSIENT),
        "42501": ("PERMISSION_DENIED", _C.PERMISSION),
        "53100": ("DISK_FULL", _C.RESOURCE),
        "53200": ("OUT_OF_MEMORY", _C.RESOURCE),
        "53300": ("TOO_MANY_CONNECTIONS", _C.CAPACITY),
        "57P01": ("CONNECTION_LOST", _C.TRANSIENT),
        "57P02": ("CONNECTION_LOST", _C.TRANSIENT),
        "57P03": ("CONNECTION_LOST", _C.TRANSIENT),
    }
)

UNLESS_TOLD: Final[Mapping[str, tuple[str, Category]]] = MappingProxyType(
    {"23505": ("QUERY_ERROR", _C.VALIDATION), "57014": ("CANCELLED", _C.RESOURCE)}
)
"""What these SQLSTATEs mean if no rule knows the text better."""

LOAD_ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        1201: "MISSING_FIELDS",
        1202: "TOO_MANY_FIELDS",
        1203: "MISSING_FIELDS",
        1204: "TOO_LONG",
        1205: "CAST",
        1206: "CAST",
        1207: "CAST",
        1208: "CAST",
        1209: "CAST",
        1210: "CAST",
        1213: "NOT_NULL",
        1214: "MISSING_FIELDS",
        1215: "TOO_LONG",
        1216: "MALFORMED",
        1219: "INVALID_ENCODING",
        1220: "INVALID_ENCODING",
        1221: "INVALID_ENCODING",
        1222: "CAST",
        1223: "CAST",
        1224: "MALFORMED",
    }
)
"""The record codes of what COPY tells of rejected records (DG:r_Load_Error_Reference)."""
