"""What a check finds, and how it asks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, Final, Self

import attrs

from spectra.adapters.aws.s3.errors import code_of
from spectra.errors import MissingExtraError

__all__ = ["ABSENT", "Finding", "Findings", "Severity"]

ABSENT: Final[dict[str, Any]] = {}
"""The answer about what is not there."""

_UNASKABLE: Final = {
    "NotImplemented": "its server does not have this call",
    "MethodNotAllowed": "its server does not have this call",
    "UnknownOperationException": "its server does not have this call",
    "AccessDenied": "these credentials may not look at it",
    "AccessDeniedException": "these credentials may not look at it",
    "403": "these credentials may not look at it",
}


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """It does not work, or will do harm."""
    WARNING = "warning"
    """It works, and should not stay so."""
    UNKNOWN = "unknown"
    """It could not be looked at: it may be as it should be, or not."""
    NOTE = "note"
    """A fact worth knowing."""


@attrs.frozen
class Finding:
    """Something found at *about* (table, bucket, functions, redshift): *what* it is, and how to *fix* it."""

    severity: Severity
    about: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.severity}: {self.about}: {self.what}" + (f"; {self.fix}" if self.fix else "")


class Findings:
    """Gathers what is found at one thing."""

    def __init__(self, about: str) -> None:
        self._about = about
        self._found: list[Finding] = []

    def error(self, what: str, fix: str) -> Self:
        """Note what does not work."""
        return self._add(Severity.ERROR, what, fix)

    def warning(self, what: str, fix: str) -> Self:
        """Note what should not stay so."""
        return self._add(Severity.WARNING, what, fix)

    def unknown(self, what: str, why: str) -> Self:
        """Note what could not be looked at."""
        return self._add(Severity.UNKNOWN, f"{what} could not be looked at: {why}", "")

    def note(self, what: str) -> Self:
        """Note a fact."""
        return self._add(Severity.NOTE, what, "")

    def _add(self, severity: Severity, what: str, fix: str) -> Self:
        self._found.append(Finding(severity, self._about, what, fix))
        return self

    def ask(
        self, what: str, call: Callable[..., Any], *, absent: Collection[str] = (), **asked: Any
    ) -> dict[str, Any] | None:
        """The answer of a boto3 client's *call* about *what*.

        `ABSENT`, which is empty, where the answer is one of the codes in *absent*; None, and a finding, where
        there is no answer at all.
        """
        try:
            import botocore.exceptions as told
        except ModuleNotFoundError as exc:
            raise MissingExtraError("aws", exc.name or "") from exc
        try:
            answer: dict[str, Any] = call(**asked)
        except told.ClientError as exc:
            code = code_of(exc)
            if code in absent:
                return ABSENT
            self.unknown(what, _UNASKABLE.get(code, code))
        except told.BotoCoreError as exc:
            self.unknown(what, type(exc).__name__)
        else:
            return answer
        return None

    def all(self) -> tuple[Finding, ...]:
        """Everything found, in the order of finding."""
        return tuple(self._found)
