"""Settings, read from the environment and from a file `.env` beside the project's `cgo.yaml`."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What may differ between one installation and another."""

    model_config = SettingsConfigDict(env_file=Path(__file__).parents[3] / ".env", extra="ignore")

    database_url: str = "sqlite:///app.db"
    release: str = "development"
    log_level: str = "info"
