"""A DynamoDB of one's own machine: Amazon's DynamoDB Local, or moto where there is no Java."""

from spectra.testing.dynamodb.server import DynamoDBServer, LocalDynamoDB, LocalMoto, local_dynamodb

__all__ = ["DynamoDBServer", "LocalDynamoDB", "LocalMoto", "local_dynamodb"]
