"""Every text that the local Redshift says in Redshift's name, with where it is known from.

*DG* and *MG* are Amazon's developer and management guide; a name with ``#`` is an issue of a public
repository; *field*: in the output or the code of more than one; *inferred*: nobody was seen quoting it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from spectra.testing.redshift.protocol import ServerError

__all__ = ["TEXTS", "Text", "error", "notice", "translated"]


@attrs.frozen
class Text:
    """A message in Redshift's words; *inner* is the code in its detail."""

    message: str
    source: str
    state: str = "XX000"
    inner: int | None = None
    context: str = ""
    location: str = "pg_throw"


_S3: Final = (
    "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0000000000000000,ExtRid 0,CanRetry 1"
)

TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "serialization": Text("1023", "aws-sdk-pandas#665"),
        "conflict": Text("could not complete because of conflict with concurrent transaction", "parsons#343"),
        "cancelled": Text(
            "Query ({query}) cancelled on user's request", "amazon-redshift-utils#174", "57014"
        ),
        "terminated": Text(
            "terminating connection due to administrator command", "PostgreSQL; inferred", "57P01"
        ),
        "no session": Text(
            "Session {pid} does not exist. The session PID might have changed. Check the "
            "stl_restarted_sessions system table for details.",
            "DG:r_CANCEL",
        ),
        "disk full": Text(
            "Disk Full", "spark-redshift#348", inner=1016, context="node: 0", location="fdisk_api.cpp:371"
        ),
        "s3 denied": Text(
            _S3,
            "field",
            inner=8001,
            context="S3 key being read : {key}",
            location="xen_load_unload.cpp:1000",
        ),
        "s3 error": Text(
            "{said}", "inferred", inner=8001, context="{key}", location="xen_load_unload.cpp:1000"
        ),
        "several statements": Text(
            "cannot insert multiple commands into a prepared statement",
            "amazon-redshift-python-driver#13",
            "42601",
        ),
        "limit in unload": Text(
            "Limit clause is not supported in the outermost select of an UNLOAD statement",
            "DG:r_UNLOAD",
            "0A000",
        ),
        "not empty": Text(
            "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually "
            "removing the target files in S3, or using the ALLOWOVERWRITE option.",
            "field",
        ),
        "load failed": Text(
            "Load into table '{table}' failed.  Check '{view}' system table for details.",
            "spark-redshift#53, estuary#841",
        ),
        "no table": Text("Cannot COPY into nonexistent table {table}", "estuary/connectors#918"),
        "no prefix": Text("The specified S3 prefix '{key}' does not exist", "apache/hop#3469"),
        "no key": Text("The specified key does not exist: {key}", "field", inner=2),
        "full path": Text(
            "COPY with MANIFEST parameter requires full path of an S3 object.",
            "PostHog#61603",
            inner=8001,
            context="{key}",
            location="xen_load_unload.cpp:1000",
        ),
        "several matches": Text("Found multiple matches to update the same tuple.", "DG:r_MERGE"),
        "merge of itself": Text(
            "Source view/subquery in Merge statement cannot reference target table.", "DG:r_MERGE"
        ),
        "outer join": Text("Target table must be part of an equijoin predicate", "DG:r_UPDATE"),
        "bad gzip": Text(
            "Error while reading gzip file {key}: {said}", "inferred", inner=8001, context="{key}"
        ),
        "parquet": Text(
            "Spectrum Scan Error",
            "rudder-server#3178",
            inner=15007,
            context="File '{key}' has an incompatible Parquet schema: {said}",
            location="dory_util.cpp:1226",
        ),
        "parquet columns": Text(
            "Spectrum Scan Error",
            "rudder-server#3178",
            inner=15007,
            context="Unmatched number of columns between table and file. Table columns: {table}, Data columns: {file}, "
            "File name: {key}",
            location="dory_util.cpp:1226",
        ),
        "syntax": Text('syntax error at or near "{near}"', "PostgreSQL", "42601"),
        "maxerror": Text(
            "MAXERROR and {format} cannot be used together",
            "inferred from DG:copy-usage_notes-copy-from-columnar",
            "0A000",
        ),
        "connections": Text(
            'connection limit "{limit}" exceeded for non-bootstrap users', "node-postgres#1155"
        ),
        "password": Text(
            'password authentication failed for user "{user}"', "amazon-redshift-python-driver#237", "28000"
        ),
        "no right": Text("permission denied for relation {relation}", "field", "42501"),
        "not owner": Text("must be owner of relation {relation}", "field", "42501"),
        "unloaded": Text("UNLOAD completed, {rows} record(s) unloaded successfully.", "field", "00000"),
        "loaded": Text(
            "Load into table '{table}' completed, {rows} record(s) loaded successfully.",
            "field",
            "00000",
        ),
        "skipped": Text(
            "Load into table '{table}' completed, {rows} record(s) could not be loaded.  Check '{view}' system table for details.",
            "DG:copy-parameters-data-load; wording inferred",
            "00000",
        ),
        "null": Text("Cannot insert a NULL value into column {column}", "field", "23502"),
        "too long": Text(
            "Value too long for character type",
            "amazon-redshift-utils#716",
            inner=8001,
            context="Value too long for type {type}",
            location="string.cpp:213",
        ),
    }
)


