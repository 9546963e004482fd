"""Whom to call today, and why: each reason by a bounded query of its own, one entry a customer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, union
from sqlalchemy.orm import Session

from admin_app.holdings import HeldCard, cards_held
from admin_app.i18n import text_of
from admin_app.rulebook import rulebook
from models.cards import Card, CardItem
from models.care import FollowUp, Treatment
from models.catalogue import Service
from models.customers import Customer
from models.entity import table_of
from models.sales import Visit
from models.standing import Task
from models.value import Account, AccountBalance, AccountKind, Lot, LotBalance
from rules.decisions.access import Access
from rules.decisions.birthdays import calendar_ahead
from rules.evaluation.visits import visit_stands

STORED = (AccountKind.PRINCIPAL, AccountKind.BONUS)


class Why(StrEnum):
    """Why somebody is called."""

    FOLLOW_UP = "follow_up"
    TASK = "task"
    BIRTHDAY = "birthday"
    CARD_ENDS = "card_ends"
    ALMOST_USED = "almost_used"
    OWES = "owes"
    DORMANT = "dormant"


@dataclass(frozen=True)
class Reason:
    """One reason: how urgent (the smaller the sooner), a number of days, sessions or fen, what it is about."""

    why: Why
    urgency: int
    number: int = 0
    what: str = ""
    row_id: int | None = None
    version: int | None = None


@dataclass
class Call:
    """A customer to be called, with all her reasons, the most urgent first."""

    customer_id: int
    reasons: list[Reason] = field(default_factory=list)

    @property
    def urgency(self) -> tuple[int, int, int]:
        return min(one.urgency for one in self.reasons), -len(self.reasons), self.customer_id


Found = Iterable[tuple[int, Reason]]


def calls(session: Session, access: Access, today: date) -> list[Call]:
    """Everybody worth a call today whom she sees, the most urgent first."""
    by: dict[int, Call] = {}
    for look in LOOKS:
        for customer, reason in look(session, access, today):
            by.setdefault(customer, Call(customer)).reasons.append(reason)
    for call in by.values():
        call.reasons.sort(key=lambda one: one.urgency)
    return sorted(by.values(), key=lambda call: call.urgency)


def _living(access: Access) -> tuple[ColumnElement[bool], ...]:
    return (
        access.rows(Customer),
        Customer.archived_at.is_(None),
        Customer.merged_into_id.is_(None),
        Customer.erased_at.is_(None),
    )


def _hers(access: Access) -> Any:
    return select(Customer.id).where(*_living(access))


def _follow_ups(session: Session, access: Access, today: date) -> Found:
    """Whoever should be asked how her treatment went: after each day that it is late, more so."""
    query = (
        select(FollowUp, Service.name)
        .join(Treatment, Treatment.id == FollowUp.treatment_id)
        .join(Service, Service.id == Treatment.service_id)
        .where(access.rows(FollowUp), FollowUp.done_at.is_(None), FollowUp.due_on <= today)
        .where(FollowUp.customer_id.in_(_hers(access)))
        .order_by(FollowUp.due_on.desc(), FollowUp.id)
        .limit(rulebook(session).calls.most)
    )
    for row, service in session.execute(query):
        late = (today - row.due_on).days
        yield row.customer_id, Reason(Why.FOLLOW_UP, max(10 - late, 0), late, service, row.id, row.version)


def _tasks(session: Session, access: Access, today: date) -> Found:
    """What her role is asked to do by today."""
    query = (
        select(Task)
        .where(access.rows(Task), Task.finished_at.is_(None), Task.due_on <= today)
        .where(Task.customer_id.in_(_hers(access)))
        .order_by(Task.due_on, Task.id)
        .limit(rulebook(session).calls.most)
    )
    for row in session.scalars(query):
        late = (today - row.due_on).days
        yield row.customer_id, Reason(Why.TASK, 15, late, text_of(row), row.id, row.version)


def _birthdays(session: Session, access: Access, today: date) -> Found:
    for customer, ahead in birthdays_ahead(session, access, today, rulebook(session).calls.most):
        yield customer.id, Reason(Why.BIRTHDAY, 5 if ahead == 0 else 20 + ahead, ahead)


def birthdays_ahead(session: Session, access: Access, today: date, most: int) -> list[tuple[Customer, int]]:
    """Whose birthday comes soon, and in how many days, the soonest first; solar and lunar."""
    kept, soon_is = rulebook(session).festivals.birthdays, rulebook(session).calls.birthdays
    soon = {(c, m, d): days for c, m, d, days in calendar_ahead(today, kept) if days <= soon_is}
    ways = {
        and_(Customer.birth_calendar == calendar, Customer.birth_month == month, Customer.birth_day == day): days
        for (calendar, month, day), days in soon.items()
    }
    days = case(*ways.items())
    query = select(Customer, days).where(*_living(access), or_(*ways)).order_by(days, Customer.id).limit(most)
    return [(customer, ahead) for customer, ahead in session.execute(query)]


def _cards(session: Session, access: Access, today: date) -> Found:
    """Cards about to end with sessions left, and cards of which few are left."""
    limits = rulebook(session).calls
    hers = (access.rows(Card), Card.customer_id.in_(_hers(access)), Card.archived_at.is_(None))
    ending = (Card.expires_on >= today, Card.expires_on <= today + timedelta(limits.card_ends))
    for held in cards_held(session, today, *hers, *ending, most=limits.most):
        days = held.days or 0
        urgency = 8 if days <= limits.card_ends_soon else 35
        yield held.card.customer_id, Reason(Why.CARD_ENDS, urgency, days, _said(held))
    lasting = or_(Card.expires_on.is_(None), Card.expires_on > today + timedelta(limits.card_ends))
    few = Card.id.in_(_few_left(limits.sessions_left))
    for held in cards_held(session, today, *hers, lasting, few, most=limits.most):
        yield held.card.customer_id, Reason(Why.ALMOST_USED, 30, held.left, held.card.name)


def _few_left(most: int) -> Any:
    """Cards of which sessions are left, but no more than so many."""
    return (
        select(CardItem.card_id)
        .join(Account, and_(Account.card_item_id == CardItem.id, Account.kind == AccountKind.SESSIONS))
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .where(AccountBalance.balance > 0)
        .group_by(CardItem.card_id)
        .having(func.sum(AccountBalance.balance).between(1, most))
    )


def _said(held: HeldCard) -> str:
    return f"{held.card.name} · {held.left}"


def _owed(session: Session, access: Access, today: date) -> Found:
    """Whoever has a bill open, the largest first."""
    query = (
        select(Account.customer_id, AccountBalance.balance)
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .where(Account.kind == AccountKind.RECEIVABLE, AccountBalance.balance < 0, access.rows(Account))
        .where(Account.customer_id.in_(_hers(access)))
        .order_by(AccountBalance.balance, Account.customer_id)
        .limit(rulebook(session).calls.most)
    )
    for customer, balance in session.execute(query):
        assert customer is not None
        yield customer, Reason(Why.OWES, 40, -int(balance))


def _dormant(session: Session, access: Access, today: date) -> Found:
    """Whoever has not come for long: those who hold value first, others when it has just come to that."""
    limits = rulebook(session).calls
    bound = today - timedelta(limits.dormant)
    record = table_of(Customer).alias("record")
    same = (record.c.id == Customer.id) | (record.c.merged_into_id == Customer.id)
    hers = Visit.customer_id.in_(select(record.c.id).where(same).correlate(Customer))
    last = select(func.max(Visit.business_day)).where(hers, visit_stands()).scalar_subquery()
    came_since = select(Visit.id).where(hers, Visit.business_day > bound, visit_stands()).exists()
    holding = _holding(today)
    window = (Visit.business_day <= bound, Visit.business_day > bound - timedelta(limits.dormant_for), visit_stands())
    lately = select(func.coalesce(record.c.merged_into_id, record.c.id)).join(Visit, Visit.customer_id == record.c.id)
    lately = lately.where(*window)
    for urgency, among in ((32, Customer.id.in_(holding)), (50, Customer.id.in_(lately) & Customer.id.not_in(holding))):
        query = select(Customer.id, last).where(*_living(access), among, ~came_since, last.is_not(None))
        query = query.order_by(last.desc(), Customer.id).limit(limits.most)
        for customer, day in session.execute(query):
            yield customer, Reason(Why.DORMANT, urgency, (today - _as_day(day)).days, "held" if urgency == 32 else "")


def _holding(today: date) -> Any:
    """Customers with stored value or sessions left that can still be used."""
    lots = (
        select(Account.customer_id)
        .join(Lot, Lot.account_id == Account.id)
        .join(LotBalance, LotBalance.lot_id == Lot.id)
        .where(Account.kind.in_(STORED), LotBalance.remaining > 0)
        .where(or_(Lot.expires_on.is_(None), Lot.expires_on >= today))
    )
    sessions = (
        select(Account.customer_id)
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .join(CardItem, CardItem.id == Account.card_item_id)
        .join(Card, Card.id == CardItem.card_id)
        .where(Account.kind == AccountKind.SESSIONS, AccountBalance.balance > 0)
        .where(or_(Card.expires_on.is_(None), Card.expires_on >= today))
    )
    return union(lots, sessions)


def _as_day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


LOOKS: tuple[Callable[[Session, Access, date], Found], ...] = (
    _follow_ups,
    _tasks,
    _birthdays,
    _cards,
    _owed,
    _dormant,
)
