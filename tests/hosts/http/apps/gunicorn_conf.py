"""gunicorn with a worker of Spectra inside the process that serves."""

import importlib
from contextlib import ExitStack

from tests.hosts.http.apps.making import working

threads = 16
inside = ExitStack()


def post_worker_init(worker):
    host = importlib.import_module(worker.app.app_uri.partition(":")[0])
    inside.enter_context(working(host.spectra))


def worker_exit(server, worker):
    inside.close()
