"""Executors on Amazon Redshift."""

from spectra.adapters.aws.redshift.data_executor import RedshiftDataExecutor
from spectra.adapters.aws.redshift.executor import RedshiftExecutor
from spectra.adapters.aws.redshift.options import RedshiftOptions

__all__ = ["RedshiftDataExecutor", "RedshiftExecutor", "RedshiftOptions"]
