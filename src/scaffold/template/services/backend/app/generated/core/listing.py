"""Lists: filters, search, order and pages."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, TypeVar

import sqlalchemy as _sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import orm as _orm

from app.generated.core.database import Base

Item = TypeVar("Item")
Record = TypeVar("Record", bound=Base)
Condition = Callable[[Any], _sa.ColumnElement[bool]]


class Filters(BaseModel):
    """Query parameters that narrow a list. Unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageParams(BaseModel):
    """Query parameters that choose a part of a list."""

    limit: Annotated[int, Field(ge=1, le=200, description="How many records to return.")] = 50
    offset: Annotated[int, Field(ge=0, le=2**63 - 1, description="How many records to skip.")] = 0


class Page(BaseModel, Generic[Item]):
    """A part of a list, with the number of records in the whole of it."""

    items: list[Item]
    total: int
    limit: int
    offset: int


def equals(column: Any) -> Condition:
    """Match records that have this very value."""
    return lambda value: column == value


def at_least(column: Any) -> Condition:
    """Match records from this value on."""
    return lambda value: column >= value


def at_most(column: Any) -> Condition:
    """Match records up to this value."""
    return lambda value: column <= value


def has(relation: Any, column: Any) -> Condition:
    """Match records with this one among those they are related to."""
    return lambda value: relation.any(column == value)


def contains(*columns: Any) -> Condition:
    """Match records with these words in one of their texts, in capitals or not."""
    return lambda text: _sa.or_(*(column.icontains(text, autoescape=True) for column in columns))


def select(model: type[Record], filters: Filters, conditions: Mapping[str, Condition]) -> _sa.Select[tuple[Record]]:
    """Select the records that match every filter that was given."""
    given = ((condition, getattr(filters, name)) for name, condition in conditions.items())
    return _sa.select(model).where(*(condition(value) for condition, value in given if value is not None))


def ordered(statement: _sa.Select[tuple[Record]], model: type[Record], sort: str) -> _sa.Select[tuple[Record]]:
    """Order by a column, downwards when its name begins with a minus; empty values come last."""
    column = getattr(model, sort.removeprefix("-"))
    direction = column.desc() if sort.startswith("-") else column.asc()
    return statement.order_by(direction.nulls_last(), model.id)


def page(db: _orm.Session, statement: _sa.Select[tuple[Record]], params: Any) -> dict[str, Any]:
    """Return the wanted part of a list and the number of records in the whole."""
    total = db.scalar(_sa.select(_sa.func.count()).select_from(statement.order_by(None).subquery()))
    items = db.scalars(statement.limit(params.limit).offset(params.offset)).all()
    return {"items": items, "total": total, "limit": params.limit, "offset": params.offset}
