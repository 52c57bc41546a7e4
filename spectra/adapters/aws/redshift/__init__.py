"""Executors on Amazon Redshift."""

from spectra.adapters.aws.redshift.executor import RedshiftExecutor
from spectra.adapters.aws.redshift.options import RedshiftOptions

__all__ = ["RedshiftExecutor", "RedshiftOptions"]
