"""Statements by chance: ordered ones with limits of every form, and the corpus, cut up and put together anew."""

from __future__ import annotations

import itertools
import os.path

from hypothesis import strategies as st
from sqlglot import tokenize
from sqlglot.errors import SqlglotError

from spectra.sql import SqlPolicy, check_read, limit_rows
from tests.sql.cases import read

ROWS = [(k, None if k % 5 == 0 else k % 4, f"b{k % 3}") for k in range(40)]
GAPS = [" ", "\n", "\t ", " /* limit 3 */ ", " -- offset 2\n", " /* ; */ "]
ENDS = ["", ";", " ;  ", "\n-- limit 2", " /* limit 2 */", "; -- fetch first 1 row only", "\n;\n-- end\n;"]


# Where a gap may be, there is a tilde.
WHERES = [
    "",
    "~where~a is~not null",
    "~where~k~%~3~<>~1",
    "~where b <>~'limit 5'",
    "~where b <>~'it''s; -- no'",
]
ORDERS = ["1,~2, 3", "3 desc,~2, 1", "2, 1~desc, 3"]


@st.composite
def ordered(draw, dialect):
    """A statement whose rows have one order, with gaps, comments and an end."""
    sql = draw(_queries(dialect))
    while "~" in sql:
        sql = sql.replace("~", draw(st.sampled_from(GAPS)), 1)
    # Python's sqlite3 takes a second semicolon for a second statement.
    return sql + draw(st.sampled_from([end for end in ENDS if dialect != "sqlite" or end.count(";") < 2]))


@st.composite
def _queries(draw, dialect):
    sql = f"{draw(_bodies())}~order by~{draw(st.sampled_from(ORDERS))}{draw(_limits(dialect))}"
    if draw(st.booleans()):
        inside = draw(st.sampled_from(["", "~order by k limit~7"]))
        sql = f"with~w~(k, a, b)~as~(~select k, a, b~from r{inside})~{sql}"
        if draw(st.booleans()):
            sql = sql.replace("~from q0", "~from w")
    sql = sql.replace("~from q0", "~from r")
    if dialect != "sqlite" and draw(st.integers(0, 4)) == 0:
        sql = f"(~{sql}~)"
    return sql


@st.composite
def _bodies(draw, depth=2):
    """A query of the columns k, a and b."""
    kind = (
        draw(st.sampled_from(["table", "subquery", "limited", "names", "window", "union"]))
        if depth
        else "table"
    )
    if kind == "table":
        return f"select~k,~a,~b~from q0{draw(st.sampled_from(WHERES))}"
    inner = draw(_bodies(depth - 1))
    if kind == "union":
        operator = draw(st.sampled_from(["union~all", "union", "except", "intersect"]))
        return f"{inner}~{operator}~{draw(_bodies(0))}"
    if kind == "limited":
        inner = f"select * from (~{inner}) as~i order by 1, 2, 3~limit~{draw(st.integers(0, 9))}"
    if kind == "names":
        inner = f'select q."limit" as k, q."offset"~as a, b from (select k as "limit",~a as "offset", b from ({inner}) as i)~as q'
    if kind == "window":
        window = "max(b) over (partition by a order by k~rows~between 1 preceding and current row)"
        inner = f"select k,~a,~{window} as b~from (~{inner}~) as i"
    return f"select~q.k, q.a, q.b~from~({inner})~as q"


def _limits(dialect):
    number = st.integers(0, 60).map(str)
    forms = ["", "~limit~N", "~limit N~offset~N"]
    if dialect == "sqlite":
        forms += ["~limit N,~N", "~limit~-1", "~limit - 1~offset N", "~limit~2 +~3"]
    else:
        forms += ["~limit~all", "~limit null", "~limit~all~offset N", "~offset~N", "~offset N~limit~N"]
        forms += ["~fetch~first N~rows~only", "~fetch next~row only", "~offset N rows~fetch~next N row only"]
        forms += ["~limit (2 +~3)", "~limit~2 * 4"]
    if dialect == "redshift":
        forms.append("~fetch first N rows~with ties")
    if dialect == "duckdb":
        forms += ["~limit 30~%", "~limit~50 percent"]
    return st.builds(_numbered, st.sampled_from(forms), st.tuples(number, number))


