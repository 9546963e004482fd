"""What customers hold: their tier, and as the ledger says balances and the sessions left on their cards."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, Subquery, and_, case, cast, func, not_, select, union_all
from sqlalchemy.orm import Session

from admin_app.rulebook import rulebook, versions
from models.cards import Card, CardItem, CardStatus
from models.catalogue import Service
from models.field import Choice
from models.standing import Membership
from models.value import Account, AccountBalance, AccountKind, Lot, LotBalance
from rules.decisions.tiers import Benefits, Held, benefits
from rules.documents.calls import CallsDocument


class CardState(Choice):
    """What has become of a card: its status, and whether it has ended."""

    LIVE = "live", _l("Live")
    EXPIRED = "expired", _l("Expired")
    REFUNDED = "refunded", _l("Refunded")
    REVERSED = "reversed", _l("Taken back")


def card_states(session: Session, cards: Collection[int], day: date) -> dict[int, CardState]:
    """The state of each of these cards as of a day."""
    query = select(Card.id, Card.status, card_is(CardState.EXPIRED, day)).where(Card.id.in_(cards))
    return {
        card: CardState.EXPIRED if ended else CardState(status.value) for card, status, ended in session.execute(query)
    }


def card_is(state: CardState, day: date) -> ColumnElement[bool]:
    """That a card is in this state as of a day, as a condition on ``Card``."""
    ended = and_(Card.status == CardStatus.LIVE, func.coalesce(Card.expires_on, date.max) < day)
    if state is CardState.EXPIRED:
        return ended
    return and_(Card.status == CardStatus(state.value), not_(ended))


@dataclass(frozen=True)
class Balances:
    """Fen, and points; what has ended is left out. ``owed`` is above zero; ``pending`` points count in ``points``."""

    principal: int = 0
    bonus: int = 0
    points: int = 0
    pending: int = 0
    deposit: int = 0
    owed: int = 0

    @property
    def stored(self) -> int:
        return self.principal + self.bonus


def tier_held(session: Session, customer_id: int) -> Held | None:
    """The tier she holds now, and until when."""
    current = (Membership.customer_id == customer_id, Membership.ended_on.is_(None))
    found = session.execute(select(Membership.tier, Membership.valid_until).where(*current)).first()
    return None if found is None else Held(*found)


def tiers_of(session: Session, customers: Collection[int]) -> dict[int, str]:
    """The tier each of these customers has now."""
    current = (Membership.customer_id.in_(customers), Membership.ended_on.is_(None))
    return dict(session.execute(select(Membership.customer_id, Membership.tier).where(*current)).all())


def stored_value(day: date, *owners: ColumnElement[bool]) -> Subquery:
    """What stored value each customer has as of a day: ``customer_id`` and ``amount``.

    ``owners`` are conditions on ``Account`` that narrow the customers. It is what ``balances_of`` says of one customer.
    """
    kinds = (Account.kind.in_((AccountKind.PRINCIPAL, AccountKind.BONUS)), Account.card_item_id.is_(None), *owners)
    stands = (
        select(Account.customer_id, AccountBalance.balance.label("amount"))
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .where(*kinds)
    )
    ended = (
        select(Account.customer_id, -LotBalance.remaining)
        .join(Lot, Lot.account_id == Account.id)
        .join(LotBalance, LotBalance.lot_id == Lot.id)
        .where(*kinds, LotBalance.remaining > 0, Lot.expires_on < day)
    )
    parts = union_all(stands, ended).subquery("stored_parts")
    amount = cast(func.sum(parts.c.amount), BigInteger).label("amount")
    return select(parts.c.customer_id, amount).group_by(parts.c.customer_id).subquery("stored_value")


def stored_of(session: Session, customers: Collection[int], day: date) -> dict[int, int]:
    """The stored value of each of these customers that has any account."""
    found = stored_value(day, Account.customer_id.in_(customers))
    return {customer: int(amount) for customer, amount in session.execute(select(found.c.customer_id, found.c.amount))}


def benefits_of(session: Session, customer_id: int | None) -> Benefits:
    """What her tier gives her now; nothing for whom the house does not know."""
    held = None if customer_id is None else tier_held(session, customer_id)
    return benefits(rulebook(session).tiers, held.tier if held else None, versions()["tiers"])


def balances_of(session: Session, customer_id: int, day: date) -> Balances:
    """What stands on her accounts as of a day."""
    totals = (
        select(Account.kind, func.sum(AccountBalance.balance))
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .where(Account.customer_id == customer_id, Account.card_item_id.is_(None))
        .group_by(Account.kind)
    )
    stands = {kind: int(total) for kind, total in session.execute(totals)}
    ended, pending = _ended_and_pending(session, customer_id, day)

    def left(kind: AccountKind) -> int:
        return stands.get(kind, 0) - ended.get(kind, 0)

    return Balances(
        principal=left(AccountKind.PRINCIPAL),
        bonus=left(AccountKind.BONUS),
        points=left(AccountKind.POINTS) + stands.get(AccountKind.POINTS_OWED, 0),
        pending=pending.get(AccountKind.POINTS, 0),
        deposit=left(AccountKind.DEPOSIT),
        owed=-stands.get(AccountKind.RECEIVABLE, 0),
    )


def _ended_and_pending(
    session: Session, customer_id: int, day: date
) -> tuple[dict[AccountKind, int], dict[AccountKind, int]]:
    """What is left in lots that have ended, and in lots not usable yet, by kind."""
    over, early = Lot.expires_on < day, Lot.pending_until > day
    query = (
        select(
            Account.kind,
            func.sum(case((over, LotBalance.remaining), else_=0)),
            func.sum(case((and_(early, ~func.coalesce(over, False)), LotBalance.remaining), else_=0)),
        )
        .join(Lot, Lot.account_id == Account.id)
        .join(LotBalance, LotBalance.lot_id == Lot.id)
        .where(Account.customer_id == customer_id, LotBalance.remaining > 0, over | early)
        .group_by(Account.kind)
    )
    rows = session.execute(query).all()
    return {kind: int(ended) for kind, ended, _ in rows}, {kind: int(early) for kind, _, early in rows}


@dataclass(frozen=True)
class Left:
    """Sessions of one service left on a card, of how many."""

    item_id: int
    service_id: int
    service: str
    left: int
    of: int


@dataclass
class HeldCard:
    """A live card with what is left on it. ``calls`` says from when it is worth a word."""

    card: Card
    day: date
    calls: CallsDocument
    items: list[Left] = field(default_factory=list)

    @property
    def left(self) -> int:
        return sum(one.left for one in self.items)

    @property
    def days(self) -> int | None:
        """Days until its last day; below zero once it has ended, None where it never ends."""
        return None if self.card.expires_on is None else (self.card.expires_on - self.day).days

    @property
    def ended(self) -> bool:
        return self.days is not None and self.days < 0

    @property
    def soon(self) -> bool:
        """Whether it ends soon or is almost used up."""
        return self.left <= self.calls.sessions_left or (self.days is not None and self.days <= self.calls.card_ends)


def cards_held(
    session: Session, day: date, *conditions: ColumnElement[bool], most: int | None = None
) -> list[HeldCard]:
    """Live cards with sessions left that fulfil the conditions (on ``Card``), the soonest to end first."""
    hers = and_(
        Account.card_item_id == CardItem.id,
        Account.kind == AccountKind.SESSIONS,
        Account.customer_id == Card.customer_id,
    )
    chosen = select(Card.id).where(Card.status == CardStatus.LIVE, _some_left(), *conditions)
    if most is not None:
        chosen = chosen.order_by(Card.expires_on.is_(None), Card.expires_on, Card.id).limit(most)
    query: Any = (
        select(Card, CardItem, Service.name, AccountBalance.balance)
        .join(CardItem, CardItem.card_id == Card.id)
        .join(Service, Service.id == CardItem.service_id)
        .join(Account, hers)
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .where(Card.id.in_(chosen))
        .order_by(Card.expires_on.is_(None), Card.expires_on, Card.id, CardItem.id)
    )
    found: dict[int, HeldCard] = {}
    for card, item, service, left in session.execute(query):
        held = found.setdefault(card.id, HeldCard(card, day, rulebook(session).calls))
        held.items.append(Left(item.id, item.service_id, service, int(left), item.sessions))
    return list(found.values())


def _some_left() -> ColumnElement[bool]:
    """That sessions of the card are left."""
    return (
        select(CardItem.id)
        .join(Account, and_(Account.card_item_id == CardItem.id, Account.kind == AccountKind.SESSIONS))
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .where(CardItem.card_id == Card.id, Account.customer_id == Card.customer_id, AccountBalance.balance > 0)
        .exists()
    )
