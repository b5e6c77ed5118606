"""What every test gets: a migrated database that is empty before each test, and a client of the application.

The database is a temporary SQLite file, or the one `TEST_DATABASE_URL` names; **everything in that one is deleted**.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.generated.core.database import Base
from app.main import create_app
from app.settings import Settings

BACKEND = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of the database the tests may use up."""
    return os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{tmp_path_factory.mktemp('database')}/test.db"


@pytest.fixture(scope="session")
def alembic_config(database_url: str) -> Config:
    """Alembic, pointed to the test database, with every migration run."""
    config = Config(BACKEND / "alembic.ini")
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
    return config


@pytest.fixture(scope="session")
def app(database_url: str, alembic_config: Config) -> FastAPI:
    """The application on the migrated database; it notes when something was stored."""
    app = create_app(Settings(_env_file=None, database_url=database_url, release="test"))
    sa.event.listen(app.state.sessions.kw["bind"], "commit", lambda _: setattr(app.state, "has_rows", True))
    app.state.has_rows = True
    return app


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client that follows no redirects."""
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture
def db(app: FastAPI) -> Iterator[Session]:
    """A session of the test's own."""
    with app.state.sessions() as session:
        yield session


@pytest.fixture(autouse=True)
def empty_database(app: FastAPI) -> None:
    """Delete every row, whatever points to it, where the test before stored any."""
    if not app.state.has_rows:
        return
    tables = [table.name for table in Base.metadata.tables.values()]
    engine = app.state.sessions.kw["bind"]
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql" and tables:
            names = ", ".join(f'"{name}"' for name in tables)
            connection.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            connection.commit()
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            for name in tables:
                connection.execute(sa.table(name).delete())
            connection.commit()
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    app.state.has_rows = False
