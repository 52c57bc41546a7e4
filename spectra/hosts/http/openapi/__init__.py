"""The HTTP interface as OpenAPI 3.1, free of any framework: a host lays it down in a document of its own."""

from spectra.hosts.http.openapi.operations import OPERATIONS, Operation
from spectra.hosts.http.openapi.schemas import SCHEMAS

__all__ = ["OPERATIONS", "SCHEMAS", "Operation"]
