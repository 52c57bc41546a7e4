"""Taking apart the statements that the local Redshift runs itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from spectra.testing.redshift.texts import error

__all__ = ["Copy", "Token", "Unload", "copy", "first_word", "tokens", "unload", "without_comments"]

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<dollar>\$(?P<tag>\w*)\$(?P<inside>.*?)\$(?P=tag)\$)
  | (?P<text>'(?:[^'\\]|''|\\.)*')
  | (?P<name>"(?:[^"]|"")*")
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_RAW_TEXT: Final = re.compile(_TOKEN.pattern.replace(r"(?:[^'\\]|''|\\.)", r"(?:[^']|'')"), _TOKEN.flags)
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_FORMATS: Final = ("CSV", "PARQUET", "JSON")
_PACKED: Final = ("GZIP", "BZIP2", "ZSTD")


@attrs.frozen
class Token:
    """A piece of a statement: its kind, its text, its value."""

    kind: str
    text: str
    value: str
    start: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these, which are upper case."""
        return self.kind == "word" and self.text.upper() in words


def tokens(sql: str, *, escapes: bool = True) -> list[Token]:
    """The pieces of *sql*, without spaces and comments; *escapes*: a backslash in a text escapes."""
    found = []
    for match in (_TOKEN if escapes else _RAW_TEXT).finditer(sql):
        kind = match.lastgroup or ""
        kind = "dollar" if match["dollar"] is not None else kind
        if kind == "space":
            continue
        text, value = match[0], match[0]
        if kind == "dollar":
            kind, value = "text", match["inside"]
        elif kind == "text":
            value = _unescaped(text[1:-1]) if escapes else text[1:-1].replace("''", "'")
        elif kind == "name":
            value = text[1:-1].replace('""', '"')
        elif kind == "word":
            value = text.lower()
        found.append(Token(kind, text, value, match.start()))
    return found


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        found = match[0]
        if found == "''":
            return "'"
        rest = found[1:]
        return chr(int(rest, 8)) if rest[0] in "01234567" else _ESCAPES.get(rest, rest)

    return re.sub(r"''|\\[0-7]{1,3}|\\.", one, text, flags=re.DOTALL)


def first_word(sql: str) -> str:
    """The first word of *sql*, in upper case."""
    for match in _TOKEN.finditer(sql):
        if match.lastgroup != "space":
            return match[0].upper()
    return ""


def without_comments(sql: str) -> str:
    """*sql* with a blank for each comment."""
    return "".join(
        " " if match["space"] is not None and not match[0].isspace() else match[0]
        for match in _TOKEN.finditer(sql)
    )


@attrs.define
class _Options:
    format: str = "TEXT"
    packed: str = "NONE"
    delimiter: str | None = None
    header: bool = False
    null: str | None = None
    manifest: bool = False
    verbose: bool = False


@attrs.define
class Unload(_Options):
    """An UNLOAD, taken apart."""

    query: str = ""
    target: str = ""
    parallel: bool = True
    overwrite: bool = False
    max_bytes: int = 6_200_000_000
    extension: str | None = None


@attrs.define
class Copy(_Options):
    """A COPY, taken apart."""

    table: str = ""
    columns: tuple[str, ...] | None = None
    source: str = ""
    quote: str = '"'
    ignore_header: int = 0
    empty_as_null: bool = False
    blanks_as_null: bool = False
    max_errors: int = 0
    json: str = "auto"
    no_load: bool = False
    ignore_blank: bool = False


