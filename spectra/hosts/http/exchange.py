"""One request on its way to its response, in steps that a host runs where and when it likes."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator
from typing import Any, Final, TypeAlias

import structlog

from spectra import codec
from spectra.errors import (
    BackendUnavailableError,
    ExecutorError,
    OutcomeUnknownError,
    WarehouseLockedError,
)
from spectra.hosts.http.messages import Request, Response, json_response

__all__ = ["Exchange", "Steps", "request_id_of"]

Steps: TypeAlias = Generator[float, None, Response]
"""What a handler is that waits: it gives the seconds until it wants to go on."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_log = logging.getLogger(__name__)


def request_id_of(request: Request, new_id: Callable[[], str]) -> str:
    """The client's ``X-Request-ID``, or a new one where that is missing or unfit for a log."""
    said = request.header("x-request-id") or ""
    return said if _REQUEST_ID.fullmatch(said) else new_id()


class Exchange:
    """A request that was begun.

    `step` does what can be done now, which may block for a read of the job store; then it says how many
    seconds to let pass before the next step, or gives the response. So a host without threads to
    spare can wait without one. Steps may run in different threads, one after the other.
    """

    def __init__(self, request_id: str, handle: Callable[[], Response | Steps]) -> None:
        self.request_id = request_id
        self._handle = handle
        self._steps: Steps | None = None

    def step(self) -> float | Response:
        """Go on; never raises what the client should be told."""
        with structlog.contextvars.bound_contextvars(request_id=self.request_id):
            try:
                answer = self._next()
            except Exception as exc:
                answer = self._problem(exc)
        if isinstance(answer, Response):
            return Response(
                status=answer.status,
                headers={**answer.headers, "X-Request-ID": self.request_id},
                body=answer.body,
            )
        return answer

    def response(self, sleep: Callable[[float], Any] = time.sleep) -> Response:
        """Take all steps, in this thread."""
        while not isinstance(answer := self.step(), Response):
            sleep(answer)
        return answer

    def _next(self) -> float | Response:
        if self._steps is None:
            begun = self._handle()
            if isinstance(begun, Response):
                return begun
            self._steps = begun
        try:
            return next(self._steps)
        except StopIteration as done:
            response: Response = done.value
            return response

    def _problem(self, exc: Exception) -> Response:
        status, body = codec.http_status(exc), codec.error(exc, request_id=self.request_id)
        # What is wrong behind the host names its tables, paths and processes, which are no affair of a tenant's.
        said = next((text for kind, text in _SAID if isinstance(exc, kind)), None)
        if status == 500 and not isinstance(exc, ExecutorError):
            _log.error("a request failed: %s", exc, exc_info=exc, extra={"request_id": self.request_id})
            said = "something went wrong; report it with the request id"
            body["error"]["details"] = {}
        elif said is not None:
            _log.warning("a request failed: %s", exc, extra={"request_id": self.request_id})
        if said is not None:
            body["error"]["message"] = said
        return json_response(status, body, **codec.http_headers(exc))


_SAID: Final = (
    (OutcomeUnknownError, "it may have been done, or not; read before you repeat it"),
    (BackendUnavailableError, "a part of the service cannot be reached; nothing was done, so repeat it"),
    (WarehouseLockedError, "the warehouse is in use by another process; nothing was done, so repeat it"),
)
