"""Hypothesis machines: each drives something beside a plain oracle."""

import pkgutil

import pytest

# Before the modules are imported: then a failure shows the fields that differ.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