class _Reader:
    def __init__(self, found: list[Token], at: int) -> None:
        self.tokens, self.at = found, at

    @property
    def now(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def word(self, *words: str) -> bool:
        if self.now is not None and self.now.is_word(*words):
            self.at += 1
            return True
        return False

    def sign(self, text: str) -> bool:
        if self.now is not None and self.now.kind == "sign" and self.now.text == text:
            self.at += 1
            return True
        return False

    def need(self, *kinds: str) -> Token:
        token = self.now
        if token is None or token.kind not in kinds:
            raise self.wrong()
        self.at += 1
        return token

    def text(self) -> str:
        self.word("AS")
        return self.need("text").value

    def wrong(self) -> Exception:
        return error("syntax", near=self.now.text if self.now is not None else ";")

    def common(self, options: _Options) -> bool:
        """Take an option that both statements have."""
        if self.word("FORMAT"):
            self.word("AS")
            if not (self.now and self.now.is_word(*_FORMATS)):
                raise self.wrong()
            return True
        for name in _FORMATS:
            if self.word(name):
                options.format = name
                return True
        for name in _PACKED:
            if self.word(name):
                options.packed = name
                return True
        if self.word("DELIMITER"):
            options.delimiter = self.text()
        elif self.word("NULL"):
            options.null = self.text()
        elif self.word("MANIFEST"):
            options.manifest, options.verbose = True, self.word("VERBOSE")
        elif self.word("REGION"):
            self.text()
        elif self.word("IAM_ROLE"):
            if not self.word("DEFAULT"):
                self.text()
        else:
            return False
        return True


def unload(sql: str, *, escapes: bool) -> Unload:
    """Take an UNLOAD apart.

    Raises:
        ServerError: it is none.
    """
    reader = _Reader(tokens(sql, escapes=escapes), 1)
    found = Unload()
    if not reader.sign("("):
        raise reader.wrong()
    found.query = reader.need("text").value
    if not (reader.sign(")") and reader.word("TO")):
        raise reader.wrong()
    found.target = reader.text()
    for _ in _while(reader):
        if reader.common(found):
            continue
        if reader.word("HEADER"):
            found.header = True
        elif reader.word("ALLOWOVERWRITE", "CLEANPATH"):
            found.overwrite = True
        elif reader.word("PARALLEL"):
            found.parallel = not reader.word("OFF", "FALSE")
            if found.parallel:
                reader.word("ON", "TRUE")
        elif reader.word("MAXFILESIZE"):
            reader.word("AS")
            size = float(reader.need("number").value)
            found.max_bytes = int(size * (1_000_000_000 if reader.word("GB") else 1_000_000))
            reader.word("MB")
        elif reader.word("EXTENSION"):
            found.extension = reader.text()
        elif reader.word("ENCRYPTED"):
            reader.word("AUTO")
        elif reader.word("KMS_KEY_ID"):
            reader.text()
        else:
            raise reader.wrong()
    if found.format == "JSON" and (found.header or found.delimiter or found.null is not None):
        raise error("syntax", near="JSON")
    if found.format == "PARQUET" and (found.header or found.packed != "NONE" or found.null is not None):
        raise error("syntax", near="PARQUET")
    return found


def copy(sql: str, *, escapes: bool = True) -> Copy:
    """Take a COPY apart.

    Raises:
        ServerError: it is none.
    """
    reader = _Reader(tokens(sql, escapes=escapes), 1)
    found = Copy()
    names = [reader.need("name", "word")]
    while reader.sign("."):
        names.append(reader.need("name", "word"))
    found.table = ".".join(token.text for token in names)
    if reader.sign("("):
        columns = [reader.need("name", "word").value]
        while reader.sign(","):
            columns.append(reader.need("name", "word").value)
        found.columns = tuple(columns)
        if not reader.sign(")"):
            raise reader.wrong()
    if not reader.word("FROM"):
        raise reader.wrong()
    found.source = reader.text()
    for _ in _while(reader):
        if reader.common(found):
            if found.format == "JSON" and (reader.word("AS") or (reader.now and reader.now.kind == "text")):
                found.json = reader.text()
            continue
        if reader.word("QUOTE"):
            found.quote = reader.text()
        elif reader.word("IGNOREHEADER"):
            reader.word("AS")
            found.ignore_header = int(reader.need("number").value)
        elif reader.word("MAXERROR"):
            reader.word("AS")
            found.max_errors = int(reader.need("number").value)
            if found.format == "PARQUET":
                raise error("maxerror", format="PARQUET")
        elif reader.word("EMPTYASNULL"):
            found.empty_as_null = True
        elif reader.word("BLANKSASNULL"):
            found.blanks_as_null = True
        elif reader.word("IGNOREBLANKLINES"):
            found.ignore_blank = True
        elif reader.word("NOLOAD"):
            found.no_load = True
        elif reader.word("COMPUPDATE", "STATUPDATE"):
            reader.word("ON", "OFF", "PRESET", "TRUE", "FALSE")
        elif reader.word("DATEFORMAT", "TIMEFORMAT", "ENCODING"):
            reader.word("AS")
            if not reader.word("UTF8"):
                reader.text()
        else:
            raise reader.wrong()
    if found.format == "JSON" and (found.ignore_header or found.delimiter or found.null is not None):
        raise error("syntax", near="JSON")
    return found


def _while(reader: _Reader) -> Iterator[None]:
    while reader.now is not None and not reader.sign(";"):
        yield
