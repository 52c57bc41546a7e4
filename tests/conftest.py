"""Hypothesis profiles, chosen by HYPOTHESIS_PROFILE: dev, ci (derandomised), nightly."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=50, **_COMMON)
settings.register_profile("ci", max_examples=100, derandomize=True, **_COMMON)
settings.register_profile("nightly", max_examples=2_000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A ``quiet`` class does not collect what its profile leaves out: others try that in full."""

    def left_out(item: pytest.Item) -> bool:
        cls = getattr(item, "cls", None)
        return bool(getattr(cls, "quiet", False)) and cls.leaves_out(item)

    left = {item for item in items if left_out(item)}
    if left:
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]
