"""What a run looks at, and the aggregates per customer that every source of facts is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    SQLColumnExpression,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from models.customers import Customer
from models.entity import AnySelect, table_of
from rules.documents.festivals import USUAL, FestivalsDocument
from rules.evaluation.dialect import Among
from rules.language.facts import Fact


@dataclass(frozen=True)
class Frame:
    """What a run looks at: the day, the customers, and whether any have been merged.

    ``among`` narrows a column of customer ids; ``None`` means every customer. ``calendar`` says when festivals and
    birthdays come round, ``zone`` where the stores' clocks are. With ``hindsight`` the day is looked at once more as if
    what was taken back by that later day had never been sold.
    """

    as_of: date
    among: Among | None = None
    merges: bool = False
    calendar: FestivalsDocument = field(default=USUAL, kw_only=True)
    zone: tzinfo = field(default=UTC, kw_only=True)
    hindsight: date | None = field(default=None, kw_only=True)

    @property
    def reversals_until(self) -> ColumnElement[date]:
        """The last day whose reversals are known."""
        return literal(self.hindsight or self.as_of, Date)

    @property
    def end(self) -> datetime:
        """The first moment of the next day."""
        return datetime.combine(self.as_of + timedelta(1), datetime.min.time(), self.zone)

    @property
    def day(self) -> ColumnElement[date]:
        return literal(self.as_of, Date)

    def within(self, day: SQLColumnExpression[Any], days: int | None) -> ColumnElement[bool]:
        """D−N < day ≤ D; without N: day ≤ D."""
        upto = day <= self.day
        if days is None or self.as_of.toordinal() <= days:
            return upto
        return and_(day > literal(self.as_of - timedelta(days), Date), upto)

    def owner(self, customer_id: SQLColumnExpression[Any]) -> SQLColumnExpression[Any]:
        """The customer a row counts for."""
        if not self.merges:
            return customer_id
        other = table_of(Customer).alias("merged")
        into = select(other.c.merged_into_id).where(other.c.id == customer_id).scalar_subquery()
        return func.coalesce(into, customer_id)

    def asked(self, customer_id: SQLColumnExpression[Any]) -> ColumnElement[bool]:
        """Whether a row belongs to one of the customers looked at."""
        if self.among is None:
            return customer_id.is_not(None)
        if not self.merges:
            return self.among(customer_id)
        other = table_of(Customer).alias("asked")
        ids = select(other.c.id).where(or_(self.among(other.c.id), self.among(other.c.merged_into_id)))
        return customer_id.in_(ids)


def same_customer(column: SQLColumnExpression[Any], facts: FromClause, among: Among | None) -> ColumnElement[bool]:
    """Which row beside facts is hers. Told whose facts they are, PostgreSQL does not read the rows of everybody."""
    hers: ColumnElement[bool] = column == facts.c.customer_id
    return hers if among is None else and_(hers, among(column))


Columns = Sequence[ColumnElement[Any]]


def sum_if(condition: ColumnElement[bool], amount: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return cast(func.coalesce(func.sum(case((condition, amount), else_=0)), 0), BigInteger)


def by_owner(frame: Frame, customer_id: SQLColumnExpression[Any], columns: Columns) -> AnySelect:
    owner = frame.owner(customer_id)
    return select(owner.label("customer_id"), *columns).where(frame.asked(customer_id)).group_by(owner)


def or_zero(fact: Fact, found: ColumnElement[Any]) -> ColumnElement[Any]:
    """A fact that always has a value is 0 for whom its source says nothing of."""
    return func.coalesce(found, 0) if fact.family.empty is None else found


def reach(facts: Sequence[Fact]) -> int | None:
    """The longest window asked for: what lies before it need not be read."""
    windows = [fact.days for fact in facts]
    return None if None in windows else max(days for days in windows if days is not None)
