"""The tables of docs/local-redshift.md are those of the code; with WRITE_DOCS=1 they are written anew."""

from __future__ import annotations

import ast
import inspect
import os
import re
from pathlib import Path

import pytest

from spectra.testing.redshift import switches
from spectra.testing.redshift.switches import Behaviour
from spectra.testing.redshift.texts import TEXTS

PAGE = Path(__file__).parents[2] / "docs" / "local-redshift.md"


def switches_table():
    tree = ast.parse(inspect.getsource(switches))
    body = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Behaviour").body
    lines = ["| switch | at first | meaning |", "| --- | --- | --- |"]
    for field, doc in zip(body, body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(doc, ast.Expr):
            first = getattr(Behaviour(), field.target.id)
            meaning = re.sub(r"``(.*?)``", r"`\1`", " ".join(doc.value.value.split()))
            lines.append(f"| `{field.target.id}` | `{first}` | {meaning} |")
    assert len(lines) == 2 + len(Behaviour.__annotations__)
    return "\n".join(lines)


def texts_table():
    lines = ["| text | SQLSTATE | code | source |", "| --- | --- | --- | --- |"]
    for text in TEXTS.values():
        said = " ".join(filter(None, (text.message, text.context and f"({text.context})"))).replace(
            "|", "\\|"
        )
        lines.append(f"| {said} | {text.state} | {text.inner or ''} | {text.source} |")
    return "\n".join(lines)


@pytest.mark.parametrize(("name", "table"), [("switches", switches_table), ("texts", texts_table)])
def test_the_page_has_what_the_code_has(name, table) -> None:
    text = PAGE.read_text()
    before, _, rest = text.partition(f"<!-- {name} -->\n")
    after = rest[rest.index("\n\n") :] if "\n\n" in rest.lstrip("\n") else "\n"
    wanted = f"{before}<!-- {name} -->\n{table()}{after}"
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted
