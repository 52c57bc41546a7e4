"""The servers of the contracts, for the infrastructure's tests too."""

from tests.contract.conftest import (  # noqa: F401
    bucket,
    dynamodb_table,
    local_dynamodb,
    local_s3,
    monkeypatch_session,
    prefix,
    redshift,
)
