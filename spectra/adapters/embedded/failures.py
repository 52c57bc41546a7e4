"""What DuckDB says, as a `JobError`: code, category, SQLSTATE, position in the tenant's statement.

DuckDB has no SQLSTATEs; its exception classes and, where one class means several things, its messages
are mapped to the nearest one. Spectra's own cursors set ``errors_as_json``, which adds the position of
the mistake; messages in the plain form are read too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from spectra.domain import Category, JobError, category_of

__all__ = ["WorkError", "is_conflict", "is_interrupt", "job_error", "lock_holder", "refusal", "said"]

_LOCK: Final = re.compile(r"Could not set lock on file.*?(?:\(PID (\d+)\)|$)", re.DOTALL)
_CARET: Final = re.compile(r"\n\nLINE (\d+): (.*)\n( *)\^")

# By class: SQLSTATE and code. What a message tells better stands in `_BY_MESSAGE`.
_BY_CLASS: Final[Mapping[str, tuple[str, str]]] = {
    "CatalogException": ("42P01", "QUERY_ERROR"),
    "BinderException": ("42000", "QUERY_ERROR"),
    "ParserException": ("42601", "QUERY_ERROR"),
    "SyntaxException": ("42601", "QUERY_ERROR"),
    "TypeMismatchException": ("42804", "QUERY_ERROR"),
    "InvalidTypeException": ("42804", "QUERY_ERROR"),
    "ConversionException": ("22018", "QUERY_ERROR"),
    "OutOfRangeException": ("22003", "QUERY_ERROR"),
    "InvalidInputException": ("22023", "QUERY_ERROR"),
    "SequenceException": ("2200H", "QUERY_ERROR"),
    "NotImplementedException": ("0A000", "QUERY_ERROR"),
    "NotSupportedError": ("0A000", "QUERY_ERROR"),
    "DependencyException": ("2BP01", "QUERY_ERROR"),
    "ConstraintException": ("23000", "CONSTRAINT_VIOLATION"),
    "PermissionException": ("42501", "PERMISSION_DENIED"),
    "TransactionException": ("40001", "SERIALIZATION_CONFLICT"),
    "OutOfMemoryException": ("53200", "OUT_OF_MEMORY"),
    "InterruptException": ("57014", "CANCELLED"),
    "IOException": ("58030", "IO_ERROR"),
    "ConnectionException": ("08006", "WAREHOUSE_ERROR"),
    "FatalException": ("58000", "WAREHOUSE_ERROR"),
    "InternalException": ("XX000", "WAREHOUSE_ERROR"),
}

_BY_MESSAGE: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = tuple(
    (re.compile(pattern), state, code)
    for pattern, state, code in (
        (r"No space left on device|failed to offload data block", "53100", "DISK_FULL"),
        (
            r"^Referenced column |does not have a column named|column .* must appear in",
            "42703",
            "QUERY_ERROR",
        ),
        (r"^Referenced table |^Table with name|^Catalog .* does not exist", "42P01", "QUERY_ERROR"),
        (r"^Schema with name|because schema ", "3F000", "QUERY_ERROR"),
        (r"Function with name .* does not exist|^No function matches", "42883", "QUERY_ERROR"),
        (r"^Type with name", "42704", "QUERY_ERROR"),
        (r"^Ambiguous reference", "42702", "QUERY_ERROR"),
        (r"^NOT NULL constraint failed", "23502", "CONSTRAINT_VIOLATION"),
        (r"CHECK constraint failed", "23514", "CONSTRAINT_VIOLATION"),
        (r"foreign key", "23503", "CONSTRAINT_VIOLATION"),
        (r"violates primary key|violates unique|PRIMARY KEY or UNIQUE", "23505", "CONSTRAINT_VIOLATION"),
        (r"[Dd]ivision by zero", "22012", "QUERY_ERROR"),
        (r"out of range|[Oo]verflow", "22003", "QUERY_ERROR"),
        (r"date field value|timestamp field value", "22007", "QUERY_ERROR"),
    )
)

_WORDING: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r'^Referenced column "(.*?)" (?:not found|was not found)'), "Column '{}' does not exist"),
    (re.compile(r'^Table ".*?" does not have a column named "(.*?)"'), "Column '{}' does not exist"),
    (re.compile(r'^Table with name "?(.*?)"? does not exist'), "Table '{}' does not exist"),
    (
        re.compile(r"^(?:Scalar |Aggregate |Table )?Function with name \"?(.*?)\"? does not exist"),
        "Function '{}' does not exist",
    ),
    (re.compile(r'^Schema with name "?(.*?)"? does not exist'), "Schema '{}' does not exist"),
    (re.compile(r"^(Division by zero)"), "{}"),
)


_OF_THE_HOST: Final = frozenset({"53", "58"})
_FULL: Final = "the disk of the warehouse, or of its files, is full; make room, then retry"
_PATH: Final = re.compile(r"(?:file )?['\"]?/[^'\"\s]*/[^'\"\s]*['\"]?")


class WorkError(Exception):
    """Ends the work as FAILED with *error*; raised and caught inside the adapter only."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


def refusal(
    code: str, message: str, *, category: Category = Category.VALIDATION, **details: Any
) -> WorkError:
    """A `WorkError` about the request or the upload as a whole."""
    return WorkError(JobError.of(code, category, message, **details))


def said(exc: BaseException) -> Mapping[str, Any]:
    """DuckDB's message as facts; only ``exception_message`` is always there."""
    text = str(exc)
    start = text.find('{"exception_type"')
    if start >= 0:
        try:
            facts = json.loads(text[start:])
        except ValueError:
            pass
        else:
            if isinstance(facts, dict) and isinstance(facts.get("exception_message"), str):
                return facts
    return {"exception_message": re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", text)}


def is_interrupt(exc: BaseException) -> bool:
    """Whether a statement was stopped by `interrupt`."""
    return type(exc).__name__ == "InterruptException"


def is_conflict(exc: BaseException) -> bool:
    """Whether a transaction lost against another one."""
    return type(exc).__name__ == "TransactionException"


def lock_holder(exc: BaseException) -> tuple[bool, int | None]:
    """Whether another process holds the file, and its pid."""
    found = _LOCK.search(str(exc))
    return found is not None, int(found[1]) if found is not None and found[1] else None


def job_error(
    exc: BaseException, *, sql: str | None = None, prefix: str = "", code: str | None = None
) -> JobError:
    """Translate a DuckDB exception.

    *sql* is the tenant's statement as it was sent, after *prefix* of ours; with it the position of
    the mistake becomes the 1-based ordinal of a character in *sql*. *code* replaces ``QUERY_ERROR``.
    """
    facts = said(exc)
    message = facts["exception_message"]
    state, name = _classify(type(exc).__name__, message)
    category = _category(state, type(exc).__name__)
    details: dict[str, Any] = {"sql_state": state}
    if sql is not None:
        details["position"] = _position(facts, str(exc), prefix, sql)
    if name == "QUERY_ERROR" and code is not None:
        name = code
    text = _worded(message)
    if state[:2] in _OF_THE_HOST:
        # Where the host keeps its files is not the tenant's business.
        text = _FULL if name == "DISK_FULL" else _PATH.sub("a file", text.partition("{")[0])
    return JobError.of(name, category, text, **details)


def with_position(error: JobError, position: int | None) -> JobError:
    """The same error, pointing elsewhere."""
    details = {**error.details, "position": position}
    return attrs.evolve(error, details={k: v for k, v in details.items() if v is not None})


def _classify(kind: str, message: str) -> tuple[str, str]:
    by_class = _BY_CLASS.get(kind)
    if by_class is not None and by_class[0][:2] in {"40", "57"}:
        return by_class  # the text of a conflict may quote a constraint: it is a conflict all the same
    for pattern, state, name in _BY_MESSAGE:
        if pattern.search(message):
            return state, name
    return by_class or ("XX000", "WAREHOUSE_ERROR")


def _category(state: str, kind: str) -> Category:
    if kind == "FatalException":
        return Category.TRANSIENT  # the warehouse is opened anew, and replays its log
    return category_of(state)


def _worded(message: str) -> str:
    for pattern, wording in _WORDING:
        if found := pattern.search(message):
            # What DuckDB guesses was meant may be another tenant's, or the ledger.
            return wording.format(found[1])
    return re.sub(r"\s*\n\n?LINE \d+: .*", "", message, flags=re.DOTALL).strip()


def _position(facts: Mapping[str, Any], text: str, prefix: str, sql: str) -> int | None:
    sent = prefix + sql
    try:
        offset = len(sent.encode()[: int(facts["position"])].decode("utf-8", "ignore"))
    except (KeyError, ValueError):
        found = _CARET.search(text)
        if found is None or found[2].startswith("..."):
            return None
        lines = sent.split("\n")
        line = int(found[1]) - 1
        offset = sum(len(x) + 1 for x in lines[:line]) + len(found[3]) - len(f"LINE {found[1]}: ")
    within = offset - len(prefix)
    return min(within, len(sql)) + 1 if within >= 0 else None
