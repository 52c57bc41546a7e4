"""Every broken adapter is caught: by tests of the number it breaks, and by no others unless it lists them."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
# A machine has no number: it tries all promises at once. It is for finding; these tests are for telling.
UNNUMBERED = "no_sequence_of_calls or like_a_model"


@pytest.mark.parametrize("port", ["job_stores", "executors", "query_runners", "result_stores"])
def test_each_is_caught_by_its_number(port: str, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", f"tests/broken/{port}.py", "-q", "-p", "no:cacheprovider"]
    command += ["-k", f"not ({UNNUMBERED})", "--tb=short", f"--junitxml={report}"]
    if os.path.isdir("/dev/shm"):  # they break promises, not disks: what they write need not reach one
        command.append(f"--basetemp=/dev/shm/spectra-broken-{os.getpid()}-{port}")
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    shutil.rmtree(f"/dev/shm/spectra-broken-{os.getpid()}-{port}", ignore_errors=True)
    assert ran.returncode in (0, 1), ran.stdout[-4000:] + ran.stderr[-2000:]
    failed: dict[str, dict[str, str]] = {}
    passed: dict[str, int] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["classname"].rpartition(".")[2]
        wrong = case.find("failure") is not None or case.find("error") is not None
        failed.setdefault(name, {})
        passed[name] = passed.get(name, 0) + (not wrong)
        if wrong:
            number = re.match(r"test_([a-z]{2}\d+)_", case.attrib["name"])
            told = "".join(f"{case.attrib['name']}\n{part.text}" for part in case if part.text)
            failed[name][number[1].upper() if number else case.attrib["name"]] = told
    module = importlib.import_module(f"tests.broken.{port}")
    broken = {name: kind for name, kind in vars(module).items() if name.startswith("Test")}
    assert len(broken) >= 6
    assert failed.keys() == broken.keys()
    for name, kind in broken.items():
        assert kind.breaks in failed[name], f"{name} breaks {kind.breaks}, and no test of it failed"
        also = set(getattr(kind, "also", ()))
        others = {number: told for number, told in failed[name].items() if number not in {kind.breaks} | also}
        assert not others, f"{name} breaks {kind.breaks}, and fails others too:\n" + "\n".join(
            others.values()
        )
        assert also <= failed[name].keys(), f"{name} lists {also - failed[name].keys()}, which does not fail"
        assert passed[name] > 0, f"{name} fails everything, which tells nothing"
