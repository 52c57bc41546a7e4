"""Copying inside S3, of what still has its etag."""

from __future__ import annotations

from typing import Any, Final

from spectra.adapters.aws.s3.errors import code_of, translated
from spectra.adapters.aws.s3.writing import CHECKSUM
from spectra.errors import BackendError, OutcomeUnknownError
from spectra.ports.result_store import ObjectInfo

__all__ = ["copied"]

# One call copies as much as 5 GiB, and takes minutes for it; parts are copied ten at a time.
IN_PARTS_FROM: Final = 512 * 1024**2
PART: Final = 128 * 1024**2


def copied(
    client: Any, source: dict[str, str], target: dict[str, str], location: str, info: ObjectInfo
) -> str | None:
    """Copy *source*, at *location*, which was *info*; the copy's etag, or None if it is that no longer.

    Raises:
        OutcomeUnknownError: the target may have been written.
    """
    condition = {"CopySourceIfMatch": f'"{info.etag}"', "ChecksumAlgorithm": CHECKSUM}
    try:
        with translated(location, writes=True):
            if info.bytes < IN_PARTS_FROM:
                told = client.copy_object(**target, CopySource=source, **condition)
                return str(told["CopyObjectResult"]["ETag"]).strip('"')
            if not _in_parts(client, source, target, condition):
                return None
    except BackendError as exc:
        if code_of(exc.__cause__) in ("PreconditionFailed", "412") and not isinstance(
            exc, OutcomeUnknownError
        ):
            return None
        raise
    try:
        with translated(location):
            return str(client.head_object(**target)["ETag"]).strip('"')
    except BackendError as exc:
        raise OutcomeUnknownError(f"{location} was copied, and the copy could not be looked at") from exc


def _in_parts(client: Any, source: dict[str, str], target: dict[str, str], condition: dict[str, str]) -> bool:
    from boto3.s3.transfer import TransferConfig
    from s3transfer.exceptions import S3CopyFailedError

    config = TransferConfig(
        multipart_threshold=IN_PARTS_FROM, multipart_chunksize=PART, preferred_transfer_client="classic"
    )
    try:
        client.copy(source, target["Bucket"], target["Key"], ExtraArgs=condition, Config=config)
    except S3CopyFailedError:  # what it says when a part's source has another etag
        return False
    return True
