"""FastAPI over uvicorn."""

from __future__ import annotations

from fastapi import FastAPI, Header, HTTPException

from spectra import Caller
from spectra.hosts.fastapi import lifespan, router
from tests.hosts.http.apps.making import TRUSTED, caller_of, configured


def who_asks(x_tenant: str | None = Header(None)) -> Caller:
    caller = caller_of(x_tenant)
    if caller is None:
        raise HTTPException(401)
    return caller


spectra = configured()
app = FastAPI(lifespan=lifespan(spectra, concurrency=4))
app.include_router(router(spectra, caller=who_asks, trusted_origins=TRUSTED))
