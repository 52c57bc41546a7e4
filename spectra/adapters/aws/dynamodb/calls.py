"""Calling DynamoDB: bounded repetition, and what it says as errors of ours.

The library repeats by itself, and asks the SDK not to: the SDK tells the last error only, and a try that
timed out before one that was throttled may have been done. A write is repeated with the same content and
the same token, so that it is applied once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from spectra.adapters.aws import clients
from spectra.adapters.aws.dynamodb.layout import Item
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    OutcomeUnknownError,
)

__all__ = ["TRIES", "Calls", "Refused", "new_client"]

TRIES: Final = 8
_SECONDS: Final = 30.0
_PAUSE: Final = 0.025
_LONGEST_PAUSE: Final = 1.0

_NOT_DONE: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ReplicatedWriteConflictException",
        "LimitExceededException",
    }
)
_REASONS_NOT_DONE: Final = frozenset(
    {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
)
_TOO_LARGE: Final = "exceeded the maximum allowed size"
_ADVICE: Final = {
    "ResourceNotFoundException": "the table or its index does not exist; deploy the template, or check "
    "SPECTRA_DYNAMODB_TABLE_NAME and SPECTRA_AWS_REGION",
    "AccessDeniedException": "access is denied; give this role the policy of the template",
    "UnrecognizedClientException": "the credentials are not valid; renew them",
    "ExpiredTokenException": "the credentials have expired; renew them",
    "NoCredentialsError": "there are no credentials; configure them as for any AWS client",
    "NoRegionError": "no region is named; set SPECTRA_AWS_REGION",
}


@attrs.frozen
class Refused(Exception):
    """Conditions did not hold, and nothing was written.

    *found* has, for each action of the write, the item that stood in its way; None for an action that
    was not refused, an empty item where there was none. *doubtful*: an earlier try of the same write may
    have been applied.
    """

    found: Sequence[Item | None]
    doubtful: bool


class Calls:
    """Calls of DynamoDB, and their repetition.

    A call is tried at most eight times, and no longer begun after 30 seconds.
    """

    def __init__(
        self, client: Any | Callable[[], Any], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clients = clients.Clients(client, owner="the job store")
        self._sleep = sleep

    def close(self) -> None:
        """Refuse every later call; a client that was made here is closed."""
        self._clients.close()

    def check_open(self) -> None:
        """Refuse what comes after `close`.

        Raises:
            ClosedError: it is closed.
        """
        self._clients.check_open()

    def read(self, operation: str, **asked: Any) -> dict[str, Any]:
        """Read; may be repeated at will.

        Raises:
            BackendUnavailableError: every try failed.
            BackendError: it is refused, or was not understood.
        """
        return self._call(operation, asked, writes=False)

    def write(self, operation: str, **asked: Any) -> dict[str, Any]:
        """Write under conditions.

        Raises:
            Refused: a condition did not hold.
            BackendUnavailableError: no try was done.
            OutcomeUnknownError: one may have been.
            BackendError: it is refused, or was not understood.
        """
        return self._call(operation, asked, writes=True)

    def _call(self, operation: str, asked: dict[str, Any], *, writes: bool) -> dict[str, Any]:
        doubtful = False
        until = time.monotonic() + _SECONDS
        for left in reversed(range(TRIES)):
            try:
                answer: dict[str, Any] = getattr(self._clients.client(), operation)(**asked)
            except BackendError:
                raise
            except Exception as exc:
                doubtful |= writes and _in_doubt(exc)
                refusal = _refusal(exc, doubtful=doubtful)
                if refusal is not None:
                    raise refusal from exc
                if left and _passes(exc) and time.monotonic() < until:
                    self.pause(TRIES - left)
                    continue
                raise _told(exc, doubtful=doubtful) from exc
            return answer
        raise AssertionError("unreachable")

    def pause(self, tries: int) -> None:
        """Wait before the next of several tries, the longer the more of them there were."""
        longest = min(_PAUSE * 2.0**tries, _LONGEST_PAUSE)
        self._sleep(longest * (0.5 + 0.5 * random.random()))  # noqa: S311 - spreads repeated calls


def new_client(region: str | None, endpoint: str | None = None) -> Any:
    """A client with time limits for small calls, which does not repeat by itself."""
    return clients.new_client(
        "dynamodb",
        region,
        endpoint,
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=3,
        read_timeout=10,
        max_pool_connections=50,
        tcp_keepalive=True,
    )


# ---- what was said ----------------------------------------------------------------------------------


def _code(exc: BaseException) -> str:
    response: Any = getattr(exc, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return type(exc).__name__


def _reasons(exc: BaseException) -> list[dict[str, Any]]:
    response: Any = getattr(exc, "response", None)
    return response.get("CancellationReasons") or [] if isinstance(response, dict) else []


def _status(exc: BaseException) -> int:
    response: Any = getattr(exc, "response", None)
    return (
        int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if isinstance(response, dict)
        else 0
    )


def _in_doubt(exc: BaseException) -> bool:
    """Whether a write that ended so may have been done."""
    import botocore.exceptions as told

    if isinstance(exc, told.ClientError):
        # A client that was given to us may repeat by itself, and tells the last error only.
        return _status(exc) >= 500 or exc.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0
    never_sent = (told.ConnectTimeoutError, told.EndpointConnectionError, told.ProxyConnectionError)
    return isinstance(exc, told.HTTPClientError) and not isinstance(exc, never_sent)


def _refusal(exc: BaseException, *, doubtful: bool) -> Refused | None:
    code = _code(exc)
    if code == "ConditionalCheckFailedException":
        response: Any = getattr(exc, "response", {})
        return Refused((response.get("Item", {}),), doubtful)
    reasons = _reasons(exc)
    if any(one.get("Code") == "ConditionalCheckFailed" for one in reasons):
        found = [
            one.get("Item", {}) if one.get("Code") == "ConditionalCheckFailed" else None for one in reasons
        ]
        return Refused(found, doubtful)
    return None


def _passes(exc: BaseException) -> bool:
    """Whether another try may do."""
    import botocore.exceptions as told

    reasons = {one.get("Code", "None") for one in _reasons(exc)} - {"None"}
    if reasons:
        return reasons <= _REASONS_NOT_DONE
    if isinstance(exc, told.ClientError):
        return _code(exc) in _NOT_DONE or _status(exc) >= 500
    return isinstance(exc, told.HTTPClientError | told.ConnectionError)


def _told(exc: Exception, *, doubtful: bool) -> Exception:
    import botocore.exceptions as told

    why = ", ".join(dict.fromkeys([_code(exc), *(str(one.get("Code")) for one in _reasons(exc))]))
    if doubtful:
        return OutcomeUnknownError(f"the write to DynamoDB may have been done: {why}")
    if _passes(exc):
        return BackendUnavailableError(f"DynamoDB could not be used, again and again: {why}")
    if _TOO_LARGE in str(exc) or any(_TOO_LARGE in str(one.get("Message")) for one in _reasons(exc)):
        return BackendError("DynamoDB refused: an item is larger than 400 KB")
    if isinstance(exc, told.ClientError | told.BotoCoreError):
        return BackendError(f"DynamoDB refused: {_ADVICE.get(_code(exc), why)}")
    return exc
