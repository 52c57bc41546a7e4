"""The host's own set-up is wrong."""

from __future__ import annotations

from spectra.errors.base import SpectraError, error

__all__ = [
    "ConfigurationError",
    "IncompatibleAdaptersError",
    "InvalidSettingsError",
    "MissingExtraError",
    "NotConfiguredError",
]


class ConfigurationError(SpectraError):
    """The host's own set-up is wrong."""

    category = "validation"


@error
class InvalidSettingsError(ConfigurationError, ValueError):
    """A setting has a wrong value."""

    code = "INVALID_SETTINGS"
    variable: str
    problem: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.problem}"


@error
class NotConfiguredError(ConfigurationError):
    """Something was asked of a part that was not given."""

    code = "NOT_CONFIGURED"
    problem: str

    def __str__(self) -> str:
        return self.problem


@error
class IncompatibleAdaptersError(ConfigurationError):
    """The executor cannot read what the result store writes."""

    code = "INCOMPATIBLE_ADAPTERS"
    problem: str

    def __str__(self) -> str:
        return self.problem


@error
class MissingExtraError(ConfigurationError, ImportError):
    """An optional dependency is not installed."""

    code = "MISSING_EXTRA"
    extra: str
    module: str

    def __str__(self) -> str:
        return f"{self.module} is not installed; run: pip install 'redshift-spectra[{self.extra}]'"
