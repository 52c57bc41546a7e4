"""Views: one for each path, for all of its methods."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, TypeAlias

import attrs
from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from spectra.composition import Spectra
from spectra.domain import Caller
from spectra.hosts.django.messages import from_django, to_django
from spectra.hosts.http import ROUTES, Api, Exchange, Response, Route

__all__ = ["Mount", "urlpatterns"]

_WAITS: Final = "/bulk/jobs/{job_id}"

Who: TypeAlias = Caller | HttpResponseBase
WhoAsks: TypeAlias = Callable[[HttpRequest], Who | Awaitable[Who]]


def urlpatterns(
    spectra: Spectra,
    *,
    caller: WhoAsks,
    trusted_origins: Collection[str] = (),
    public_url: str | None = None,
    asynchronous: bool = False,
) -> list[URLPattern]:
    """The HTTP interface of *spectra*, for hosts that do not name it in their settings.

    *caller* says who asks, or gives the response that refuses, such as ``HttpResponse(status=401)``; it may
    be a coroutine function. What it raises is the host's own affair.

    Changes that a browser sends from another site's page are refused, unless the page's origin is among
    *trusted_origins* (``https://app.example.com``). Links begin with *public_url*, where the patterns are
    mounted as clients see them; without it they begin as the request did. *asynchronous* is for ASGI: a
    call with ``?wait=`` then waits without a thread.
    """
    api = Api(spectra, trusted_origins=trusted_origins)
    return Mount(lambda: api, lambda: caller, public_url, asynchronous).patterns()


@attrs.frozen
class Mount:
    """Where the interface is mounted; what it needs is asked for at each request."""

    api: Callable[[], Api]
    caller: Callable[[], WhoAsks]
    public_url: str | None
    asynchronous: bool

    def patterns(self) -> list[URLPattern]:
        """One for each path."""
        found = []
        for at in dict.fromkeys(route.path for route in ROUTES):
            routes = {route.method: route for route in ROUTES if route.path == at}
            waits = self.asynchronous and at == _WAITS
            view: Any = csrf_exempt(self._waiting_view(routes) if waits else self._view(routes))
            for alias in connections.settings:
                # Half a minute's wait is no time for a transaction of the host's database.
                view = transaction.non_atomic_requests(using=alias)(view)
            rule = at[1:].replace("{", "<str:").replace("}", ">")
            found.append(path(rule, view, name=next(iter(routes.values())).name))
        return found

    def _view(self, routes: Mapping[str, Route]) -> Callable[..., HttpResponseBase]:
        def view(request: HttpRequest, /, **parameters: str) -> HttpResponseBase:
            route = _route(routes, request)
            if route is None:
                return HttpResponseNotAllowed([*routes])
            caller: Any = self.caller() if route.needs_caller else None
            if iscoroutinefunction(caller):
                caller = async_to_sync(caller)
            who = caller(request) if caller else None
            if isinstance(who, HttpResponseBase):
                return who
            return to_django(request, self._begin(route, request, parameters, who).response())

        return view

    def _waiting_view(self, routes: Mapping[str, Route]) -> Callable[..., Awaitable[HttpResponseBase]]:
        async def view(request: HttpRequest, /, **parameters: str) -> HttpResponseBase:
            route = _route(routes, request)
            if route is None:
                return HttpResponseNotAllowed([*routes])
            caller: Any = self.caller()
            who = await (caller if iscoroutinefunction(caller) else sync_to_async(caller))(request)
            if isinstance(who, HttpResponseBase):
                return who
            exchange = self._begin(route, request, parameters, who)
            # Reads are short and share the loop's few threads; a change may take longer, in one of its own.
            step = sync_to_async(exchange.step, thread_sensitive=route.method != "GET")
            answer = await step()
            while not isinstance(answer, Response):
                await asyncio.sleep(answer)
                answer = await step()
            return to_django(request, answer)

        return view

    def _begin(
        self, route: Route, request: HttpRequest, parameters: Mapping[str, str], who: Caller | None
    ) -> Exchange:
        here = f"{request.scheme}://{request.get_host()}{route.mounted_at(request.path, parameters)}"
        asked = from_django(request, self.public_url or here)
        return self.api().begin(route, asked, route.own(parameters), who)


def _route(routes: Mapping[str, Route], request: HttpRequest) -> Route | None:
    route = routes.get(request.method or "")
    return routes.get("GET") if route is None and request.method == "HEAD" else route
