"""SQL: what may run, values as typed literals, identifiers; sqlglot is loaded on first use."""

from spectra.sql.guard import check_read
from spectra.sql.identifiers import parts, quote, table
from spectra.sql.limits import limit_rows
from spectra.sql.literals import Bound, bind, literal, place
from spectra.sql.policy import SqlPolicy

__all__ = [
    "Bound",
    "SqlPolicy",
    "bind",
    "check_read",
    "limit_rows",
    "literal",
    "parts",
    "place",
    "quote",
    "table",
]
