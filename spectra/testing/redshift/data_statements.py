"""Statements of the local Data API, and what is told of them."""

from __future__ import annotations

import uuid
from typing import Any, Final

import attrs

from spectra.testing.redshift.backend import Answer
from spectra.testing.redshift.protocol import ServerError

__all__ = ["LIVE", "Statement", "Sub", "described", "listed", "result", "told"]

LIVE: Final = ("SUBMITTED", "PICKED", "STARTED")
_INTS: Final = (20, 21, 23, 26)
_FLOATS: Final = (700, 701)
_TYPES: Final = {
    16: "bool", 20: "int8", 21: "int2", 23: "int4", 25: "varchar", 700: "float4", 701: "float8", 1042: "bpchar",
    1043: "varchar", 1082: "date", 1114: "timestamp", 1184: "timestamptz", 1700: "numeric", 705: "varchar",
    114: "super", 19: "name", 26: "oid", 1560: "varbyte",
}  # fmt: skip
_PAGE: Final = 1_000


@attrs.define(eq=False)
class Sub:
    """One of the statements of a call."""

    sql: str
    status: str = "SUBMITTED"
    error: str = ""
    answer: Answer | None = None
    duration: int = 0


@attrs.define(eq=False)
class Statement:
    """What one call executes."""

    id: str
    name: str
    subs: list[Sub]
    batch: bool
    session_id: str | None
    created: float
    status: str = "SUBMITTED"
    error: str = ""
    updated: float = 0.0
    pid: int = 0
    cancelled: bool = False


def described(one: Statement, name: str, number: int | None) -> dict[str, Any]:
    """What DescribeStatement answers, of all of it or of one statement."""
    sub = one.subs[(number or 1) - 1]
    about: dict[str, Any] = {
        "Id": name,
        "Status": sub.status if number else one.status,
        "CreatedAt": one.created,
        "UpdatedAt": one.updated or one.created,
        "Duration": sum(each.duration for each in one.subs),
        "RedshiftPid": one.pid,
        "HasResultSet": any(each.answer and each.answer.columns for each in one.subs),
        "ResultRows": _rows(one.subs[-1]),
        "ResultSize": -1,
        "RedshiftQueryId": 0,
    }
    if one.error and not number:
        about["Error"] = one.error
    if one.session_id:
        about["SessionId"] = one.session_id
    if one.batch:
        about["SubStatements"] = [
            {
                "Id": f"{one.id}:{at}",
                "Status": each.status if each.status != "SUBMITTED" or not one.error else "ABORTED",
                "QueryString": each.sql,
                "ResultRows": _rows(each),
                "HasResultSet": bool(each.answer and each.answer.columns),
                "Duration": each.duration,
                **({"Error": each.error} if each.error else {}),
            }
            for at, each in enumerate(one.subs, 1)
        ]
    else:
        about["QueryString"] = sub.sql
    return about


def listed(one: Statement) -> dict[str, Any]:
    """What ListStatements tells of it."""
    return {
        "Id": one.id,
        "StatementName": one.name,
        "Status": one.status,
        "CreatedAt": one.created,
        "UpdatedAt": one.updated or one.created,
        "IsBatchStatement": one.batch,
        **({"SessionId": one.session_id} if one.session_id else {}),
    }


def result(answer: Answer, at: int) -> dict[str, Any]:
    """A page of what GetStatementResult answers, from row *at*."""
    kinds = [column.oid for column in answer.columns]
    rows = answer.rows[at : at + _PAGE]
    page: dict[str, Any] = {
        "ColumnMetadata": [
            {"name": column.name, "label": column.name, "typeName": _TYPES.get(column.oid, "varchar")}
            for column in answer.columns
        ],
        "Records": [[_field(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in rows],
        "TotalNumRows": len(answer.rows),
    }
    return page | ({"NextToken": str(at + _PAGE)} if at + _PAGE < len(answer.rows) else {})


def _rows(sub: Sub) -> int:
    if sub.answer is None:
        return -1
    return len(sub.answer.rows) if sub.answer.columns else sub.answer.count


def _field(kind: int, value: str | None) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    if kind == 16:
        return {"booleanValue": value == "t"}
    if kind in _INTS:
        return {"longValue": int(value)}
    if kind in _FLOATS:
        return {"doubleValue": float(value)}
    return {"stringValue": value}


def told(exc: ServerError) -> str:
    """The one text that the Data API makes of an error."""
    fields = exc.fields
    text = f"ERROR: {fields.get('M', '')}"
    if fields.get("D"):
        text += f"\n  Detail: {fields['D']}"
    if fields.get("P"):
        text += f"\n  Position: {fields['P']}"
    return f"{text} [ErrorId: 1-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:24]}]"
