"""Taking back: a receipt or some of its lines, with everything that followed from them, each once and whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import ColumnElement, func, select

from admin_app.evidence import Evidence
from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import TENDER, Ledger
from admin_app.operations.merging import move_value
from admin_app.operations.receipts import pay, reversal_of
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from admin_app.operations.till import Shown, check_shown, quote_answer
from models.cards import Card, CardItem, CardStatus
from models.customers import Customer, kin_of
from models.names import Name
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit
from models.till import Reversal
from models.value import Account, AccountKind, LedgerEntry
from rules.evaluation.visits import visit_stands


def _its_lines(ids: Sequence[int]) -> ColumnElement[bool]:
    return SaleLine.sale_id.in_(ids) & SaleLine.id.not_in(select(Reversal.sale_line_id))


class ReverseInput(Input):
    """A receipt; those of its lines that are taken back (none named: all); why."""

    sale: Annotated[int, Ask(_l("Sale"), to=Sale)]
    lines: Annotated[list[int], Ask(_l("Lines"), to=SaleLine, among=_its_lines, help=_l("None chosen: all"))] = []
    why: Annotated[str, Ask(_l("Reason")), Field(min_length=1, max_length=200)]
    shown_total: Shown = None


@operation(Name.REVERSE_SALE, label=_l("Take back"), on=Sale, danger=True, consequences=True, confirmed=True)
def reverse_sale(op: Operation, data: ReverseInput) -> Answer:
    """Take lines of a receipt back, line by line exactly what the sale did: money, value, points, sessions.

    :raises Refused: a line was taken back before, or what it gave has been used since.
    """
    sale: Sale = op.subject
    if sale.imported:
        raise Refused(
            _l("A sale that was brought over moved no money here; it cannot be taken back."), None, "imported"
        )
    lines = _open_lines(op, sale, data.lines)
    total = sum(line.amount for line in lines)
    check_shown(data.shown_total, total)
    working = [[line.item, line.quantity, line.unit_price, line.discount, "", -line.amount] for line in lines]
    answer = quote_answer(total, working) | {"sale": sale.id}
    if op.quoting:
        return answer
    op.store_id, op.reason = sale.store_id, data.why
    ledger = Ledger(op, sale.store_id, op.day)
    customer = op.session.get(Customer, sale.customer_id) if sale.customer_id else None
    evidence = Evidence.of(op, sale.customer_id, sale.business_day)
    back: Counter[PaymentMethod] = Counter()
    for line in lines:
        entries = _entries(op, line)
        paid = _paid_with(op, entries)
        back.update(paid)
        _still_owed(op, sale, back[PaymentMethod.ON_ACCOUNT])
        if customer is not None and customer.merged_into_id is not None:
            _owes_again(ledger, customer.merged_into_id, customer.id, paid[PaymentMethod.ON_ACCOUNT])
        _undo_card(op, sale, line)
        ledger.reverse(entries)
        op.session.add(reversal_of(op, sale, line, data.why))
    if customer is not None and customer.merged_into_id is not None:
        move_value(op, ledger, customer.id, customer.merged_into_id)
    for method, amount in sorted(back.items(), key=lambda pair: pair[0].value):
        if amount:
            pay(op, sale, method, -amount)
    _forget_first_visit(op, sale)
    op.detail = {"total": total, "lines": [line.id for line in lines]}
    return answer | evidence.settle(ledger)


def _forget_first_visit(op: Operation, sale: Sale) -> None:
    """The day of a customer's first visit is that of the first that stands, once that of this sale does not."""
    customer = op.session.get(Customer, sale.customer_id) if sale.visit_id else None
    if customer is not None and customer.merged_into_id is not None:
        customer = op.session.get(Customer, customer.merged_into_id)
    if customer is None or customer.first_visit_on != sale.business_day:
        return
    op.session.flush()
    standing = select(func.min(Visit.business_day)).where(Visit.customer_id.in_(kin_of(customer.id)), visit_stands())
    if not op.session.scalar(select(visit_stands()).where(Visit.id == sale.visit_id)):
        customer.first_visit_on = op.session.scalar(standing)


def _open_lines(op: Operation, sale: Sale, wanted: list[int]) -> list[SaleLine]:
    own = list(op.session.scalars(select(SaleLine).where(SaleLine.sale_id == sale.id).order_by(SaleLine.position)))
    gone = set(op.session.scalars(select(Reversal.sale_line_id).where(Reversal.sale_id == sale.id)))
    if not set(wanted) <= {line.id for line in own}:
        raise Refused(_l("These lines are not all of this receipt."), "lines", "other_sale")
    chosen = [line for line in own if line.id in wanted] if wanted else [line for line in own if line.id not in gone]
    if not chosen or gone & {line.id for line in chosen}:
        raise Refused(_l("This was taken back already."), "lines", "again")
    return chosen


def _entries(op: Operation, line: SaleLine) -> list[LedgerEntry]:
    """What the sale posted for the line, the last first; no line is taken back twice, so all of it stands."""
    query = select(LedgerEntry).where(LedgerEntry.sale_line_id == line.id).order_by(LedgerEntry.id.desc())
    return list(op.session.scalars(query))


def _paid_with(op: Operation, entries: list[LedgerEntry]) -> Counter[PaymentMethod]:
    """How the line was paid, read off the entries: what comes back the same way."""
    method_of = {kind: method for method, kind in TENDER.items()} | {
        AccountKind.PRINCIPAL: PaymentMethod.STORED_VALUE,
        AccountKind.BONUS: PaymentMethod.STORED_VALUE,
        AccountKind.DEPOSIT: PaymentMethod.DEPOSIT,
        AccountKind.RECEIVABLE: PaymentMethod.ON_ACCOUNT,
        AccountKind.CARD: PaymentMethod.SESSION,
    }
    found: Counter[PaymentMethod] = Counter()
    for entry in entries:
        kind = op.session.get_one(Account, entry.account_id).kind
        if entry.amount < 0 and kind in method_of:
            found[method_of[kind]] -= entry.amount
    return found


def _still_owed(op: Operation, sale: Sale, amount: int) -> None:
    """:raises Refused: what she owed for these lines has been paid since."""
    open_amount = select(Payment.amount).where(Payment.sale_id == sale.id, Payment.method == PaymentMethod.ON_ACCOUNT)
    if amount > sum(op.session.scalars(open_amount)):
        raise Refused(
            _l("What was owed for this has been paid since; that cannot be taken back here."), None, "settled"
        )


def _owes_again(ledger: Ledger, kept: int, lost: int, amount: int) -> None:
    """A debt that moved to another record goes back to the one it was written on."""
    hers, before = (ledger.hers(one, AccountKind.RECEIVABLE) for one in (kept, lost))
    ledger.move(hers, before, amount)
    ledger.op.session.flush()


def _undo_card(op: Operation, sale: Sale, line: SaleLine) -> None:
    """A card whose sale is taken back is over; a session goes back to its card.

    :raises Refused: the card belongs to somebody else by now, or was refunded.
    """
    card_id = line.card_id
    if line.card_item_id is not None:
        card_id = op.session.get_one(CardItem, line.card_item_id).card_id
    if card_id is None:
        return
    card = op.session.get_one(Card, card_id)
    if card.status is not CardStatus.LIVE or card.customer_id != sale.customer_id:
        raise Refused(_l("The card of this sale has moved on: refund the card instead."), None, "moved_on")
    if line.kind is LineKind.CARD:
        card.status = CardStatus.REVERSED
