"""Executors on Amazon Redshift."""
