"""Sales that were taken back, whole or in part: how far, when, by whom, why, and what went where."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, cast, exists, func, select
from sqlalchemy.orm import Session

from models.field import Choice
from models.log import Operation
from models.sales import Payment, PaymentMethod, Sale, SaleLine
from models.till import Reversal
from models.value import Account, AccountKind, LedgerEntry


class SaleState(Choice):
    """How much of a sale still stands."""

    STANDS = "stands", _l("Stands")
    PARTLY = "partly", _l("Partly taken back")
    TAKEN_BACK = "taken_back", _l("Taken back")


def sale_states(session: Session, sales: Collection[int]) -> dict[int, SaleState]:
    """The state of those of these sales that do not stand whole."""
    taken = select(Reversal.sale_id, func.count()).where(Reversal.sale_id.in_(sales)).group_by(Reversal.sale_id)
    counts = dict(session.execute(taken).all())
    if not counts:
        return {}
    lines = select(SaleLine.sale_id, func.count()).where(SaleLine.sale_id.in_(counts)).group_by(SaleLine.sale_id)
    return {
        sale: SaleState.TAKEN_BACK if counts[sale] >= count else SaleState.PARTLY
        for sale, count in session.execute(lines)
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
    return [_event(session, at, pairs) for at, pairs in times.items()]


def _event(session: Session, at: datetime, pairs: list[tuple[Reversal, SaleLine]]) -> TakenBack:
    first, lines = pairs[0][0], [line for _, line in pairs]
    moved = _moved(session, [line.id for line in lines])
    return TakenBack(
        at=at,
        day=first.business_day,
        by=_who(session, lines[0].id),
        reason=first.reason,
        amount=sum(reversal.amount for reversal, _ in pairs),
        items=[line.item for line in lines],
        paid_back=_paid_back(session, first.sale_id, at),
        moved=[(kind, moved[kind]) for kind in HELD if moved.get(kind)],
    )


def _paid_back(session: Session, sale_id: int, at: datetime) -> list[tuple[PaymentMethod, int]]:
    amount = cast(func.sum(-Payment.amount), BigInteger)
    here = (Payment.sale_id == sale_id, Payment.paid_at == at, Payment.amount < 0)
    query = select(Payment.method, amount).where(*here).group_by(Payment.method).order_by(Payment.method)
    return [(method, int(back)) for method, back in session.execute(query)]


def _moved(session: Session, lines: Collection[int]) -> dict[AccountKind, int]:
    """What reversing these lines moved on the customer's accounts, by their kind."""
    amount = cast(func.sum(LedgerEntry.amount), BigInteger)
    query = (
        select(Account.kind, amount)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(LedgerEntry.sale_line_id.in_(lines), LedgerEntry.reverses_id.is_not(None))
        .where(Account.customer_id.is_not(None))
        .group_by(Account.kind)
    )
    return {kind: int(moved) for kind, moved in session.execute(query)}


def _who(session: Session, line_id: int) -> str:
    """Who took the line back: the actor of the operation that wrote the reversing entries."""
    query = (
        select(Operation.actor_name)
        .join(LedgerEntry, LedgerEntry.operation_id == Operation.id)
        .where(LedgerEntry.sale_line_id == line_id, LedgerEntry.reverses_id.is_not(None))
        .limit(1)
    )
    return session.scalar(query) or ""
