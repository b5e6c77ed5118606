"""Counts and sums in groups: by day, week or month, or by a field."""

import datetime as _dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as _sa
from pydantic import BaseModel
from sqlalchemy import orm as _orm

_PERIODS = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}


class Group(BaseModel):
    """The records that share a value: a period such as `2024-05` or `2024-W19`, or the value of a field."""

    group: str | int | bool | None
    count: int


def between(
    statement: _sa.Select[Any], moment: Any, first: _dt.date | None = None, last: _dt.date | None = None
) -> _sa.Select[Any]:
    """Keep the records of a range of days, the last one included."""
    if first is not None:
        statement = statement.where(_day(moment) >= first)
    if last is not None:
        statement = statement.where(_day(moment) <= last)
    return statement


def summarize(
    db: _orm.Session, statement: _sa.Select[Any], group_by: str, moment: Any, sums: Mapping[str, Any]
) -> dict[str, Any]:
    """Count the selected records and sum their columns, group by group and in total."""
    model = statement.column_descriptions[0]["entity"]
    key = _day(moment) if group_by in _PERIODS else getattr(model, group_by)
    totals = [_sa.func.count().label("count"), *(_sa.func.sum(column).label(name) for name, column in sums.items())]
    rows = db.execute(statement.with_only_columns(key, *totals).group_by(key).order_by(key)).all()
    groups: dict[Any, dict[str, Any]] = {}
    overall: dict[str, Any] = {"count": 0, **dict.fromkeys(sums, 0)}
    for value, *amounts in rows:
        label = _period(value, _PERIODS[group_by]) if group_by in _PERIODS else value
        group = groups.setdefault(label, {"group": label, "count": 0, **dict.fromkeys(sums, 0)})
        for name, amount in zip(overall, amounts, strict=True):
            group[name] += amount or 0
            overall[name] += amount or 0
    return {"group_by": group_by, "items": list(groups.values()), "total": {"group": None, **overall}}


def _day(moment: Any) -> Any:
    return _sa.func.date(moment, type_=_sa.Date)


def _period(day: _dt.date | None, form: str) -> str | None:
    return None if day is None else day.strftime(form)
