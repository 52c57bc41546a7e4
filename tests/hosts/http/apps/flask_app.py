"""Flask over gunicorn's threads."""

from __future__ import annotations

import flask

from spectra import Caller
from spectra.hosts.flask import blueprint
from tests.hosts.http.apps.making import TRUSTED, caller_of, configured


def who_asks(request: flask.Request) -> Caller:
    caller = caller_of(request.headers.get("X-Tenant"))
    if caller is None:
        flask.abort(401)
    return caller


spectra = configured()
app = flask.Flask(__name__)
app.register_blueprint(blueprint(spectra, caller=who_asks, trusted_origins=TRUSTED))
