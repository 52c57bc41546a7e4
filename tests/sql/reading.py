"""What DuckDB's own parser sees in a statement."""

import json

import duckdb

# Safe functions have operators, too, and more names for them.
OPERATORS = frozenset(["count_star", "ilike_escape", "like_escape", "not_ilike_escape", "not_like_escape"])


def seen_by_duckdb(sql):
    """The names of tables and of functions in one statement; None if DuckDB cannot read it."""
    try:
        (text,) = duckdb.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    except duckdb.Error:
        return None
    tree = json.loads(text)
    if tree["error"]:
        return None
    assert len(tree["statements"]) == 1
    tables, functions, stack = set(), set(), [tree["statements"]]
    while stack:
        match stack.pop():
            case dict() as node:
                if node.get("type") == "BASE_TABLE":
                    path = [node[part] for part in ("catalog_name", "schema_name", "table_name")]
                    tables.add(".".join(filter(None, path)).lower())
                name = node.get("function_name")
                if isinstance(name, str) and name.isidentifier():
                    functions.add(name.lower())
                stack += node.values()
            case list() as nodes:
                stack += nodes
    return tables, functions
