"""The pages of hosts: the documented command starts a host, and the documented lines of curl do what is said."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.hosts.lambda_gateway import gateway

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
PORT = "8000"
NEXT = "---- next ----"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(autouse=True)
def loop():
    """Mangum would leave one of its own in this thread, and never close it."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


def section(page, heading):
    """What stands below *heading*."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def blocks(text, *kinds):
    return [(kind, code) for kind, code in BLOCK.findall(text) if kind in kinds]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def environment():
    """This environment's commands, this tree's Spectra."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


@contextlib.contextmanager
def started(page, home, port, *, quietly=True):
    """The host that the page's command starts in *home*; SIGTERM ends it, and *quietly* nothing goes wrong."""
    (home / "examples").symlink_to(ROOT / "examples")
    ((_, command),) = blocks(section(page, "Start it"), "sh")
    with (home / "log").open("wb") as log:
        host = subprocess.Popen(
            ["bash", "-c", f"exec {command.replace(PORT, port)}"],
            cwd=home,
            env=environment(),
            stdout=log,
            stderr=log,
        )
    try:
        until_it_answers(host, port)
        yield host
    finally:
        host.send_signal(signal.SIGTERM)
        code = host.wait(20)
    said = (home / "log").read_text()
    assert code in (0, -signal.SIGTERM), said
    assert not quietly or ("Traceback" not in said and "Warning" not in said), said


def until_it_answers(host, port):
    end = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
                assert reply.status == 200
                return
        except OSError:
            assert host.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)


@contextlib.contextmanager
def in_a_function(page, home, port):
    """The page's handler behind a gateway, on the embedded family; a worker elsewhere."""
    _, (_, code) = blocks(section(page, "HTTP in Lambda"), "sh", "python")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SPECTRA_HOME", str(home / "my-spectra"))
        function = {}
        exec(compile(code, page, "exec"), function)
    with function["spectra"] as spectra, spectra.worker().running():
        spectra.executor.connect().execute("create table sales (id int primary key, amount decimal(9, 2))")
        with gateway(function["handler"], int(port)):
            yield


PAGES = {"fastapi.md": started, "aws-lambda.md": in_a_function}
"""Each page with what starts its host: by a command below "Start it", or in another way."""


@pytest.mark.parametrize("page", PAGES)
def test_the_lines_of_curl(page, tmp_path):
    port = free_port()
    with PAGES[page](page, tmp_path, port):
        script, expected = [], []
        for kind, code in blocks(section(page, "The whole flow"), "sh", "text"):
            if kind == "sh":
                script.append(code.replace(PORT, port))
                expected.append("")
            else:
                expected[-1] = code
        # What curl is refused, or cannot do, ends the script.
        whole = 'curl() { command curl --fail-with-body "$@"; }\n' + f"echo '{NEXT}'\n".join(script)
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", whole],
            cwd=tmp_path,
            env=environment() | {"API_URL": f"http://127.0.0.1:{port}", "TOKEN": "secret"},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    for said, wanted in zip(ran.stdout.split(f"{NEXT}\n"), expected, strict=True):
        pattern = ".*".join(map(re.escape, wanted.split("…")))
        assert re.fullmatch(pattern, said), f"{said!r} is not {wanted!r}"


def test_all_pages_show_the_same_flow():
    """Only how a host is reached differs: its address, and who asks."""
    flows = {page: section(page, "The whole flow").split("```\n", 1)[1] for page in PAGES}
    assert set(flows.values()) == {flows["fastapi.md"]}
    for page in PAGES:
        assert len(blocks(section(page, "The whole flow"), "sh")) >= 9
