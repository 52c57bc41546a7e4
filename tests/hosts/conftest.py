"""The real servers of the contracts, for hosts."""

from tests.contract.conftest import dynamodb_table, local_dynamodb

__all__ = ["dynamodb_table", "local_dynamodb"]
