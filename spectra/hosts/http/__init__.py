"""The HTTP interface, free of any framework: a table of routes, and requests answered in steps.

A host module registers each of `ROUTES` with its framework, makes a `Request` of the framework's own,
and gives back what `Api.begin` comes to.
"""

from spectra.hosts.http.api import ROUTES, Api, Route, methods_of
from spectra.hosts.http.exchange import Exchange
from spectra.hosts.http.messages import Request, Response

__all__ = ["ROUTES", "Api", "Exchange", "Request", "Response", "Route", "methods_of"]
