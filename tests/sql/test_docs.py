"""The page on the guard says what the guard does."""

import re
from pathlib import Path

import pytest

import spectra.sql
from spectra.sql import SqlPolicy, limit_rows
from tests.sql.cases import read

PAGE = (Path(__file__).parents[2] / "docs" / "sql-guard.md").read_text()


def test_every_reason_is_explained_and_no_other():
    table = PAGE.split("| reason | what |")[1].split("\n\n")[0]
    explained = {
        reason
        for line in table.splitlines()
        for reason in re.findall(r"`(\w+)`", line.split("|")[1:2][0] if "|" in line else "")
    }
    code = "".join(path.read_text() for path in Path(spectra.sql.__file__).parent.glob("*.py"))
    given = set(re.findall(r'(?:_refuse|Refusal|SqlRefusedError)\(\s*"(\w+)"', code))
    given |= set(re.findall(r'return "(\w+)", f?"', code))
    assert explained == given
    in_the_corpus = {case.verdict for case in read()} - {"allowed", "syntax"}
    assert given - in_the_corpus == {"schema", "too_deep", "too_long"}


def test_the_policy_of_the_page_is_one():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(block, names)
    assert isinstance(names["policy"], SqlPolicy)
    assert names["policy"].max_length == 20_000
    assert f"{SqlPolicy().max_length:,}" in PAGE


@pytest.mark.parametrize(
    "clause", re.findall(r"^\| `(LIMIT 20)`, `(TOP 20)`, `(FETCH FIRST 20 ROWS ONLY)`", PAGE, re.MULTILINE)
)
def test_the_table_of_limits(clause):
    limit, top, fetch = clause
    for sql in (f"select 1 {limit}", f"select {top} a from t", f"select 1 {fetch}"):
        assert limit_rows(sql, 101, "redshift") == sql
        assert limit_rows(sql.replace("20", "5000"), 101, "redshift") == sql.replace("20", "101")
    assert limit_rows("select 1 LIMIT ALL -- x", 101, "redshift") == "select 1 LIMIT 101 -- x"
    assert limit_rows("select 1", 101, "redshift") == "select 1 LIMIT 101"


def test_the_counts_of_the_page():
    cases = read()
    assert len(cases) > 500
    assert sum(case.source is not None for case in cases) * 3 > len(cases)
