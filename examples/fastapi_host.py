"""Spectra in FastAPI, with a worker inside: ``uvicorn examples.fastapi_host:app`` (docs/fastapi.md)."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from spectra import Caller, Spectra
from spectra.hosts.fastapi import lifespan, router

CALLERS = {"secret-of-tenant-123": Caller("tenant-123", actor="curl")}
spectra = Spectra.embedded("my-spectra")


def caller(sent: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> Caller:
    for token, known in CALLERS.items():
        if secrets.compare_digest(token.encode(), sent.credentials.encode()):
            return known
    raise HTTPException(401, "unknown token", {"WWW-Authenticate": "Bearer"})


@asynccontextmanager
async def living(app: FastAPI):
    async with lifespan(spectra)(app):
        with spectra.executor.connect() as warehouse:
            warehouse.execute("create table if not exists sales (id int primary key, amount decimal(9, 2))")
        yield


app = FastAPI(title="Exports and loads", lifespan=living)
app.include_router(
    router(spectra, caller=caller), responses={401: {"description": "No, or an unknown, token"}}
)
