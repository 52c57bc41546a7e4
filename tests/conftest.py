"""Hypothesis profiles, chosen by HYPOTHESIS_PROFILE: dev, ci (derandomised), nightly; and which DynamoDB was used."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=50, **_COMMON)
settings.register_profile("ci", max_examples=60, derandomize=True, **_COMMON)
settings.register_profile("nightly", max_examples=2_000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

DYNAMODB = pytest.StashKey[set]()
"""Names of the servers that stood for DynamoDB, put here by their fixture."""


def pytest_configure(config):
    config.stash[DYNAMODB] = set()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[DYNAMODB].update(getattr(node, "workeroutput", {}).get("dynamodb", ()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    used = session.config.stash[DYNAMODB]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["dynamodb"] = sorted(used)
    elif _required_and_missing(used) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    used = config.stash[DYNAMODB]
    if used:
        terminalreporter.write_line(f"DynamoDB of these tests: {', '.join(sorted(used))}")
    if _required_and_missing(used):
        terminalreporter.write_line("REQUIRE_DYNAMODB_LOCAL is set, and DynamoDB Local did not run", red=True)


def _required_and_missing(used):
    return bool(os.environ.get("REQUIRE_DYNAMODB_LOCAL")) and not any("DynamoDB Local" in one for one in used)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A ``quiet`` class does not collect what its profile leaves out: others try that in full."""

    def left_out(item: pytest.Item) -> bool:
        cls = getattr(item, "cls", None)
        return bool(getattr(cls, "quiet", False)) and cls.leaves_out(item)

    items[:] = _dealt(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    left = {item for item in items if left_out(item)}
    if left:
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]


def _dealt(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """Each process begins with its share of the longest tests: what stands last is waited for by one alone."""
    longest = [item for item in items if {"broken", "crash"} & {*item.path.parts}]
    others = [item for item in items if item not in set(longest)]
    size = -(-len(others) // processes)
    shares = (longest[n::processes] + others[n * size : (n + 1) * size] for n in range(processes))
    return [item for share in shares for item in share]
