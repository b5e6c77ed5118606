"""Whether the service lives, and whether it can work."""

import sqlalchemy as _sa
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app.generated.core import problems as _problems
from app.generated.core.database import Db

ROUTER = APIRouter(tags=["service"])


class Health(BaseModel):
    """The service answers."""

    status: str
    release: str


@ROUTER.get("/health")
def health(request: Request) -> Health:
    """Say that the process lives, and which release it is."""
    return Health(status="ok", release=request.app.version)


@ROUTER.get("/ready", response_model=Health, responses={503: {"model": _problems.ProblemDocument}})
def ready(request: Request, db: Db) -> Health | JSONResponse:
    """Say whether the database answers."""
    try:
        db.execute(_sa.select(1))
    except SQLAlchemyError:
        return _problems.respond(503, "the database does not answer")
    return Health(status="ready", release=request.app.version)
