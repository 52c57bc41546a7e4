"""The routes, and what answers them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

import attrs

from spectra.composition import Spectra
from spectra.domain import Caller
from spectra.errors import ObjectNotFoundError
from spectra.hosts.http import jobs, links, queries
from spectra.hosts.http.exchange import Exchange, Steps, request_id_of
from spectra.hosts.http.messages import Request, Response, json_response
from spectra.hosts.http.origins import check_origin, trusted

__all__ = ["ROUTES", "Api", "Route", "methods_of"]


@attrs.frozen
class Route:
    """*path* has its parameters in braces. *of* says who answers: jobs, queries, files of links, or nobody in particular.

    Files and health are for anybody: a link is a credential of its own. All else needs a caller.
    """

    method: str
    path: str
    name: str
    of: Literal["jobs", "queries", "files", "health"]
    handle: Callable[..., Response | Steps] = attrs.field(repr=False)

    @property
    def needs_caller(self) -> bool:
        """Whether the host must say who asks."""
        return self.of in ("jobs", "queries")

    def own(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Those of *parameters* that are this path's, and not of the path at which a host mounted it."""
        return {name: value for name, value in parameters.items() if f"{{{name}}}" in self.path}

    def mounted_at(self, path: str, parameters: Mapping[str, str]) -> str:
        """What stands in *path* before this route's own, as it stands in a URL."""
        return quote(path.removesuffix(self.path.format(**parameters)))


def _new_request_id() -> str:
    return secrets.token_hex(16)


def _health(_: Request) -> Response:
    return json_response(200, {"status": "ok"})


ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "/bulk/jobs", "create_job", "jobs", jobs.create),
    Route("GET", "/bulk/jobs", "list_jobs", "jobs", jobs.find),
    Route("GET", "/bulk/jobs/{job_id}", "read_job", "jobs", jobs.read),
    Route("PATCH", "/bulk/jobs/{job_id}", "change_job", "jobs", jobs.change),
    Route("DELETE", "/bulk/jobs/{job_id}", "delete_job", "jobs", jobs.delete),
    Route("GET", "/bulk/jobs/{job_id}/upload-url", "upload_url", "jobs", jobs.upload_url),
    Route("PUT", "/bulk/jobs/{job_id}/upload", "upload", "jobs", jobs.upload),
    Route("GET", "/bulk/jobs/{job_id}/results", "results", "jobs", jobs.results),
    Route("GET", "/bulk/jobs/{job_id}/failed-results", "failed_results", "jobs", jobs.failed_results),
    Route(
        "GET",
        "/bulk/jobs/{job_id}/unprocessed-results",
        "unprocessed_results",
        "jobs",
        jobs.unprocessed_results,
    ),
    Route("POST", "/bulk/jobs/{job_id}/retry", "retry_job", "jobs", jobs.retry),
    Route("POST", "/queries", "run_query", "queries", queries.run),
    Route("GET", "/files/{token}", "download", "files", links.serve),
    Route("HEAD", "/files/{token}", "look_at_download", "files", links.serve),
    Route("PUT", "/files/{token}", "upload_by_link", "files", links.receive),
    Route("GET", "/health", "health", "health", _health),
)


def methods_of(path: str) -> tuple[str, ...]:
    """What *path*, as it stands in `ROUTES`, can be asked for with; what can be read can be looked at."""
    found = dict.fromkeys(route.method for route in ROUTES if route.path == path)
    return tuple(found | {"HEAD": None} if "GET" in found else found)


class Api:
    """Answers requests with *spectra*'s services; the same for every host.

    A change that a browser sends from another site's page is refused, unless its origin is among
    *trusted_origins* (``https://app.example.com``): so a host that knows its callers by cookies needs no
    other protection against forged requests.
    """

    def __init__(
        self,
        spectra: Spectra,
        *,
        trusted_origins: Collection[str] = (),
        new_request_id: Callable[[], str] = _new_request_id,
    ) -> None:
        self.spectra = spectra
        self._new_request_id = new_request_id
        self._trusted = trusted(trusted_origins)

    def begin(
        self, route: Route, request: Request, parameters: Mapping[str, str], caller: Caller | None = None
    ) -> Exchange:
        """Begin to answer *request*; *parameters* are those of the path."""
        request_id = request_id_of(request, self._new_request_id)
        return Exchange(request_id, lambda: self._answer(route, request, parameters, caller))

    def _answer(
        self, route: Route, request: Request, parameters: Mapping[str, str], caller: Caller | None
    ) -> Response | Steps:
        try:
            return self._handle(route, request, parameters, caller)
        except Exception:
            if request.method == "PUT" or request.length is not None:
                request.drain()
            raise

    def _handle(
        self, route: Route, request: Request, parameters: Mapping[str, str], caller: Caller | None
    ) -> Response | Steps:
        if route.of == "health":
            return route.handle(request)
        if route.of == "files":
            return route.handle(self._hosted(), request, f"/files/{parameters['token']}")
        check_origin(request, self._trusted)
        service: Any = self.spectra.jobs if route.of == "jobs" else self.spectra.queries
        return route.handle(service, caller, request, **parameters)

    def _hosted(self) -> Any:
        """The result store, if its links are served here."""
        store = self.spectra.result_store
        if not hasattr(store, "redeem"):
            raise ObjectNotFoundError("files")
        return store
