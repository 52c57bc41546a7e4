"""Where two readers of one text could disagree about words, quoted texts and comments.

The guard judges what sqlglot has read. A database that ends a comment or a quoted text elsewhere would run
something else; so what could be read in two ways is refused, whoever is right.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token

__all__ = ["ambiguous"]

# What may stand between words: plain spaces, comments to the end of a line, comments with none inside.
_GAP: Final = re.compile(
    r"(?:[ \t\n\f\r]|--[^\r\n]*(?=[\r\n]|\Z)|/\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/)*+", re.DOTALL
)
_UNUSUAL: Final = re.compile(r"[^\t\n\f\r -~]")
_QUOTES: Final = "'\"`[$"
# A backslash before a quote, unless it is the second of a pair.
_ESCAPED_QUOTE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\'")


def ambiguous(text: str, tokens: list[Token], dialect: str) -> tuple[int, str] | None:
    """The first place in *text* that could be read in two ways, and what is wrong there."""
    return next(_found(text, tokens, dialect), None)


def _found(text: str, tokens: list[Token], dialect: str) -> Iterator[tuple[int, str]]:
    unusual = _UNUSUAL.search(text) is not None
    nul = text.find("\0") if unusual else -1
    if nul >= 0:
        yield nul, "a NUL character ends the statement for some readers"
    done = 0
    for token in tokens:
        start, end = token.start, token.end + 1
        gap = text[done:start]
        if gap and gap != " ":
            yield from _in_gap(gap, done)
        done = end
        if unusual or token.text == "" or text[start] in _QUOTES or text[end - 1] == "'":
            yield from _in_word(text[start:end], start, dialect)
    yield from _in_gap(text[done:], done)


def _in_gap(gap: str, offset: int) -> Iterator[tuple[int, str]]:
    matched = _GAP.match(gap)
    assert matched is not None
    if matched.end() < len(gap):
        yield offset + matched.end(), "a space or a comment is not one to every reader"


def _in_word(word: str, offset: int, dialect: str) -> Iterator[tuple[int, str]]:
    if word.startswith("$") and len(word) > 1:
        tag, closed, _ = word[1:].partition("$")
        if not closed or tag[:1].isdigit() or not all(map(_in_names, tag)):
            yield offset, "a dollar sign begins neither a name nor a quoted text"
    elif word.endswith("'"):
        if dialect == "redshift" and (escaped := _ESCAPED_QUOTE.search(word)):
            yield (
                offset + escaped.start(),
                "a backslash before a quote is read in two ways; double the backslash",
            )
    elif not word.startswith(tuple(_QUOTES)):
        bad = next((i for i, char in enumerate(word) if _UNUSUAL.match(char) and not _in_names(char)), None)
        if bad is not None:
            yield offset + bad, "a character outside of quotes is no letter"


def _in_names(char: str) -> bool:
    """Whether every reader takes *char* for a part of a name without quotes: no space, however it is called."""
    if char.isascii():
        return char.isalnum() or char == "_"
    return unicodedata.category(char)[0] not in "CZ"
