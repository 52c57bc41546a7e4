"""Who asks."""

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse

from spectra import Caller, Spectra


def who_asks(request):
    match request.headers.get("Authorization"):
        case None:
            return HttpResponse("who are you?", status=401)
        case "forbidden":
            raise PermissionDenied
        case name:
            return Caller(name)


def who_is_in_the_path(request):
    return Caller(request.resolver_match.kwargs["tenant"])


def nobody(_):
    return None


def own_spectra():
    return Spectra.in_memory()
