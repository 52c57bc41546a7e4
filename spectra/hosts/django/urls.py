"""The HTTP interface as Django's settings say: ``path("api/", include("spectra.hosts.django.urls"))``."""

from django.conf import settings

from spectra.hosts.django import configured
from spectra.hosts.django.views import Mount

app_name = "spectra"

urlpatterns = Mount(
    configured.api,
    configured.caller,
    getattr(settings, "SPECTRA_PUBLIC_URL", None),
).patterns()
