"""The row limit: put into the statement itself, so that the warehouse stops as well.

Only the number of a limit is changed, or a clause added; all else of the text stays as it is, byte for byte.
"""

from __future__ import annotations

from typing import Final

import attrs

from spectra.errors import InvalidSpecError, SqlSyntaxError

__all__ = ["limit_rows"]

_DIALECTS: Final = frozenset({"duckdb", "postgres", "redshift", "sqlite"})
_SETS: Final = frozenset({"UNION", "INTERSECT", "EXCEPT", "MINUS"})
_CEILINGS: Final = frozenset({"LIMIT", "FETCH", "TOP"})


def limit_rows(sql: str, limit: int, dialect: str) -> str:
    """Write *sql* so that it gives at most *limit* rows: the first ones that it would have given, in their order.

    A smaller limit of its own stays, a larger one gets the number, ``LIMIT ALL`` and ``LIMIT NULL`` as well; a
    statement without one gets a LIMIT after its last word, before comments and semicolons at the end. Limits inside of
    subqueries, of CTEs and of the arms of UNION stay as they are.

    Where that cannot be done exactly, *sql* comes back unchanged: a limit that is an expression, a share or a
    placeholder, WITH TIES, an outer clause around a limit in parentheses, VALUES in SQLite, any dialect but
    Redshift's, PostgreSQL's, DuckDB's and SQLite's. So who fetches must stop after *limit* rows all the same.

    *sql* is one statement with its values in it, as `bind` makes it, that `check_read` has passed.

    Raises:
        InvalidSpecError: *limit* is negative.
        SqlSyntaxError: a quote is not closed.
    """
    if limit < 0:
        raise InvalidSpecError("limit", "must be 0 or more")
    if dialect not in _DIALECTS:
        return sql
    words = _words(sql, dialect)
    while words and words[-1].text == ";":
        words.pop()
    edit = _edit(words, limit, dialect)
    return sql if edit is None else f"{sql[: edit.start]}{edit.text}{sql[edit.end :]}"


@attrs.frozen
class _Word:
    """A token: its *text*, in capitals, and empty if it is quoted; its *number*, if it is a whole one."""

    text: str
    number: int | None
    start: int
    end: int
    depth: int


@attrs.frozen
class _Edit:
    """*text* to put where *start* to *end* is now."""

    text: str
    start: int
    end: int


@attrs.frozen
class _Ceiling:
    """A limit: where its number stands, if it is written, and what it is; None is no limit at all."""

    start: int
    end: int
    value: int | None


def _words(sql: str, dialect: str) -> list[_Word]:
    from sqlglot import TokenType, tokenize
    from sqlglot.errors import SqlglotError

    try:
        tokens = tokenize(sql, read=dialect)
    except SqlglotError:
        raise SqlSyntaxError("a quote or a comment is not closed") from None
    words, depth = [], 0
    for token in tokens:
        quoted = sql[token.end] == "'" or (sql[token.start] in '"`[$' and token.end > token.start)
        text = "" if quoted else token.text.upper()
        whole = token.token_type is TokenType.NUMBER and text.isascii() and text.isdigit()
        depth -= text in (")", "]", "}")
        number = int(text.lstrip("0")[:19] or 0) if whole else None
        words.append(_Word(text, number, token.start, token.end + 1, depth))
        depth += text in ("(", "[", "{")
    return words


def _edit(words: list[_Word], limit: int, dialect: str) -> _Edit | None:
    """What makes the query of *words* give at most *limit* rows; None if nothing does, or it is so already."""
    body = words[_begin(words) :]
    if not body:
        return None
    outer = [i for i, word in enumerate(body) if word.depth == body[0].depth]
    sets = [i for i in outer if body[i].text in _SETS]
    if body[0].text == "(" and not sets:
        close = outer[1]
        if close == len(body) - 1:
            return _edit(body[1:close], limit, dialect)
    found = [_ceiling(body, i, dialect) for i in outer if _is_ceiling(body, i, dialect, sets)]
    if not found:
        return _added(body, sets, limit, dialect)
    ceiling = found[0]
    if len(found) > 1 or ceiling is None or (ceiling.value is not None and ceiling.value <= limit):
        return None
    return _Edit(str(limit), ceiling.start, ceiling.end) if ceiling.start < ceiling.end else None


