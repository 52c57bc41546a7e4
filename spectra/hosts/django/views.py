"""Views: one for each path, for all of its methods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import attrs
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from spectra.composition import Spectra
from spectra.domain import Caller
from spectra.hosts.django.messages import from_django, to_django
from spectra.hosts.http import ROUTES, Api, Route, methods_of

__all__ = ["Mount", "urlpatterns"]

WhoAsks: TypeAlias = Callable[[HttpRequest], Caller | HttpResponseBase]


def urlpatterns(
    spectra: Spectra,
    *,
    caller: WhoAsks,
    trusted_origins: Collection[str] = (),
    public_url: str | None = None,
) -> list[URLPattern]:
    """The HTTP interface of *spectra*, for hosts that do not name it in their settings.

    *caller* says who asks, or gives the response that refuses, such as ``HttpResponse(status=401)``. What it
    raises is the host's own affair.

    Changes that a browser sends from another site's page are refused, unless the page's origin is among
    *trusted_origins* (``https://app.example.com``). Links begin with *public_url*, where the patterns are
    mounted as clients see them; without it they begin as the request did. A call with ``?wait=`` keeps its
    thread for up to 30 seconds.
    """
    api = Api(spectra, trusted_origins=trusted_origins)
    return Mount(lambda: api, lambda: caller, public_url).patterns()


@attrs.frozen
class Mount:
    """Where the interface is mounted; what it needs is asked for at each request."""

    api: Callable[[], Api]
    caller: Callable[[], WhoAsks]
    public_url: str | None

    def patterns(self) -> list[URLPattern]:
        """One for each path."""
        found = []
        for at in dict.fromkeys(route.path for route in ROUTES):
            routes = {route.method: route for route in ROUTES if route.path == at}
            view: Any = csrf_exempt(self._view(at, routes))
            for alias in connections.settings:
                # Half a minute's wait is no time for a transaction of the host's database.
                view = transaction.non_atomic_requests(using=alias)(view)
            rule = at[1:].replace("{", "<str:").replace("}", ">")
            found.append(path(rule, view, name=next(iter(routes.values())).name))
        return found

    def _view(self, at: str, routes: Mapping[str, Route]) -> Callable[..., HttpResponseBase]:
        def view(request: HttpRequest, /, **parameters: str) -> HttpResponseBase:
            route = _route(routes, request)
            if route is None:
                return HttpResponseNotAllowed(methods_of(at))
            who = self.caller()(request) if route.needs_caller else None
            if isinstance(who, HttpResponseBase):
                return who
            here = f"{request.scheme}://{request.get_host()}{route.mounted_at(request.path, parameters)}"
            asked = from_django(request, self.public_url or here)
            answer = self.api().begin(route, asked, route.own(parameters), who).response()
            return to_django(request, answer)

        return view


def _route(routes: Mapping[str, Route], request: HttpRequest) -> Route | None:
    route = routes.get(request.method or "")
    return routes.get("GET") if route is None and request.method == "HEAD" else route
