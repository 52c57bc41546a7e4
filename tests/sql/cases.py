"""The corpus: statements that the guard allows or refuses, each with the reason why it is there.

A file holds statements, each below a line ``--- verdict; dialects; why``. The verdict is ``allowed``, or what the
error says: the reason of a `SqlRefusedError`, or ``syntax``. A line ``--- source; where`` before it names who found
the statement; those without one are our own.
"""

from __future__ import annotations

from pathlib import Path

import attrs
from sqlglot import exp, parse, tokenize
from sqlglot.errors import SqlglotError

FOLDER = Path(__file__).with_name("corpus")


@attrs.frozen
class Case:
    sql: str
    verdict: str
    dialects: tuple[str, ...]
    why: str
    source: str | None
    file: str

    @property
    def allowed(self) -> bool:
        return self.verdict == "allowed"

    def __str__(self) -> str:
        return f"{self.file}: {self.why}"


def read() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.sql")) for case in _cases(path)]


def _cases(path: Path) -> list[Case]:
    found, source = [], None
    for part in path.read_text().split("--- ")[1:]:
        head, _, body = part.partition("\n")
        fields = [field.strip() for field in head.split(";", 2)]
        if fields[0] == "source":
            source = head.partition(";")[2].strip()
            continue
        verdict, dialects, why = fields
        found.append(Case(body.strip("\n"), verdict, tuple(dialects.split()), why, source, path.stem))
        source = None
    return found


def shape(sql: str, dialect: str) -> str:
    """The tree of a statement with its names and literals left out; of what has no tree, the kinds of its tokens."""
    try:
        trees = parse(sql, read=dialect)
    except SqlglotError:
        return _kinds(sql, dialect)
    return " ; ".join(_shape(tree, dialect) for tree in trees)


def _kinds(sql: str, dialect: str) -> str:
    try:
        return " ".join(token.token_type.name for token in tokenize(sql, read=dialect))
    except SqlglotError:
        return "no tokens"


def _shape(node: object, dialect: str) -> str:
    match node:
        case (
            exp.Identifier()
            | exp.Literal()
            | exp.Var()
            | exp.RawString()
            | exp.ByteString()
            | exp.HexString()
        ):
            return type(node).__name__
        case exp.ObjectIdentifier() | exp.JSONPath():
            return type(node).__name__
        case exp.Command():
            return f"Command({str(node.this).upper()} {_kinds(node.text('expression'), dialect)})"
        case exp.Expr():
            inner = [
                f"{name}={_shape(value, dialect)}"
                for name, value in sorted(node.args.items())
                if value not in (None, False, []) and not (isinstance(node, exp.Anonymous) and name == "this")
            ]
            return f"{type(node).__name__}({', '.join(inner)})"
        case list():
            return f"[{', '.join(_shape(item, dialect) for item in node)}]"
        case _:
            return str(node)
