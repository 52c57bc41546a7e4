"""A Redshift on one's own machine, started with pip alone; see docs/local-redshift.md."""

from spectra.testing.redshift.server import LocalRedshift, Logged
from spectra.testing.redshift.switches import Behaviour, Fault, FaultKind, Faults, Isolation

__all__ = ["Behaviour", "Fault", "FaultKind", "Faults", "Isolation", "LocalRedshift", "Logged"]
