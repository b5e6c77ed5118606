"""How Alembic reaches the database: the URL comes from the settings, or from the caller (`config.attributes`)."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from app.generated import models  # noqa: F401  (it fills the metadata)
from app.generated.core.database import Base, connect
from app.settings import Settings


def run_offline(url: str) -> None:
    """Print the SQL instead of running it."""
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_online(url: str) -> None:
    """Run the migrations in one transaction, while nobody else does."""
    engine = connect(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            render_item=_render,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7217)"))
            context.run_migrations()
    engine.dispose()


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write the application's own column types as what the database keeps; a migration outlives their code."""
    if kind == "type" and isinstance(item, sa.TypeDecorator) and type(item).__module__.startswith("app."):
        return f"sa.{item.impl!r}"
    return False


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Let transactions hold changes of tables, and let tables be rebuilt without touching those that point to them."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = OFF")


database_url = context.config.attributes.get("database_url") or Settings().database_url
if context.is_offline_mode():
    run_offline(database_url)
else:
    run_online(database_url)
