"""Django: URL patterns of the HTTP interface, a command for workers, and the one `Spectra` of each process.

    INSTALLED_APPS = [..., "spectra.hosts.django"]
    SPECTRA = {"home": "/var/lib/spectra"}
    SPECTRA_CALLER = "shop.tenants.who_asks"

    urlpatterns = [..., path("api/", include("spectra.hosts.django.urls"))]

Views and commands of one's own use `spectra`. More stands in docs/django.md and docs/gunicorn.md.
"""

from spectra.errors import MissingExtraError

try:
    import django as _django  # noqa: F401
except ModuleNotFoundError as exc:
    if exc.name != "django":
        raise
    raise MissingExtraError("django", "django") from exc

from spectra.hosts.django.configured import spectra
from spectra.hosts.django.views import urlpatterns

__all__ = ["spectra", "urlpatterns"]
