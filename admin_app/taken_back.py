"""Sales that were taken back, whole or in part: how far, when, by whom, why, and what went where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, SQLColumnExpression, case, cast, exists, func, select
from sqlalchemy.orm import Session, aliased

from models.cards import Card, CardChange, CardChangeKind, CardStatus
from models.field import Choice
from models.log import Operation
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit
from models.till import Reversal
from models.value import Account, AccountKind, LedgerEntry
from rules.evaluation.visits import visit_stands


class SaleState(Choice):
    """How much of a sale still stands."""

    STANDS = "stands", _l("Stands")
    PARTLY = "partly", _l("Partly taken back")
    TAKEN_BACK = "taken_back", _l("Taken back")


def sale_states(session: Session, sales: Collection[int]) -> dict[int, SaleState]:
    """The state of those of these sales that do not stand whole."""
    lines = select(func.count()).where(SaleLine.sale_id == Reversal.sale_id).correlate(Reversal).scalar_subquery()
    taken = select(Reversal.sale_id, func.count(), lines).where(Reversal.sale_id.in_(sales)).group_by(Reversal.sale_id)
    return {
        sale: SaleState.TAKEN_BACK if count >= of_all else SaleState.PARTLY
        for sale, count, of_all in session.execute(taken)
    }


def line_states(session: Session, lines: Collection[int]) -> dict[int, SaleState]:
    """The state of those of these sale lines that were taken back."""
    found = session.scalars(select(Reversal.sale_line_id).where(Reversal.sale_line_id.in_(lines)))
    return dict.fromkeys(found, SaleState.TAKEN_BACK)


def sale_is(state: SaleState) -> ColumnElement[bool]:
    """That a sale is in this state, as a condition on ``Sale``."""
    reversed_ids = select(Reversal.sale_id)
    standing_line = exists().where(
        SaleLine.sale_id == Sale.id, ~exists().where(Reversal.sale_line_id == SaleLine.id).correlate(SaleLine)
    )
    if state is SaleState.STANDS:
        return Sale.id.not_in(reversed_ids)
    return Sale.id.in_(reversed_ids) & (standing_line if state is SaleState.PARTLY else ~standing_line)


def line_is(state: SaleState) -> ColumnElement[bool]:
    """That a sale line is in this state, as a condition on ``SaleLine``; a line is never partly taken back."""
    lines = select(Reversal.sale_line_id)
    return SaleLine.id.not_in(lines) if state is SaleState.STANDS else SaleLine.id.in_(lines)


def visit_states(session: Session, visits: Collection[int]) -> dict[int, SaleState]:
    """The state of those of these visits that were taken back with their sales."""
    found = session.scalars(select(Visit.id).where(Visit.id.in_(visits), ~visit_stands()))
    return dict.fromkeys(found, SaleState.TAKEN_BACK)


def visit_is(state: SaleState) -> ColumnElement[bool]:
    """That a visit is in this state, as a condition on ``Visit``; a visit is never partly taken back."""
    return visit_stands() if state is SaleState.STANDS else ~visit_stands()


@dataclass(frozen=True)
class TakenBack:
    """What was taken back of a sale at one time, and where its value went."""

    at: datetime
    day: date
    by: str
    reason: str
    amount: int
    items: list[str]
    paid_back: list[tuple[PaymentMethod, int]]
    moved: list[tuple[AccountKind, int]]


HELD = (
    AccountKind.PRINCIPAL,
    AccountKind.BONUS,
    AccountKind.DEPOSIT,
    AccountKind.POINTS,
    AccountKind.SESSIONS,
)
"""The accounts of a customer that a page names when a sale is taken back."""


def taken_back(session: Session, sale: Sale) -> list[TakenBack]:
    """Each time that something of this sale was taken back, the earliest first."""
    query = (
        select(Reversal, SaleLine)
        .join(SaleLine, SaleLine.id == Reversal.sale_line_id)
        .where(Reversal.sale_id == sale.id)
        .order_by(Reversal.at, SaleLine.position)
    )
    times: dict[datetime, list[tuple[Reversal, SaleLine]]] = {}
    for reversal, line in session.execute(query):
        times.setdefault(reversal.at, []).append((reversal, line))
    if not times:
        return []
    written = _written(session, [line.id for pairs in times.values() for _, line in pairs])
    paid_back = _paid_back(session, sale.id)
    return [_event(pairs, written, paid_back.get(at, [])) for at, pairs in times.items()]


@dataclass
class _Written:
    """What the entries that reverse a line say: who took it back, and what they moved on the customer's accounts."""

    by: str = ""
    moved: Counter[AccountKind] = field(default_factory=Counter)


