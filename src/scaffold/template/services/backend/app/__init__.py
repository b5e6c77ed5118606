"""The backend: an HTTP API over a database."""
