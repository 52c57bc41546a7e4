"""The app."""

import atexit

from django.apps import AppConfig
from django.core.checks import register

from spectra.hosts.django import checks, configured

__all__ = ["SpectraConfig"]


class SpectraConfig(AppConfig):
    """Checks the settings at start-up, and closes the process's `Spectra` when it ends."""

    name = "spectra.hosts.django"
    label = "spectra"
    verbose_name = "Spectra"

    def ready(self) -> None:
        register(checks.check, "spectra")
        atexit.register(configured.close)
