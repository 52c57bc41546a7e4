"""What Django's checks say of the settings: ``manage.py check``, and each start of the development server."""

from __future__ import annotations

import sys
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Advice
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver

from spectra.hosts.django import configured
from spectra.hosts.http.origins import is_origin

__all__ = ["check"]

_URLS: Final = "spectra.hosts.django.urls"
_SESSIONS: Final = "django.contrib.sessions.middleware.SessionMiddleware"
_CSRF: Final = "django.middleware.csrf.CsrfViewMiddleware"


def check(**_: Any) -> list[CheckMessage]:
    """Look at everything that can be looked at without a connection."""
    found = _spectra()
    if _mounted():
        found += _caller() + _origins() + _sessions()
    return found


def _mounted() -> bool:
    """Whether our patterns of the settings are in use; loading the host's own tells."""
    if getattr(settings, "ROOT_URLCONF", None):
        _ = get_resolver().url_patterns
    return _URLS in sys.modules


def _spectra() -> list[CheckMessage]:
    try:
        configured.spectra()
    except Exception as exc:  # a function of the host's may raise anything
        return [Error(f"SPECTRA: {exc}", hint="docs/settings.md lists the settings.", id="spectra.E001")]
    return []


def _caller() -> list[CheckMessage]:
    try:
        configured.caller()
    except (ImproperlyConfigured, ImportError) as exc:
        hint = "It takes the request and returns a spectra.Caller, or the response that refuses."
        return [Error(str(exc), hint=hint, id="spectra.E002")]
    return []


def _origins() -> list[CheckMessage]:
    origins = configured.trusted_origins()
    listed = isinstance(origins, list | tuple | set | frozenset)
    wrong = [origin for origin in origins if not is_origin(origin)] if listed else [origins]
    if not wrong:
        return []
    hint = "List origins as browsers send them, such as https://app.example.com: no path, no wildcard."
    return [Error(f"SPECTRA_TRUSTED_ORIGINS: {wrong[0]!r}", hint=hint, id="spectra.E003")]


def _sessions() -> list[CheckMessage]:
    if _SESSIONS not in settings.MIDDLEWARE or _CSRF in settings.MIDDLEWARE:
        return []
    text = "Sessions are on, and CsrfViewMiddleware is off."
    hint = (
        "Spectra's own URLs refuse changes that a browser sends from another site's page. Views of yours "
        "that change jobs have no such protection: add the middleware."
    )
    return [Advice(text, hint=hint, id="spectra.W001")]
