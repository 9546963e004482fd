"""Facts of the staff: what they sold and gave, what was taken back, what went through their hands, who is
in their care.

Each source is one aggregate per member of the staff: a SELECT with ``subject_id`` and a column per fact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    distinct,
    func,
    literal,
    or_,
    select,
    union_all,
)

from models.accounts import User
from models.actor import ActorKind
from models.booking import Appointment, AppointmentStatus, Segment
from models.cards import CardChange, CardChangeKind, GiftIssue
from models.care import Effect, Treatment
from models.customers import Customer, CustomerAssignment
from models.entity import AnySelect, table_of
from models.log import Operation, RowChange
from models.organisation import Staff
from models.sales import LineKind, Sale, SaleLine, ShareManner, ShareRole, StaffShare
from models.till import Approval, Reversal
from models.value import COMES_IN, Account, LedgerEntry
from rules.evaluation.dialect import days_between, quotient
from rules.evaluation.frame import Frame, reach, sum_if
from rules.evaluation.value_sources import taken_back
from rules.language.facts import Fact


def own(frame: Frame, fact: Fact) -> ColumnElement[Any]:
    """A fact that stands in her own row."""
    if fact.name == "employed":
        came = or_(Staff.hired_on.is_(None), Staff.hired_on <= frame.day)
        stays = or_(Staff.left_on.is_(None), Staff.left_on >= frame.day)
        return case((and_(came, stays), 1), else_=0)
    if fact.name == "days_since_hired":
        return days_between(frame.day, Staff.hired_on)
    return cast(Staff.position, String)


def counted() -> ColumnElement[int]:
    """What counts of a line: for whoever sold it what came in by it, for whoever gave it its whole worth.

    What is paid out of stored value came in with the recharge; receipts brought over have no ledger to ask.
    """
    paid = (
        select(-func.sum(LedgerEntry.amount))
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(LedgerEntry.sale_line_id == SaleLine.id, LedgerEntry.reverses_id.is_(None), Account.kind.in_(COMES_IN))
        .scalar_subquery()
    )
    sold = and_(StaffShare.share_role == ShareRole.SELLER, ~Sale.imported)
    return cast(case((sold, func.coalesce(paid, 0)), else_=SaleLine.amount), BigInteger)


def _shares(frame: Frame, days: int | None, columns: Sequence[ColumnElement[Any]], role: ShareRole) -> AnySelect:
    """Over her shares of the lines that stand."""
    return (
        select(StaffShare.staff_id.label("subject_id"), *columns)
        .join(SaleLine, SaleLine.id == StaffShare.sale_line_id)
        .join(Sale, Sale.id == SaleLine.sale_id)
        .where(StaffShare.share_role == role, frame.within(Sale.business_day, days), ~taken_back(frame, line=True))
        .group_by(StaffShare.staff_id)
    )


def selling(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """What came in by the lines she sold, as far as they are hers."""
    part = quotient(counted() * StaffShare.permille, literal(1000))
    columns = [sum_if(frame.within(Sale.business_day, fact.days), part).label(fact.name) for fact in facts]
    return _shares(frame, reach(facts), columns, ShareRole.SELLER)


def giving(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """The services she gave: their worth and number, to how many, and how often she was asked for by name."""

    def made(fact: Fact) -> ColumnElement[Any]:
        inside = frame.within(Sale.business_day, fact.days)
        match fact.family.pattern:
            case "used_{n}d":
                return sum_if(inside, quotient(counted() * StaffShare.permille, literal(1000)))
            case "services_{n}d":
                return sum_if(inside, SaleLine.quantity)
            case "customers_{n}d":
                return func.count(distinct(case((inside, frame.owner(Sale.customer_id)))))
        named = sum_if(and_(inside, StaffShare.manner == ShareManner.NAMED), SaleLine.quantity)
        return quotient(named * 100, func.nullif(sum_if(inside, SaleLine.quantity), 0))

    columns = [made(fact).label(fact.name) for fact in facts]
    return _shares(frame, reach(facts), columns, ShareRole.PERFORMER).where(SaleLine.kind == LineKind.SERVICE)


def last_given(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    columns = [days_between(frame.day, func.max(Sale.business_day)).label(fact.name) for fact in facts]
    return _shares(frame, None, columns, ShareRole.PERFORMER).where(SaleLine.kind == LineKind.SERVICE)


def lines_taken_back(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """Of what she sold, on the day it was taken back."""
    columns = [_within(frame, Reversal.business_day, fact).label(fact.name) for fact in facts]
    return (
        select(StaffShare.staff_id.label("subject_id"), *columns)
        .join(Reversal, Reversal.sale_line_id == StaffShare.sale_line_id)
        .where(StaffShare.share_role == ShareRole.SELLER, frame.within(Reversal.business_day, reach(facts)))
        .group_by(StaffShare.staff_id)
    )


def _within(frame: Frame, day: SQLColumnExpression[Any], fact: Fact) -> ColumnElement[Any]:
    return sum_if(frame.within(day, fact.days), literal(1))


def treatments(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """Her treatments that had an adverse reaction."""
    columns = [_within(frame, Treatment.business_day, fact).label(fact.name) for fact in facts]
    return (
        select(Treatment.staff_id.label("subject_id"), *columns)
        .where(
            frame.within(Treatment.business_day, reach(facts)),
            Treatment.archived_at.is_(None),
            or_(Treatment.effect == Effect.ADVERSE, Treatment.adverse_reaction.is_not(None)),
        )
        .group_by(Treatment.staff_id)
    )


def bookings(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """Bookings with her that were not called off, and those that were not kept."""

    def made(fact: Fact) -> ColumnElement[Any]:
        missed = fact.family.pattern == "no_shows_{n}d"
        asked = Appointment.status == AppointmentStatus.NO_SHOW if missed else literal(1) == 1
        inside = and_(asked, frame.within(Appointment.business_day, fact.days))
        return func.count(distinct(case((inside, Appointment.id)))).label(fact.name)

    return (
        select(Segment.staff_id.label("subject_id"), *[made(fact) for fact in facts])
        .join(Appointment, Appointment.id == Segment.appointment_id)
        .where(
            Segment.archived_at.is_(None),
            Appointment.status != AppointmentStatus.CANCELLED,
            Appointment.booked_on <= frame.day,
            frame.within(Appointment.business_day, reach(facts)),
        )
        .group_by(Segment.staff_id)
    )


def care(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """The customers assigned to her at the end of the day, however she looks after them."""
    owner = frame.owner(CustomerAssignment.customer_id)
    card = table_of(Customer).alias("card")
    columns = [func.count(distinct(card.c.id)).label(fact.name) for fact in facts]
    return (
        select(CustomerAssignment.staff_id.label("subject_id"), *columns)
        .join(card, card.c.id == owner)
        .where(
            CustomerAssignment.archived_at.is_(None),
            CustomerAssignment.since < frame.end,
            or_(CustomerAssignment.until.is_(None), CustomerAssignment.until >= frame.end),
            card.c.archived_at.is_(None),
            card.c.erased_at.is_(None),
        )
        .group_by(CustomerAssignment.staff_id)
    )


def approvals(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """What she asked somebody else to allow on the spot."""
    columns = [_within(frame, Approval.business_day, fact).label(fact.name) for fact in facts]
    return (
        select(User.staff_id.label("subject_id"), *columns)
        .join(Approval, Approval.asked_by == User.id)
        .where(User.staff_id.is_not(None), frame.within(Approval.business_day, reach(facts)))
        .group_by(User.staff_id)
    )


def _by_her_hand(frame: Frame, days: int | None, entity: type[Reversal | CardChange | GiftIssue]) -> AnySelect:
    """Rows with whoever made them, as the log has it: ``staff_id``, ``operation_id``, ``day``."""
    made = and_(RowChange.entity == entity.named(), RowChange.row_id == entity.id, RowChange.kind == "insert")
    hers = and_(Operation.actor_kind == ActorKind.USER.value, Operation.actor_id == User.id)
    return (
        select(User.staff_id, Operation.id.label("operation_id"), entity.business_day.label("day"))
        .select_from(entity)
        .join(RowChange, made)
        .join(Operation, Operation.id == RowChange.operation_id)
        .join(User, hers)
        .where(User.staff_id.is_not(None), frame.within(entity.business_day, days))
    )


def refunds(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """How often she took something back or refunded a card, however many lines it had."""
    days = reach(facts)
    of_cards = _by_her_hand(frame, days, CardChange).where(CardChange.kind == CardChangeKind.REFUNDED)
    found = union_all(_by_her_hand(frame, days, Reversal), of_cards).subquery("made")
    columns = [
        func.count(distinct(case((frame.within(found.c.day, fact.days), found.c.operation_id)))).label(fact.name)
        for fact in facts
    ]
    return select(found.c.staff_id.label("subject_id"), *columns).group_by(found.c.staff_id)


def gifts(frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """The gifts she gave away: how many, and what they are worth."""
    found = _by_her_hand(frame, reach(facts), GiftIssue).add_columns(GiftIssue.value).subquery("made")

    def made(fact: Fact) -> ColumnElement[Any]:
        worth = found.c.value if fact.family.pattern == "gift_worth_{n}d" else literal(1)
        return sum_if(frame.within(found.c.day, fact.days), worth).label(fact.name)

    columns = [made(fact) for fact in facts]
    return select(found.c.staff_id.label("subject_id"), *columns).group_by(found.c.staff_id)
