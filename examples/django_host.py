"""A Django host on the embedded default, with a worker inside: python examples/django_host.py

With gunicorn: gunicorn --config examples/gunicorn.conf.py --chdir examples django_host:application
"""

import signal
from contextlib import contextmanager

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path
from shop import PORT, TENANTS, make_table

from spectra import Caller
from spectra.hosts.django import spectra


def who_asks(request):
    tenant = TENANTS.get(request.headers.get("Authorization"))
    return Caller(tenant) if tenant else HttpResponse("who are you?", status=401)


settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    INSTALLED_APPS=["spectra.hosts.django"],
    ROOT_URLCONF=__name__,
    SPECTRA_CALLER=who_asks,
)
urlpatterns = [path("", include("spectra.hosts.django.urls"))]
application = get_wsgi_application()


@contextmanager
def working():
    """A worker inside this process; where another process has the warehouse, it waits for its turn."""
    with spectra() as made, made.worker().running(patient=True):
        make_table(made)
        yield


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with working():
        execute_from_command_line([__file__, "runserver", "--noreload", str(PORT)])
