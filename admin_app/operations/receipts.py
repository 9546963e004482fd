"""Writing a receipt: its number, its lines and who made them, how it was paid, and what that does to the ledger.

Whatever is sold (services, goods, cards, recharges, deposits, a session of a card) is a receipt; the operations differ
in what they put on it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin_app.holdings import benefits_of
from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import TENDER, Grant, Ledger, not_enough
from admin_app.operations.refusals import Refused
from admin_app.rulebook import rulebook, versions
from admin_app.tier_moves import raise_at_once
from admin_app.values import money
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
    ShareManner,
    SharePart,
    ShareRole,
    StaffShare,
    Visit,
    VisitSource,
)
from models.till import Platform, Voucher
from models.value import Account, AccountKind, Lot
from rules.decisions import value
from rules.decisions.tiers import Benefits
from rules.documents.till import VouchersAgain


@dataclass(frozen=True)
class Share:
    """Who did what of a line."""

    staff_id: int
    role: ShareRole
    permille: int = 1000
    manner: ShareManner = ShareManner.IN_TURN
    part: SharePart = SharePart.LEAD


@dataclass(frozen=True)
class Line:
    """One line of a receipt before it is written."""

    kind: LineKind
    item: str
    amount: int
    unit_price: int
    quantity: int = 1
    reason: str | None = None
    service_id: int | None = None
    product_id: int | None = None
    card_item: CardItem | None = None
    shares: Sequence[Share] = ()

    @property
    def discount(self) -> int:
        """What the line costs less than its unit price times its quantity."""
        return self.unit_price * self.quantity - self.amount


@dataclass(frozen=True)
class Tender:
    """One way in which a receipt is paid, and how much; a voucher also has a platform, a code and a settle price."""

    method: PaymentMethod
    amount: int
    platform: Platform | None = None
    code: str = ""
    settle_price: int | None = None


TAKES: dict[PaymentMethod, tuple[LineKind, ...]] = {
    PaymentMethod.SESSION: (LineKind.SERVICE,),
    PaymentMethod.VOUCHER: (LineKind.SERVICE, LineKind.PRODUCT),
    PaymentMethod.STORED_VALUE: (LineKind.SERVICE, LineKind.PRODUCT, LineKind.CARD),
    PaymentMethod.DEPOSIT: (LineKind.SERVICE, LineKind.PRODUCT, LineKind.CARD),
    PaymentMethod.ON_ACCOUNT: (LineKind.SERVICE, LineKind.PRODUCT, LineKind.CARD),
}
"""What may be paid in which way, those with the fewest choices first; ``MONEY`` pays for everything."""

MONEY = tuple(method for method in MONEY_IN if method in TENDER)
"""The ways that bring money in today; how a sale that was brought over was paid may be unknown."""

EARNS = (LineKind.SERVICE, LineKind.PRODUCT, LineKind.CARD)
"""What earns points, as far as it is paid with money or paid-in stored value."""


@dataclass(frozen=True)
class Part:
    """A part of a payment that goes for one line: the line's place in the bill, and the lots (id, amount) that pay."""

    place: int
    method: PaymentMethod
    amount: int
    lots: tuple[value.Taken, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A bill that can be paid as it says: found by reading alone, before anything of it is written.

    ``takings``: by the place of a tender that is a voucher, the how manieth time this voucher is taken.
    """

    ledger: Ledger
    customer: Customer | None
    lines: Sequence[Line]
    tenders: Sequence[Tender]
    parts: Sequence[Part]
    takings: dict[int, int]
    benefits: Benefits

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.lines)


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


def plan_receipt(
    op: Operation,
    store_id: int,
    customer: Customer | None,
    lines: Sequence[Line],
    tenders: Sequence[Tender],
    benefits: Benefits | None = None,
) -> Plan:
    """Find what pays for each line; nothing is written. ``benefits`` are those of the customer's tier, where known.

    :raises Refused: it is not paid exactly, in ways that fit what is sold, out of what is there.
    """
    ledger = Ledger(op, store_id, op.day)
    total = sum(line.amount for line in lines)
    _check_paid(total, [tender.amount for tender in tenders])
    parts = _with_lots(ledger, customer, lines, _allocated(lines, tenders))
    if benefits is None:
        benefits = benefits_of(op.session, None if customer is None else customer.id)
    return Plan(ledger, customer, lines, tenders, parts, _takings_of(op, tenders), benefits)


def _check_paid(total: int, amounts: Sequence[int]) -> None:
    """:raises Refused: the amounts (fen) are not all above zero, or do not come to the total."""
    paid = sum(amounts)
    if any(amount <= 0 for amount in amounts):
        raise Refused(_l("Each amount paid must be above zero."), "payments", "not_paid")
    if paid == total:
        return
    said = {"total": money(total), "paid": money(paid), "difference": money(abs(total - paid))}
    if paid < total:
        message = _l("It comes to %(total)s, and %(paid)s is paid: %(difference)s is missing.", **said)
    else:
        message = _l("It comes to %(total)s, and %(paid)s is paid: %(difference)s too much.", **said)
    raise Refused(message, "payments", "not_paid")


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


def _allocated(lines: Sequence[Line], tenders: Sequence[Tender]) -> list[Part]:
    """Which part of each payment goes for which line: the ways that fit least go first, services before goods.

    :raises Refused: a way of paying does not fit what is sold.
    """
    order = [*TAKES]
    left = [line.amount for line in lines]
    places = sorted(range(len(lines)), key=lambda place: (lines[place].kind is not LineKind.SERVICE, place))
    parts: list[Part] = []
    for tender in sorted(tenders, key=lambda one: order.index(one.method) if one.method in order else len(order)):
        open_amount = tender.amount
        for place in places:
            now = min(open_amount, left[place]) if _fits(tender.method, lines[place]) else 0
            if now:
                parts.append(Part(place, tender.method, now))
                left[place] -= now
                open_amount -= now
        if open_amount:
            message = _l("%(method)s does not pay for this.", method=tender.method.label)
            raise Refused(message, "payments", "does_not_fit")
    return parts


def _with_lots(ledger: Ledger, customer: Customer | None, lines: Sequence[Line], parts: Sequence[Part]) -> list[Part]:
    """The parts, with the lots that pay for those paid out of what the customer holds.

    :raises Refused: there is not enough, or no customer.
    """
    theirs = {PaymentMethod.STORED_VALUE, PaymentMethod.DEPOSIT, PaymentMethod.ON_ACCOUNT}
    if customer is None:
        if any(part.method in theirs for part in parts):
            message = _l("Choose the customer: this way of paying belongs to a customer.")
            raise Refused(message, "customer", "no_customer")
        return [*parts]
    holdings = _Holdings(ledger, customer.id)
    return [replace(part, lots=holdings.take(part, lines[part.place].kind)) for part in parts]


class _Holdings:
    """What a customer has in stored value and deposits, less what earlier parts of the bill take of it."""

    def __init__(self, ledger: Ledger, customer_id: int) -> None:
        self.ledger, self.customer_id = ledger, customer_id

    @cached_property
    def purses(self) -> list[value.Purse]:
        return self.ledger.purses(self.customer_id)

    @cached_property
    def deposits(self) -> list[tuple[int, int, date | None]]:
        lots = self.ledger.lots(self.customer_id, AccountKind.DEPOSIT)
        return [(lot.id, left, lot.expires_on) for lot, left in lots]

    def take(self, part: Part, kind: LineKind) -> tuple[value.Taken, ...]:
        """The lots that pay a part; none where it is not paid out of lots.

        :raises Refused: there is not enough.
        """
        if part.method is PaymentMethod.DEPOSIT:
            taken = value.soonest_first(self.deposits, part.amount)
            if taken is None:
                left = sum(left for _lot, left, _ends in self.deposits)
                raise not_enough(AccountKind.DEPOSIT, "payments", left, part.amount)
            used = Counter(dict(taken))
            self.deposits = [(lot, left - used[lot], ends) for lot, left, ends in self.deposits]
        elif part.method is PaymentMethod.STORED_VALUE:
            bonus_too = kind is LineKind.SERVICE
            taken = value.burn(self.purses, part.amount, bonus_too=bonus_too)
            if taken is None:
                left = sum(purse.whole if bonus_too else purse.principal for purse in self.purses)
                raise not_enough(AccountKind.PRINCIPAL, "payments", left, part.amount)
            self.purses = [purse.without(dict(taken)) for purse in self.purses]
        else:
            taken = []
        return tuple(taken)


def _fits(method: PaymentMethod, line: Line) -> bool:
    if (method is PaymentMethod.SESSION) != (line.card_item is not None):
        return False
    return line.kind in TAKES[method] if method in TAKES else method in MONEY


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


def _takings_of(op: Operation, tenders: Sequence[Tender]) -> dict[int, int]:
    """By the place of each tender that is a voucher, the how manieth time the voucher is taken.

    :raises Refused: one has no platform or code, or is not taken (again).
    """
    takings: dict[int, int] = {}
    codes: set[tuple[Platform, str]] = set()
    for place, tender in enumerate(tenders):
        if tender.method is not PaymentMethod.VOUCHER:
            continue
        code = voucher_code(tender.code)
        if tender.platform is None or not code:
            field = f"payments-{place}-{'platform' if tender.platform is None else 'code'}"
            raise Refused(_l("A voucher has a platform and a code."), field, "empty")
        if (tender.platform, code) in codes:
            raise Refused(_l("This voucher was taken already."), "payments", "taken")
        codes.add((tender.platform, code))
        takings[place] = _takings(op, tender.platform, code) + 1
    return takings


def _takings(op: Operation, platform: Platform, code: str) -> int:
    """How often a voucher was taken, and taken back, before.

    :raises Refused: the sale that it paid for stands, or rules/till.yaml does not let it be taken again.
    """
    same = select(Voucher).where(Voucher.platform == platform, Voucher.code == code)
    last = op.session.scalars(same.order_by(Voucher.taking.desc())).first()
    if last is None:
        return 0
    by_voucher = (Payment.sale_id == last.sale_id, Payment.method == PaymentMethod.VOUCHER)
    if op.session.scalar(select(func.sum(Payment.amount)).where(*by_voucher)):
        raise Refused(_l("This voucher was taken already."), "payments", "taken")
    again = rulebook(op.session).till.vouchers_again
    if again is VouchersAgain.NEVER or (again is VouchersAgain.SAME_DAY and last.business_day != op.day):
        message = _l("This voucher was taken already, on a sale that was taken back; it is not taken again here.")
        raise Refused(message, "payments", "taken")
    return last.taking


def voucher_code(written: str) -> str:
    """A voucher's code in one form, however it was typed: no blanks or dashes, capital letters, half width."""
    return re.sub(r"[\s\-]+", "", unicodedata.normalize("NFKC", written)).upper()


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
