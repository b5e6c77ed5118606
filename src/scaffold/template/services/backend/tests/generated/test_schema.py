"""The migrations and the models describe the same database."""

from alembic import command
from alembic.config import Config


def test_the_migrations_lead_to_the_models(alembic_config: Config) -> None:
    command.check(alembic_config)


def test_every_migration_can_be_undone_and_done_again(alembic_config: Config) -> None:
    command.downgrade(alembic_config, "base")
    command.upgrade(alembic_config, "head")
