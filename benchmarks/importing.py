"""`import spectra` against `import attrs`, as whole processes."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

ROUNDS = 40


def _seconds(statement: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - begun


def run() -> list[tuple[str, float, float]]:
    """Interleaved, so that both meet the same noise."""
    statements = ("import attrs", "import spectra")
    times: dict[str, list[float]] = {statement: [] for statement in statements}
    for _ in range(ROUNDS):
        for statement in statements:
            times[statement].append(_seconds(statement))
    base, ours = (median(times[statement]) for statement in statements)
    return [("import spectra / import attrs", ours / base, 2.0)]
