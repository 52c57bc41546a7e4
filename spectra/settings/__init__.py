"""Settings: typed, ranged, from ``SPECTRA_*`` variables or given by the host."""

from spectra.settings.model import Settings

__all__ = ["Settings"]
