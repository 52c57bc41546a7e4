"""The call that answers a query."""

from __future__ import annotations

from datetime import timedelta

from spectra import codec
from spectra.domain import Caller
from spectra.errors import InvalidSpecError
from spectra.hosts.http import reading
from spectra.hosts.http.messages import Request, Response, json_response
from spectra.services import QueryService

__all__ = ["run"]

_FIELDS = frozenset({"sql", "parameters", "limit", "timeout_seconds"})


def run(queries: QueryService, caller: Caller, request: Request) -> Response:
    """Run a statement that only reads."""
    request.parameters()
    fields = request.json()
    if unknown := sorted(set(fields) - _FIELDS):
        raise InvalidSpecError(
            unknown[0][:64], f"is not a field of a query; it has {', '.join(sorted(_FIELDS))}"
        )
    sql = fields.get("sql")
    if sql is None:
        raise InvalidSpecError("sql", "is missing")
    parameters = fields.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise InvalidSpecError("parameters", "must be an object of names and values")
    timeout = reading.fraction("timeout_seconds", fields.get("timeout_seconds"))
    try:
        result = queries.run(
            caller,
            sql,
            parameters=parameters,
            limit=reading.count(fields.get("limit")),
            timeout=None if timeout is None else timedelta(seconds=timeout),
            idempotency_key=reading.idempotency_key(request),
        )
    except InvalidSpecError as exc:
        if exc.field != "timeout":
            raise
        raise InvalidSpecError("timeout_seconds", exc.problem) from None  # as it is called here
    return json_response(200, codec.query_json(result))
