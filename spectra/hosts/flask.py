"""Flask: a blueprint of the HTTP interface (docs/flask.md).

app.register_blueprint(blueprint(spectra, caller=who_asks), url_prefix="/api")
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Collection
from typing import BinaryIO, Final, cast
from wsgiref.util import FileWrapper

from spectra.composition import Spectra
from spectra.domain import Caller
from spectra.errors import MissingExtraError
from spectra.hosts.http import ROUTES, Api, Request, Route

try:
    import flask
except ModuleNotFoundError as exc:
    if exc.name != "flask":
        raise
    raise MissingExtraError("flask", "flask") from exc

__all__ = ["blueprint"]

_BLOCK: Final = 256 * 1024


def blueprint(
    spectra: Spectra,
    *,
    caller: Callable[[flask.Request], Caller],
    trusted_origins: Collection[str] = (),
    public_url: str | None = None,
    name: str = "spectra",
    url_prefix: str | None = None,
) -> flask.Blueprint:
    """The HTTP interface of *spectra*, which its giver closes.

    *caller* says who asks. What it raises is the host's own affair, such as ``abort(401)``, and so are
    methods and paths that do not exist.

    Changes that a browser sends from another site's page are refused, unless the page's origin is among
    *trusted_origins* (``https://app.example.com``). Links begin with *public_url*, where the blueprint is
    mounted as clients see it; without it they begin as the request did. A call with ``?wait=`` keeps its
    thread for up to 30 seconds.
    """
    api = Api(spectra, trusted_origins=trusted_origins)
    made = flask.Blueprint(name, __name__, url_prefix=url_prefix)
    for route in ROUTES:
        rule = route.path.replace("{", "<").replace("}", ">")
        view = functools.partial(_answer, api, route, caller, public_url)
        made.add_url_rule(rule, route.name, view, methods=[route.method])
    return made


class _Response(flask.Response):
    """One that has the type of its body, and none where it has no body."""

    default_mimetype = None


def _answer(
    api: Api,
    route: Route,
    caller: Callable[[flask.Request], Caller],
    public_url: str | None,
    /,
    **parameters: str,
) -> flask.Response:
    request = flask.request
    who = caller(request) if route.needs_caller else None
    asked = Request(
        method=request.method,
        query=[*request.args.items(multi=True)],
        # Proxies may have changed the host's name; `request.host` is what Flask was told to believe.
        headers={**{key.lower(): value for key, value in request.headers}, "host": request.host},
        body=_body(request),
        base_url=(public_url or _mounted_at(request, route, parameters)).rstrip("/"),
    )
    answer = api.begin(route, asked, route.own(parameters), who).response()
    headers = [*answer.headers.items()]
    if isinstance(answer.body, bytes):
        return _Response([answer.body], answer.status, headers)  # in a list, it leaves a HEAD its length
    # Passed through, a stream is closed by the server, whether or not it was read.
    return _Response(FileWrapper(answer.body, _BLOCK), answer.status, headers, direct_passthrough=True)


def _body(request: flask.Request) -> BinaryIO:
    # Who asks for a signature of the body has read it; Flask has kept it then.
    read = "stream" in vars(request)
    return io.BytesIO(request.get_data()) if read else cast(BinaryIO, request.stream)


def _mounted_at(request: flask.Request, route: Route, parameters: dict[str, str]) -> str:
    path = route.mounted_at(request.root_path + request.path, parameters)
    return f"{request.scheme}://{request.host}{path}"
