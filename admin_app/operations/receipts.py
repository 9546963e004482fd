"""Writing a receipt: its number, its lines and who made them, how it was paid, and what that does to the ledger.

Whatever is sold (services, goods, cards, recharges, deposits, a session of a card) is a receipt; the operations differ
in what they put on it. How it is paid is planned in ``payment_plan.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select

from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import TENDER, Grant, Ledger
from admin_app.operations.payment_plan import Line, Part, Plan, Tender, voucher_code
from admin_app.rulebook import rulebook, versions
from admin_app.tier_moves import raise_at_once
from models.cards import Card, CardItem
from models.customers import Customer, kin_of
from models.entity import lock_row
from models.organisation import Store
from models.sales import (
    MONEY_IN,
    Confirmation,
    LineKind,
    Payment,
    PaymentMethod,
    Sale,
    SaleLine,
    StaffShare,
    Visit,
    VisitSource,
)
from models.till import Reversal, Voucher
from models.value import Account, AccountKind, Lot
from rules.decisions import value

EARNS = (LineKind.SERVICE, LineKind.PRODUCT, LineKind.CARD)
"""What earns points, as far as it is paid with money or paid-in stored value."""


@dataclass
class Receipt:
    """A receipt being written, of a card when one is sold on it. By sale line: the money that earns points, and the lot
    it filled; by card item: what is still to be paid into it.
    """

    op: Operation
    ledger: Ledger
    customer: Customer | None
    sale: Sale
    card: Card | None = None
    lines: list[tuple[Line, SaleLine]] = field(default_factory=list)
    earning: Counter[int] = field(default_factory=Counter)
    lots: dict[int, Lot] = field(default_factory=dict)
    room: dict[int, int] = field(default_factory=dict)


def write_receipt(
    op: Operation,
    plan: Plan,
    *,
    card: Card | None = None,
    approval_id: int | None = None,
    confirmed_by: Confirmation | None = None,
) -> Receipt:
    """Write the receipt with everything that follows from it; ``card`` is the card that its lines of that kind sell.

    :raises Refused: what the plan found is no longer there.
    """
    op.store_id = plan.ledger.store_id
    sale = _sale(op, plan)
    sale.approval_id, sale.confirmed_by = approval_id, confirmed_by
    receipt = Receipt(op, plan.ledger, plan.customer, sale, card)
    op.session.add(sale)
    op.session.flush()
    receipt.lines = _write_lines(receipt, plan.lines)
    for line, row in receipt.lines:
        if line.card_item is not None:
            _settle_session(receipt, line, row)
    for part in plan.parts:
        if part.method is not PaymentMethod.SESSION:
            _settle(receipt, *receipt.lines[part.place], part)
    for place, tender in enumerate(plan.tenders):
        _payment(receipt, tender, plan.takings.get(place))
    _earn(receipt, plan.benefits.points_rate)
    if plan.customer is not None:
        raise_at_once(op, plan.customer.id)
    op.concerns(sale)
    op.detail |= {"total": plan.total, "number": sale.number}
    return receipt


def _sale(op: Operation, plan: Plan) -> Sale:
    ledger, customer = plan.ledger, plan.customer
    visit = _visit(op, ledger, customer, plan.lines)
    lock_row(op.session, Store, ledger.store_id)  # its receipts are numbered one after another
    last = select(func.max(Sale.number)).where(Sale.store_id == ledger.store_id, Sale.business_day == ledger.day)
    return Sale(
        store_id=ledger.store_id,
        business_day=ledger.day,
        number=(op.session.scalar(last) or 0) + 1,
        customer_id=customer.id if customer else None,
        visit_id=visit,
        sold_at=op.at,
        total=plan.total,
        rule_version_id=versions().get("till"),
    )


def _visit(op: Operation, ledger: Ledger, customer: Customer | None, lines: Sequence[Line]) -> int | None:
    """The visit of the day; a recharge or a deposit alone is none."""
    here = any(line.kind not in {LineKind.RECHARGE, LineKind.DEPOSIT} for line in lines)
    if customer is None or not here:
        return None
    return visit_of_the_day(op, customer, ledger.store_id, VisitSource.WALK_IN).id


def visit_of_the_day(op: Operation, customer: Customer, store_id: int, source: VisitSource) -> Visit:
    """The customer's visit in this store today; it begins now when there is none yet."""
    today = (Visit.customer_id.in_(kin_of(customer.id)), Visit.store_id == store_id, Visit.business_day == op.day)
    found = op.session.scalars(select(Visit).where(*today).order_by(Visit.id.desc())).first()
    if found is None:
        found = Visit(customer_id=customer.id, store_id=store_id, business_day=op.day, arrived_at=op.at, source=source)
        op.session.add(found)
    if customer.first_visit_on is None or customer.first_visit_on > op.day:
        customer.first_visit_on = op.day
    op.session.flush()
    return found


