"""The local DynamoDB as clients meet it."""

from __future__ import annotations


def test_answers(local_dynamodb):
    assert isinstance(local_dynamodb.client().list_tables()["TableNames"], list)
