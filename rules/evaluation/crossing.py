"""Whom time alone may have moved across a threshold between two days.

As of day D a window of N days holds D−N < day ≤ D: a row enters it on its own day and leaves it N days later. Days
since a row grow, days until it shrink, and each reaches a threshold on one day. So whoever has a row whose day lies
that far before the days passed is looked at again; who is looked at without need is only evaluated once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, SQLColumnExpression, and_, exists, false, func, literal, or_, select
from sqlalchemy.orm import aliased

from models.assessments import Assessment
from models.booking import Appointment
from models.cards import Card
from models.customers import Calendar, Contraindication, Customer
from models.entity import AnySelect
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit
from models.standing import Membership
from models.till import Reversal
from models.value import LedgerEntry, Lot
from rules.decisions.birthdays import calendar_ahead, kept_until
from rules.evaluation import interpreter
from rules.evaluation.frame import Frame
from rules.evaluation.sources import of_the_day, time_away
from rules.evaluation.stored import UNTIL
from rules.evaluation.visits import visit_stands
from rules.language.conditions import Comparison, Condition, Operator, comparisons
from rules.language.facts import Fact, FactType, Source


@dataclass(frozen=True)
class Passed:
    """The days after that of one frame up to that of another."""

    before: Frame
    now: Frame

    @classmethod
    def between(cls, since: date, now: Frame) -> Passed:
        return cls(replace(now, as_of=since), now)

    @property
    def since(self) -> date:
        return self.before.as_of

    @property
    def upto(self) -> date:
        return self.now.as_of

    def reached(self, day: SQLColumnExpression[Any], later: int) -> ColumnElement[bool]:
        """Whether it became ``later`` days after ``day`` (before it, when below zero) on one of these days."""
        first, last = (literal(_shifted(edge, -later), Date) for edge in (self.since, self.upto))
        return and_(day > first, day <= last)


def crossed(passed: Passed, conditions: Iterable[Condition], notice: int = 0) -> list[AnySelect] | None:
    """SELECTs of the customers to look at again, some of them more than once; None when it may be everybody.

    ``notice``: so many days before a tier ends she may have to be told.
    """
    leaves = {(leaf.fact.name, leaf.operator, leaf.values): leaf for when in conditions for leaf in comparisons(when)}
    if any(_turns_for_all(passed, leaf) for leaf in leaves.values()):
        return None
    found: dict[tuple[object, ...], AnySelect] = {}
    for leaf in leaves.values():
        found.update(_of_leaf(passed, leaf))
    return [_ending_tiers(passed, notice), *found.values()]


def _shifted(day: date, days: int) -> date:
    return date.fromordinal(min(max(day.toordinal() + days, 1), date.max.toordinal()))


def _turns_for_all(passed: Passed, leaf: Comparison) -> bool:
    """Whether a comparison with the day itself comes out otherwise now, for everybody alike."""
    before, after = (of_the_day(frame, leaf.fact) for frame in (passed.before, passed.now))
    if before is None:
        return False
    name = leaf.fact.name
    return interpreter.holds(leaf, {name: before}) != interpreter.holds(leaf, {name: after})


def _ending_tiers(passed: Passed, notice: int) -> AnySelect:
    over = Membership.valid_until < literal(passed.upto, Date)
    near = passed.reached(Membership.valid_until, -notice)
    return select(Membership.customer_id).where(Membership.ended_on.is_(None), or_(over, near))


Named = Iterator[tuple[tuple[object, ...], AnySelect]]
"""SELECTs, each with what tells it from others, for many comparisons ask for the same rows."""


def _of_leaf(passed: Passed, leaf: Comparison) -> Named:
    fact = leaf.fact
    if fact.source is Source.CUSTOMER:
        yield from _of_her_own(passed, leaf)
    elif fact.source is Source.BIRTHDAY:
        for reached in thresholds(leaf):
            yield ("birthday", reached), _birthdays(passed, reached - 1)
        yield ("birthday", "over"), _birthdays(passed, -1)
    elif fact.source in _DAYS:
        for day, query in _DAYS[fact.source]():
            later = dict.fromkeys((0,) if fact.days is None else (0, fact.days), query)
            if fact.type is FactType.DAYS and fact.name not in UNTIL:
                later |= dict.fromkeys(set(thresholds(leaf)) - {0}, _that_decides(passed, fact, query))
            for number, rows in later.items():
                yield (str(day), str(rows), number), rows.where(passed.reached(day, number))
        yield from _beside(passed, leaf)


def _beside(passed: Passed, leaf: Comparison) -> Named:
    """What moves a source beside the days of its own rows."""
    source, fact = leaf.fact.source, leaf.fact
    if source in (Source.SALES, Source.SERVICES, Source.RECHARGES, Source.REFERRALS, Source.VISITS):
        yield ("taken back",), select(Reversal.customer_id).where(passed.reached(Reversal.business_day, 0))
    if source is Source.BALANCES:
        yield ("lot over",), select(Lot.customer_id).where(passed.reached(Lot.expires_on, 1))
        yield ("card", 1), select(Card.customer_id).where(passed.reached(Card.expires_on, 1))
    if source is Source.CARDS:
        for days in {1} | ({1 - reached for reached in thresholds(leaf)} if fact.name in UNTIL else set()):
            yield ("card", days), select(Card.customer_id).where(passed.reached(Card.expires_on, days))
    if source is Source.BOOKINGS:
        yield ("booked",), select(Appointment.customer_id).where(passed.reached(Appointment.business_day, 1))
        yield ("called off",), select(Appointment.customer_id).where(passed.reached(Appointment.ended_on, 0))
    if source is Source.DANGERS:
        yield ("danger",), select(Contraindication.customer_id).where(passed.reached(Contraindication.until, 1))
    if fact.name == "away_percent":
        yield ("away", leaf.operator, leaf.values), _away(passed, leaf)


def _that_decides(passed: Passed, fact: Fact, visits: AnySelect) -> AnySelect:
    """Of visits her last one, or her first, where that is what days are counted from; of other rows all."""
    other = aliased(Visit)
    beside = {
        "days_since_visit": and_(other.business_day > Visit.business_day, other.business_day <= passed.before.day),
        "days_since_first_visit": other.business_day < Visit.business_day,
    }.get(fact.name)
    if beside is None:
        return visits
    counts = visit_stands(passed.now, other)
    return visits.where(~exists().where(other.customer_id == Visit.customer_id, beside, counts))


Days = Iterator[tuple[SQLColumnExpression[Any], AnySelect]]


def _sales() -> Days:
    yield Sale.business_day, select(Sale.customer_id)


def _payments() -> Days:
    yield Payment.business_day, select(Payment.customer_id)


def _recharges() -> Days:
    lines = select(Sale.customer_id).join(SaleLine, SaleLine.sale_id == Sale.id)
    yield Sale.business_day, lines.where(SaleLine.kind == LineKind.RECHARGE)


def _debts() -> Days:
    yield Payment.business_day, select(Payment.customer_id).where(Payment.method == PaymentMethod.ON_ACCOUNT)


def _entries() -> Days:
    yield LedgerEntry.business_day, select(LedgerEntry.customer_id).where(LedgerEntry.customer_id.is_not(None))


def _bookings() -> Days:
    yield Appointment.booked_on, select(Appointment.customer_id)
    yield Appointment.business_day, select(Appointment.customer_id)


_DAYS = {
    Source.PAYMENTS: _payments,
    Source.SALES: _sales,
    Source.TRIAL: _sales,
    Source.SERVICES: _sales,
    Source.RECHARGES: _recharges,
    Source.VISITS: lambda: iter([(Visit.business_day, select(Visit.customer_id))]),
    Source.READINGS: lambda: iter([(Assessment.assessed_on, select(Assessment.customer_id))]),
    Source.DANGERS: lambda: iter([(Contraindication.since, select(Contraindication.customer_id))]),
    Source.REFERRALS: _payments,
    Source.BALANCES: _entries,
    Source.CARDS: _entries,
    Source.DEBTS: _debts,
    Source.BOOKINGS: _bookings,
}
"""The days of the rows that each source counts. Who paid is looked at, and with her who sent her."""


def oldest_counted(frame: Frame, fact: Fact) -> AnySelect | None:
    """The day of the oldest row that a fact with a window counts of the customers looked at; None of other facts."""
    if fact.days is None or fact.source not in _DAYS or fact.source is Source.REFERRALS:
        return None
    day, rows = next(_DAYS[fact.source]())
    owner = next(iter(rows.selected_columns))
    counted = [frame.within(day, fact.days), frame.asked(owner)]
    if fact.source is Source.VISITS:
        counted.append(visit_stands(frame))
    return rows.with_only_columns(func.min(day)).where(*counted)


def thresholds(leaf: Comparison) -> list[int]:
    """The values at which a growing number makes a comparison come out otherwise than one below."""
    values = [int(value) for value in leaf.values]
    match leaf.operator:
        case Operator.AT_LEAST | Operator.LESS_THAN:
            return values
        case Operator.AT_MOST | Operator.MORE_THAN:
            return [value + 1 for value in values]
        case Operator.BETWEEN:
            return [values[0], values[1] + 1]
    return [edge for value in values for edge in (value, value + 1)]


def _of_her_own(passed: Passed, leaf: Comparison) -> Named:
    if leaf.fact.name == "days_since_registered":
        for days in {0, *thresholds(leaf)}:
            yield ("registered", days), select(Customer.id).where(passed.reached(Customer.registered_on, days))
    if leaf.fact.name == "age":
        yield ("age",), select(Customer.id).where(or_(*(_grew_older(passed, calendar) for calendar in Calendar)))


def _grew_older(passed: Passed, calendar: Calendar) -> ColumnElement[bool]:
    """Whether her birthday was kept on one of these days."""
    (year_before, before), (year_now, now) = (
        kept_until(calendar, frame.as_of, frame.calendar.birthdays) for frame in (passed.before, passed.now)
    )
    born = Customer.birth_month * 100 + Customer.birth_day
    between = and_(born > before, born <= now) if year_before == year_now else or_(born > before, born <= now)
    return and_(Customer.birth_calendar == calendar, between)


def _birthdays(passed: Passed, ahead: int) -> AnySelect:
    """Whose birthday came to be so many days ahead on one of these days; the day before it was, for −1."""
    edge, length = _shifted(passed.since, ahead + 1), (passed.upto - passed.since).days
    born = [
        (kind, month, day)
        for kind, month, day, near in calendar_ahead(edge, passed.now.calendar.birthdays)
        if near < length
    ]
    same = (
        and_(Customer.birth_calendar == Calendar(kind), Customer.birth_month == month, Customer.birth_day == day)
        for kind, month, day in born
    )
    return select(Customer.id).where(or_(false(), *same))


def _away(passed: Passed, leaf: Comparison) -> AnySelect:
    """Whose time away passed a threshold while she did not come."""
    before, now = passed.before, passed.now
    moved = or_(*(and_(time_away(now) >= edge, time_away(before) < edge) for edge in thresholds(leaf)))
    owner = now.owner(Visit.customer_id)
    return select(owner).where(Visit.business_day <= before.day, visit_stands(now)).group_by(owner).having(moved)
