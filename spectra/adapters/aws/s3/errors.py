"""What botocore raises, as the three errors of backends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final

from spectra.errors import BackendError, BackendUnavailableError, ObjectNotFoundError, OutcomeUnknownError

__all__ = ["code_of", "translated"]

_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})
_TRANSIENT: Final = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "RequestTimeout",
        "Throttling",
        "ThrottlingException",
        "503",
        "500",
    }
)


def code_of(exc: BaseException) -> str:
    """The code of a ClientError; nothing of anything else."""
    response: Any = getattr(exc, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


@contextlib.contextmanager
def translated(what: str, *, writes: bool = False) -> Iterator[None]:
    """Raise what S3 and the way to it say as errors of ours; *writes*: a lost answer leaves doubt."""
    import boto3.exceptions
    import botocore.exceptions as told

    try:
        yield
    except told.ClientError as exc:
        code = code_of(exc)
        if code in _MISSING:
            raise ObjectNotFoundError(what) from exc
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _TRANSIENT or status >= 500:
            raise (OutcomeUnknownError if writes and status >= 500 else BackendUnavailableError)(
                f"S3 refused for now: {code or status}"
            ) from exc
        raise BackendError(f"S3 refused: {code or status}") from exc
    except (told.ConnectTimeoutError, told.EndpointConnectionError, told.ProxyConnectionError) as exc:
        raise BackendUnavailableError("S3 cannot be reached") from exc
    except (told.HTTPClientError, told.ConnectionError) as exc:
        if writes:
            raise OutcomeUnknownError("the connection to S3 broke during a write") from exc
        raise BackendUnavailableError("the connection to S3 broke") from exc
    except (told.BotoCoreError, boto3.exceptions.Boto3Error) as exc:
        raise BackendError(f"S3 could not be used: {type(exc).__name__}") from exc
