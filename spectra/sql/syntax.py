"""The words and the forms that a query may have."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BEFORE_PARENTHESES",
    "CATALOG_TYPES",
    "DUCKDB_STATEMENTS",
    "NODES",
    "SESSION_WORDS",
]

# The nodes of sqlglot's tree that a query is made of, beside functions.
NODES: Final = frozenset(
    """
    Add Alias All Any AtIndex AtTimeZone Between BitString BitwiseAnd BitwiseLeftShift BitwiseNot
    BitwiseOr BitwiseRightShift BitwiseXor Boolean Bracket ByteString CTE Column ColumnDef Comprehension
    Connect Cube DPipe DataType DataTypeParam Distance Distinct Div Dot EQ Escape Except Fetch Filter From
    GT GTE Glob Group GroupingSets Having HexString HistoricalData ILike Identifier IgnoreNulls In IntDiv
    Intersect Interval IntervalSpan Is JSONKeyValue JSONPath JSONPathKey JSONPathRecursive JSONPathRoot
    JSONPathSelector JSONPathSlice JSONPathSubscript JSONPathUnion JSONPathWildcard Join Kwarg LT LTE
    Lambda Lateral Like Limit LimitOptions Literal Match Mod Mul NEQ National Nearest Neg Not Null
    NullSafeEQ NullSafeNEQ Offset Order Ordered Overlaps Paren Pivot PivotAlias PositionalColumn Prior
    PropertyEQ Qualify RawString RespectNulls Rollup Select SimilarTo Slice Star Sub Subquery Table
    TableAlias TableSample Tuple UnicodeString Union Values Var Where Window WindowSpec With WithinGroup
    """.split()  # noqa: SIM905
)
# What may stand before a parenthesis and call nothing: keywords, types, ways to sample.
BEFORE_PARENTHESES: Final = frozenset(
    """
    ALL AND AS AT BERNOULLI BETWEEN BIGINT BINARY BIT BLOB BPCHAR BY CHAR CHARACTER CUBE DEC DECIMAL
    DISTANCE DISTINCT ELSE ENUM ESCAPE EXCEPT EXCLUDE FILTER FIRST FLOAT FOR FROM GEOGRAPHY GEOMETRY GLOB
    GROUP HAVING ILIKE IN INCLUDE INT INTEGER INTERSECT INTERVAL IS JOIN KEY LATERAL LIKE LIMIT MAP MATCH
    MATERIALIZED MINUS NAME NCHAR NEXT NOCYCLE NOT NULLS NUMERIC NVARCHAR OFFSET ON ONLY OR OVER OVERLAPS
    PERCENT PIVOT QUALIFY REGEXP RENAME REPEATABLE REPLACE RESERVOIR RLIKE ROLLUP ROW ROWS SAMPLE SELECT
    SETS SIMILARITY STRUCT SUPER SYMMETRIC SYSTEM TABLESAMPLE THEN TIME TIMESTAMP TIMESTAMPTZ TIMETZ TO
    TOP TUPLE UNION UNNEST UNPIVOT USING VALUES VARBINARY VARBYTE VARCHAR VARYING WHEN WHERE WITH
    """.split()  # noqa: SIM905
)
# Without quotes these begin a statement in DuckDB, which sqlglot reads as a name and an alias.
DUCKDB_STATEMENTS: Final = frozenset({"desc", "describe", "show", "summarize"})
# A cast to one of these looks a name up in the catalog.
CATALOG_TYPES: Final = frozenset(
    [
        "regclass",
        "regcollation",
        "regconfig",
        "regdictionary",
        "regnamespace",
        "regoper",
        "regoperator",
        "regproc",
        "regprocedure",
        "regrole",
        "regtype",
    ]
)
# Functions without parentheses, where sqlglot reads a column or a table.
SESSION_WORDS: Final = frozenset(
    [
        "current_aws_account",
        "current_catalog",
        "current_namespace",
        "current_role",
        "current_schema",
        "current_user",
        "current_user_id",
        "session_user",
        "system_user",
        "user",
    ]
)
