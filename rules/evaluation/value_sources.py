"""Facts of what a customer has here and has agreed: stored value, cards, debts, recharges, bookings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from models.booking import Appointment, AppointmentStatus
from models.cards import Card, CardItem
from models.entity import AnySelect, table_of
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine
from models.till import Reversal
from models.value import IN_LOTS, Account, AccountKind, LedgerEntry, Lot
from rules.evaluation.dialect import days_between
from rules.evaluation.frame import Frame, by_owner, reach, sum_if
from rules.language.facts import Fact

STANDS_IN = {
    "stored_value": (AccountKind.PRINCIPAL, AccountKind.BONUS),
    "card_value": (AccountKind.CARD,),
    "prepaid": (AccountKind.PRINCIPAL, AccountKind.BONUS, AccountKind.CARD, AccountKind.DEPOSIT),
    "deposit": (AccountKind.DEPOSIT,),
    "points": (AccountKind.POINTS,),
    "owed": (AccountKind.RECEIVABLE,),
}


def taken_back(frame: Frame, line: bool) -> ColumnElement[bool]:
    """Whether a sale line (or any line of a sale) was taken back by the day looked at."""
    same = Reversal.sale_line_id == SaleLine.id if line else Reversal.sale_id == Sale.id
    return exists().where(same, Reversal.business_day <= frame.reversals_until)


def taken_back_payment(frame: Frame) -> ColumnElement[bool]:
    """Whether a line of the sale that a payment was made for was taken back by the day looked at."""
    same = Reversal.sale_id == Payment.sale_id
    return exists().where(same, Reversal.business_day <= frame.reversals_until)


def _standing_entries(frame: Frame) -> tuple[ColumnElement[bool], ...]:
    """The entries up to the day; in hindsight without those that were reversed later, and without the reversals."""
    upto = LedgerEntry.business_day <= frame.day
    if frame.hindsight is None:
        return (upto,)
    other = table_of(LedgerEntry).alias("reversing")
    later = exists().where(other.c.reverses_id == LedgerEntry.id, other.c.business_day <= frame.reversals_until)
    return upto, LedgerEntry.reverses_id.is_(None), ~later


def _still_good(day: SQLColumnExpression[Any], frame: Frame) -> ColumnElement[bool]:
    """Whether what ends on this day can still be used on the day looked at; without an end it always can."""
    return or_(day.is_(None), day >= frame.day)


def balances(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """What stands on her accounts, entry by entry up to the day, without what has expired: of lots past their end and
    cards past theirs nothing counts. What she owes is given as a positive amount.
    """

    def made(fact: Fact) -> ColumnElement[int]:
        amount = -LedgerEntry.amount if fact.name == "owed" else LedgerEntry.amount
        return sum_if(Account.kind.in_(STANDS_IN[fact.name]), amount).label(fact.name)

    kinds = {kind for fact in facts for kind in STANDS_IN[fact.name]}
    rows = (
        by_owner(frame, LedgerEntry.customer_id, [made(fact) for fact in facts])
        .select_from(LedgerEntry)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(Account.kind.in_(sorted(kinds)), *_standing_entries(frame))
    )
    if kinds & {*IN_LOTS}:
        rows = rows.outerjoin(Lot, Lot.id == LedgerEntry.lot_id).where(_still_good(Lot.expires_on, frame))
    if AccountKind.CARD in kinds:
        rows = rows.outerjoin(CardItem, CardItem.id == Account.card_item_id).outerjoin(
            Card, Card.id == CardItem.card_id
        )
        rows = rows.where(_still_good(Card.expires_on, frame))
    return rows


def debts(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """Days since the oldest receipt that is still owed, wholly or in part."""
    owner = frame.owner(Payment.customer_id)
    open_sales = (
        select(owner.label("customer_id"), func.min(Payment.business_day).label("since"))
        .where(
            frame.asked(Payment.customer_id),
            Payment.method == PaymentMethod.ON_ACCOUNT,
            Payment.business_day <= frame.day,
            *([] if frame.hindsight is None else [~taken_back_payment(frame)]),
        )
        .group_by(owner, Payment.sale_id)
        .having(func.sum(Payment.amount) > 0)
        .subquery("open_sales")
    )
    columns = [days_between(frame.day, func.min(open_sales.c.since)).label(fact.name) for fact in facts]
    return select(open_sales.c.customer_id, *columns).group_by(open_sales.c.customer_id)


def live_cards(frame: Frame) -> AnySelect:
    """Cards with sessions left that have not ended: whose each is, its end, and how many are left."""
    owner = frame.owner(LedgerEntry.customer_id)
    left = func.sum(LedgerEntry.amount).label("left")
    return (
        select(owner.label("customer_id"), Card.id.label("card_id"), Card.expires_on, left)
        .select_from(LedgerEntry)
        .join(Account, and_(Account.id == LedgerEntry.account_id, Account.kind == AccountKind.SESSIONS))
        .join(CardItem, CardItem.id == Account.card_item_id)
        .join(Card, Card.id == CardItem.card_id)
        .where(
            frame.asked(LedgerEntry.customer_id),
            *_standing_entries(frame),
            _still_good(Card.expires_on, frame),
        )
        .group_by(owner, Card.id, Card.expires_on)
        .having(func.sum(LedgerEntry.amount) > 0)
    )


def cards(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """Over her cards with sessions left that have not ended: how many, the fewest sessions, the nearest end."""
    live = live_cards(frame).subquery("live")
    made = {
        "cards_live": func.count(),
        "fewest_sessions_left": cast(func.min(live.c.left), BigInteger),
        "card_ends_in_days": days_between(func.min(live.c.expires_on), frame.day),
    }
    columns = [made[fact.name].label(fact.name) for fact in facts]
    return select(live.c.customer_id, *columns).group_by(live.c.customer_id)


def recharges(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """The largest single recharge of each window and the last one, those taken back left out."""

    def made(fact: Fact) -> ColumnElement[int]:
        if fact.name == "days_since_recharge":
            return days_between(frame.day, func.max(Sale.business_day)).label(fact.name)
        inside = frame.within(Sale.business_day, fact.days)
        more_than_nothing = and_(inside, SaleLine.amount > 0)
        largest = func.coalesce(func.max(case((more_than_nothing, SaleLine.amount), else_=0)), 0)
        return cast(largest, BigInteger).label(fact.name)

    return (
        by_owner(frame, Sale.customer_id, [made(fact) for fact in facts])
        .select_from(Sale)
        .join(SaleLine, SaleLine.sale_id == Sale.id)
        .where(
            SaleLine.kind == LineKind.RECHARGE,
            frame.within(Sale.business_day, reach(facts)),
            ~taken_back(frame, line=True),
        )
    )


def bookings(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """Whether she has a booking to come, as it stood on the day; how often she did not come."""
    standing = or_(Appointment.ended_on.is_(None), Appointment.ended_on > frame.day)
    ahead = and_(Appointment.booked_on <= frame.day, Appointment.business_day >= frame.day, standing)

    def made(fact: Fact) -> ColumnElement[int]:
        if fact.name == "booked":
            return func.max(case((ahead, 1), else_=0)).label(fact.name)
        missed = and_(
            Appointment.status == AppointmentStatus.NO_SHOW, frame.within(Appointment.business_day, fact.days)
        )
        return sum_if(missed, literal(1)).label(fact.name)

    columns = [made(fact) for fact in facts]
    return by_owner(frame, Appointment.customer_id, columns).where(Appointment.booked_on <= frame.day)
