"""A job as an item, and back: nothing is lost, and what is absent costs nothing.

DynamoDB bills names too, by the kilobyte, so attributes are short, defaults are left out, and lists stand
for what has a few fields in a fixed order. Numbers are kept where they are compared or shown, all else as
JSON text, in which they stay as exact as they were.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import attrs

from spectra.adapters.aws.dynamodb.layout import Item, at_of, ids_of, job_key, lane_of, read_at
from spectra.adapters.aws.dynamodb.packing import (
    COUNTS,
    EPOCH,
    LEASE,
    PROGRESS,
    UPLOAD,
    Shape,
    pack_files,
    pack_history,
    pack_instant,
    pack_row,
    unpack_files,
    unpack_history,
    unpack_instant,
    unpack_row,
)
from spectra.adapters.aws.dynamodb.statements import parts_of
from spectra.codec import SCHEMA, from_document, to_document
from spectra.domain import Counts, ExportSpec, HistoryEntry, Job, LoadSpec, Progress
from spectra.errors import BackendError, NewerSchemaError

__all__ = ["ATTRIBUTES", "from_item", "to_item"]

TTL_NET: Final = timedelta(days=7)
"""How long after the end of a job's retention DynamoDB itself deletes what nobody has deleted (JS7)."""

_HERE: Final = "/*/"
_OMITTED: Final[Mapping[str, Any]] = {
    # What a spec says when it says nothing. Written down here and not taken from the domain: items must
    # mean the same when a default changes.
    "content_type": "CSV",
    "compression": "NONE",
    "delimiter": ",",
    "line_ending": "LF",
    "header": True,
    "parameters": {},
    "single_file": False,
    "key_columns": [],
    "max_failed_records": 0,
    "on_duplicate_key": "error",
    "on_missing_key": "reject",
}


def _unsaid(kind: type) -> dict[str, Any]:
    """What has to be said of a spec of *kind* that says nothing: what the domain would not say by itself."""
    return {
        field.name: _OMITTED[field.name]
        for field in attrs.fields(kind)
        if field.name in _OMITTED and field.default != _OMITTED[field.name]
    }


_EXPORT: Final = _unsaid(ExportSpec)
_LOAD: Final = _unsaid(LoadSpec)
_EMPTY: Final[Mapping[str, Any]] = {"warnings": [], "labels": {}, "session": {"db_groups": []}, "history": []}


_ESCAPE: Final = re.compile(r"(\\\\)|\\u00([01][0-9a-f])")
_decode: Final = json.JSONDecoder(strict=False).raw_decode
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _loads(text: str) -> Any:
    value, end = _decode(text)
    if end != len(text):
        raise ValueError("there is more behind it")
    return value


def _dumps(value: Any) -> str:
    """JSON in which control characters stand for themselves: as six each, they would not fit into an item."""
    text = _encode(value)
    return _ESCAPE.sub(lambda m: m[1] or chr(int(m[2], 16)), text) if "\\u00" in text else text


# ---- attributes -----------------------------------------------------------------------------------


@attrs.frozen
class _Attribute:
    """How one field of a job stands in the item, and what it is for those who look.

    What is packed is what the job's document has; of an instant it is the instant itself. What is unpacked
    is that again, or already what the job has.
    """

    name: str
    kind: str
    meaning: str
    pack: Callable[[Any], Any] = lambda value: value
    unpack: Callable[[Any], Any] = lambda value: value
    is_instant: bool = False


def _json(name: str, meaning: str) -> _Attribute:
    return _Attribute(name, "J", meaning)


def _row(name: str, shape: Shape, meaning: str = "", made: Callable[..., Any] = dict) -> _Attribute:
    def unpack(row: Any) -> Any:
        fields = unpack_row(shape, row)
        return fields if fields is row else made(**fields)

    names = ", ".join(shape[0])
    pack = functools.partial(pack_row, shape)
    return _Attribute(name, "J", f"{meaning}: {names}" if meaning else names, pack, unpack)


