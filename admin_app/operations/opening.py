"""What customers had before: tiers, balances, points and sessions, brought over as opening entries; and taken back
whole.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import Select, exists, select

from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import Grant, Ledger
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, Row, operation
from admin_app.rulebook import rulebook, versions
from models.cards import Card, CardItem, CardStatus
from models.catalogue import Service
from models.customers import Customer
from models.entity import Entity
from models.log import Operation as LogOperation
from models.log import RowChange
from models.names import Name
from models.organisation import Store
from models.rulebook import ChangedCustomer
from models.standing import Membership, TierChange, TierMove
from models.value import AccountKind, LedgerEntry, Lot
from rules.decisions.tiers import months_later
from rules.decisions.value import points_until
from rules.documents.tiers import TiersDocument


class Opening(Row):
    """What one customer brings over; money in fen. ``lasts`` says that the tier has no end."""

    row: int
    member_no: str
    tier: str | None = None
    principal: Annotated[int, Field(ge=0, le=10**11)] = 0
    points: Annotated[int, Field(ge=0, le=10**11)] = 0
    sessions: Annotated[int, Field(ge=0, le=10**6)] = 0
    valid_until: date | None = None
    lasts: bool = False


class OpenBalancesInput(Input):
    """Opening balances, and the store that answers for them."""

    store: int
    rows: Annotated[list[Opening], Field(max_length=1_000)]


OLD_CARD = _l("Old card")
OLD_SESSION = _l("Session of an old card")


@operation(Name.OPEN_BALANCES, label=_l("Bring balances over"), form=False)
def open_balances(op: Operation, data: OpenBalancesInput) -> Answer:
    """Write opening entries for customers who have none yet. Known by their member numbers."""
    store = op.find(Store, data.store)
    ledger = Ledger(op, store.id, op.day)
    numbers = {row.member_no for row in data.rows}
    people = {
        str(one.member_no): one for one in op.session.scalars(select(Customer).where(Customer.member_no.in_(numbers)))
    }
    created, unchanged, missing = 0, 0, []
    for row in data.rows:
        customer = people.get(row.member_no)
        if customer is None:
            missing.append(row.row)
        elif not _opened(op, customer) and _open(op, ledger, customer, row):
            created += 1
        else:
            unchanged += 1
    op.store_id = store.id
    op.detail = {"customers": created, "total": sum(row.principal for row in data.rows)}
    return {"created": created, "unchanged": unchanged, "missing": missing, "operation": op.number}


def _opened(op: Operation, customer: Customer) -> bool:
    """Whether opening entries stand for her."""
    opening = select(LogOperation.id).where(LogOperation.name == Name.OPEN_BALANCES.value)
    again = select(LedgerEntry.reverses_id).where(LedgerEntry.reverses_id.is_not(None))
    standing = exists().where(
        LedgerEntry.customer_id == customer.id,
        LedgerEntry.operation_id.in_(opening),
        LedgerEntry.id.not_in(again),
        LedgerEntry.reverses_id.is_(None),
    )
    return bool(op.session.scalar(select(standing)))


def _open(op: Operation, ledger: Ledger, customer: Customer, row: Opening) -> bool:
    """Write what the row says; whether that was anything new."""
    if row.principal:
        account = ledger.hers(customer.id, AccountKind.PRINCIPAL)
        opening = ledger.house(AccountKind.OPENING)
        ledger.move(account, opening, row.principal, given_lot=ledger.grant(account))
    if row.points:
        account = ledger.hers(customer.id, AccountKind.POINTS)
        terms = Grant(points_until(op.day, rulebook(op.session).points))
        issued = ledger.house(AccountKind.POINTS_ISSUED)
        ledger.move(account, issued, row.points, given_lot=ledger.grant(account, terms))
    if row.sessions:
        _open_card(op, ledger, customer, row)
    moved = row.tier is not None and _open_tier(op, customer, row)
    return moved or bool(row.principal or row.points or row.sessions)


def _open_card(op: Operation, ledger: Ledger, customer: Customer, row: Opening) -> None:
    """Sessions whose service the old book did not say: a card of a service made for them, worth nothing here."""
    name = str(OLD_SESSION)
    service = op.session.scalar(select(Service).where(Service.name == name))
    if service is None:
        service = Service(name=name, price=0, busy_minutes=60, on_sale=False)
        op.session.add(service)
        op.session.flush()
    expires = row.valid_until if row.valid_until and row.valid_until >= op.day else None
    card = Card(
        customer_id=customer.id,
        store_id=ledger.store_id,
        name=str(OLD_CARD),
        sold_for=0,
        opened_on=op.day,
        expires_on=expires,
    )
    op.session.add(card)
    op.session.flush()
    item = CardItem(card_id=card.id, service_id=service.id, sessions=row.sessions, value=0)
    op.session.add(item)
    op.session.flush()
    issued = ledger.house(AccountKind.SESSIONS_ISSUED)
    ledger.move(ledger.hers(customer.id, AccountKind.SESSIONS, item.id), issued, row.sessions)


def _open_tier(op: Operation, customer: Customer, row: Opening) -> bool:
    """Give her the tier; whether she did not hold it already."""
    document: TiersDocument = rulebook(op.session).tiers
    held = select(Membership).where(Membership.customer_id == customer.id, Membership.ended_on.is_(None))
    before = op.session.scalar(held)
    if before is not None:
        if before.tier == row.tier:
            return False
        before.ended_on = op.day
        op.session.flush()
    op.session.add(ChangedCustomer(customer_id=customer.id))
    until = None if row.lasts else row.valid_until or months_later(op.day, document.valid)
    op.session.add(
        Membership(
            customer_id=customer.id,
            tier=row.tier,
            since=op.day,
            valid_until=until if until is None or until >= op.day else op.day,
        )
    )
    op.session.add(
        TierChange(
            customer_id=customer.id,
            on=op.day,
            move=TierMove.FIRST,
            from_tier=before.tier if before else None,
            to_tier=row.tier,
            evidence={"brought_over": row.tier},
            rule_version_id=versions()["tiers"],
        )
    )
    return True


class UndoBalancesInput(Input):
    """The entry in the log by which balances were brought over, and why it is undone."""

    operation: Annotated[int, Ask(_l("Entry in the log"))]
    why: Annotated[str, Ask(_l("Reason")), Field(min_length=1, max_length=200)]


@operation(Name.UNDO_BALANCES, label=_l("Take brought-over balances back"), page=Lot, danger=True)
def undo_balances(op: Operation, data: UndoBalancesInput) -> Answer:
    """Reverse every opening entry of one entry in the log.

    :raises Refused: it is no such entry, or something of it has been used since.
    """
    name = op.session.scalar(select(LogOperation.name).where(LogOperation.id == data.operation))
    if name != Name.OPEN_BALANCES.value:
        raise Refused(_l("No balances were brought over by this entry."), "operation", "missing")
    query = select(LedgerEntry).where(LedgerEntry.operation_id == data.operation).order_by(LedgerEntry.id.desc())
    entries = list(op.session.scalars(query))
    gone = select(LedgerEntry.id).where(LedgerEntry.reverses_id.in_([entry.id for entry in entries]))
    if not entries or op.session.scalar(gone.limit(1)) is not None:
        raise Refused(_l("This was taken back already."), "operation", "again")
    Ledger(op, entries[0].store_id, op.day).reverse(entries)
    people = {entry.customer_id for entry in entries if entry.customer_id is not None}
    for card in op.session.scalars(select(Card).where(Card.id.in_(_made_by(data.operation, Card)))):
        card.status = CardStatus.REVERSED
    for held in op.session.scalars(select(Membership).where(Membership.id.in_(_made_by(data.operation, Membership)))):
        held.ended_on = held.ended_on or op.day  # the rules give her one again
    op.reason, op.store_id = data.why, entries[0].store_id
    op.detail = {"operation": data.operation, "customers": len(people)}
    return {"customers": len(people)}


def _made_by(number: int, entity: type[Entity]) -> Select[int]:
    """The rows that an entry in the log made."""
    made = (RowChange.operation_id == number, RowChange.entity == entity.named(), RowChange.kind == "insert")
    return select(RowChange.row_id).where(*made)
