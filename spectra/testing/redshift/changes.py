"""What Redshift refuses of UPDATE and MERGE, and PostgreSQL takes."""

from __future__ import annotations

import re
from typing import Final

from spectra.testing.redshift.grammar import tokens
from spectra.testing.redshift.texts import error

__all__ = ["check_merge", "check_update"]

_JOIN: Final = re.compile(r"\bjoin\b", re.IGNORECASE)


def check_update(sql: str) -> None:
    """Refuse an UPDATE whose own FROM has an outer join.

    Raises:
        ServerError: it has one.
    """
    if _JOIN.search(sql) is None:
        return
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        joins = list(parse_one(sql, dialect="redshift").find_all(exp.Join))
    except SqlglotError:
        return  # PostgreSQL will say what is wrong
    if any(one.side and one.find_ancestor(exp.Select) is None for one in joins):
        raise error("outer join")


def check_merge(sql: str) -> None:
    """Refuse a MERGE without its two branches, and one whose source reads its target.

    Raises:
        ServerError: it is such a one.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    words = [token.text.upper() for token in tokens(sql) if token.kind == "word"]
    if words.count("MATCHED") != 2 or "NOT" not in words:
        raise error("syntax", near="MERGE")
    try:
        tree = parse_one(sql, dialect="redshift")
    except SqlglotError:
        return
    source = tree.args.get("using")
    if isinstance(tree.this, exp.Table) and isinstance(source, exp.Subquery):
        target = tree.this.name, tree.this.db
        if any((one.name, one.db) == target for one in source.find_all(exp.Table)):
            raise error("merge of itself")
