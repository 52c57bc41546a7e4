"""A Flask host on the embedded default, with a worker inside: python examples/flask_host.py

With gunicorn: gunicorn --config examples/gunicorn.conf.py --chdir examples flask_host:app
"""

import signal
from contextlib import contextmanager

from flask import Flask, abort
from shop import PORT, TENANTS, make_table

from spectra import Caller, Spectra
from spectra.hosts.flask import blueprint

spectra = Spectra.from_env()
app = Flask(__name__)


def who_asks(request):
    return Caller(TENANTS.get(request.headers.get("Authorization")) or abort(401))


app.register_blueprint(blueprint(spectra, caller=who_asks))


@contextmanager
def working():
    """A worker inside this process; where another process has the warehouse, it waits for its turn."""
    with spectra, spectra.worker().running(patient=True):
        make_table(spectra)
        yield


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with working():
        app.run(port=PORT)
