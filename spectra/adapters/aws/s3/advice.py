"""What S3's refusals mean, and what to do next."""

from __future__ import annotations

from typing import Final

__all__ = ["ACTIONS", "advice_on"]

_READ, _WRITE, _LIST, _DELETE = "s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteObject"
# Every operation that the store calls, and the action of IAM that allows it.
ACTIONS: Final = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": _WRITE,
    "CopyObject": f"{_READ} and {_WRITE}",
    "CreateMultipartUpload": _WRITE,
    "DeleteObject": _DELETE,
    "DeleteObjects": _DELETE,
    "GetObject": _READ,
    "HeadBucket": _LIST,
    "HeadObject": _READ,
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectsV2": _LIST,
    "PutObject": _WRITE,
    "UploadPart": _WRITE,
    "UploadPartCopy": f"{_READ} and {_WRITE}",
}
_DENIED: Final = frozenset({"403", "AccessDenied", "AllAccessDisabled", "AccountProblem"})
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_UNKNOWN: Final = frozenset(
    {"InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed"}
)
_ELSEWHERE: Final = frozenset({"301", "307", "PermanentRedirect", "IllegalLocationConstraintException"})


def advice_on(code: str, operation: str, bucket: str) -> str:
    """What *code* in answer to *operation* means, and the next step."""
    if operation not in ACTIONS:  # of the service that the credentials come from
        return f"the credentials for S3 could not be renewed: {operation} was refused ({code})"
    if code in _DENIED:
        action = ACTIONS[operation]
        hint = (
            "; without s3:ListBucket it says so of missing objects too" if operation == "HeadObject" else ""
        )
        return (
            f"S3 refuses {action} on bucket {bucket}: allow it to the role whose credentials are used, "
            f"and the use of the bucket's KMS key if it has one{hint}"
        )
    if code == "NoSuchBucket":
        return f"the bucket {bucket} does not exist; create it, or correct its name"
    if code in _EXPIRED:
        return "the credentials for S3 have expired; use ones that renew themselves, such as a role's"
    if code in _UNKNOWN:
        return f"S3 does not accept the credentials ({code}); check them, and the client's region"
    if code in _ELSEWHERE:
        return f"the bucket {bucket} is in another region; make the client for that region"
    if code == "RequestTimeTooSkewed":
        return "this machine's clock is wrong by minutes, and S3 refuses it; set the clock"
    if code == "400" and operation.startswith("Head"):
        return (
            f"S3 refused {operation} without a reason, as it does when credentials have expired; renew them"
        )
    if code == "EntityTooLarge":
        return "S3 does not keep objects of this size; write several"
    return f"S3 refused {operation} on bucket {bucket}: {code}"
