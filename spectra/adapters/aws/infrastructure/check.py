"""Is what is there what is needed?"""

from __future__ import annotations

from typing import Any

from spectra.adapters.aws.infrastructure.check_bucket import check_bucket
from spectra.adapters.aws.infrastructure.check_functions import check_functions
from spectra.adapters.aws.infrastructure.check_redshift import check_redshift
from spectra.adapters.aws.infrastructure.check_table import check_table, stream_of
from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.findings import Finding
from spectra.adapters.aws.redshift.channel import Channels
from spectra.errors import InvalidSpecError

__all__ = ["check"]


def check(
    infrastructure: Infrastructure,
    *,
    dynamodb: Any = None,
    s3: Any = None,
    functions: Any = None,
    redshift: Channels | None = None,
    ledger_schema: str = "spectra",
    query_user: str | None = None,
) -> tuple[Finding, ...]:
    """Look at an account, or at any endpoints that the clients lead to; change nothing.

    *dynamodb*, *s3*, *functions* are boto3 clients of DynamoDB, S3 and Lambda, *redshift* the worker's
    connections or Data API sessions. What is not given is not looked at; what cannot be looked at is a finding
    of its own. *query_user* is the database user that exports and queries of tenants run as.

    Raises:
        InvalidSpecError: a bucket is to be looked at, and *infrastructure* does not name it.
    """
    found: tuple[Finding, ...] = ()
    if dynamodb is not None:
        found += check_table(dynamodb, infrastructure.table_name)
    if s3 is not None:
        if infrastructure.bucket_name is None:
            raise InvalidSpecError("bucket_name", "must be given, so that the bucket can be looked at")
        found += check_bucket(s3, infrastructure.bucket_name, infrastructure)
    if functions is not None:
        stream = None if dynamodb is None else stream_of(dynamodb, infrastructure.table_name)
        found += check_functions(functions, stream, infrastructure)
    if redshift is not None:
        found += check_redshift(redshift, ledger_schema=ledger_schema, query_user=query_user)
    return found