def _files(name: str, meaning: str) -> _Attribute:
    return _Attribute(name, "J", meaning, pack_files, unpack_files)


def _at(name: str, meaning: str) -> _Attribute:
    return _Attribute(
        name, "N", f"{meaning}, milliseconds since 1970", unpack=unpack_instant, is_instant=True
    )


ATTRIBUTES: Final[Mapping[str, _Attribute]] = {
    "state": _Attribute("st", "S", "the state, spelled as on the wire"),
    "version": _Attribute("v", "N", "how often it was written"),
    "attempt": _Attribute("a", "N", "the attempt"),
    "schema": _Attribute("sv", "N", "the schema of the document"),
    "created_at": _at("ca", "when it was created"),
    "updated_at": _at("ua", "when it was last changed"),
    "started_at": _at("sa", "when it was claimed"),
    "completed_at": _at("ea", "when it ended"),
    "deadline_at": _at("da", "until when its present phase may last"),
    "files_until": _at("fu", "until when its files are kept"),
    "ttl": _at("xa", "when it expires"),
    "handle": _Attribute("h", "S", "the warehouse's own id of the execution"),
    "effect": _Attribute("ef", "S", "what it did to its table, if it did not complete"),
    "retry_of": _Attribute("ro", "S", "the job it is a retry of"),
    "idempotency_key": _Attribute("ik", "S", "the key it was created with"),
    "lease": _row("l", LEASE, "the lease"),
    "progress": _row("pr", PROGRESS, "progress", Progress),
    "counts": _row("c", COUNTS, "the final account", Counts),
    "upload": _row("u", UPLOAD, "the frozen input"),
    "rejected_input": _row("ri", UPLOAD, "the failed records as an upload"),
    "results": _files("r", "manifest, bytes, rows, columns, compression, content type, parts"),
    "failed_records": _files("fr", "failed records, as `r`"),
    "unprocessed_records": _files("ur", "unprocessed records, as `r`"),
    "warnings": _json("wn", "warnings"),
    "error": _json("e", "why it failed"),
    "last_error": _json("le", "why an attempt failed"),
    "abort_info": _json("ai", "why it was aborted, and by whom"),
    "labels": _json("lb", "labels"),
    "session": _json("se", "the database user and groups it runs as"),
}


