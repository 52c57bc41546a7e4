"""With the slow profile the contracts make few calls: warehouses take their time, and send bills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST = 150


def test_the_slow_profile_makes_few_calls_of_the_executor(tmp_path: Path) -> None:
    told = tmp_path / "calls.json"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/contract/slow_profile.py",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "REQUIRE_"))}
    environment = {**own, "SPECTRA_CALLS": str(told)}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    calls = json.loads(told.read_text())
    assert {"start", "poll", "cancel", "known", "forget", "ready", "query", "close"} <= calls.keys()
    assert sum(calls.values()) <= MOST, calls
    # What is left out is said, with the reason.
    assert "not in the slow profile" in ran.stdout
