"""Files in Amazon S3."""

from spectra.adapters.aws.s3.result_store import S3ResultStore

__all__ = ["S3ResultStore"]
