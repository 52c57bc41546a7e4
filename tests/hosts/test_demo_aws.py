"""The demo on DynamoDB, S3 and Redshift: host and workers in processes that share variables alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from spectra.testing.dynamodb import LocalDynamoDB

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not LocalDynamoDB.available() and not os.environ.get("REQUIRE_DYNAMODB_LOCAL"),
    reason="needs DynamoDB Local",
)


def demo(how: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "examples" / "demo_aws.py"), "--flights", "500", how]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def gone(group: int) -> bool:
    """Whether no process of the demo's is left, in ten seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("how", ["stream", "due"])
def test_the_whole_story(how: str) -> None:
    with demo(how) as process:
        try:
            told, _ = process.communicate(timeout=400)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, told
    assert told.count("✓") == 16 and "✗" not in told and "Traceback" not in told, told
    assert "8. The load whose worker was killed" in told
    assert '"_aws"' not in told
    assert gone(process.pid)


def test_interrupted_it_leaves_nothing() -> None:
    with demo("due") as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "rows in the table" in line:
                    break
            os.killpg(process.pid, signal.SIGINT)
            told, _ = process.communicate(timeout=90)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    assert process.returncode != 0
    assert "interrupted; everything is stopped" in told, "".join(lines) + told
    assert "Traceback" not in told, told
    assert gone(process.pid)
