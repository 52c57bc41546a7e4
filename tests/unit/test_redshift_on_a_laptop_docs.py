"""docs/redshift-on-a-laptop.md: its list is the code's (WRITE_DOCS=1 writes it anew), its example runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from spectra.sql.transpiling.functions import KNOWN

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "redshift-on-a-laptop.md"


def test_the_page_lists_every_function() -> None:
    before, mark, _ = PAGE.read_text("utf-8").partition("<!-- functions -->\n")
    wanted = before + mark + ", ".join(f"`{name.upper()}`" for name in sorted(KNOWN)) + ".\n"
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(wanted, "utf-8")
    assert PAGE.read_text("utf-8") == wanted, f"write it anew: WRITE_DOCS=1 pytest {__file__}"


def test_the_pages_example_prints_what_it_says() -> None:
    code, printed = re.findall(r"```(?:python)?\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[:2]
    done = subprocess.run(  # noqa: S603 - our own page
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == printed.strip()
