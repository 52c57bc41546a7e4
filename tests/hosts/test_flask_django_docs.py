"""The flow in the docs, run by bash against the running example; what follows an arrow is printed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.hosts.processes import ROOT
from tests.hosts.test_wsgi_examples import example

PAGES = {"flask.md": "flask_host.py", "django.md": "django_host.py"}


def flow(page: str) -> str:
    (block,) = re.findall(
        r"^```shell\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.DOTALL | re.MULTILINE
    )
    return str(block)


@pytest.mark.parametrize("page", PAGES)
def test_the_curl_lines(page: str, tmp_path: Path) -> None:
    lines = flow(page)
    folder = tmp_path / "client"
    folder.mkdir()
    with example(PAGES[page], tmp_path) as (_, where):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=folder,
            env={**os.environ, "SPECTRA": where},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = iter(ran.stdout.splitlines())
    expected = re.findall(r"^# → (.*)$", lines, re.MULTILINE)
    assert len(expected) > 15
    for line in expected:
        assert any(said.startswith(line) for said in printed), f"{line!r} is not in turn in:\n{ran.stdout}"


def test_it_is_the_same_in_every_host() -> None:
    flask, django = map(flow, PAGES)
    assert flask == django
    for call in ("-X PATCH", "-X DELETE", "/retry", "/queries", "/upload-url", "--etag-compare", "-r 0-5"):
        assert call in flask
