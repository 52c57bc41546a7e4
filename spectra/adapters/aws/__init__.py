"""Adapters for Amazon Web Services: Redshift and S3."""
