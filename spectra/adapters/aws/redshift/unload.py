"""Exports as UNLOAD statements.

An UNLOAD has its query inside a literal, so that it is parsed twice; nobody could say whether a
backslash in it escapes. So none is left: texts that have one are written with ``CHR(92)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.domain import Column, Compression, ContentType, ExportSpec
from spectra.errors import InvalidSpecError, SqlSyntaxError
from spectra.sql.identifiers import quote
from spectra.sql.literals import bind

__all__ = ["Query", "describe", "text", "unload"]

PREFIX: Final = "part-"
MANIFEST: Final = "part-manifest"
_ESCAPE: Final = re.compile(r"''|\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LIMITS: Final = {"LIMIT", "OFFSET", "FETCH", "TOP"}
_SETS: Final = {"UNION", "INTERSECT", "EXCEPT", "MINUS"}
_AFTER_ORDER: Final = {"LIMIT", "OFFSET", "FETCH", "FOR"}
_BOOLEAN: Final = "boolean"


def text(value: str) -> str:
    """A literal for statements that are not parsed twice: locations, roles, tokens."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    return "'" + value.replace("'", "''") + "'"


@attrs.frozen
class _Token:
    kind: str
    text: str
    word: str
    start: int
    end: int
    depth: int


@attrs.frozen
class Query:
    """The query of an export: parameters put in as typed literals, no backslash, no comment at its end."""

    sql: str
    _tokens: tuple[_Token, ...] = attrs.field(repr=False)

    @classmethod
    def of(cls, spec: ExportSpec) -> Query:
        """The query of *spec*.

        Raises:
            InvalidSpecError: a parameter without a value, or a value that is used nowhere.
            SqlSyntaxError: a quote or a comment that is not closed, a backslash in a name.
        """
        sql = _plain(bind(spec.query, spec.parameters, "redshift"))
        found = _tokenize(sql)
        while found and found[-1].text == ";":
            found.pop()
        if not found:
            raise SqlSyntaxError("the query says nothing")
        return cls(sql[: found[-1].end], tuple(found))

    def top(self) -> list[_Token]:
        """The pieces that stand in no parentheses."""
        return [token for token in self._tokens if token.depth == 0]

    @property
    def limited(self) -> bool:
        """Whether it has a LIMIT, TOP or the like outside of every parenthesis."""
        return any(token.word in _LIMITS for token in self.top())

    @property
    def _start(self) -> int:
        return next(
            (i for i, token in enumerate(self._tokens) if token.depth == 0 and token.word == "SELECT"), 0
        )

    def order(self) -> list[tuple[list[_Token], str]]:
        """What it is ordered by, outside of every parenthesis: pieces, and what follows them (DESC, NULLS LAST)."""
        tokens = self._tokens
        at = next(
            (
                i + 2
                for i, token in enumerate(tokens[:-1])
                if (token.depth == 0 and token.word == "ORDER BY")
                or (token.depth == 0 and token.word == "ORDER" and tokens[i + 1].word == "BY")
            ),
            None,
        )
        if at is None:
            return []
        if tokens[at - 2].word == "ORDER BY":
            at -= 1
        items: list[list[_Token]] = [[]]
        for token in tokens[at:]:
            if token.depth == 0 and token.word in _AFTER_ORDER:
                break
            if token.depth == 0 and token.text == ",":
                items.append([])
            else:
                items[-1].append(token)
        return [_direction(item) for item in items if item]

    def wrapped(self, columns: Sequence[Column], *, ordered: bool, spec: ExportSpec) -> str:
        """The query inside another SELECT, which may have no LIMIT; *ordered*: in the same order.

        The columns are as *spec* has them in files, as far as UNLOAD does not see to that itself.

        Raises:
            SqlSyntaxError: the order cannot be said outside.
        """
        names = [f"c{i}" for i in range(1, len(columns) + 1)]
        chosen = ", ".join(
            f"{_value(name, column, spec)} AS {quote(column.name)}"
            for name, column in zip(names, columns, strict=True)
        )
        inner, order = self.sql, ""
        if ordered:
            keys: list[str] = []
            hidden: list[str] = []
            for item, rest in self.order():
                place = _output(item, columns)
                if place is None:
                    hidden.append(self.sql[item[0].start : item[-1].end])
                    place = f"o{len(hidden)}"
                    names.append(place)
                keys.append(f"{place}{rest}")
            inner = self._with(hidden)
            order = f" ORDER BY {', '.join(keys)}" if keys else ""
        return f"SELECT {chosen} FROM (\n{inner}\n) AS q ({', '.join(names)}){order}"

    def _with(self, hidden: list[str]) -> str:
        if not hidden:
            return self.sql
        top = self.top()
        start = self._tokens[self._start]
        after = [token for token in top if token.start > start.start]
        if any(token.word in _SETS or token.word == "DISTINCT" for token in after):
            raise SqlSyntaxError(
                "a single file keeps its order together with a LIMIT only by columns that are selected; "
                "order by their names or numbers"
            )
        ending = next(token for token in after if token.word in ("FROM", "WHERE", "ORDER", "ORDER BY"))
        more = "".join(f", {expression}" for expression in hidden)
        return f"{self.sql[: ending.start].rstrip()}{more} {self.sql[ending.start :]}"


def describe(query: Query) -> str:
    """A statement that has the columns of *query*, and no rows."""
    return f"SELECT * FROM (\n{query.sql}\n) AS q LIMIT 0"


