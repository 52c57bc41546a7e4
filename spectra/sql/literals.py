"""Parameters as typed literals: for statements that no driver can bind, such as UNLOAD's and COPY's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import attrs

from spectra.domain import Parameter
from spectra.errors import InvalidSpecError, SqlSyntaxError

__all__ = ["Bound", "bind", "literal", "place"]

# What could be a parameter; the second colon of a cast could not.
_COLON: Final = re.compile(r"(?<!:):[A-Za-z_]")


@attrs.frozen
class Bound:
    """A statement with values in the places of its parameters.

    *spans* has, in order, where each parameter stood in *source* and where its value stands in *text*.
    """

    source: str
    text: str
    spans: tuple[tuple[int, int, int, int], ...] = ()

    def origin(self, offset: int) -> int:
        """Where in `source` the character at *offset* of `text` comes from."""
        shift = 0
        for start, end, text_start, text_end in self.spans:
            if offset < text_start:
                break
            if offset < text_end:
                return start
            shift = end - text_end
        return min(offset + shift, len(self.source))

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column in `source` of the character at *offset* of `text`, both from 1."""
        before = self.source[: self.origin(offset)]
        return before.count("\n") + 1, len(before) - before.rfind("\n")


def bind(sql: str, parameters: Mapping[str, Parameter], dialect: str) -> str:
    """Put *parameters* into the places ``:name`` of *sql*; see `place`."""
    return place(sql, parameters, dialect).text


def place(sql: str, parameters: Mapping[str, Parameter], dialect: str) -> Bound:
    """Put *parameters* as literals where *sql* has ``:name``, outside strings, comments and casts.

    A colon after an operand is not one of ours: array slices, struct fields and prefix aliases stay.

    Raises:
        InvalidSpecError: a name without a value, or a value that is used nowhere.
        SqlSyntaxError: the statement has no tokens that could be told apart.
    """
    if not parameters and not _COLON.search(sql):
        return Bound(sql, sql)
    text: list[str] = []
    spans: list[tuple[int, int, int, int]] = []
    unused = set(parameters)
    done = length = 0
    for name, start, end in _places(sql, dialect):
        if name not in parameters:
            raise InvalidSpecError("parameters", f"has no value for :{name}")
        unused.discard(name)
        before, value = sql[done:start], literal(parameters[name], dialect)
        if _joins(sql[start - 1 : start], value[0]):
            before += " "
        text += before, value
        length += len(before)
        spans.append((start, end, length, length + len(value)))
        length += len(value)
        done = end
        if _joins(value[-1], sql[end : end + 1]):
            text.append(" ")
            length += 1
    if unused:
        raise InvalidSpecError("parameters", f"has {min(unused)}, but the query has no :{min(unused)}")
    return Bound(sql, "".join([*text, sql[done:]]), tuple(spans))


def literal(value: Parameter, dialect: str) -> str:
    """Write *value* in SQL so that it has the type it had in Python."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return _number(str(value))
        case float():
            return f"CAST({_text(float.__repr__(value), dialect)} AS DOUBLE PRECISION)"
        case Decimal():
            return _number(f"{value:f}")
        case datetime():
            if value.tzinfo is None:
                return _instant("TIMESTAMP", value.isoformat(" "), dialect)
            return _instant("TIMESTAMPTZ", value.astimezone(UTC).isoformat(" "), dialect)
        case date():
            return _instant("DATE", value.isoformat(), dialect)
        case str():
            return _text(value, dialect)
    raise InvalidSpecError("parameters", f"cannot have a {type(value).__name__}")


def _number(digits: str) -> str:
    # Without parentheses a - before a negative number would begin a comment.
    return f"({digits})" if digits.startswith("-") else digits


def _instant(kind: str, text: str, dialect: str) -> str:
    # SQLite has no such types; its functions and its data use the text.
    return f"'{text}'" if dialect == "sqlite" else f"{kind} '{text}'"


def _text(value: str, dialect: str) -> str:
    from sqlglot import Dialect

    if "\\" in Dialect.get_or_raise(dialect).tokenizer_class.STRING_ESCAPES:
        value = value.replace("\\", "\\\\")
    return "'" + value.replace("'", "''") + "'"


def _joins(left: str, right: str) -> bool:
    """Whether two characters side by side would read as one word."""
    return bool(left and right) and (left.isalnum() or left in "_'$") and (right.isalnum() or right in "_'$")


def _places(sql: str, dialect: str) -> list[tuple[str, int, int]]:
    """Names, starts and ends of the parameters in *sql*."""
    from sqlglot import TokenType, tokenize
    from sqlglot.errors import SqlglotError

    operands = {
        TokenType.VAR,
        TokenType.IDENTIFIER,
        TokenType.NUMBER,
        TokenType.STRING,
        TokenType.R_PAREN,
        TokenType.R_BRACKET,
    }
    try:
        tokens = tokenize(sql, read=dialect)
    except SqlglotError as exc:
        raise SqlSyntaxError("a quote or a comment is not closed") from exc
    found = []
    for before, colon, name in zip([None, *tokens], tokens, tokens[1:], strict=False):
        if (
            colon.token_type is TokenType.COLON
            and name.start == colon.end + 1
            and name.text.isascii()
            and name.text.isidentifier()
            and name.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
            and (before is None or before.token_type not in operands)
        ):
            found.append((name.text, colon.start, name.end + 1))
    return found
