"""What lies below a prefix of a bucket: removing it, and whose it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from spectra.adapters.aws.s3.errors import code_of, refusal, translated
from spectra.errors import BackendError
from spectra.ports.job_store import Page
from spectra.ports.places import Place

__all__ = ["delete_below", "jobs_below"]

PAGE: Final = 100
_LISTED: Final = 20


def delete_below(client: Any, bucket: str, prefix: str) -> None:
    """Remove every object and every unfinished upload; what cannot be removed keeps nothing else back.

    Raises:
        BackendError: some could not be removed.
    """
    location = f"s3://{bucket}/{prefix}"
    kept: BackendError | None = None
    with translated(location):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            # A page has at most as many keys as one call deletes.
            keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
            if not keys:
                continue
            told = client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            for error in told.get("Errors", ()):
                kept = refusal(str(error.get("Code")), "DeleteObjects", location)
        uploads = client.get_paginator("list_multipart_uploads")
        for page in uploads.paginate(Bucket=bucket, Prefix=prefix):
            for one in page.get("Uploads", ()):
                _abort(client, bucket, one)
    if kept is not None:
        raise kept


def _abort(client: Any, bucket: str, upload: Any) -> None:
    import botocore.exceptions as told

    try:
        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    except told.ClientError as exc:
        if code_of(exc) != "NoSuchUpload":
            raise


def jobs_below(
    client: Any,
    bucket: str,
    prefix: str,
    own: Callable[[str], Place | None],
    older_than: datetime,
    after: str,
) -> Page[tuple[str, str]]:
    """The jobs whose files follow the folder *after*, none changed since *older_than*.

    A page ends when it has a hundred jobs, or after some twenty thousand files.
    """
    # What comes after the last name that a job's folder could have: no name has this character.
    begin = {"StartAfter": after + "\U0010fffd"} if after else {}
    found: list[tuple[str, str]] = []
    current: tuple[str, str] | None = None
    old = False
    with translated(f"s3://{bucket}/{prefix}"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **begin)
        for number, page in enumerate(pages):
            for one in page.get("Contents", ()):
                place = own(one["Key"])
                if place is None:
                    continue
                ids = (place.tenant_id, place.job_id)
                if ids != current:
                    if current is not None:
                        found += [current] if old else []
                        if len(found) == PAGE or number >= _LISTED:
                            return Page(tuple(found), "/".join(current))
                    current, old = ids, True
                old = old and one["LastModified"] < older_than
    found += [current] if current is not None and old else []
    return Page(tuple(found), None)