def _write_lines(receipt: Receipt, lines: Sequence[Line]) -> list[tuple[Line, SaleLine]]:
    """All lines at once, then who made each."""
    session = receipt.op.session
    rows = [_line(receipt, position, line) for position, line in enumerate(lines, 1)]
    session.add_all(rows)
    session.flush()
    for line, row in zip(lines, rows, strict=True):
        session.add_all(
            StaffShare(
                sale_line_id=row.id,
                staff_id=share.staff_id,
                share_role=share.role,
                manner=share.manner,
                part=share.part,
                permille=share.permille,
            )
            for share in line.shares
        )
    return list(zip(lines, rows, strict=True))


def _line(receipt: Receipt, position: int, line: Line) -> SaleLine:
    card = receipt.card if line.kind is LineKind.CARD else None
    return SaleLine(
        sale_id=receipt.sale.id,
        position=position,
        kind=line.kind,
        service_id=line.service_id,
        product_id=line.product_id,
        card_id=card.id if card else None,
        card_item_id=line.card_item.id if line.card_item else None,
        item=line.item,
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line.discount,
        discount_reason=line.reason,
        amount=line.amount,
    )


def _settle(receipt: Receipt, line: Line, row: SaleLine, part: Part) -> None:
    """Post one part of one payment for one line."""
    ledger, method = receipt.ledger, part.method
    if method in TENDER:
        _credit(receipt, line, row, part.amount, ledger.house(TENDER[method]))
        receipt.earning[row.id] += part.amount if method in MONEY_IN else 0
        return
    assert receipt.customer is not None
    if method is PaymentMethod.ON_ACCOUNT:
        _credit(receipt, line, row, part.amount, ledger.hers(receipt.customer.id, AccountKind.RECEIVABLE))
        return
    for lot_id, amount in part.lots:
        lot = receipt.op.session.get_one(Lot, lot_id)
        account = receipt.op.session.get_one(Account, lot.account_id)
        _credit(receipt, line, row, amount, account, lot)
        receipt.earning[row.id] += amount if account.kind is not AccountKind.BONUS else 0


def _settle_session(receipt: Receipt, line: Line, row: SaleLine) -> None:
    """Sessions given: they are gone from the card, and what was paid for them, if anything, is earned."""
    ledger, item = receipt.ledger, line.card_item
    assert item is not None
    card = receipt.op.session.get_one(Card, item.card_id)
    sessions = ledger.hers(card.customer_id, AccountKind.SESSIONS, item.id)
    ledger.move(ledger.house(AccountKind.SESSIONS_ISSUED), sessions, line.quantity, line=row.id)
    worth = ledger.hers(card.customer_id, AccountKind.CARD, item.id)
    revenue = ledger.house(AccountKind.REVENUE)
    ledger.move(revenue, worth, line.amount, line=row.id, home=card.store_id)


