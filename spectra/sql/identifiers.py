"""Names of tables and columns: always quoted, never pasted."""

from __future__ import annotations

from spectra.errors import InvalidSpecError

__all__ = ["parts", "pieces", "quote", "table"]


def quote(name: str) -> str:
    """Quote one identifier, as standard SQL, Redshift, PostgreSQL, DuckDB and SQLite do."""
    return '"' + name.replace('"', '""') + '"'


def parts(name: str) -> tuple[str, ...]:
    """Split the name of a table at its dots: catalog, schema, table, the first two optional.

    A part in double quotes may hold anything; a quote in it is doubled.

    Raises:
        InvalidSpecError: an empty part, an open quote, or more than three parts.
    """
    return tuple(part for part, _ in pieces(name))


def pieces(name: str) -> tuple[tuple[str, bool], ...]:
    """The `parts` of a name, and whether each is quoted.

    Raises:
        InvalidSpecError: as `parts`.
    """
    found: list[tuple[str, bool]] = []
    at = 0
    while True:
        quoted = name.startswith('"', at)
        if quoted:
            part, at = _quoted(name, at + 1)
        else:
            end = name.find(".", at)
            end = len(name) if end < 0 else end
            part, at = name[at:end], end
            if '"' in part:
                raise InvalidSpecError("object", "has a quote inside a name; quote the whole part")
        if not part.strip():
            raise InvalidSpecError("object", "has an empty part")
        found.append((part, quoted))
        if at == len(name):
            break
        if name[at] != ".":
            raise InvalidSpecError("object", "has text after a quoted part; separate parts by a dot")
        at += 1
    if len(found) > 3:
        raise InvalidSpecError("object", "has more than three parts; write catalog.schema.table at most")
    return tuple(found)


def table(name: str) -> str:
    """Quote the name of a table, part by part.

    Raises:
        InvalidSpecError: it is not a name.
    """
    return ".".join(quote(part) for part in parts(name))


def _quoted(name: str, at: int) -> tuple[str, int]:
    start = at
    while True:
        end = name.find('"', at)
        if end < 0:
            raise InvalidSpecError("object", "has a quote that is not closed")
        if not name.startswith('"', end + 1):
            return name[start:end].replace('""', '"'), end + 1
        at = end + 2
