"""FastAPI: the HTTP interface as a router, and a lifespan with a worker inside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import Any, Final

from spectra.composition import Spectra
from spectra.errors import MissingExtraError
from spectra.hosts import http
from spectra.hosts.http.messages import JSON
from spectra.hosts.http.openapi import OPERATIONS, SCHEMAS, Operation

try:
    from anyio import to_thread
    from fastapi import APIRouter, Depends, HTTPException, Request, Response
    from fastapi.routing import APIRoute
    from pydantic import BaseModel, ConfigDict, create_model
    from starlette.types import Receive, Scope, Send

    from spectra.hosts.asgi import Answers
except ModuleNotFoundError as exc:
    raise MissingExtraError("fastapi", exc.name or "fastapi") from exc

__all__ = ["lifespan", "router"]

_MODELS: Final[dict[str, type[BaseModel]]] = {
    name: create_model(name, __module__=__name__, __config__=ConfigDict(json_schema_extra=schema))
    for name, schema in SCHEMAS.items()
}
_METHODS: Final = {f"spectra:{route.name}": http.methods_of(route.path) for route in http.ROUTES}


def router(
    spectra: Spectra,
    *,
    caller: Callable[..., Any],
    trusted_origins: Collection[str] = (),
    public_url: str | None = None,
    prefix: str = "",
) -> APIRouter:
    """The HTTP interface of *spectra*, to be included in an application.

    *caller* is a dependency of FastAPI's own, sync or async, that returns the `Caller` of a request; what it
    raises is the host's answer. *trusted_origins* are the other sites whose pages may send changes.
    *public_url* is where clients see the router; without it the request's own URL tells.
    """
    if not callable(caller):
        raise TypeError("caller must be a dependency that returns the Caller of a request")
    answers = Answers(http.Api(spectra, trusted_origins=trusted_origins), public_url=public_url)
    made = APIRouter(prefix=prefix, route_class=_Route)
    for route in http.ROUTES:
        said = OPERATIONS[route.name]
        endpoint = _endpoint(answers, route, caller if route.needs_caller else _nobody)
        made.add_api_route(
            route.path,
            endpoint,
            methods=[route.method],
            name=f"spectra:{route.name}",
            operation_id=route.name,
            summary=said.summary,
            description=said.description,
            tags=[route.of],
            status_code=next(iter(said.responses)),
            response_class=Response,
            responses=_responses(said),
            openapi_extra=said.request,
        )
        if route.method == "GET" and route.of != "files":  # files have a route of their own for it
            made.add_api_route(
                route.path,
                endpoint,
                methods=["HEAD"],
                name=f"spectra:{route.name}",
                response_class=Response,
                include_in_schema=False,
            )
    return made


class _Route(APIRoute):
    """One that refuses other methods by the name of all that its path has; FastAPI's own knows but its own."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405, headers={"Allow": ", ".join(_METHODS[self.name])})
        await super().handle(scope, receive, send)


def lifespan(spectra: Spectra, *, concurrency: int = 1) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """The lifespan of an application with a worker inside, which hands its leases back at the end.

    Then *spectra* is closed.
    """

    @asynccontextmanager
    async def living(_: Any) -> AsyncIterator[None]:
        stack = ExitStack()
        try:
            stack.enter_context(spectra)
            worker = spectra.worker(concurrency=concurrency)
            await to_thread.run_sync(stack.enter_context, worker.running())
            yield
        finally:
            await to_thread.run_sync(stack.close)

    return living


async def _nobody() -> None:
    return None


def _responses(said: Operation) -> dict[int | str, dict[str, Any]]:
    """FastAPI puts a schema among the document's components when it comes as a model."""
    found: dict[int | str, dict[str, Any]] = {}
    for status, response in said.responses.items():
        body = response.get("content", {}).get(JSON)
        if body is None:
            found[status] = response
            continue
        model = _MODELS[body["schema"]["$ref"].rpartition("/")[2]]
        found[status] = {**response, "model": model, "content": {JSON: {"examples": body["examples"]}}}
    return found


def _endpoint(answers: Answers, route: http.Route, caller: Callable[..., Any]) -> Callable[..., Any]:
    async def answer(request: Request, who: Any = Depends(caller)) -> Response:  # noqa: B008
        return await answers.to(route, request, who)

    return answer
