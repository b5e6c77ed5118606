"""The application as a whole: health, problems, request ids. Add tests of your own beside this file."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.generated.core.database import get_session
from app.main import create_app
from app.settings import Settings


def test_health_says_that_the_process_lives_and_which_release_it_is(client: TestClient) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "release": "test"}


def test_ready_asks_the_database(client: TestClient) -> None:
    assert client.get("/ready").json()["status"] == "ready"


def test_ready_says_when_the_database_is_gone(alembic_config: object) -> None:
    broken = create_app(Settings(_env_file=None, database_url="sqlite:////nonexistent/folder/app.db"))
    answer = TestClient(broken).get("/ready")
    assert answer.status_code == 503
    assert answer.json()["title"] == "Service Unavailable"


def test_an_unknown_path_is_a_problem_document(client: TestClient) -> None:
    answer = client.get("/no/such/path", headers={"X-Request-ID": "abc-1"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.json()["request_id"] == "abc-1"


def test_a_strange_request_id_is_replaced(client: TestClient) -> None:
    answer = client.get("/health", headers={"X-Request-ID": "a b\tc"})
    assert answer.headers["x-request-id"].isalnum()


def test_an_unexpected_error_is_a_problem_document_without_details(app: FastAPI, client: TestClient) -> None:
    def broken() -> None:
        raise RuntimeError("a secret detail")

    app.dependency_overrides[get_session] = broken
    try:
        answer = client.get("/ready")
    finally:
        app.dependency_overrides.clear()
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


def test_the_documentation_describes_every_route(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations))
