"""The tables of docs/http.md are those of the code; with WRITE_DOCS=1 they are written anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from spectra import codec, errors
from spectra.hosts.http import ROUTES
from spectra.hosts.http.openapi import OPERATIONS
from tests.unit.test_errors import ALL, make

PAGE = Path(__file__).parents[2] / "docs" / "http.md"
INSIDE = (errors.ConfigurationError, errors.ClosedError, errors.NewerSchemaError)


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def calls() -> str:
    rows = []
    for route in ROUTES:
        said = OPERATIONS[route.name]
        good = ", ".join(str(status) for status in said.responses if int(status) < 400)
        rows.append([f"`{route.method} {route.path}`", said.summary, good])
    return table(["call", "what it does", "replies"], rows)


def told() -> str:
    rows = {}
    for kind in ALL:
        code = vars(kind).get("code")
        if not isinstance(code, str) or kind is errors.SpectraError or issubclass(kind, INSIDE):
            continue
        error = make(kind)
        rows[code] = [
            f"`{code}`",
            str(codec.http_status(error)),
            "yes" if error.retryable else "no",
            (kind.__doc__ or "").splitlines()[0].split(". ")[0].rstrip(".").replace("*", ""),
        ]
    return table(["code", "status", "retryable", ""], sorted(rows.values(), key=lambda row: (row[1], row[0])))


def test_the_tables_are_those_of_the_code() -> None:
    text = PAGE.read_text()
    for name, content in (("calls", calls()), ("errors", told())):
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda m, c=content: f"{m[1]}{c}\n{m[2]}",
            text,
            flags=re.S,
        )
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(text)
    assert text == PAGE.read_text()