def _event(
    pairs: list[tuple[Reversal, SaleLine]], written: dict[int, _Written], paid_back: list[tuple[PaymentMethod, int]]
) -> TakenBack:
    first, lines = pairs[0][0], [line for _, line in pairs]
    moved = Counter[AccountKind]()
    for line in lines:
        moved.update(written[line.id].moved)
    return TakenBack(
        at=first.at,
        day=first.business_day,
        by=written[lines[0].id].by,
        reason=first.reason,
        amount=sum(reversal.amount for reversal, _ in pairs),
        items=[line.item for line in lines],
        paid_back=paid_back,
        moved=[(kind, moved[kind]) for kind in HELD if moved[kind]],
    )


def _paid_back(session: Session, sale_id: int) -> dict[datetime, list[tuple[PaymentMethod, int]]]:
    """What was paid back of a sale, by time and method."""
    amount = cast(func.sum(-Payment.amount), BigInteger)
    returned = (Payment.sale_id == sale_id, Payment.amount < 0)
    query = select(Payment.paid_at, Payment.method, amount).where(*returned)
    found: dict[datetime, list[tuple[PaymentMethod, int]]] = {}
    for at, method, back in session.execute(query.group_by(Payment.paid_at, Payment.method).order_by(Payment.method)):
        found.setdefault(at, []).append((method, int(back)))
    return found


def _written(session: Session, lines: Collection[int]) -> dict[int, _Written]:
    """What the reversing entries of each of these lines say."""
    amount = cast(func.sum(LedgerEntry.amount), BigInteger)
    parts = (LedgerEntry.sale_line_id, Operation.actor_name, Account.kind, Account.customer_id)
    query = (
        select(*parts, amount)
        .join(Account, Account.id == LedgerEntry.account_id)
        .join(Operation, Operation.id == LedgerEntry.operation_id)
        .where(LedgerEntry.sale_line_id.in_(lines), LedgerEntry.reverses_id.is_not(None))
        .group_by(*parts)
    )
    found = {line: _Written() for line in lines}
    for line, actor, kind, customer, moved in session.execute(query):
        assert line is not None  # asked for above
        found[line].by = actor
        if customer is not None:
            found[line].moved[kind] += int(moved)
    return found


def _sum_where(amount: SQLColumnExpression[Any], *of: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(select(func.sum(amount)).where(*of).correlate(Sale, SaleLine, Card).scalar_subquery(), 0)


def _refunded(*of: ColumnElement[bool]) -> ColumnElement[int]:
    """What was paid back for cards."""
    return _sum_where(CardChange.amount, CardChange.kind == CardChangeKind.REFUNDED, *of)


def _gone_of_sale() -> ColumnElement[int]:
    line = aliased(SaleLine)
    sold = (line.sale_id == Sale.id, line.kind == LineKind.CARD, line.card_id == CardChange.card_id)
    return _sum_where(Reversal.amount, Reversal.sale_id == Sale.id) + _refunded(*sold)


def _gone_of_line() -> ColumnElement[int]:
    sold = (SaleLine.kind == LineKind.CARD, SaleLine.card_id == CardChange.card_id)
    return _sum_where(Reversal.amount, Reversal.sale_line_id == SaleLine.id) + _refunded(*sold)


def _gone_of_card() -> ColumnElement[int]:
    reversed_ = case((Card.status == CardStatus.REVERSED, Card.sold_for), else_=0)
    return reversed_ + _refunded(CardChange.card_id == Card.id)


GONE: dict[str, Callable[[], ColumnElement[int]]] = {
    "sale.total": _gone_of_sale,
    "sale_line.amount": _gone_of_line,
    "card.sold_for": _gone_of_card,
}
"""What of an amount (fen) stands no longer, by its field: it was taken back, or refunded."""
