"""DuckDB's SQL from the tree; what cannot be said in it is told with its place."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.generators.duckdb import DuckDBGenerator

from spectra.sql.transpiling.parser import Refused, offset_of

__all__ = ["write"]


def write(tree: exp.Expr) -> str:
    """*tree* as one statement of DuckDB. Names are quoted, so that none is one of its key words.

    Raises:
        Refused: something has no counterpart there.
    """
    generator = _Generator(
        dialect=DuckDB(), identify=True, comments=False, unsupported_level=ErrorLevel.IMMEDIATE
    )
    return generator.generate(tree, copy=False)


class _Generator(DuckDBGenerator):
    TRANSFORMS: ClassVar[dict[Any, Any]] = {
        **DuckDBGenerator.TRANSFORMS,
        # Of whole numbers a whole number; of all others it is the usual division.
        exp.Div: lambda self, node: self.binary(node, "//"),
        exp.IgnoreNulls: lambda self, node: f"{self.sql(node, 'this')} IGNORE NULLS",
        exp.RespectNulls: lambda self, node: f"{self.sql(node, 'this')} RESPECT NULLS",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._path: list[exp.Expr] = []

    def sql(self, expression: Any, key: str | None = None, comment: bool = True) -> str:  # noqa: FBT002 - sqlglot's
        if key is not None or not isinstance(expression, exp.Expr):
            return super().sql(expression, key, comment)
        self._path.append(expression)
        try:
            return super().sql(expression, key, comment)
        except (ValueError, SqlglotError):  # a kind of node that the dialect does not have
            self.unsupported("this has no counterpart here")
        finally:
            self._path.pop()

    def unsupported(self, message: str) -> NoReturn:
        offsets = (offset_of(node) for node in reversed(self._path))
        offset = next((one for one in offsets if one is not None), None)
        raise Refused(message.rstrip("."), offset)