def _detail(text: Text, values: Mapping[str, object], query: int) -> str:
    rule = "  -----------------------------------------------"
    told = {
        "error": text.message.format_map(values),
        "code": text.inner,
        "context": text.context.format_map(values),
        "query": query,
        "location": text.location,
        "process": f"query0_{query % 128}_{query} [pid=25354]",
    }
    return "\n".join(["", rule, *(f"  {name + ':':<11}{value}" for name, value in told.items()), rule, ""])


def error(
    name: str, *, query: int = 0, state: str | None = None, fatal: bool = False, **values: object
) -> ServerError:
    """The error of that *name*."""
    text = TEXTS[name]
    fields = {"C": state or text.state, "M": text.message.format_map({"query": query, **values})}
    if text.inner is not None:
        fields["D"] = _detail(text, {"query": query, **values}, query)
    if name == "serialization":
        fields["D"] = (
            "Serializable isolation violation on table - 119371, transactions forming the cycle are: "
            f"{query + 1000}, {query + 1001} (pid:{values.get('pid', 0)})"
        )
    return ServerError(
        {**fields, "F": "../src/sys/xen_execute.cpp", "L": "8948", "R": "pg_throw"}, fatal=fatal
    )


def notice(name: str, **values: object) -> dict[str, str]:
    """The notice of that *name*."""
    text = TEXTS[name]
    return {"S": "INFO", "C": text.state, "M": text.message.format_map(values)}


_NUMBERS: Final = re.compile(r"invalid input syntax for type (\w+)")
_RELATION: Final = re.compile(
    r"(permission denied for|must be owner of) (?:table|(?:materialized )?view|sequence|index) (?P<name>.*)"
)


def translated(exc: ServerError, *, query: int, pid: int, null_state: str) -> ServerError:
    """What PostgreSQL said, in Redshift's words; what both say alike stays as it is."""
    fields = exc.fields
    if (
        "V" not in fields
    ):  # a field of PostgreSQL's, younger than Redshift: these words are Redshift's already
        return exc
    state, text = fields.get("C", ""), fields.get("M", "")
    match state:
        case "40001" if "concurrent" in text and "read/write" not in text:
            return error("conflict", query=query)
        case "40001":
            return error("serialization", query=query, pid=pid)
        case "57014":
            return error("cancelled", query=query)
        case "21000" if text.startswith("MERGE"):
            return error("several matches", query=query)
        case "23502":
            column = fields.get("c", "")
            return error("null", query=query, state=null_state, column=column)
        case "22001":
            kind = text.rpartition("type ")[2]
            return error("too long", query=query, type=kind)
        case "42501" if (found := _RELATION.fullmatch(text)) is not None:
            return error("no right" if text.startswith("permission") else "not owner", relation=found["name"])
        case "42601" if "multiple commands" in text:
            return error("several statements")
    told = {name: value for name, value in fields.items() if name in "SCMDHPpqW"}
    told["M"] = _NUMBERS.sub(r"invalid input syntax for \1", text)
    return ServerError(told, fatal=exc.fatal)
