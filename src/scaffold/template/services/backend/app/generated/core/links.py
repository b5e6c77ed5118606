"""Short links: made-up keys, counted visits, redirects."""

import datetime as _dt
import secrets
import string
from typing import Any

import sqlalchemy as _sa
from fastapi.responses import RedirectResponse
from sqlalchemy import orm as _orm

from app.generated.core import problems as _problems
from app.generated.core.columns import now

_LETTERS = string.ascii_letters + string.digits


def new_key(db: _orm.Session, column: Any, length: int = 7) -> str:
    """Make up a key that no record has."""
    while True:
        key = "".join(secrets.choice(_LETTERS) for _ in range(length))
        if db.scalar(_sa.select(column).where(column == key)) is None:
            return key


def follow(
    db: _orm.Session, key: Any, value: str, target: Any, counter: Any = None, expires: Any = None
) -> RedirectResponse:
    """Redirect to the address behind a key. The visit is counted in the database, so none is lost."""
    model = key.class_
    record = db.scalar(_sa.select(model).where(key == value))
    if record is None:
        raise _problems.Problem(404, f"there is no link {value}")
    limit = None if expires is None else getattr(record, expires.key)
    if limit is not None and limit <= (now() if isinstance(limit, _dt.datetime) else now().date()):
        raise _problems.Problem(410, f"the link {value} has expired")
    address = getattr(record, target.key)
    if counter is not None:
        db.execute(_sa.update(model).where(key == value).values({counter: _sa.func.coalesce(counter, 0) + 1}))
        db.commit()
    return RedirectResponse(address, status_code=307, headers={"Cache-Control": "no-store"})
