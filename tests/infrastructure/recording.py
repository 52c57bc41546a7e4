"""What boto3 clients ask for, as IAM sees it: actions and the resources that they are about."""

from __future__ import annotations

import fnmatch

OBJECTS = {
    "GetObject": ("GetObject",),
    "HeadObject": ("GetObject",),
    "PutObject": ("PutObject",),
    "DeleteObject": ("DeleteObject",),
    "CreateMultipartUpload": ("PutObject",),
    "UploadPart": ("PutObject",),
    "CompleteMultipartUpload": ("PutObject",),
    "CopyObject": ("PutObject",),
    "UploadPartCopy": ("PutObject",),
    "AbortMultipartUpload": ("AbortMultipartUpload",),
}
COPIES = {"CopyObject", "UploadPartCopy"}
BUCKETS = {"ListObjectsV2": "ListBucket", "ListMultipartUploads": "ListBucketMultipartUploads"}
STATEMENTS = {"DescribeStatement", "GetStatementResult", "ListStatements", "CancelStatement"}

TABLE = "arn:aws:dynamodb:us-east-1:111122223333:table/"
WAREHOUSE = "arn:aws:redshift:us-east-1:111122223333:cluster:local"


class Recorder:
    """Notes (action, resource, prefix asked for) of every call of its clients, and of every link they sign."""

    def __init__(self):
        self.asked = set()

    def listen(self, client):
        client.meta.events.register("provide-client-params", self._note)
        return client

    def _note(self, params, model, **_):
        service = model.service_model.service_name
        self.asked |= set(getattr(self, "_" + service.replace("-", "_"))(model.name, params))

    def _s3(self, operation, params):
        bucket = f"arn:aws:s3:::{params['Bucket']}"
        if operation in BUCKETS:
            yield f"s3:{BUCKETS[operation]}", bucket, params.get("Prefix")
            return
        if operation == "DeleteObjects":
            for one in params["Delete"]["Objects"]:
                yield "s3:DeleteObject", f"{bucket}/{one['Key']}", None
            return
        for action in OBJECTS[operation]:
            yield f"s3:{action}", f"{bucket}/{params['Key']}", None
        if operation in COPIES:
            source = params["CopySource"]
            yield "s3:GetObject", f"arn:aws:s3:::{source['Bucket']}/{source['Key']}", None
        if operation in ("HeadObject", "GetObject"):
            # What S3 looks at when the object is not there.
            yield "s3:ListBucket", bucket, None

    def _dynamodb(self, operation, params):
        if operation == "TransactWriteItems":
            for one in params["TransactItems"]:
                ((kind, asked),) = one.items()
                action = {"ConditionCheck": "ConditionCheckItem"}.get(kind, f"{kind}Item")
                yield f"dynamodb:{action}", TABLE + asked["TableName"], None
        elif operation == "BatchGetItem":
            for name in params["RequestItems"]:
                yield "dynamodb:BatchGetItem", TABLE + name, None
        else:
            index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
            yield f"dynamodb:{operation}", TABLE + params["TableName"] + index, None

    def _redshift_data(self, operation, params):
        yield f"redshift-data:{operation}", "*" if operation in STATEMENTS else WAREHOUSE, None


class Policy:
    """A rendered policy of a template, with its references filled in."""

    def __init__(self, document, references):
        self._references = references
        self.statements = [
            (
                one["Sid"],
                one["Action"],
                [self._filled(arn) for arn in one["Resource"]],
                {
                    key: self._filled(value)
                    for key, value in one.get("Condition", {}).get("StringLikeIfExists", {}).items()
                },
            )
            for one in document["Statement"]
        ]

    def _filled(self, value):
        text = value["Fn::Sub"] if isinstance(value, dict) else value
        for name, filled in self._references.items():
            text = text.replace(f"${{{name}}}", filled)
        assert "${" not in text, text
        return text

    def pairs(self):
        """Each action with each of its resources."""
        return {
            (action, arn) for _, actions, arns, _ in self.statements for action in actions for arn in arns
        }

    def allowing(self, asked):
        """The pairs that allow this."""
        action, resource, prefix = asked
        return {
            (action, arn)
            for _, actions, arns, conditions in self.statements
            for arn in arns
            if action in actions
            and fnmatch.fnmatchcase(resource, arn)
            and (prefix is None or fnmatch.fnmatchcase(prefix, conditions.get("s3:prefix", "*")))
        }
