"""The database: engine, session and the base of every table."""

import datetime as _dt
from collections.abc import Iterator
from typing import Annotated, Any

import sqlalchemy as _sa
from fastapi import Depends, Request
from pydantic_core import to_json
from sqlalchemy import orm as _orm

from app.generated.core.columns import BigKey, UtcDateTime, now


class Base(_orm.DeclarativeBase):
    """What every table has: an id, and when a row was made and last changed."""

    id: _orm.Mapped[int] = _orm.mapped_column(BigKey, primary_key=True, sort_order=-1)
    created_at: _orm.Mapped[_dt.datetime] = _orm.mapped_column(UtcDateTime, default=now, sort_order=1)
    updated_at: _orm.Mapped[_dt.datetime] = _orm.mapped_column(UtcDateTime, default=now, sort_order=1)


def connect(url: str) -> _sa.Engine:
    """Make the engine for a SQLite or PostgreSQL URL. Nothing is opened until it is needed."""
    parsed = _sa.make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "postgresql":
        options = "-c timezone=utc"
        return _sa.create_engine(
            parsed,
            json_serializer=_json,
            pool_pre_ping=True,
            connect_args={"options": options, "connect_timeout": 5},
        )
    engine = _sa.create_engine(parsed, json_serializer=_json)
    _sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def get_session(request: Request) -> Iterator[_orm.Session]:
    """Open a session for one request; what was not committed is rolled back."""
    with request.app.state.sessions() as session:
        yield session


Db = Annotated[_orm.Session, Depends(get_session)]


def _json(value: Any) -> str:
    return to_json(value).decode()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Make SQLite keep foreign keys, serve readers while it writes, and fold letters of every alphabet."""
    for pragma in ("foreign_keys = ON", "journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 5000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text
