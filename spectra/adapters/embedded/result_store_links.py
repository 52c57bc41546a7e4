"""Links that a host serves: signed by itsdangerous, with the instant of their end inside."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeSerializer

from spectra.errors import LinkRefusedError
from spectra.ports.clock import Clock

__all__ = ["Links", "load_secret"]

_SALT: Final = "spectra.links.1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def load_secret(folder: Path, temporary: Path) -> bytes:
    """Read the secret of this home, or make it.

    It is written into a folder of its own, which then gets its name: renaming onto a folder that is
    not empty fails everywhere, so of several first starts one makes the secret and the others read
    it, and a crash leaves none that is half written.

    Raises:
        OSError: the secret can be neither read nor made.
    """
    secret = folder / "links"
    try:
        return secret.read_bytes()
    except FileNotFoundError:
        pass
    draft = temporary / f"secret-{secrets.token_hex(8)}"
    draft.mkdir(mode=0o700)
    handle = os.open(draft / "links", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.rename(draft, folder)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            return secret.read_bytes()
        raise
    return secret.read_bytes()


class Links:
    """Makes and reads the links of one home."""

    def __init__(self, secret: bytes, clock: Clock, base_url: str) -> None:
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._base_path = urlsplit(self._base_url).path
        self._serializer = URLSafeSerializer(
            secret, salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def sign(self, claim: Mapping[str, Any], until: datetime) -> str:
        """The URL of *claim*, which holds until *until*."""
        return f"{self._base_url}/{self._token({**claim, 'until': _millis(until)})}"

    def read(self, url: str) -> dict[str, Any]:
        """The claim of a link; scheme, host and query are the host's own affair.

        Raises:
            LinkRefusedError: altered, or past its instant.
        """
        # not by urlsplit, which would forgive a line feed in the middle
        prefix, _, token = url.partition("#")[0].partition("?")[0].rpartition("/")
        try:
            claim: dict[str, Any] = self._serializer.loads(token)
            # Base64 has several spellings of the same bytes: a link is good in one only.
            unaltered = hmac.compare_digest(self._token(claim), token) and prefix.endswith(self._base_path)
        except (BadData, ValueError, TypeError):
            unaltered = False
        if not unaltered:
            raise LinkRefusedError("it was altered, or is not of this store")
        if _millis(self._clock.now()) >= claim["until"]:
            raise LinkRefusedError("it has expired")
        return claim

    def _token(self, claim: Mapping[str, Any]) -> str:
        token = self._serializer.dumps(claim)
        return token if isinstance(token, str) else token.decode()


def _millis(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)
