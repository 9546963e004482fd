"""Facts of what somebody did, as the log and the rows written with it tell.

``Frame.among`` narrows the links of the log (``log_link.seq``), which count operations in the order of their commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from models.cards import GiftIssue
from models.entity import AnySelect, Entity, table_of
from models.log import EntryKind, LogLink, Operation, RowChange
from models.organisation import Store
from models.sales import MONEY_IN, Payment, Sale, SaleLine
from models.till import DayClose, Reversal
from rules.evaluation.dialect import day_of, days_between, minute_of, quotient, shifted, time_of
from rules.evaluation.frame import Frame, sum_if
from rules.language.facts import MOST_DAYS, Fact

A_DAY = 24 * 60


def own(frame: Frame, fact: Fact) -> ColumnElement[Any]:
    """A fact that stands in the entry itself, its link, or on the clock of the store."""
    match fact.name:
        case "operation":
            return cast(Operation.name, String)
        case "role":
            return cast(Operation.actor_role, String)
        case "refused":
            return case((Operation.kind == EntryKind.REFUSAL, 1), else_=0)
        case "overridden":
            told = cast(Operation.detail, String).contains('"overrides"', autoescape=True)
            return case((told, 1), else_=0)
        case "rows":
            return cast(LogLink.rows, BigInteger)
        case "hour":
            return quotient(minute_of(time_of(at_home(frame))), literal(60))
    return _outside_hours(frame)


def _outside_hours(frame: Frame) -> ColumnElement[Any]:
    """Whether it was done when its store was closed; where it belongs to none, when all of them were."""
    minute = minute_of(time_of(at_home(frame)))
    its = select(minute_of(Store.opens_at)).where(Store.id == Operation.store_id).scalar_subquery()
    ends = select(minute_of(Store.closes_at)).where(Store.id == Operation.store_id).scalar_subquery()
    open_at_all = Store.archived_at.is_(None)
    first = select(func.min(minute_of(Store.opens_at))).where(open_at_all).scalar_subquery()
    last = select(func.max(minute_of(Store.closes_at))).where(open_at_all).scalar_subquery()
    outside = or_(minute < func.coalesce(its, first), minute > func.coalesce(ends, last))
    return case((outside, 1), else_=0)


def at_home(frame: Frame) -> ColumnElement[Any]:
    """When it was done, as the clock in the store had it, said as if that were Greenwich."""
    moves = _clock_moves(frame.zone, frame.as_of.year)
    offset: Any = literal(moves[-1][1], BigInteger)
    if len(moves) > 1:
        before = [(Operation.at < moves[n + 1][0], literal(moves[n][1], BigInteger)) for n in range(len(moves) - 1)]
        offset = case(*before, else_=offset)
    return shifted(Operation.at, offset)


@cache
def _clock_moves(zone: tzinfo, year: int) -> list[tuple[datetime, int]]:
    """From when on the clock was so many minutes ahead of Greenwich, over the longest window before a year's end."""
    before = datetime(year + 1, 1, 1, tzinfo=UTC) - timedelta(MOST_DAYS + 366)
    found = [(before, _ahead(zone, before))]
    while before.year <= year:
        day = before + timedelta(1)
        if _ahead(zone, day) != found[-1][1]:
            minutes = (before + timedelta(minutes=n) for n in range(1, A_DAY + 1))
            moved = next(one for one in minutes if _ahead(zone, one) != found[-1][1])
            found.append((moved, _ahead(zone, moved)))
        before = day
    return found


def _ahead(zone: tzinfo, at: datetime) -> int:
    return int((at.astimezone(zone).utcoffset() or timedelta()).total_seconds()) // 60


def _asked(frame: Frame, operation_id: SQLColumnExpression[Any]) -> list[ColumnElement[bool]]:
    """Whether a row belongs to one of the operations looked at."""
    if frame.among is None:
        return []
    asked = table_of(LogLink).alias("asked")
    return [operation_id.in_(select(asked.c.operation_id).where(frame.among(asked.c.seq)))]


def _written(frame: Frame, entity: type[Entity], columns: Sequence[ColumnElement[Any]]) -> AnySelect:
    """Over the rows of an entity that each operation wrote."""
    made = and_(RowChange.entity == entity.named(), RowChange.row_id == entity.id, RowChange.kind == "insert")
    return (
        select(RowChange.operation_id.label("subject_id"), *columns)
        .select_from(RowChange)
        .join(entity, made)
        .where(*_asked(frame, RowChange.operation_id))
        .group_by(RowChange.operation_id)
    )


def _summed(frame: Frame, entity: type[Entity], amount: Any, facts: Sequence[Fact]) -> AnySelect:
    columns = [sum_if(literal(1) == 1, amount).label(fact.name) for fact in facts]
    return _written(frame, entity, columns)


def money(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """What came in by it; below zero what was given back."""
    return _summed(frame, Payment, Payment.amount, facts).where(Payment.method.in_(MONEY_IN))


def discounts(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    return _summed(frame, SaleLine, SaleLine.discount, facts)


def gifts(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    return _summed(frame, GiftIssue, GiftIssue.value, facts)


def day_close(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    return _summed(frame, DayClose, DayClose.difference, facts)


def receipts(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """How long before it the oldest receipt is that it wrote or took back."""
    day = func.min(Sale.business_day).label("day")
    written = _written(frame, Sale, [day])
    back = _written(frame, Reversal, [day]).join(Sale, Sale.id == Reversal.sale_id)
    found = union_all(written, back).subquery("receipts")
    far = days_between(day_of(at_home(frame)), found.c.day)
    columns = [func.max(far).label(fact.name) for fact in facts]
    return (
        select(found.c.subject_id, *columns)
        .join(Operation, Operation.id == found.c.subject_id)
        .group_by(found.c.subject_id)
    )


def times(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """Which time it is that the same person does the same on one day; what was refused counts apart."""
    day = day_of(at_home(frame))
    refused = Operation.kind == EntryKind.REFUSAL
    person = (Operation.actor_kind, Operation.actor_id, Operation.actor_name)
    place = func.row_number().over(partition_by=(Operation.name, refused, *person, day), order_by=LogLink.seq)
    query = select(Operation.id.label("subject_id"), *[place.label(fact.name) for fact in facts])
    query = query.join(LogLink, LogLink.operation_id == Operation.id)
    if frame.among is not None:
        entry = table_of(Operation).alias("entry")
        first = select(func.min(entry.c.at)).where(*_asked(frame, entry.c.id)).scalar_subquery()
        query = query.where(Operation.at >= shifted(first, literal(-A_DAY)))
    return query
