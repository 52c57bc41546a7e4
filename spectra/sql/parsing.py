"""A statement as sqlglot's tree, together with what its parser read on the way there.

sqlglot is made to translate SQL: it passes on what it does not know, and some of its readings drop a part of
what they have read. So its parser is watched while it reads: each call of a function and each table is
noted with its place, whatever becomes of it in the tree.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import attrs

from spectra.errors import NotConfiguredError, SqlSyntaxError
from spectra.sql.literals import Bound

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

__all__ = ["Call", "Parsed", "Refusal", "parse"]

# In an honest statement the parser goes back over each token some times. Where it tries two readings at every
# level of a nesting, it goes back twice as far for each level more.
_BACK_PER_TOKEN: Final = 40
_BACK: Final = 10_000
_BACK_PER_COPY: Final = 10


class Refusal(Exception):
    """Raised inside the guard: what is refused, and the offset of it in the bound text, where known."""

    def __init__(self, reason: str, problem: str, offset: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.problem = problem
        self.offset = offset


@attrs.frozen
class Call:
    """A function as it is called: the parts of its name, and whether each was quoted; where it begins.

    What stands before a dot may be a schema, or a value whose method is called. A *source* stands where a table
    could.
    """

    path: tuple[tuple[str, bool], ...]
    offset: int
    source: bool


@attrs.frozen
class Parsed:
    """One statement: its *tree* and *tokens*, and the *calls* and *tables* that were read, by offset."""

    tree: exp.Expr
    tokens: list[Token]
    calls: dict[int, Call]
    tables: dict[int, exp.Table]


def parse(bound: Bound, dialect: str) -> Parsed:
    """Read the one statement of *bound*.

    Raises:
        Refusal: a kind of statement that sqlglot does not know, several statements, one nested too deeply.
        RecursionError: one nested too deeply.
        SqlSyntaxError: it does not parse; with the parser's position.
        NotConfiguredError: sqlglot is here in its compiled form, or in a version that cannot be watched.
    """
    from sqlglot import Dialect, exp
    from sqlglot.errors import ParseError, TokenError

    spoken = Dialect.get_or_raise(dialect)
    # Subscripts would be rewritten, in a time that grows with the square of their number.
    spoken.INDEX_OFFSET = 0
    # A path into JSON that sqlglot cannot read would be logged.
    spoken.STRICT_JSON_PATH_SYNTAX = False
    try:
        tokens = spoken.tokenize(bound.text)
    except TokenError:
        raise SqlSyntaxError("a quote or a comment is not closed") from None
    parser = _watched(type(spoken))(dialect=spoken)
    parser.back_left = _BACK + _BACK_PER_TOKEN * len(tokens)
    try:
        statements = parser.parse(tokens, bound.text)
    except ParseError:
        raise parser.failure(bound) from None
    except (Refusal, RecursionError, NotConfiguredError):
        raise
    except Exception:
        # sqlglot stumbles over some texts: an index out of range, an attribute of None.
        raise SqlSyntaxError("it does not parse") from None
    found = [s for s in statements if s is not None and not isinstance(s, exp.Semicolon)]
    if not found:
        raise SqlSyntaxError("there is no statement in it")
    if len(found) > 1:
        raise Refusal("statements", f"there are {len(found)} statements", found[1].meta.get("start"))
    return Parsed(found[0], tokens, parser.calls, parser.tables)


@functools.cache
def _watched(dialect: type) -> Any:
    import sqlglot.parser
    from sqlglot.tokenizer_core import TokenType

    if not str(sqlglot.parser.__file__).endswith(".py"):
        raise NotConfiguredError(
            "sqlglot's compiled parser cannot be watched, and a nested statement can crash the process in it;"
            " pip uninstall sqlglotc"
        )
    base: Any = dialect.parser_class  # type: ignore[attr-defined]

    class Watched(base):  # type: ignore[misc]
        """Notes what it reads, refuses what it does not know, and gives up where reading would take minutes."""

        SUPPORTS_IMPLICIT_UNNEST = False  # A table is a table, whatever it is an alias of.

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.back_left = 0
            self.begun = 0
            self.column = 0
            self.failed = ("", 0)
            self.calls: dict[int, Call] = {}
            self.tables: dict[int, exp.Table] = {}
            self.sources: set[int] = set()

        def _warn_unsupported(self) -> None:
            # sqlglot would log the statement, and pass it on unparsed.
            raise Refusal("statement", "this kind of statement is not allowed", self.begun)

        def raise_error(self, message: str, *args: Any) -> None:
            token = next((t for t in (*args, self._curr, self._prev) if t), None)
            self.failed = (message, 0 if token is None else token.start)
            super().raise_error(message, *args)

        def failure(self, bound: Bound) -> SqlSyntaxError:
            message, offset = self.failed
            missing = message.startswith("Required keyword")
            problem = "something is missing after this" if missing else "this was not expected here"
            return SqlSyntaxError(problem, *bound.position(offset))

        def _retreat(self, index: int) -> None:
            self._tire(self._index - index)
            super()._retreat(index)

        def _tire(self, by: int) -> None:
            self.back_left -= by
            if self.back_left < 0:
                raise Refusal("too_deep", "the SQL is nested too deeply")

        def _parse_statement(self) -> Any:
            outer, self.begun = self.begun, self._curr.start
            found = super()._parse_statement()
            if found is not None:
                found.meta["start"] = self.begun
            self.begun = outer
            return found

        def _parse_with(self, *args: Any, **options: Any) -> Any:
            found = super()._parse_with(*args, **options)
            if found is not None:
                # Nested lists are merged into one, which is then recursive altogether.
                for cte in found.expressions:
                    cte.meta.setdefault("recursive", bool(found.args.get("recursive")))
            return found

        def _parse_column(self) -> Any:
            outer, self.column = self.column, self._index
            found = super()._parse_column()
            self.column = outer
            return found

        def _parse_function_call(self, *args: Any, **options: Any) -> Any:
            index = self._index
            if index and self._tokens[index - 1].token_type is TokenType.DOT:
                # For each method in a chain all before it is copied.
                self._tire(_BACK_PER_COPY * (index - self.column))
            found = super()._parse_function_call(*args, **options)
            if found is not None:
                names = _names(self._tokens, index)
                path = tuple((name.text, name.token_type is TokenType.IDENTIFIER) for name in names)
                start = names[0].start
                self.calls[self._tokens[index].start] = Call(path, start, start in self.sources)
            return found

        def _parse_lateral(self) -> Any:
            if self._curr.token_type is TokenType.LATERAL:
                self.sources.add(self._next.start)
            return super()._parse_lateral()

        def _parse_table_parts(self, *args: Any, **options: Any) -> Any:
            start, value = self._curr.start, self._prev.token_type is TokenType.UNPIVOT
            self.sources.add(start)
            found = super()._parse_table_parts(*args, **options)
            if found is not None and not value:
                self.tables[start] = found
            return found

        def _parse_derived_table_values(self, *args: Any, **options: Any) -> Any:
            at = self._index + (self._curr.token_type is TokenType.L_PAREN)
            named = TokenType.IDENTIFIER
            words = [t.text.upper() for t in self._tokens[at : at + 2] if t.token_type is not named]
            if words == ["FORMAT", "VALUES"] or (words[:1] == ["VALUES"] and words[1:] != ["("]):
                # Perhaps tables of these names, and others behind them, which sqlglot takes for values.
                raise Refusal(
                    "unknown", "VALUES without parentheses is not known to be safe", self._curr.start
                )
            return super()._parse_derived_table_values(*args, **options)

        def _parse_locks(self) -> Any:
            return _placed(super()._parse_locks, self._curr.start)

        def _parse_placeholder(self) -> Any:
            return _placed(super()._parse_placeholder, self._curr.start)

    gone = [
        name
        for name in vars(Watched)
        if name.startswith(("_parse", "_retreat", "_warn")) and not hasattr(base, name)
    ]
    if gone:
        raise NotConfiguredError(
            f"this version of sqlglot reads in another way ({', '.join(gone)} is gone); pip install 'sqlglot>=30.30,<31'"
        )
    return Watched


def _placed(read: Any, start: int) -> Any:
    found = read()
    for node in found if isinstance(found, list) else [found]:
        if node is not None:
            node.meta["start"] = start
    return found


def _names(tokens: list[Token], index: int) -> list[Token]:
    """The name at *index*, after the names that are tied to it by dots."""
    from sqlglot.tokenizer_core import TokenType

    names = [tokens[index]]
    while index > 1 and tokens[index - 1].token_type is TokenType.DOT:
        index -= 2
        if tokens[index].token_type is not TokenType.IDENTIFIER and not tokens[index].text.isidentifier():
            break  # a value, whose method is called
        names.insert(0, tokens[index])
    return names
