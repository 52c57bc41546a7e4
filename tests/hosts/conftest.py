"""The real servers of the contracts, for hosts; a function on one of them."""

import uuid

import pytest

from spectra.hosts import aws_lambda
from tests.contract.conftest import dynamodb_table, local_dynamodb
from tests.hosts.function import Function

__all__ = ["dynamodb_table", "environment", "function", "local_dynamodb"]


@pytest.fixture
def function(local_dynamodb, dynamodb_table):
    return Function(local_dynamodb, dynamodb_table(f"jobs-{uuid.uuid4().hex}"))


@pytest.fixture
def environment(function, local_dynamodb, monkeypatch):
    """The variables of a function as it is deployed; its handlers make their worker of them."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": local_dynamodb.access_key,
        "AWS_SECRET_ACCESS_KEY": local_dynamodb.secret_key,
        "SPECTRA_AWS_REGION": local_dynamodb.region,
        "SPECTRA_DYNAMODB_ENDPOINT": local_dynamodb.endpoint,
        "SPECTRA_DYNAMODB_TABLE_NAME": function.table,
        "SPECTRA_S3_BUCKET_NAME": "files",
        "SPECTRA_REDSHIFT_CLUSTER": "c",
        "SPECTRA_REDSHIFT_USER": "u",
    }.items():
        monkeypatch.setenv(name, value)
    aws_lambda._worker.cache_clear()
    yield
    aws_lambda._worker.cache_clear()
