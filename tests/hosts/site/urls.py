from django.urls import include, path

from spectra.hosts.django import spectra, urlpatterns as patterns
from tests.hosts.site import callers

urlpatterns = [
    path("api/", include("spectra.hosts.django.urls")),
    path("nobody/", include(patterns(spectra(), caller=callers.nobody))),
    path(
        "tenants/<tenant>/é/",
        include(
            patterns(spectra(), caller=callers.who_is_in_the_path, trusted_origins=["https://friend.example"])
        ),
    ),
    path(
        "public/", include(patterns(spectra(), caller=callers.who_asks, public_url="https://x.example/v1/"))
    ),
]