def _credit(receipt: Receipt, line: Line, row: SaleLine, amount: int, source: Account, lot: Lot | None = None) -> None:
    """Give ``amount`` out of ``source`` to what the line is about."""
    ledger = receipt.ledger
    if line.kind in {LineKind.RECHARGE, LineKind.DEPOSIT}:
        filled = _filled(receipt, line, row)
        ledger.move(
            receipt.op.session.get_one(Account, filled.account_id), source, amount, given_lot=filled, line=row.id
        )
    elif line.kind is LineKind.CARD:
        _credit_card(receipt, line, row, amount, source, lot)
    else:
        ledger.move(ledger.house(AccountKind.REVENUE), source, amount, taken_lot=lot, line=row.id)


def _filled(receipt: Receipt, line: Line, row: SaleLine) -> Lot:
    """The one lot that a recharge or a deposit fills, in however many ways it is paid."""
    assert receipt.customer is not None
    if row.id not in receipt.lots:
        kind = AccountKind.PRINCIPAL if line.kind is LineKind.RECHARGE else AccountKind.DEPOSIT
        receipt.lots[row.id] = receipt.ledger.grant(receipt.ledger.hers(receipt.customer.id, kind))
    return receipt.lots[row.id]


def _credit_card(receipt: Receipt, line: Line, row: SaleLine, amount: int, source: Account, lot: Lot | None) -> None:
    """Fill the card's items one after another with what is paid for the card."""
    ledger, card = receipt.ledger, receipt.card
    assert card is not None
    for item in receipt.op.session.scalars(select(CardItem).where(CardItem.card_id == card.id).order_by(CardItem.id)):
        room = receipt.room.setdefault(item.id, item.value)
        now = min(room, amount)
        account = ledger.hers(card.customer_id, AccountKind.CARD, item.id)
        ledger.move(account, source, now, taken_lot=lot, home=card.store_id, line=row.id)
        receipt.room[item.id] -= now
        amount -= now


def _payment(receipt: Receipt, tender: Tender, taking: int | None) -> None:
    op, sale = receipt.op, receipt.sale
    pay(op, sale, tender.method, tender.amount)
    if taking is not None:
        op.session.add(
            Voucher(
                sale_id=sale.id,
                store_id=sale.store_id,
                customer_id=sale.customer_id,
                business_day=sale.business_day,
                platform=tender.platform,
                code=voucher_code(tender.code),
                taking=taking,
                amount=tender.amount,
                settle_price=tender.amount if tender.settle_price is None else tender.settle_price,
            )
        )


def pay(op: Operation, sale: Sale, method: PaymentMethod, amount: int) -> None:
    """Write down that a sale was paid, today and here; less than nothing goes back to her."""
    assert op.store_id is not None
    op.session.add(
        Payment(
            sale_id=sale.id,
            customer_id=sale.customer_id,
            store_id=op.store_id,
            business_day=op.day,
            paid_at=op.at,
            method=method,
            amount=amount,
        )
    )


def reversal_of(op: Operation, sale: Sale, line: SaleLine, why: str) -> Reversal:
    """The row that says that a line is taken back, today."""
    return Reversal(
        sale_id=sale.id,
        sale_line_id=line.id,
        customer_id=sale.customer_id,
        store_id=sale.store_id,
        business_day=op.day,
        at=op.at,
        amount=line.amount,
        reason=why,
    )


def _earn(receipt: Receipt, rate: int) -> None:
    """Points for the money on each line, at the rate of the customer's tier (thousandths), usable after some days."""
    op, customer = receipt.op, receipt.customer
    if customer is None:
        return
    document = rulebook(op.session).points
    terms = Grant(value.points_until(op.day, document), op.day + timedelta(days=document.pending))
    points = [
        (row.id, value.points_for(receipt.earning[row.id], rate, document))
        for line, row in receipt.lines
        if line.kind in EARNS
    ]
    receipt.ledger.earn_points(customer.id, points, terms, versions().get("points"))
