"""Each source of facts as one aggregate per customer: a SELECT with ``customer_id`` and a column per fact.

Time enters only as the bound day ``as_of``; nothing after it is seen. Rows of a customer who was merged into another
count for that other one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from models.assessments import Assessment, AssessmentParameter, Reading
from models.catalogue import Grade, Service
from models.customers import Calendar, Contraindication, Customer, DangerKind
from models.entity import AnySelect, table_of
from models.sales import MONEY_IN, LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit
from models.standing import Membership
from rules.decisions.birthdays import calendar_ahead, kept_until
from rules.decisions.festivals import days_to
from rules.evaluation import value_sources
from rules.evaluation.dialect import days_between, looked_up, quotient
from rules.evaluation.frame import Frame, by_owner, or_zero, reach, sum_if
from rules.evaluation.value_sources import taken_back, taken_back_payment
from rules.evaluation.visits import visit_stands
from rules.language.facts import Fact, Source


def _payments(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """Money in; in hindsight what was paid back later is taken off on the day of its sale."""
    day: SQLColumnExpression[Any] = Payment.business_day
    if frame.hindsight is not None:
        day = case((Payment.amount < 0, Sale.business_day), else_=Payment.business_day)
    columns = [sum_if(frame.within(day, fact.days), Payment.amount).label(fact.name) for fact in facts]
    rows = by_owner(frame, Payment.customer_id, columns).where(
        Payment.method.in_(MONEY_IN), frame.within(day, reach(facts))
    )
    if frame.hindsight is None:
        return rows
    return rows.join(Sale, Sale.id == Payment.sale_id).where(Payment.business_day <= frame.reversals_until)


def _services(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """What the lines of her receipts come to: services by their worth or number, products by their worth."""

    def made(fact: Fact) -> ColumnElement[Any]:
        products = fact.family.pattern == "products_{n}d"
        kind = SaleLine.kind == (LineKind.PRODUCT if products else LineKind.SERVICE)
        amount = SaleLine.quantity if fact.family.pattern == "services_{n}d" else SaleLine.amount
        return sum_if(and_(kind, frame.within(Sale.business_day, fact.days)), amount).label(fact.name)

    columns = [made(fact) for fact in facts]
    return (
        by_owner(frame, Sale.customer_id, columns)
        .select_from(Sale)
        .join(SaleLine, SaleLine.sale_id == Sale.id)
        .where(
            SaleLine.kind.in_((LineKind.SERVICE, LineKind.PRODUCT)),
            frame.within(Sale.business_day, reach(facts)),
            ~taken_back(frame, line=True),
        )
    )


def _sales(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    def made(fact: Fact) -> ColumnElement[Any]:
        inside = frame.within(Sale.business_day, fact.days)
        if fact.family.pattern == "sales_{n}d":
            return sum_if(inside, literal(1))
        if fact.family.pattern == "largest_sale_{n}d":
            more_than_nothing = and_(inside, Sale.total > 0)
            return cast(func.coalesce(func.max(case((more_than_nothing, Sale.total), else_=0)), 0), BigInteger)
        return days_between(frame.day, func.max(Sale.business_day))

    columns = [made(fact).label(fact.name) for fact in facts]
    return by_owner(frame, Sale.customer_id, columns).where(
        frame.within(Sale.business_day, reach(facts)), ~taken_back(frame, line=False)
    )


def _trial(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """1 when a sale of her first day was a trial or was paid with a group-buying voucher."""
    first = by_owner(frame, Sale.customer_id, [func.min(Sale.business_day).label("first_on")])
    first_day = first.where(Sale.business_day <= frame.day).subquery("first_day")
    same_day = and_(frame.owner(Sale.customer_id) == first_day.c.customer_id, Sale.business_day == first_day.c.first_on)
    began = or_(Payment.method == PaymentMethod.VOUCHER, Service.grade == Grade.TRIAL)
    columns = [func.max(case((began, 1), else_=0)).label(fact.name) for fact in facts]
    return (
        select(first_day.c.customer_id, *columns)
        .select_from(first_day)
        .join(Sale, same_day)
        .outerjoin(Payment, and_(Payment.sale_id == Sale.id, Payment.business_day <= frame.day))
        .outerjoin(SaleLine, SaleLine.sale_id == Sale.id)
        .outerjoin(Service, Service.id == SaleLine.service_id)
        .group_by(first_day.c.customer_id)
    )


def _visits(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    first, last = func.min(Visit.business_day), func.max(Visit.business_day)

    def made(fact: Fact) -> ColumnElement[Any]:
        if fact.name == "days_since_visit":
            return days_between(frame.day, last)
        if fact.name == "days_since_first_visit":
            return days_between(frame.day, first)
        if fact.name == "away_percent":
            return time_away(frame)
        return sum_if(frame.within(Visit.business_day, fact.days), literal(1))

    columns = [made(fact).label(fact.name) for fact in facts]
    inside = (frame.within(Visit.business_day, reach(facts)), visit_stands(frame))
    return by_owner(frame, Visit.customer_id, columns).where(*inside)


def time_away(frame: Frame) -> ColumnElement[Any]:
    """How long she has been away, in percent of her own usual interval; over the visits of each customer."""
    first, last, count = func.min(Visit.business_day), func.max(Visit.business_day), func.count()
    span = func.nullif(days_between(last, first), 0)
    return quotient(days_between(frame.day, last) * 100 * (count - 1), span)


def _membership(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    columns = [Membership.tier.label(fact.name) for fact in facts]
    return select(Membership.customer_id.label("customer_id"), *columns).where(
        Membership.ended_on.is_(None), frame.asked(Membership.customer_id)
    )


def _dangers(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    columns = [literal(1).label(fact.name) for fact in facts]
    return by_owner(frame, Contraindication.customer_id, columns).where(
        Contraindication.kind == DangerKind.ALLERGY,
        Contraindication.archived_at.is_(None),
        or_(Contraindication.since.is_(None), Contraindication.since <= frame.day),
        or_(Contraindication.until.is_(None), Contraindication.until >= frame.day),
    )


def _readings(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """The latest value of each parameter asked for."""
    owner = frame.owner(Assessment.customer_id)
    place = func.row_number().over(
        partition_by=(owner, AssessmentParameter.slug), order_by=(Assessment.assessed_on.desc(), Reading.id.desc())
    )
    ranked = (
        select(owner.label("customer_id"), AssessmentParameter.slug, Reading.value, place.label("place"))
        .select_from(Reading)
        .join(Assessment, Reading.assessment_id == Assessment.id)
        .join(AssessmentParameter, Reading.parameter_id == AssessmentParameter.id)
        .where(
            frame.asked(Assessment.customer_id),
            Assessment.assessed_on <= frame.day,
            AssessmentParameter.slug.in_([fact.slug for fact in facts]),
        )
        .subquery("ranked")
    )
    columns = [func.max(case((ranked.c.slug == f.slug, ranked.c.value))).label(f.name) for f in facts]
    return select(ranked.c.customer_id, *columns).where(ranked.c.place == 1).group_by(ranked.c.customer_id)


def _referrals(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """How many of the customers she sent made their first payment within the window, payments taken back left out."""
    card = table_of(Customer).alias("card")
    sent = (
        select(frame.owner(card.c.referrer_id).label("customer_id"), frame.owner(card.c.id).label("friend_id"))
        .where(card.c.referrer_id.is_not(None), frame.asked(card.c.referrer_id))
        .distinct()
        .subquery("sent")
    )
    payer = frame.owner(Payment.customer_id)
    paid = (
        select(payer.label("friend_id"), func.min(Payment.business_day).label("first_on"))
        .where(
            payer.in_(select(sent.c.friend_id)),
            Payment.method.in_(MONEY_IN),
            Payment.amount > 0,
            Payment.business_day <= frame.day,
            ~taken_back_payment(frame),
        )
        .group_by(payer)
        .subquery("paid")
    )
    columns = [sum_if(frame.within(paid.c.first_on, fact.days), literal(1)).label(fact.name) for fact in facts]
    return (
        select(sent.c.customer_id, *columns)
        .join_from(sent, paid, and_(paid.c.friend_id == sent.c.friend_id, paid.c.friend_id != sent.c.customer_id))
        .group_by(sent.c.customer_id)
    )


def _birthday(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    days = {
        f"{kind}{100 * month + day}": ahead
        for kind, month, day, ahead in calendar_ahead(frame.as_of, frame.calendar.birthdays)
    }
    ahead = looked_up(days).cte("ahead").prefix_with("MATERIALIZED")
    hers = cast(Customer.birth_calendar, String) + cast(Customer.birth_month * 100 + Customer.birth_day, String)
    columns = [ahead.c.value.label(fact.name) for fact in facts]
    return (
        select(Customer.id.label("customer_id"), *columns)
        .join(ahead, ahead.c.key == hers)
        .where(frame.asked(Customer.id))
    )


SOURCES: dict[Source, Callable[[Frame, Sequence[Fact]], AnySelect]] = {
    Source.PAYMENTS: _payments,
    Source.SALES: _sales,
    Source.TRIAL: _trial,
    Source.SERVICES: _services,
    Source.VISITS: _visits,
    Source.MEMBERSHIP: _membership,
    Source.DANGERS: _dangers,
    Source.READINGS: _readings,
    Source.REFERRALS: _referrals,
    Source.BIRTHDAY: _birthday,
    Source.BALANCES: value_sources.balances,
    Source.DEBTS: value_sources.debts,
    Source.CARDS: value_sources.cards,
    Source.RECHARGES: value_sources.recharges,
    Source.BOOKINGS: value_sources.bookings,
}


def is_of_the_day(fact: Fact) -> bool:
    """Whether a fact is the day's own, the same for everybody."""
    return fact.name in ("month", "weekday") or fact.festival is not None


