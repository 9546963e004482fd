"""How a bill is paid: which part of which payment goes for which line, and out of which lots. Found by reading alone,
before anything is written.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin_app.holdings import benefits_of
from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import TENDER, Ledger, not_enough
from admin_app.operations.refusals import Refused
from admin_app.rulebook import rulebook
from admin_app.values import money
from models.cards import CardItem
from models.customers import Customer
from models.sales import MONEY_IN, LineKind, Payment, PaymentMethod, ShareManner, SharePart, ShareRole
from models.till import Platform, Voucher
from models.value import AccountKind
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

    ``takings``: for each tender that is a voucher, by its place: 1 when the voucher is taken for the first time, 2 when
    it was taken and taken back once before, and so on.
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


def _takings_of(op: Operation, tenders: Sequence[Tender]) -> dict[int, int]:
    """For each tender that is a voucher, by its place, which taking of the voucher this is, from 1.

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
