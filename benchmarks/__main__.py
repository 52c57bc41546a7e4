"""``python -m benchmarks [name …]``: measure every bar, or some; print it, write ``benchmarks/RESULTS.md``."""

from __future__ import annotations

import importlib
import platform
import sys
from pathlib import Path

NAMES = ("importing", "events", "guard", "job_store", "exports", "dynamodb", "redshift", "s3")
RESULTS = Path(__file__).with_name("RESULTS.md")


def main(names: list[str]) -> int:
    """Run the benchmarks; 1 if a bar was missed. Those that are not named keep their lines in the results."""
    kept = [line for line in RESULTS.read_text().splitlines() if line.startswith("| ")][1:]
    missed = 0
    for name in names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        kept = [line for line in kept if not line.startswith(f"| {name} |")]
        for what, ratio, bar in module.run():
            verdict = "met" if ratio <= bar else "MISSED"
            missed += ratio > bar
            kept.append(f"| {name} | {what} | {ratio:.2f} | {bar:.2f} | {verdict} |")
            print(f"{name:10} {what:60} {ratio:6.2f} of {bar:.2f}  {verdict}", flush=True)
    head = (
        "# What was measured\n\n"
        "Ratios of two figures taken in one run, smaller is better; `make bench` writes this file.\n"
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}.\n\n"
        "| benchmark | ratio | measured | at most | |\n|---|---|---|---|---|\n"
    )
    RESULTS.write_text(head + "\n".join(sorted(kept, key=_place)) + "\n")
    return 1 if missed else 0


def _place(line: str) -> int:
    return NAMES.index(line.split(" | ")[0].removeprefix("| "))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