def of_the_day(frame: Frame, fact: Fact) -> int | None:
    """The value of such a fact; None for any other."""
    if fact.festival is not None:
        return days_to(frame.calendar.festival(fact.festival), frame.as_of)
    return {"month": frame.as_of.month, "weekday": frame.as_of.isoweekday()}.get(fact.name)


def customer_column(frame: Frame, fact: Fact) -> ColumnElement[Any]:
    """A fact that stands in the customer's own row, or in the calendar."""
    if (same := of_the_day(frame, fact)) is not None:
        return literal(same, BigInteger)
    if fact.name == "referred":
        return case((Customer.referrer_id.is_not(None), 1), else_=0)
    if fact.name == "days_since_registered":
        return days_between(frame.day, Customer.registered_on)
    if fact.name == "age":
        now_in = {calendar: kept_until(calendar, frame.as_of, frame.calendar.birthdays) for calendar in Calendar}
        year = case(*((Customer.birth_calendar == calendar, year) for calendar, (year, _) in now_in.items()))
        reached = case(*((Customer.birth_calendar == calendar, last) for calendar, (_, last) in now_in.items()))
        to_come = Customer.birth_month * 100 + Customer.birth_day > reached
        return year - Customer.birth_year - case((to_come, 1), else_=0)
    return cast(table_of(Customer).c[fact.name], String)


def facts_of(frame: Frame, facts: Sequence[Fact]) -> FromClause:
    """A subquery with ``customer_id`` and a column per fact, one row for each living customer looked at."""
    chosen: list[ColumnElement[Any]] = [Customer.id.label("customer_id")]
    joined: FromClause = table_of(Customer)
    for source in Source:
        wanted = [fact for fact in facts if fact.source is source]
        if not wanted or source is Source.TAGS:
            continue
        if source is Source.CUSTOMER:
            chosen += [customer_column(frame, fact).label(fact.name) for fact in wanted]
            continue
        part = SOURCES[source](frame, wanted).subquery(source.value)
        joined = joined.outerjoin(part, part.c.customer_id == Customer.id)
        chosen += [or_zero(fact, part.c[fact.name]).label(fact.name) for fact in wanted]
    lives = [Customer.merged_into_id.is_(None), Customer.erased_at.is_(None), Customer.archived_at.is_(None)]
    narrowed = [] if frame.among is None else [frame.among(Customer.id)]
    return select(*chosen).select_from(joined).where(*lives, *narrowed).subquery("facts")
