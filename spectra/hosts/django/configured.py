"""What Django's settings say: the one `Spectra` of this process, and who asks it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, cast

import attrs
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from spectra.composition import Spectra
from spectra.errors import InvalidSettingsError
from spectra.hosts.http import Api
from spectra.settings import Settings

__all__ = ["api", "caller", "close", "spectra", "trusted_origins"]

# Of each process, since a fork copies the parent's, whose connections are the parent's alone; and the
# copy is kept, since whoever let go of it would close them.
_of_process: Final[dict[int, Spectra]] = {}


def spectra() -> Spectra:
    """The one `Spectra` of this process, made at its first use; closed when the process ends.

    The setting ``SPECTRA`` has fields of `Settings`; those that it does not name come from variables
    ``SPECTRA_*``. Or it names a function that makes a `Spectra`.

    Raises:
        InvalidSettingsError, NotConfiguredError: a setting is wrong or missing; says which.
        ImproperlyConfigured: ``SPECTRA`` is neither fields nor a function.
    """
    pid = os.getpid()
    # Making one does no I/O: of two threads that come first at once, one throws its own away.
    return _of_process.get(pid) or _of_process.setdefault(pid, _made(getattr(settings, "SPECTRA", {})))


def _made(said: Any) -> Spectra:
    make = import_string(said) if isinstance(said, str) else said
    if callable(make):
        made = make()
        if not isinstance(made, Spectra):
            raise ImproperlyConfigured(f"SPECTRA: {said!r} gave {type(made).__name__}, and no Spectra")
        return made
    if not isinstance(said, Mapping):
        raise ImproperlyConfigured("SPECTRA must be a dict of settings, or name a function")
    known = {field.name for field in attrs.fields(Settings)}
    for name in said:
        if name not in known:
            why = "is no setting; docs/settings.md lists them, here in lower case and without SPECTRA_"
            raise InvalidSettingsError(f"SPECTRA[{name!r}]", why)
    return Spectra.from_settings(attrs.evolve(Settings.from_env(), **said))


def close() -> None:
    """Close the `Spectra` of this process, if it made one; idempotent."""
    made = _of_process.get(os.getpid())
    if made is not None:
        made.close()


def caller() -> Callable[..., Any]:
    """What ``SPECTRA_CALLER`` names.

    Raises:
        ImproperlyConfigured: it is not set, or no function.
        ImportError: it names nothing.
    """
    said = getattr(settings, "SPECTRA_CALLER", None)
    if said is None:
        raise ImproperlyConfigured("SPECTRA_CALLER is not set; name the function that says who asks")
    found: Any = import_string(said) if isinstance(said, str) else said
    if not callable(found):
        raise ImproperlyConfigured(f"SPECTRA_CALLER: {said!r} is no function")
    return cast(Callable[..., Any], found)


def trusted_origins() -> Collection[str]:
    """What ``SPECTRA_TRUSTED_ORIGINS`` lists."""
    found: Collection[str] = getattr(settings, "SPECTRA_TRUSTED_ORIGINS", ())
    return found


def api() -> Api:
    """The interface over `spectra`."""
    return Api(spectra(), trusted_origins=trusted_origins())
