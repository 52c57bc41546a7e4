"""A fork while the warehouse is open: DuckDB's memory is copied with it, and its locks are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

CODE = """
import os, sys, warnings
warnings.simplefilter("ignore")  # newer Pythons warn of forks beside threads, and DuckDB has some
from spectra.adapters.embedded import DuckDBExecutor
from spectra.errors import WarehouseLockedError

path = sys.argv[1]
executor = DuckDBExecutor(path)

def rows(executor):
    with executor.connect() as cursor:
        return cursor.execute("select count(*) from items").fetchone()[0]

with executor.connect() as cursor:
    cursor.execute("create table items as select range as id from range(10)")
{before}
sys.stdout.flush()
child = os.fork()
if not child:
{child}
    sys.exit()  # as a process ends that was forked by a server: with all its destructors
assert os.waitpid(child, 0)[1] == 0
{after}
"""

REFUSED = """
    for asked in (executor, DuckDBExecutor(path)):
        try:
            asked.ready()
        except WarehouseLockedError as exc:
            print("refused", exc.pid == os.getppid(), "was open when this process was forked" in str(exc))
    executor.close()
"""


def ran(path: Path, before: str, child: str, after: str) -> str:
    code = CODE.format(before=before, child=child, after=after)
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_child_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    """Whatever it wrote would be lost, or spoil the file, and nobody would say so."""
    after = """
with executor.connect() as cursor:
    cursor.execute("insert into items select range from range(5)")
print(rows(executor))
executor.close()
print(rows(DuckDBExecutor(path)))
"""
    said = ran(tmp_path / "w.duckdb", "", REFUSED, after)
    assert said == "refused True True\n" * 2 + "15\n15\n"


def test_the_child_of_the_child_is_refused_too(tmp_path: Path) -> None:
    twice = """
    first = os.getppid()
    if not os.fork():
        try:
            executor.ready()
        except WarehouseLockedError as exc:
            print("refused", exc.pid == first)
        sys.exit()
    assert os.wait()[1] == 0
"""
    assert ran(tmp_path / "w.duckdb", "", twice, "print(rows(executor))") == "refused True\n10\n"


def test_closed_before_the_fork_it_is_the_childs(tmp_path: Path) -> None:
    """A table made in the process that forks the others, and left closed."""
    before = "executor.close()"
    child = """
    mine = DuckDBExecutor(path)
    print("child", rows(mine))
    mine.close()
"""
    assert ran(tmp_path / "w.duckdb", before, child, "print(rows(DuckDBExecutor(path)))") == "child 10\n10\n"