def to_item(job: Job, *, token: bytes, seated: bool, wake: bool, statement: str | None) -> Item:
    """The item of *job*.

    *token* recognises this write; *seated*: it has one of the tenant's places; *wake*: a worker should
    look at once; *statement* is the digest of the statement, if that stands in an item of its own.
    """
    document = to_document(job)
    item: Item = {**job_key(job.tenant_id, job.job_id)}
    here = f"/{job.tenant_id}/{job.job_id}/"
    _put_spec(item, document.pop("spec"), here, statement)
    _put_history(item, job.history, document.pop("history"))
    for name in ("tenant_id", "job_id", "due_at"):
        document.pop(name, None)
    for field, one in ATTRIBUTES.items():
        value = document.pop(field, None)
        if value is None or value == _EMPTY.get(field):
            continue
        if one.kind == "N":
            item[one.name] = {"N": str(pack_instant(getattr(job, field)) if one.is_instant else value)}
        else:
            item[one.name] = {"S": str(value) if one.kind == "S" else _short(_dumps(one.pack(value)), here)}
    if document:
        item["x"] = {"S": _dumps(document)}
    if job.due_at is not None:
        item["lane"] = {"S": lane_of(job)}
        item["at"] = {"S": at_of(job)}
    if job.ttl is not None:
        item["ttl"] = {"N": str((job.ttl + TTL_NET - EPOCH) // timedelta(seconds=1) + 1)}
    item["w"] = {"B": token}
    if seated:
        item["seat"] = {"N": "1"}
    if wake:
        item["wake"] = {"N": "1"}
    return item


def _put_spec(item: Item, spec: dict[str, Any], here: str, statement: str | None) -> None:
    item["op"] = {"S": spec.pop("operation")}
    query = spec.pop("query", None)
    if statement is not None:
        item["qd"] = {"S": statement}
        spec.pop("parameters")
    elif query is not None:
        item["q"] = {"S": query}
    said = {name: value for name, value in spec.items() if name not in _OMITTED or value != _OMITTED[name]}
    if said:
        item["sp"] = {"S": _short(_dumps(said), here)}


def _put_history(item: Item, history: Sequence[HistoryEntry], document: list[dict[str, Any]]) -> None:
    if not history:
        return
    rows = pack_history(history)
    if rows is None:
        item["hi"] = {"S": _dumps(document)}
    else:
        item["hi"] = {"L": [{"L": [_typed(value) for value in row]} for row in rows]}


def _typed(value: Any) -> dict[str, Any]:
    if value is None:
        return {"NULL": True}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _short(text: str, here: str) -> str:
    """*text* with the job's own folder, which locations repeat, as a mark that no id can have."""
    return text if _HERE in text else text.replace(here, _HERE)


def _long(text: str, here: str) -> Any:
    return _loads(text.replace(_HERE, here) if _HERE in text and here not in text else text)


_READERS: Final = {
    one.name: (field, one.kind, one.unpack) for field, one in ATTRIBUTES.items() if field != "schema"
}
_MADE: Final = (Counts, Progress)


def from_item(item: Mapping[str, Any], *, statement: str | None = None) -> Job:
    """The job of *item*, *statement* being what stood in an item of its own, if anything did.

    Raises:
        NewerSchemaError: a newer Spectra wrote it in a form that this one must not touch.
        BackendError: it is no job, or it lacks its statement.
    """
    try:
        schema = int(item["sv"]["N"]) if "sv" in item else SCHEMA
        if schema > SCHEMA:
            raise NewerSchemaError(schema, SCHEMA)
        document, values = _read(item, statement)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as exc:
        raise BackendError(f"the item {item['pk']['S']}, {item['sk']['S']} is no job: {exc!r}") from exc
    return from_document(document, values=values)


def _read(item: Mapping[str, Any], statement: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of a job's document *item* has, and those fields of the job that it has as they are."""
    tenant_id, job_id = ids_of(item)
    here = f"/{tenant_id}/{job_id}/"
    document: dict[str, Any] = _loads(item["x"]["S"]) if "x" in item else {}
    values: dict[str, Any] = {"tenant_id": tenant_id, "job_id": job_id}
    for name, attribute in item.items():
        if name not in _READERS:
            continue
        field, kind, unpack = _READERS[name]
        if kind == "N":
            values[field] = unpack(int(attribute["N"]))
        elif kind == "S":
            document[field] = attribute["S"]
        else:
            value = unpack(_long(attribute["S"], here))
            (values if isinstance(value, _MADE) else document)[field] = value
    if "at" in item:
        values["due_at"] = read_at(item["at"]["S"])[1]
    if "hi" in item:
        history = item["hi"]
        if "L" in history:
            values["history"] = unpack_history(history["L"])
        else:
            document["history"] = _loads(history["S"])
    document["spec"] = _spec(item, here, statement)
    return document, values


def _spec(item: Mapping[str, Any], here: str, statement: str | None) -> dict[str, Any]:
    operation = item["op"]["S"]
    spec: dict[str, Any] = {"operation": operation, **(_EXPORT if operation == "query" else _LOAD)}
    if operation == "query":
        if "q" not in item and statement is None:
            raise LookupError("its statement is gone")
        spec |= {"query": item["q"]["S"]} if statement is None else parts_of(statement)
    if "sp" in item:
        spec |= _long(item["sp"]["S"], here)
    return spec
