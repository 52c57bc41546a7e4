"""Django over its own server."""

from __future__ import annotations

import signal
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from spectra import Caller
from spectra.hosts.django import spectra
from tests.hosts.http.apps.making import TRUSTED, caller_of, configured, working


def who_asks(request: HttpRequest) -> Caller | HttpResponse:
    return caller_of(request.headers.get("X-Tenant")) or HttpResponse(status=401)


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=["spectra.hosts.django"],
    ROOT_URLCONF=__name__,
    SPECTRA=configured,
    SPECTRA_CALLER=who_asks,
    SPECTRA_TRUSTED_ORIGINS=TRUSTED,
)
urlpatterns = [path("", include("spectra.hosts.django.urls"))]

if __name__ == "__main__":
    sys.modules["tests.hosts.http.apps.django_app"] = sys.modules[__name__]
    settings.ROOT_URLCONF = "tests.hosts.http.apps.django_app"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    execute = ["django_app", "runserver", "--noreload", "--skip-checks", sys.argv[1]]
    import django

    django.setup()
    with working(spectra()):
        execute_from_command_line(execute)
