"""The table of attributes in docs/dynamodb.md is that of the code; with WRITE_DOCS=1 it is written anew."""

from __future__ import annotations

import os
from pathlib import Path

from spectra.adapters.aws.dynamodb.items import ATTRIBUTES

PAGE = Path(__file__).parents[2] / "docs" / "dynamodb.md"
MARK = "<!-- attributes -->\n"


def table() -> str:
    lines = ["| attribute | kind | of the job | meaning |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{one.name}` | {one.kind} | `{field}` | {one.meaning} |" for field, one in ATTRIBUTES.items()
    ]
    return "\n".join(lines)


def test_the_page_has_what_the_code_has() -> None:
    text = PAGE.read_text()
    before, _, rest = text.partition(MARK)
    wanted = before + MARK + table() + rest[rest.index("\n\n") :]
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted, "write it anew: WRITE_DOCS=1 pytest tests/unit/test_dynamodb_docs.py"
