"""What Redshift said, as code and category.

Nearly every failure at run time has the SQLSTATE XX000, and the driver one class for all, so the text
and the number inside the detail decide: `RULES` is tried from the top; where the SQLSTATE says more,
`STATES` comes first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from spectra.adapters.aws.redshift.failure_rules import RULES, STATES, UNLESS_TOLD
from spectra.domain import Category, JobError
from spectra.domain.failure import SQL_STATES, category_of
from spectra.errors import BackendUnavailableError

__all__ = [
    "Said",
    "StatementFailedError",
    "is_cancel",
    "is_conflict",
    "is_refusal",
    "is_there",
    "job_error",
    "said",
    "sessions_end",
]

_BLOCK: Final = re.compile(r"^\s*(error|code|context|query|location|process):\s*(.*?)\s*$", re.MULTILINE)
_ERROR_ID: Final = re.compile(r"\s*\[ErrorId: [^\]]*\]\s*$")
_POSITION: Final = re.compile(r"\s*Position: (\d+)\s*;?\s*$")
_PRIVATE: Final = re.compile(r",?\s*(Rid|ExtRid|CanRetry) [^,\s]+|X-Amz-[A-Za-z-]+=[^&\s]+", re.IGNORECASE)


class StatementFailedError(Exception):
    """What the Data API tells of a statement that failed; *at* is its place in a batch."""

    def __init__(self, text: str, at: int | None) -> None:
        super().__init__(text)
        self.at = at


@attrs.frozen
class Said:
    """What the server, the driver or the Data API said."""

    message: str
    sql_state: str | None = None
    detail: str = ""
    position: int | None = None
    inner: int | None = None
    context: str | None = None

    @property
    def all(self) -> str:
        """Everything that a rule may look at."""
        return "\n".join(filter(None, (self.message, self.detail)))


def said(exc: BaseException | str) -> Said:
    """Take apart an exception of the driver, or the text that the Data API has instead."""
    if isinstance(exc, str):
        text = _ERROR_ID.sub("", exc).strip().removeprefix("ERROR:").strip()
        place = _POSITION.search(text)
        text = _POSITION.sub("", text)
        block = dict(_BLOCK.findall(text))
        return Said(
            text, None, "", int(place[1]) if place else None, _number(block.get("code")), block.get("context")
        )
    if isinstance(exc, StatementFailedError):
        return said(str(exc))
    told = exc.args[0] if exc.args else str(exc)
    if not isinstance(told, Mapping):
        return Said(" ".join(str(arg) for arg in exc.args) or type(exc).__name__)
    detail = str(told.get("D", ""))
    block = dict(_BLOCK.findall(detail))
    return Said(
        str(told.get("M", "")),
        str(told.get("C", "")) or None,
        detail,
        _number(told.get("P")),
        _number(block.get("code")),
        block.get("context"),
    )


def _number(text: Any) -> int | None:
    found = re.match(r"\d{1,9}", str(text or ""))
    return int(found[0]) if found else None


def job_error(exc: BaseException | str, *, code: str | None = None) -> JobError:
    """Why a statement failed; *code* instead of QUERY_ERROR."""
    found = said(exc)
    name, category = _judged(found)
    if name == "QUERY_ERROR" and code is not None:
        name = code
    message = found.message
    if (
        found.inner is not None and found.context and found.context.strip() not in ("", "NULL")
    ) or message.isdigit():
        message = f"{message}: {found.context or _first_line(found.detail)}"
    return JobError.of(
        name,
        category,
        _PRIVATE.sub("", _ERROR_ID.sub("", message)).replace("\0", "").strip() or "Redshift gave no reason",
        sql_state=found.sql_state,
        position=found.position,
        inner_code=found.inner,
    )


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _judged(found: Said) -> tuple[str, Category]:
    state = found.sql_state
    if state is not None and state in STATES:
        return STATES[state]
    if state is not None and state in UNLESS_TOLD:
        known = UNLESS_TOLD[state]
        rule = next(
            (rule for rule in RULES if rule.code != known[0] and rule.fits(found.all, found.inner)), None
        )
        return (rule.code, rule.category) if rule else known
    if state not in (None, "XX000") and (state in SQL_STATES or state[:2] in SQL_STATES):
        return "QUERY_ERROR", category_of(state)
    for rule in RULES:
        if rule.fits(found.all, found.inner):
            return rule.code, rule.category
    return ("QUERY_ERROR" if state not in (None, "XX000") else "INTERNAL"), Category.INTERNAL


def is_refusal(exc: BaseException) -> bool:
    """Whether it is the server, or the way to it, that raised this."""
    return isinstance(exc, OSError | StatementFailedError) or type(exc).__module__.startswith(
        "redshift_connector"
    )


def is_cancel(exc: BaseException) -> bool:
    """Whether the statement was cancelled, by whom or what ever."""
    found = said(exc)
    return found.sql_state == "57014" or _judged(found)[0] == "CANCELLED"


def is_conflict(exc: BaseException) -> bool:
    """Whether the same transaction may well succeed when it is begun again."""
    return _judged(said(exc))[0] in ("SERIALIZATION_CONFLICT", "DEADLOCK", "CONCURRENT_DDL")


def is_there(exc: BaseException) -> bool:
    """Whether what was to be made is there already."""
    return "already exists" in said(exc).message


def sessions_end(exc: BaseException) -> bool:
    """Whether the session has ended, so that what it did last may or may not be done."""
    if isinstance(exc, OSError | BackendUnavailableError):
        return True
    return _judged(said(exc))[0] == "CONNECTION_LOST"
