"""The caller's input is wrong; nothing was written."""

from __future__ import annotations

from spectra.errors.base import SpectraError, error

__all__ = [
    "CrossOriginError",
    "InvalidCursorError",
    "InvalidRequestError",
    "InvalidSpecError",
    "RequestTooLargeError",
    "SqlNotSupportedError",
    "SqlRefusedError",
    "SqlSyntaxError",
]


class InvalidRequestError(SpectraError, ValueError):
    """The caller's input cannot be served; nothing was written."""

    category = "validation"


@error
class InvalidSpecError(InvalidRequestError):
    """A field of a request is wrong."""

    code = "INVALID_SPEC"
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"

    @property
    def details(self) -> dict[str, object]:
        return {"field": self.field}


@error
class InvalidCursorError(InvalidRequestError):
    """A cursor that this store never gave out, or gave to another query."""

    code = "INVALID_CURSOR"
    problem: str = "not a cursor of this listing"

    def __str__(self) -> str:
        return f"cursor: {self.problem}; begin again without a cursor"


@error
class SqlSyntaxError(InvalidRequestError):
    """The SQL does not parse."""

    code = "INVALID_SQL"
    problem: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line}, column {self.column})" if self.line is not None else ""
        return f"the SQL cannot be read: {self.problem}{where}; correct it and send it again"

    @property
    def details(self) -> dict[str, object]:
        return {"line": self.line, "column": self.column}


@error
class SqlRefusedError(InvalidRequestError):
    """The SQL parses, and is not something that may run here."""

    code = "SQL_BLOCKED"
    reason: str
    problem: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return f"{self.problem}; send one statement that only reads what the policy allows"

    @property
    def details(self) -> dict[str, object]:
        return {"reason": self.reason, "line": self.line, "column": self.column}


@error
class RequestTooLargeError(InvalidRequestError):
    """The body of a request has more bytes than a request may have."""

    code = "REQUEST_TOO_LARGE"
    limit: int

    def __str__(self) -> str:
        return f"the body has more than {self.limit:,} bytes; records are uploaded, not sent with the request"

    @property
    def details(self) -> dict[str, object]:
        return {"limit": self.limit}


@error
class CrossOriginError(InvalidRequestError):
    """A browser sent a change from a page of another site, perhaps without its user's knowledge."""

    code = "CROSS_ORIGIN"
    category = "permission"
    origin: str

    def __str__(self) -> str:
        return (
            "this change was sent by a page of another site; if that site is yours, "
            "the host must list it among its trusted origins"
        )

    @property
    def details(self) -> dict[str, object]:
        return {"origin": self.origin}


@error
class SqlNotSupportedError(InvalidRequestError):
    """The SQL may be right in its dialect, and cannot be run by this warehouse, which speaks another."""

    code = "SQL_NOT_SUPPORTED"
    problem: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line}, column {self.column})" if self.line is not None else ""
        return f"{self.problem}{where}; write it otherwise, or try it on Redshift"

    @property
    def details(self) -> dict[str, object]:
        return {"line": self.line, "column": self.column}
