"""Create, read, update and delete, for every model alike."""

from collections.abc import Mapping
from typing import Any, TypeVar

import sqlalchemy as _sa
from sqlalchemy import orm as _orm
from sqlalchemy.exc import IntegrityError

from app.generated.core import problems as _problems
from app.generated.core.columns import now
from app.generated.core.database import Base

Record = TypeVar("Record", bound=Base)


def fetch(db: _orm.Session, model: type[Record], record_id: int) -> Record:
    """Return the record of that id, or raise a 404."""
    record = db.get(model, record_id)
    if record is None:
        raise _problems.not_found(_label(model), f"id {record_id}")
    return record


def create(db: _orm.Session, model: type[Record], values: Mapping[str, Any]) -> Record:
    """Store a new record and return it as the database keeps it."""
    record = model()
    _assign(db, record, values)
    db.add(record)
    _commit(db, model, values)
    db.refresh(record)
    return record


def update(db: _orm.Session, model: type[Record], record_id: int, values: Mapping[str, Any]) -> Record:
    """Change the named fields of a record."""
    record = fetch(db, model, record_id)
    if values:
        _assign(db, record, values)
        record.updated_at = now()
        _commit(db, model, values, record_id)
        db.refresh(record)
    return record


def delete(db: _orm.Session, model: type[Record], record_id: int) -> None:
    """Remove a record, or raise a 409 that says what still points to it."""
    record = fetch(db, model, record_id)
    for table, column in _restricting(model):
        count = db.scalar(_sa.select(_sa.func.count()).select_from(table).where(column == record_id))
        if count:
            raise _problems.Problem(409, f"it is still in use: {table.name} ({count}) point to it")
    db.delete(record)
    try:
        db.commit()
    except IntegrityError as error:
        db.rollback()
        raise _problems.Problem(409, "it is still in use by other records") from error


def _assign(db: _orm.Session, record: Base, values: Mapping[str, Any]) -> None:
    """Set fields; lists of ids become the records they name."""
    members = {
        relation.info["ids"]: relation for relation in _sa.inspect(type(record)).relationships if "ids" in relation.info
    }
    for name, value in values.items():
        if name in members:
            setattr(record, members[name].key, _related(db, members[name].mapper.class_, name, value))
        else:
            setattr(record, name, value)


def _related(db: _orm.Session, model: type[Base], name: str, ids: list[int]) -> list[Base]:
    found = {record.id: record for record in db.scalars(_sa.select(model).where(model.id.in_(ids)))}
    missing = sorted(set(ids) - set(found))
    if missing:
        raise _problems.unknown_relation(name, missing)
    return [found[record_id] for record_id in dict.fromkeys(ids)]


def _commit(db: _orm.Session, model: type[Base], values: Mapping[str, Any], record_id: int | None = None) -> None:
    try:
        db.commit()
    except IntegrityError as error:
        db.rollback()
        raise _explain(db, model, values, record_id) from error


def _explain(
    db: _orm.Session, model: type[Base], values: Mapping[str, Any], record_id: int | None
) -> _problems.Problem:
    """Find the field behind a broken constraint; the databases do not say it in one way."""
    for column in model.__table__.columns:
        value = values.get(column.name)
        if value is None:
            continue
        for key in column.foreign_keys:
            if db.scalar(_sa.select(key.column).where(key.column == value)) is None:
                return _problems.unknown_relation(column.name, [value])
        if column.name in _unique(model):
            others = _sa.select(model.id).where(column == value, model.id != (record_id or 0))
            if db.scalar(others) is not None:
                return _problems.conflict(column.name, "is already taken")
    return _problems.Problem(409, "the values conflict with another record")


def _unique(model: type[Base]) -> set[str]:
    table = model.__table__
    return {
        constraint.columns[0].name
        for constraint in table.constraints
        if isinstance(constraint, _sa.UniqueConstraint) and len(constraint.columns) == 1
    }


def _restricting(model: type[Base]) -> list[tuple[_sa.Table, _sa.Column[Any]]]:
    """Return the columns of other tables that keep a record of this model from being deleted."""
    return [
        (table, key.parent)
        for table in Base.metadata.tables.values()
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        if key.column.table is model.__table__ and key.ondelete == "RESTRICT"
    ]


def _label(model: type[Base]) -> str:
    """Return the model's name in words: `OrderLine` is an order line."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in model.__name__).strip()
