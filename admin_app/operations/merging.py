"""Two records of one person become one: what she has is moved, what she did stays where it was written."""

from __future__ import annotations

from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import select

from admin_app.operations.in_use import ERASED
from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import Grant, Ledger
from admin_app.operations.merged_bookings import move_bookings
from admin_app.operations.merged_standing import move_standing
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from models.cards import Card, CardItem
from models.customers import Customer
from models.names import Name
from models.value import IN_LOTS, Account, AccountBalance, AccountKind, Lot


class MergeInput(Input):
    """The record that is given up, and the one that stays."""

    customer: Annotated[int, Ask(_l("Customer"), to=Customer, archived=True)]
    into: Annotated[int, Ask(_l("The same person as"), to=Customer)]
    why: Annotated[str, Ask(_l("Reason")), Field(min_length=1, max_length=200)]


@operation(Name.MERGE_CUSTOMERS, label=_l("Merge with another"), on=Customer, danger=True)
def merge_customers(op: Operation, data: MergeInput) -> Answer:
    """Let one record stand for another: what she has and what is open moves, what happened counts for the other.

    :raises Refused: one of them stands for another already, was erased, or both have bookings at one time.
    """
    lost: Customer = op.subject
    kept = op.find(Customer, data.into)
    if lost.id == kept.id:
        raise Refused(_l("Choose somebody else."), "into")
    if lost.erased_at is not None:
        raise Refused(ERASED, "customer", "erased")
    ledger = Ledger(op, kept.store_id, op.day)
    cards = list(op.session.scalars(select(Card).where(Card.customer_id == lost.id)))
    move_value(op, ledger, lost.id, kept.id)
    for card in cards:
        card.customer_id = kept.id
    if moved := move_bookings(op, lost.id, kept.id):
        op.detail = {"bookings": moved}
    for earlier in op.session.scalars(select(Customer).where(Customer.merged_into_id == lost.id)).all():
        earlier.merged_into_id = kept.id
    op.session.flush()
    move_standing(op, lost, kept)
    lost.merged_into_id, lost.archived_at = kept.id, op.at
    op.reason = data.why
    return {"customer": kept.id, "cards": len(cards)}


def move_value(op: Operation, ledger: Ledger, giver: int, taker: int) -> None:
    """Move all that stands on one customer's accounts to another's, lot by lot, each with its own end."""
    op.session.flush()
    accounts = list(op.session.scalars(select(Account).where(Account.customer_id == giver).order_by(Account.id)))
    for account in accounts:
        to = ledger.hers(taker, account.kind, account.card_item_id)
        if account.kind in IN_LOTS:
            continue
        left = op.session.get_one(AccountBalance, account.id, populate_existing=True).balance
        home = _home(op, account)
        if left < 0:
            ledger.move(account, to, -left, home=home)
        else:
            ledger.move(to, account, left, home=home)
    made: dict[int, int] = {}
    for kind in (AccountKind.PRINCIPAL, AccountKind.BONUS, AccountKind.POINTS, AccountKind.DEPOSIT):
        for lot, left in ledger.lots(giver, kind, usable=False):
            made[lot.id] = _move_lot(op, ledger, lot, left, taker, made)


def _home(op: Operation, account: Account) -> int | None:
    if account.card_item_id is None:
        return None
    return op.session.get_one(Card, op.session.get_one(CardItem, account.card_item_id).card_id).store_id


def _move_lot(op: Operation, ledger: Ledger, lot: Lot, left: int, taker: int, made: dict[int, int]) -> int:
    source = op.session.get_one(Account, lot.account_id)
    account = ledger.hers(taker, source.kind)
    fresh = ledger.grant(account, Grant(lot.expires_on, lot.pending_until, made.get(lot.beside_id or 0)), lot)
    ledger.move(account, source, left, given_lot=fresh, taken_lot=lot)
    return fresh.id
