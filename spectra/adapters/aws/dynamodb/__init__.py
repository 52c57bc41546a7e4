"""Jobs in Amazon DynamoDB."""

from spectra.adapters.aws.dynamodb.job_store import DynamoDBJobStore

__all__ = ["DynamoDBJobStore"]