def _numbered(form, numbers):
    for number in numbers:
        form = form.replace("N", number, 1)
    return form


def assert_first_rows(run, sql, limit, dialect):
    """The limited statement gives the first rows of the unlimited one, and differs by its limit alone."""
    check_read(sql, dialect=dialect, policy=SqlPolicy())
    limited = limit_rows(sql, limit, dialect)
    rows, first = run(sql), run(limited)
    if limited == sql:
        assert first == rows
        return
    assert first == rows[:limit]
    start = len(os.path.commonprefix([sql, limited]))
    end = len(os.path.commonprefix([sql[start:][::-1], limited[start:][::-1]]))
    put_in = limited[start : len(limited) - end]
    assert set(put_in) <= set(f" LIMIT{limit}")
    assert limit_rows(limited, limit, dialect) == limited


PIECES = {
    dialect: [case.sql for case in read() if dialect in case.dialects and len(case.sql) < 300]
    for dialect in ("duckdb", "redshift", "sqlite")
}
WORDS = (
    "select from where with as ( ) ( ) , ; union insert into update set delete drop table create t u t u r a b c * 1 'x'"
    " values returning into for update limit -- /* */ $$ ' \" exists in join on copy to show describe order by [ ] . ::"
    " nextval('s') setval('s',9) query('drop table t') read_csv('secret.csv') 'secret.csv' spectra_ledger pg_class call"
    " pg_notify('a','b') lo_creat(1) set_config('a.b','c',false) pragma attach detach load export import \\ \\' E'\\'"
).split(" ")


@st.composite
def mutated(draw, dialect):
    """Pieces of the corpus: words taken out, put in, exchanged, and statements inside of statements."""
    pieces = st.sampled_from(PIECES[dialect])
    sql = draw(pieces)
    for _ in range(draw(st.integers(1, 4))):
        sql = draw(st.sampled_from(CHANGES))(draw, sql, pieces, dialect)
    return sql[:2_000]


def _spliced(draw, sql, pieces, dialect):
    """Words out of it, and words of another one in their place."""
    words, others = _words(sql, dialect), _words(draw(pieces), dialect)
    at, end = sorted(draw(st.tuples(st.integers(0, len(words)), st.integers(0, len(words)))))
    first, last = sorted(draw(st.tuples(st.integers(0, len(others)), st.integers(0, len(others)))))
    return "".join([*words[:at], *others[first:last], *words[end:]])


def _sown(draw, sql, _pieces, dialect):
    """A word more."""
    words = _words(sql, dialect)
    words.insert(draw(st.integers(0, len(words))), f" {draw(st.sampled_from(WORDS))} ")
    return "".join(words)


def _thinned(draw, sql, _pieces, dialect):
    """A word less."""
    words = _words(sql, dialect)
    if words:
        words.pop(draw(st.integers(0, len(words) - 1)))
    return "".join(words)


def _nested(draw, sql, pieces, _dialect):
    """One inside of, beside, or behind another one."""
    frame = draw(
        st.sampled_from(
            [
                "with x as ({}) {}",
                "select * from ({}) as q where exists ({})",
                "({}) union all ({})",
                "{}; {}",
                "{} /* {} */",
                "{} -- {}",
                "select ({}), ({})",
                "select a from t where a in ({}) or b = ({})",
                "with recursive x (a) as ({}) {}",
            ]
        )
    )
    return frame.format(sql, draw(pieces))


def _scratched(draw, sql, _pieces, _dialect):
    """A letter exchanged."""
    at = draw(st.integers(0, len(sql)))
    return (
        sql[:at] + draw(st.sampled_from("'\"\\;-/*$()[]{}.,:#@%\n\r\t\x0b\x00\u00a0\u200bse")) + sql[at + 1 :]
    )


CHANGES = [_spliced, _sown, _thinned, _nested, _scratched]


def _words(sql, dialect):
    """The words of a text, each with the gap behind it; of an unreadable one, its letters."""
    try:
        starts = [token.start for token in tokenize(sql, read=dialect)]
    except SqlglotError:
        return list(sql)
    edges = [*starts, len(sql)] if starts else []
    return [sql[at:end] for at, end in itertools.pairwise(edges)]
