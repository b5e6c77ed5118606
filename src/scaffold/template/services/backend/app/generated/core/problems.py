"""Every error answer has one shape: a problem document (RFC 9457) with the paths of the fields that are wrong."""

import http
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from app.generated.core import logs as _logs


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    path: str
    message: str
    code: str


class ProblemDocument(BaseModel):
    """The body of every error answer."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
    request_id: str


RESPONSES: dict[int | str, dict[str, Any]] = {"4XX": {"model": ProblemDocument, "description": "A problem"}}


class Problem(Exception):
    """An answer that is not a success. Raise it anywhere; the caller gets a problem document."""

    def __init__(self, status: int, detail: str, *errors: FieldProblem) -> None:
        """Describe the problem in words, with the fields that caused it."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors


def not_found(kind: str, key: object) -> Problem:
    """Say that there is no such record."""
    return Problem(404, f"there is no {kind} with {key}")


def conflict(name: str, message: str) -> Problem:
    """Say that a value stands in the way of another record."""
    return Problem(409, f"{name} {message}", FieldProblem(path=f"body.{name}", message=message, code="conflict"))


def unknown_relation(name: str, missing: list[int]) -> Problem:
    """Say that a field points to records that do not exist."""
    message = f"points to what does not exist: {', '.join(map(str, missing))}"
    return Problem(422, f"{name} {message}", FieldProblem(path=f"body.{name}", message=message, code="unknown"))


def not_written(operation: str, place: str) -> Problem:
    """Say that an operation of the spec has no code yet."""
    return Problem(501, f"{operation} is not written yet; write it in {place}")


def respond(status: int, detail: str, errors: tuple[FieldProblem, ...] = (), **headers: str) -> JSONResponse:
    """Make the answer for a problem."""
    document = ProblemDocument(
        title=http.HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=list(errors),
        request_id=_logs.request_id.get(),
    )
    return JSONResponse(document.model_dump(), status, headers, "application/problem+json")


def install(app: FastAPI) -> None:
    """Teach the application to answer every error with a problem document."""

    @app.exception_handler(Problem)
    def on_problem(_request: Request, problem: Problem) -> JSONResponse:
        return respond(problem.status, problem.detail, problem.errors)

    @app.exception_handler(RequestValidationError)
    def on_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
        errors = tuple(_field_problem(item) for item in error.errors())
        detail = "; ".join(f"{item.path}: {item.message}" for item in errors)
        return respond(422, detail, errors)

    @app.exception_handler(HTTPException)
    def on_http_error(_request: Request, error: HTTPException) -> JSONResponse:
        return respond(error.status_code, str(error.detail), **(error.headers or {}))

    @app.exception_handler(OperationalError)
    def on_database_error(_request: Request, error: OperationalError) -> JSONResponse:
        _logs.logger.error("database error: %s", error.orig)
        return respond(503, "the database does not answer; try again later")


def _field_problem(error: Any) -> FieldProblem:
    parts = error["loc"][:1] if error["type"] == "json_invalid" else error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    return FieldProblem(path=".".join(map(str, parts)), message=message, code=error["type"])
