"""Lambda: the HTTP interface behind API Gateway or a function URL, by Mangum over the FastAPI host."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Final, TypeAlias, cast

from spectra.errors import MissingExtraError
from spectra.hosts.stream_worker import Context

__all__ = ["http_handler"]

Scope: TypeAlias = MutableMapping[str, Any]
Handler: TypeAlias = Callable[[dict[str, Any], Context], dict[str, Any]]

LONGEST_WAIT: Final = 25.0
"""API Gateway answers for a function after 29 seconds, or 30."""


def http_handler(app: Any, *, base_path: str = "/", margin_seconds: float = 2.0) -> Handler:
    """The handler of a function whose requests *app* answers: of REST and HTTP APIs and of function URLs.

    Make it once, outside of any handler. *base_path* is what an event's path has before *app*'s own, such
    as ``/prod`` for a stage of an HTTP API. A ``wait`` ends *margin_seconds* before the invocation does, and
    after 25 seconds at the latest. The application's lifespan is not run: a function has no worker inside.

    Raises:
        MissingExtraError: Mangum is not installed.
    """
    try:
        from mangum import Mangum
    except ModuleNotFoundError as exc:
        raise MissingExtraError("lambda", exc.name or "mangum") from exc

    async def within(scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        from spectra.hosts.asgi import PATIENCE

        left = scope["aws.context"].get_remaining_time_in_millis() / 1_000 - margin_seconds
        await app({**scope, PATIENCE: min(left, LONGEST_WAIT)}, receive, send)

    return cast(Handler, Mangum(within, lifespan="off", api_gateway_base_path=base_path))
