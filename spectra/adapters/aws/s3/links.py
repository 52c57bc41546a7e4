"""Presigned links, none of which outlives its instant or the credentials that signed it."""

from __future__ import annotations

import base64
import json
import math
import re
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import quote

from spectra.errors import BackendError
from spectra.ports.clock import SystemClock
from spectra.ports.result_store import Link, UploadTarget

__all__ = ["get", "post", "put"]

_LONGEST: Final = 7 * 24 * 3600
_SIGNED: Final = re.compile(r"[?&]X-Amz-(Date|Expires)=(\w+)")
_T = TypeVar("_T")


def get(client: Any, named: dict[str, str], filename: str, expires_at: datetime) -> Link:
    """A link that downloads the object as *filename*."""
    asked = {**named, "ResponseContentDisposition": _disposition(filename)}
    url, until = _signed(client, expires_at, lambda seconds: _url(client, "get_object", asked, seconds), _end)
    return Link(url=url, expires_at=until)


def put(client: Any, named: dict[str, str], size: int, expires_at: datetime) -> UploadTarget:
    """A target that takes exactly *size* bytes.

    The length is signed, and not among the headers: every client sends the true one by itself, and one
    that is told which to send would have the rest of a longer body cut off.
    """
    asked = {**named, "ContentLength": size}
    url, until = _signed(client, expires_at, lambda seconds: _url(client, "put_object", asked, seconds), _end)
    return UploadTarget(url=url, expires_at=until, max_bytes=size)


def post(client: Any, named: dict[str, str], max_bytes: int, expires_at: datetime) -> UploadTarget:
    """A target that takes at most *max_bytes*."""

    def form(seconds: int) -> Any:
        return client.generate_presigned_post(
            named["Bucket"],
            named["Key"],
            Fields={"success_action_status": "204"},
            Conditions=[{"success_action_status": "204"}, ["content-length-range", 0, max_bytes]],
            ExpiresIn=seconds,
        )

    made, until = _signed(client, expires_at, form, lambda made: _policy_end(made["fields"]))
    return UploadTarget(
        url=made["url"], method="POST", fields=made["fields"], expires_at=until, max_bytes=max_bytes
    )


def _url(client: Any, method: str, asked: dict[str, Any], seconds: int) -> str:
    return str(client.generate_presigned_url(method, Params=asked, ExpiresIn=seconds))


def _signed(
    client: Any, expires_at: datetime, sign: Callable[[int], _T], end: Callable[[_T], datetime]
) -> tuple[_T, datetime]:
    """What *sign* makes for as many seconds as end no later than asked, and when it ends."""
    # The server judges by real time, and the signature is made by the machine's: no other clock counts.
    now = SystemClock().now()
    until = min(expires_at, now + timedelta(seconds=_life(client)))
    # The signature's own clock stands at whole seconds, and may have moved on by one.
    seconds = min(max(math.floor((until - now.replace(microsecond=0)).total_seconds()), 1), _LONGEST)
    while True:
        made = sign(seconds)
        ends = end(made)
        if ends <= until or seconds <= 0:
            return made, ends
        seconds -= max(math.ceil((ends - until).total_seconds()), 1)


def _life(client: Any) -> int:
    """For how many seconds the credentials that sign live, as far as anybody knows."""
    # boto3 asks a client for its credentials in this way, and there is no other.
    credentials = client._get_credentials()  # noqa: SLF001
    if credentials is None:
        return _LONGEST  # and signing says that there are none
    credentials.get_frozen_credentials()  # renews what is about to end
    # Only those that end have this; they do not tell when, but whether before so many seconds.
    ends_before = getattr(credentials, "refresh_needed", None)
    if ends_before is None:
        return _LONGEST
    return max(bisect_left(range(_LONGEST + 1), True, key=ends_before) - 1, 0)


def _end(url: str) -> datetime:
    said = dict(_SIGNED.findall(url))
    if "Date" not in said:
        raise _old_signature()
    return datetime.fromisoformat(said["Date"]) + timedelta(seconds=int(said["Expires"]))


def _policy_end(fields: dict[str, str]) -> datetime:
    if "x-amz-date" not in fields:
        raise _old_signature()
    policy = json.loads(base64.b64decode(fields["policy"]))
    return datetime.fromisoformat(policy["expiration"])


def _old_signature() -> BackendError:
    return BackendError(
        "the client signs links in the old way, which bounds too little; "
        'make it with botocore.config.Config(signature_version="s3v4")'
    )


def _disposition(filename: str) -> str:
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