def _begin(words: list[_Word]) -> int:
    """Where the query begins, after the list of its CTEs."""
    if not words or words[0].text != "WITH":
        return 0
    depth, at = words[0].depth, 0
    while at < len(words):
        # The name, its columns, AS, and what may stand before the parenthesis.
        at = next((i for i in range(at, len(words)) if words[i].depth == depth and words[i].text == "AS"), -1)
        if at < 0:
            return 0
        at = (
            next((i for i in range(at, len(words)) if words[i].depth == depth and words[i].text == ")"), -1)
            + 1
        )
        if at == 0 or at == len(words):
            return 0
        if words[at].text != ",":
            return at
    return 0


def _is_ceiling(body: list[_Word], at: int, dialect: str, sets: list[int]) -> bool:
    before = body[at - 1].text if at else ""
    following = body[at + 1].text if at + 1 < len(body) else ""
    match body[at].text:
        case "LIMIT":
            return before not in (".", "AS")
        case "FETCH":
            return before not in (".", "AS") and following in ("FIRST", "NEXT")
        case "TOP":
            # Between the arms of a set operation it limits one of them.
            return dialect == "redshift" and before in ("SELECT", "ALL", "DISTINCT") and not sets
        case _:
            return False


def _ceiling(body: list[_Word], at: int, dialect: str) -> _Ceiling | None:
    """The limit whose keyword is at *at*; None if its number cannot be told, or changed."""
    match body[at].text:
        case "TOP":
            return _top(body[at + 1 : at + 3])
        case "FETCH":
            return _fetch(body, at + 2)
    if any(word.text in _SETS and word.depth == body[at].depth for word in body[at:]):
        return None
    if dialect == "sqlite" and body[at + 2 : at + 3] and body[at + 2].text == ",":
        at += 2  # LIMIT offset, count
    return _count(body, at + 1, dialect)


def _count(body: list[_Word], at: int, dialect: str) -> _Ceiling | None:
    words = body[at : at + 3]
    if dialect == "sqlite" and len(words) > 1 and words[0].text == "-" and words[1].number is not None:
        first, last, value = words[0], words[1], None
    elif words and words[0].number is not None:
        first, last, value = words[0], words[0], words[0].number
    elif words and words[0].text in ("ALL", "NULL") and dialect != "sqlite":
        first, last, value = words[0], words[0], None
    else:
        return None
    after = body[at + (1 if first is last else 2) :]
    if after and after[0].text not in ("OFFSET", "FOR"):
        return None
    return _Ceiling(first.start, last.end, value)


def _top(words: list[_Word]) -> _Ceiling | None:
    if len(words) < 2 or words[0].number is None or words[1].text in ("PERCENT", "WITH"):
        return None
    return _Ceiling(words[0].start, words[0].end, words[0].number)


def _fetch(body: list[_Word], at: int) -> _Ceiling | None:
    """``FETCH FIRST [n] ROWS ONLY`` from its number on."""
    words = body[at : at + 3]
    number = words[0].number if words else None
    if number is None:
        number, place = 1, None
    else:
        place = words.pop(0)
    if [word.text for word in words[:2]] not in (["ROW", "ONLY"], ["ROWS", "ONLY"]):
        return None
    return _Ceiling(0, 0, number) if place is None else _Ceiling(place.start, place.end, number)


def _added(body: list[_Word], sets: list[int], limit: int, dialect: str) -> _Edit | None:
    last_arm = body[sets[-1] + 1 :] if sets else body
    values = next((word.text for word in last_arm if word.text not in ("ALL", "DISTINCT")), "") == "VALUES"
    if dialect == "sqlite" and values:
        return None
    if body[0].text == "(" and not sets and any(word.text in _CEILINGS for word in body):
        return None  # Whether the outer clause or the inner limit comes first is told by no grammar.
    return _Edit(f" LIMIT {limit}", body[-1].end, body[-1].end)
