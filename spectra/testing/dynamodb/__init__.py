"""A DynamoDB of one's own machine: Amazon's DynamoDB Local, or moto where there is no Java; and faults before it."""

from spectra.testing.dynamodb.calls import Call
from spectra.testing.dynamodb.faults import Fault, FaultKind, Faults
from spectra.testing.dynamodb.proxy import FaultProxy
from spectra.testing.dynamodb.server import DynamoDBServer, LocalDynamoDB, LocalMoto, local_dynamodb
from spectra.testing.dynamodb.stream import Delivery, StreamPump, passes

__all__ = [
    "Call",
    "Delivery",
    "DynamoDBServer",
    "Fault",
    "FaultKind",
    "FaultProxy",
    "Faults",
    "LocalDynamoDB",
    "LocalMoto",
    "StreamPump",
    "local_dynamodb",
    "passes",
]
