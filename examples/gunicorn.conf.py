"""gunicorn for a host of these examples, with a worker of Spectra inside.

gunicorn --config examples/gunicorn.conf.py --chdir examples flask_host:app
"""

import importlib
from contextlib import ExitStack

bind = "127.0.0.1:8000"
threads = 16  # a call with ?wait= keeps one of them for up to 30 seconds
graceful_timeout = 45  # longer than that: leases are handed back after the last call has ended
inside = ExitStack()  # each process has its own


def post_worker_init(worker):
    """Begin in the process that serves, never in the one that forks it."""
    host = importlib.import_module(worker.app.app_uri.partition(":")[0])
    inside.enter_context(host.working())


def worker_exit(server, worker):  # noqa: ARG001 - gunicorn counts them
    inside.close()
