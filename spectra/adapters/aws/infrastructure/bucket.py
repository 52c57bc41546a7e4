"""The bucket of the files: who may reach it, and what is removed from it by age."""

from __future__ import annotations

from typing import Any, Final

import attrs

from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.s3.errors import code_of

__all__ = ["Rule", "bucket", "bucket_policy", "create_bucket", "matching", "rules"]

PRIVATE: Final = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
OWNERSHIP: Final = "BucketOwnerEnforced"
ENCRYPTION: Final = "AES256"
NOT_THERE: Final = frozenset(
    {"NotImplemented", "MethodNotAllowed", "UnknownOperationException", "501", "405"}
)
_CORS_SECONDS: Final = 3_600


@attrs.frozen(kw_only=True)
class Rule:
    """Removes what lies below *prefix*: objects of *days*, uploads in parts begun *unfinished_days* ago."""

    name: str
    prefix: str
    days: int | None = None
    unfinished_days: int | None = None

    def resource(self) -> dict[str, Any]:
        """As a template has it."""
        made: dict[str, Any] = {"Id": self.name, "Status": "Enabled", "Prefix": self.prefix}
        if self.days is not None:
            made["ExpirationInDays"] = self.days
        if self.unfinished_days is not None:
            made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": self.unfinished_days}
        return made

    def call(self) -> dict[str, Any]:
        """As the S3 API has it."""
        made: dict[str, Any] = {"ID": self.name, "Status": "Enabled", "Filter": {"Prefix": self.prefix}}
        if self.days is not None:
            made["Expiration"] = {"Days": self.days}
        if self.unfinished_days is not None:
            made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": self.unfinished_days}
        return made


def rules(infrastructure: Infrastructure) -> tuple[Rule, ...]:
    """The rules of the bucket.

    They are the net below: each job removes its files itself when its retention ends. A rule is chosen by
    the beginning of a key, and keys begin with tenant and job, so that it cannot spare the inputs of
    jobs that still wait. Hence objects expire only where no job may wait without limit.
    """
    unfinished = Rule(
        name="spectra-unfinished",
        prefix=infrastructure.prefix,
        unfinished_days=infrastructure.unfinished_days,
    )
    if infrastructure.expiry_days is None:
        return (unfinished,)
    expired = Rule(name="spectra-expired", prefix=infrastructure.prefix, days=infrastructure.expiry_days)
    return (unfinished, expired)


def matching(infrastructure: Infrastructure, key: str) -> tuple[Rule, ...]:
    """The rules by which the object at *key* expires one day."""
    return tuple(
        rule for rule in rules(infrastructure) if rule.days is not None and key.startswith(rule.prefix)
    )


def _cors(infrastructure: Infrastructure) -> dict[str, list[str]]:
    return {
        "AllowedOrigins": [*infrastructure.origins],
        "AllowedMethods": ["GET", "PUT", "POST"],
        "AllowedHeaders": ["*"],
    }


def bucket(infrastructure: Infrastructure, name: Any) -> dict[str, Any]:
    """The resource; *name* may be a reference."""
    properties: dict[str, Any] = {
        "BucketName": name,
        "PublicAccessBlockConfiguration": dict(PRIVATE),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": OWNERSHIP}]},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": ENCRYPTION}}
            ]
        },
        "LifecycleConfiguration": {"Rules": [rule.resource() for rule in rules(infrastructure)]},
    }
    if infrastructure.origins:
        cors = {**_cors(infrastructure), "ExposedHeaders": ["ETag"], "MaxAge": _CORS_SECONDS}
        properties["CorsConfiguration"] = {"CorsRules": [cors]}
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    }


def bucket_policy(arn: Any, objects: Any) -> dict[str, Any]:
    """The policy of the bucket: nothing without TLS. The arguments may be references."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OnlyWithTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, objects],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def create_bucket(client: Any, name: str, infrastructure: Infrastructure) -> tuple[str, ...]:
    """Create the bucket by a boto3 *client* of S3; the operations that its server does not have.

    For tests and for trying things: in production the template makes it, with the policy about TLS.
    """
    region = client.meta.region_name
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    client.create_bucket(Bucket=name, ObjectOwnership=OWNERSHIP, **where)
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": ENCRYPTION}}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("put_public_access_block", {"PublicAccessBlockConfiguration": dict(PRIVATE)}),
        ("put_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [default]}}),
        (
            "put_bucket_lifecycle_configuration",
            {"LifecycleConfiguration": {"Rules": [rule.call() for rule in rules(infrastructure)]}},
        ),
    ]
    if infrastructure.origins:
        cors = {**_cors(infrastructure), "ExposeHeaders": ["ETag"], "MaxAgeSeconds": _CORS_SECONDS}
        steps.append(("put_bucket_cors", {"CORSConfiguration": {"CORSRules": [cors]}}))
    return tuple(step for step, asked in steps if not _done(client, step, Bucket=name, **asked))


def _done(client: Any, step: str, **asked: Any) -> bool:
    """Whether the server has this; that it refuses is raised."""
    try:
        getattr(client, step)(**asked)
    except client.exceptions.ClientError as exc:
        if code_of(exc) not in NOT_THERE:
            raise
        return False
    return True