def unload(
    spec: ExportSpec, query: Query, columns: Sequence[Column], location: str, options: RedshiftOptions
) -> str:
    """The statement that writes the rows of *query* into files below *location*, with a manifest.

    Raises:
        SqlSyntaxError: what was asked for cannot be said.
        InvalidSpecError: columns that a file of this kind cannot have.
    """
    names = [column.name for column in columns]
    if spec.content_type is not ContentType.CSV and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidSpecError("query", f"has two columns {twice!r}; give them different names")
    ordered = spec.single_file and bool(query.order())
    if query.limited or any(_value("", column, spec) for column in columns):
        sql = query.wrapped(columns, ordered=ordered, spec=spec)
    else:
        sql = query.sql
    said = [
        f"UNLOAD ('{sql.replace(_QUOTE, _QUOTE * 2)}\n')",
        f"TO {text(location + PREFIX)}",
        options.authorization(),
        f"FORMAT AS {spec.content_type}",
    ]
    if spec.content_type is ContentType.CSV:
        said.append(f"DELIMITER AS {text(spec.delimiter)}")
        if spec.header:
            said.append("HEADER")
        if spec.null_token is not None and "\\" not in spec.null_token:
            said.append(f"NULL AS {text(spec.null_token)}")
    if spec.compression is not Compression.NONE:
        said.append(str(spec.compression))
    said.append("MANIFEST VERBOSE")
    said.append("PARALLEL OFF" if spec.single_file else f"MAXFILESIZE {options.max_file_mb} MB")
    return "\n".join([*said, *options.placement()])


_QUOTE: Final = "'"


def _value(name: str, column: Column, spec: ExportSpec) -> str:
    """The column *name* as files have it; without a name, only whether that differs."""
    boolean = column.type == _BOOLEAN
    if spec.content_type is ContentType.JSON and boolean:
        # UNLOAD writes booleans as t and f; as SUPER they are what JSON has for them.
        return f"CASE WHEN {name} THEN JSON_PARSE('true') WHEN NOT {name} THEN JSON_PARSE('false') END"
    if spec.content_type is ContentType.CSV and spec.null_token is not None and "\\" in spec.null_token:
        # How UNLOAD reads a backslash in its own options nobody could say.
        shown = f"CASE WHEN {name} THEN 't' WHEN NOT {name} THEN 'f' END" if boolean else _cast(name)
        return f"COALESCE({shown}, {_without_backslash(spec.null_token)})"
    return name


def _cast(name: str) -> str:
    return f"CAST({name} AS VARCHAR(65535))"


def _output(item: list[_Token], columns: Sequence[Column]) -> str | None:
    """The outer name of what the query is ordered by, if it is one of its columns."""
    if len(item) != 1:
        return None
    (token,) = item
    if token.kind == "NUMBER" and token.text.isdigit() and 0 < int(token.text) <= len(columns):
        return f"c{token.text}"
    if token.kind == "name":
        name = token.text[1:-1].replace('""', '"').lower()
    elif token.kind == "word":
        name = token.text.lower()
    else:
        return None
    found = [i for i, column in enumerate(columns, 1) if column.name.lower() == name]
    return f"c{found[0]}" if len(found) == 1 else None


def _direction(item: list[_Token]) -> tuple[list[_Token], str]:
    at = len(item)
    while at > 1 and item[at - 1].word in (
        "ASC",
        "DESC",
        "FIRST",
        "LAST",
        "NULLS",
        "NULLS FIRST",
        "NULLS LAST",
    ):
        at -= 1
    return item[:at], "".join(f" {token.word}" for token in item[at:])


def _tokenize(sql: str) -> list[_Token]:
    from sqlglot import TokenType, tokenize
    from sqlglot.errors import SqlglotError

    try:
        found = tokenize(sql, read="redshift")
    except SqlglotError as exc:
        raise SqlSyntaxError("a quote or a comment is not closed") from exc
    tokens, depth = [], 0
    for token in found:
        source = sql[token.start : token.end + 1]
        depth -= token.token_type is TokenType.R_PAREN
        match token.token_type:
            case TokenType.STRING | TokenType.HEREDOC_STRING | TokenType.RAW_STRING:
                kind = "text"
            case TokenType.NUMBER:
                kind = "NUMBER"
            case TokenType.IDENTIFIER:
                kind = "name"
            case _:
                kind = "word" if source[:1].isidentifier() else "sign"
        word = " ".join(source.upper().split()) if kind == "word" else ""
        tokens.append(_Token(kind, source, word, token.start, token.end + 1, depth))
        depth += token.token_type is TokenType.L_PAREN
    return tokens


def _plain(sql: str) -> str:
    """*sql* without backslashes, and with its comments left out."""
    out, done = [], 0
    for token in _tokenize(sql):
        gap = sql[done : token.start]
        out.append(gap if not gap.strip() else "\n" if "\n" in gap else " ")
        done = token.end
        out.append(_piece(token))
    return "".join(out)


def _piece(token: _Token) -> str:
    source = token.text
    if token.kind == "text" and not source.startswith("'"):
        inside = source.split("$", 2)[2].rsplit("$", 2)[0]
        return _without_backslash(inside)
    if "\\" not in source:
        return source
    if token.kind != "text":
        raise SqlSyntaxError("a backslash stands outside of a text; Redshift's UNLOAD cannot take it")
    return _without_backslash(_ESCAPE.sub(_unescaped, source[1:-1]))


def _unescaped(match: re.Match[str]) -> str:
    escaped = match[1]
    if escaped is None:
        return "'"
    return chr(int(escaped, 8)) if escaped[0] in "01234567" else _ESCAPES.get(escaped, escaped)


def _without_backslash(value: str) -> str:
    pieces = ["'" + piece.replace("'", "''") + "'" for piece in value.split("\\")]
    return pieces[0] if len(pieces) == 1 else "(" + " || CHR(92) || ".join(pieces) + ")"
