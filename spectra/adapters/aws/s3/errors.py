"""What botocore raises, as the three errors of backends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

from spectra.adapters.aws.s3.advice import advice_on
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    MissingExtraError,
    ObjectNotFoundError,
    OutcomeUnknownError,
)

__all__ = ["code_of", "refusal", "translated", "watch"]

_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
# Refused before anything was done, or done by nobody: the same call may succeed later.
_REFUSED_FOR_NOW: Final = frozenset(
    {
        "429",
        "503",
        "BadDigest",
        "ConditionalRequestConflict",
        "IncompleteBody",
        "NoSuchUpload",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    }
)
_PUBLISHING: Final = frozenset({"CompleteMultipartUpload", "CopyObject", "PutObject"})

_TRIES: ContextVar[list[bool] | None] = ContextVar("_TRIES", default=None)


def watch(client: Any) -> None:
    """Let `translated` see every try that *client* makes: botocore repeats, and shows the last one only."""
    client.meta.events.register("needs-retry.s3", _tried, unique_id="spectra-tries")


def code_of(exc: BaseException | None) -> str:
    """The code of a ClientError; nothing of anything else."""
    response: Any = getattr(exc, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def refusal(code: str, operation: str, location: str) -> BackendError:
    """The error for a *code* of S3 that says nothing was done."""
    if code in _REFUSED_FOR_NOW or code in ("500", "InternalError"):
        return BackendUnavailableError(f"S3 refused {operation} for now: {code}")
    return BackendError(advice_on(code, operation, urlsplit(location).netloc))


@contextlib.contextmanager
def translated(location: str, *, writes: bool = False) -> Iterator[None]:
    """Raise what S3 and the way to it say of *location* as errors of ours.

    *writes*: it may make an object visible; so if any of the tries may have done it, that is said.
    """
    import boto3.exceptions
    import botocore.exceptions as told

    tries: list[bool] = []
    token = _TRIES.set(tries)
    try:
        yield
    except told.ClientError as exc:
        code, operation = code_of(exc), exc.operation_name
        if writes and operation in _PUBLISHING and _done_perhaps(exc, tries):
            raise OutcomeUnknownError(
                f"S3 answered {code} to {operation}, which may have been done; look at {location} first"
            ) from exc
        if code in _MISSING:
            raise ObjectNotFoundError(location) from exc
        if _status(exc) >= 500:
            raise BackendUnavailableError(f"S3 refused {operation} for now: {code}") from exc
        raise refusal(code, operation, location) from exc
    except (told.HTTPClientError, told.ConnectionError) as exc:
        if writes and (any(tries) if tries else _broke_later(exc)):
            raise OutcomeUnknownError(
                f"the connection to S3 broke during a write, which may have been done; look at {location} first"
            ) from exc
        raise BackendUnavailableError(f"S3 cannot be reached: {type(exc).__name__}") from exc
    except (told.CredentialRetrievalError, told.MetadataRetrievalError, OSError) as exc:
        raise BackendUnavailableError("the credentials for S3 could not be fetched") from exc
    except (told.NoCredentialsError, told.PartialCredentialsError) as exc:
        raise BackendError("there are no credentials for S3; give the process a role or a profile") from exc
    except told.MissingDependencyException as exc:
        raise MissingExtraError("aws", "awscrt") from exc
    except (told.BotoCoreError, boto3.exceptions.Boto3Error) as exc:
        raise BackendError(f"S3 could not be used: {type(exc).__name__}") from exc
    finally:
        _TRIES.reset(token)


def _tried(response: Any = None, caught_exception: BaseException | None = None, **_: object) -> None:
    tries = _TRIES.get()
    if tries is None:
        return
    if response is None:
        tries.append(_broke_later(caught_exception))
        return
    answer, parsed = response
    code = str(parsed.get("Error", {}).get("Code", ""))
    tries.append(_unclear(answer.status_code, code))


def _done_perhaps(exc: Any, tries: list[bool]) -> bool:
    if tries:
        return any(tries)
    # Sent by the transfer manager's threads: of the earlier tries only their number is known.
    retried: int = exc.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
    return retried > 0 or _unclear(_status(exc), code_of(exc))


def _status(exc: Any) -> int:
    status: int = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status


def _unclear(status: int, code: str) -> bool:
    # S3 says InternalError with a status of 200 too, when it has begun to answer before it knew.
    return (status >= 500 or code == "InternalError") and code not in _REFUSED_FOR_NOW


def _broke_later(exc: BaseException | None) -> bool:
    """Whether a connection broke after it stood, so that the request may have arrived."""
    import botocore.exceptions as told

    return not isinstance(
        exc, (told.ConnectTimeoutError, told.EndpointConnectionError, told.ProxyConnectionError)
    )
