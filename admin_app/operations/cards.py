"""Cards: open one, take a session from it, extend it, give it to somebody else, give its money back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from pydantic import Field, SecretStr
from sqlalchemy import ColumnElement, func, select

from admin_app.evidence import Evidence
from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import TENDER, Ledger, not_enough
from admin_app.operations.payment_plan import Line, Share, Tender, plan_receipt
from admin_app.operations.receipts import pay, write_receipt
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from admin_app.operations.safety import ensure_safe
from admin_app.operations.till import (
    AllPaidBy,
    InStore,
    OneCustomer,
    Override,
    PaidBy,
    Payments,
    Shown,
    check_shown,
    quote_answer,
    receipt_answer,
    shares_of,
    store_of,
    tenders_of,
    unpaid,
)
from admin_app.rulebook import rulebook
from admin_app.security import passwords
from admin_app.security.password_gate import Credential, credential_of_member
from models.actor import Actor
from models.cards import Card, CardChange, CardChangeKind, CardItem, CardStatus
from models.catalogue import Package, PackageItem, Product, Service
from models.customers import Customer, current_id
from models.entity import db
from models.field import Kind
from models.names import Name
from models.organisation import Staff
from models.sales import Confirmation, LineKind, Payment, PaymentMethod, Sale, SaleLine, ShareManner
from models.value import Account, AccountKind, LedgerEntry
from rules.decisions import value

Why = Annotated[str, Ask(_l("Reason")), Field(min_length=1, max_length=200)]
OneCard = Annotated[int, Ask(_l("Card"), to=Card)]


def _offered(_ids: Sequence[int]) -> ColumnElement[bool]:
    """Packages on sale that hold something."""
    filled = select(PackageItem.package_id).where(PackageItem.archived_at.is_(None))
    return Package.id.in_(filled) & Package.on_sale


def _her_items(ids: Sequence[int]) -> ColumnElement[bool]:
    hers = select(Card.id).where(Card.customer_id.in_(ids), Card.status == CardStatus.LIVE)
    return CardItem.card_id.in_(hers)


class OpenCardInput(Input):
    """A package of services, products or both, at its price, paid in one or several ways."""

    customer: OneCustomer
    package: Annotated[int, Ask(_l("Package"), to=Package, among=_offered)]
    method: AllPaidBy = None
    payments: Payments = []
    seller: Annotated[int | None, Ask(_l("Sold by"), to=Staff, at_work=True)] = None
    store: InStore = None
    shown_total: Shown = None


@operation(Name.OPEN_CARD, label=_l("Open a card"), on=Customer)
def open_card(op: Operation, data: OpenCardInput) -> Answer:
    """Sell a package: its services as a card of so many sessions, until its end; its products are handed over."""
    package = op.find(Package, data.package)
    check_shown(data.shown_total, package.price)
    quote = quote_answer(package.price, [[package.name, 1, package.price, 0, "", package.price]])
    if unpaid(op, data):
        return quote | {"unpaid": True}
    store_id = store_of(op, data.store)
    parts = _parts(op, package)
    services = [part for part in parts if part.service is not None]
    shares = shares_of(op, None, None, data.seller, ShareManner.IN_TURN)
    lines = [_goods(package, part, part.product, shares) for part in parts if part.product is not None]
    if services:
        worth = sum(part.worth for part in services)
        lines.insert(0, Line(LineKind.CARD, package.name, worth, worth, shares=shares))
    plan = plan_receipt(op, store_id, op.subject, lines, tenders_of(data, package.price))
    if op.quoting:
        return quote
    if not services:
        return receipt_answer(write_receipt(op, plan))
    days = package.valid_days or rulebook(op.session).till.card_days
    card = _card(op, op.subject, store_id, package, services, op.day + timedelta(days=days))
    receipt = write_receipt(op, plan, card=card)
    issued = receipt.ledger.house(AccountKind.SESSIONS_ISSUED)
    for item in items_of(op, card):
        hers = receipt.ledger.hers(card.customer_id, AccountKind.SESSIONS, item.id)
        receipt.ledger.move(hers, issued, item.sessions, line=receipt.lines[0][1].id)
    return receipt_answer(receipt) | {"card": card.id}


@dataclass(frozen=True)
class _Part:
    """One thing in a package, and the share of the package's price that stands for it."""

    quantity: int
    worth: int
    service: Service | None = None
    product: Product | None = None


def _parts(op: Operation, package: Package) -> list[_Part]:
    """What is in a package. Its price is shared out by list prices; no product stands for more than its own.

    :raises Refused: it is empty or not on sale, or something in it is not, or its products alone would cost less.
    """
    query = (
        select(PackageItem.quantity, Service, Product)
        .outerjoin(Service, Service.id == PackageItem.service_id)
        .outerjoin(Product, Product.id == PackageItem.product_id)
        .where(PackageItem.package_id == package.id, PackageItem.archived_at.is_(None))
        .order_by(PackageItem.service_id.is_(None), PackageItem.id)
    )
    rows = op.session.execute(query).all()
    if not rows or not package.on_sale or package.archived_at is not None:
        raise Refused(_l("This package is empty or not on sale."), "package", "not_a_card")
    for product in (product for *_, product in rows if product is not None):
        if not product.on_sale or product.archived_at is not None:
            raise Refused(_l("%(name)s is not on sale.", name=product.name), "package", "not_on_sale")
    most = [None if product is None else quantity * product.price for quantity, _, product in rows]
    weights = [quantity * (service or product).price for quantity, service, product in rows]
    worth = value.package_shares(package.price, weights, most)
    if worth is None:
        raise Refused(_l("This package costs more than the products in it."), "package", "above_list")
    return [
        _Part(quantity, share, service, product)
        for (quantity, service, product), share in zip(rows, worth, strict=True)
    ]


def _goods(package: Package, part: _Part, product: Product, shares: Sequence[Share]) -> Line:
    """The line of a product in a package: what it is cheaper by is the package's doing."""
    reason = package.name if part.worth < part.quantity * product.price else None
    line = Line(LineKind.PRODUCT, product.name, part.worth, product.price, part.quantity, reason, shares=shares)
    return replace(line, product_id=product.id)


def _card(
    op: Operation, customer: Customer, store_id: int, package: Package, parts: Sequence[_Part], expires_on: date
) -> Card:
    card = Card(
        customer_id=customer.id,
        store_id=store_id,
        package_id=package.id,
        name=package.name,
        sold_for=sum(part.worth for part in parts),
        opened_on=op.day,
        expires_on=expires_on,
    )
    op.session.add(card)
    op.session.flush()
    for part in parts:
        assert part.service is not None
        op.session.add(CardItem(card_id=card.id, service_id=part.service.id, sessions=part.quantity, value=part.worth))
    op.session.flush()
    return card


def items_of(op: Operation, card: Card) -> list[CardItem]:
    """The card's items, in their order."""
    return list(op.session.scalars(select(CardItem).where(CardItem.card_id == card.id).order_by(CardItem.id)))


# --------------------------------------------------------------------------------------------------- sessions


class RedeemInput(Input):
    """Sessions taken from a card: who gave them, and how she says so."""

    customer: OneCustomer
    item: Annotated[int, Ask(_l("Session of"), to=CardItem, among=_her_items)]
    performer: Annotated[int, Ask(_l("Given by"), to=Staff, at_work=True, own=True)]
    sessions: Annotated[int, Ask(_l("Sessions")), Field(ge=1, le=99)] = 1
    manner: Annotated[ShareManner, Ask(_l("How"), aside=True)] = ShareManner.IN_TURN
    assistant: Annotated[int | None, Ask(_l("Assistant"), to=Staff, at_work=True, aside=True)] = None
    confirmed_by: Annotated[Confirmation, Ask(_l("Confirmed by"))] = Confirmation.SIGNATURE
    password: Annotated[SecretStr, Ask(_l("Member password"), kind=Kind.PASSWORD)] = SecretStr("")
    override: Override = ""
    store: InStore = None


def _member_credential(data: RedeemInput, actor: Actor) -> Credential | None:
    """The member password, where the customer confirms by it."""
    customer = db.session.get(Customer, data.customer)
    if data.confirmed_by is not Confirmation.MEMBER_PASSWORD or customer is None:
        return None
    wrong = _l("The member password is wrong, or none is set yet.")
    return credential_of_member(customer, data.password.get_secret_value(), "password", wrong)


@operation(Name.REDEEM_SESSION, label=_l("Redeem a session"), on=Customer, credential=_member_credential)
def redeem_session(op: Operation, data: RedeemInput) -> Answer:
    """Give sessions from a card.

    :raises Refused: the card is over, not valid here, used up or somebody else's.
    """
    customer: Customer = op.subject
    item = op.session.get_one(CardItem, data.item)
    card = op.session.get_one(Card, item.card_id)
    service = op.session.get_one(Service, item.service_id)
    store_id = store_of(op, data.store)
    _usable(op, card, customer, store_id)
    ensure_safe(op, customer.id, [service.id], data.override)
    ledger = Ledger(op, store_id, op.day)
    left = ledger.balance(customer.id, AccountKind.SESSIONS, item.id)
    if left < data.sessions:
        raise not_enough(AccountKind.SESSIONS, "sessions", left, data.sessions)
    rest, worths = ledger.balance(customer.id, AccountKind.CARD, item.id), Counter[int]()
    for still in range(left, left - data.sessions, -1):
        worth = value.session_worth(rest, still)
        worths[worth] += 1
        rest -= worth
    lines = [
        Line(
            LineKind.SERVICE,
            service.name,
            worth * many,
            worth,
            service_id=service.id,
            card_item=item,
            quantity=many,
            shares=shares_of(op, data.performer, data.assistant, None, data.manner),
        )
        for worth, many in worths.items()
    ]
    total = sum(line.amount for line in lines)
    tenders = [Tender(PaymentMethod.SESSION, total)] if total else []
    receipt = write_receipt(op, plan_receipt(op, store_id, customer, lines, tenders), confirmed_by=data.confirmed_by)
    return receipt_answer(receipt) | {"left": left - data.sessions}


def _usable(op: Operation, card: Card, customer: Customer, store_id: int) -> None:
    if card.customer_id != customer.id:
        raise Refused(_l("This card is somebody else's."), "item", "not_hers")
    if card.status is not CardStatus.LIVE:
        raise Refused(_l("This card is no longer live."), "item", "not_live")
    if card.expires_on is not None and card.expires_on < op.day:
        message = _l("This card ended on %(day)s. It can be extended.", day=card.expires_on.isoformat())
        raise Refused(message, "item", "expired")
    if not card.everywhere and card.store_id != store_id:
        raise Refused(_l("This card is valid in another store."), "item", "other_store")


class MemberPasswordInput(Input):
    """A customer's own password for redeeming, typed by her; its hash is kept."""

    customer: OneCustomer
    password: Annotated[SecretStr, Ask(_l("Member password"), kind=Kind.PASSWORD), Field(min_length=6, max_length=64)]


@operation(Name.SET_MEMBER_PASSWORD, label=_l("Set the member password"), on=Customer)
def set_member_password(op: Operation, data: MemberPasswordInput) -> Answer:
    """Keep the hash of the password she chose."""
    customer: Customer = op.subject
    customer.password_hash = passwords.hashed(data.password.get_secret_value())
    return {}


# ---------------------------------------------------------------------------------------------- what befalls


class ExtendInput(Input):
    """A card's new last day, and why."""

    card: OneCard
    until: Annotated[date, Ask(_l("New last day"))]
    why: Why


@operation(Name.EXTEND_CARD, label=_l("Extend a card"), on=Card)
def extend_card(op: Operation, data: ExtendInput) -> Answer:
    """Let a card be good for longer.

    :raises Refused: the new day is not later.
    """
    card: Card = op.subject
    _live(card)
    if card.expires_on is None or data.until <= card.expires_on:
        raise Refused(_l("The new last day must be later than the present one."), "until", "not_later")
    _change(op, card, CardChangeKind.EXTENDED, data.why, expires_after=data.until)
    card.expires_on = data.until
    return {"card": card.id}


class TransferInput(Input):
    """Whom the card goes to, and why."""

    card: OneCard
    to: Annotated[int, Ask(pgettext("transfer", "To"), to=Customer)]
    why: Why


@operation(Name.TRANSFER_CARD, label=_l("Give a card to somebody else"), on=Card)
def transfer_card(op: Operation, data: TransferInput) -> Answer:
    """Move what is left of a card to another customer: sessions and what was paid for them."""
    card: Card = op.subject
    _live(card)
    _paid_for(op, _sold_in(op, card))
    other = op.find(Customer, data.to)
    if other.id == card.customer_id:
        raise Refused(_l("Choose somebody else."), "to")
    ledger = Ledger(op, card.store_id, op.day)
    move_card(op, ledger, card, other.id)
    _change(op, card, CardChangeKind.TRANSFERRED, data.why, to_customer_id=other.id)
    card.customer_id = other.id
    return {"card": card.id}


def move_card(op: Operation, ledger: Ledger, card: Card, to: int) -> None:
    """Move the ledger's part of a card to another customer."""
    for item in items_of(op, card):
        for kind in (AccountKind.SESSIONS, AccountKind.CARD):
            left = ledger.balance(card.customer_id, kind, item.id)
            ledger.move(
                ledger.hers(to, kind, item.id), ledger.hers(card.customer_id, kind, item.id), left, home=card.store_id
            )


class RefundCardInput(Input):
    """Money back for a card: how it is paid out, and why. ``amount`` may differ from the working, for a reason."""

    card: OneCard
    method: PaidBy
    why: Why
    store: InStore = None
    shown_total: Shown = None


@operation(Name.REFUND_CARD, label=_l("Refund a card"), on=Card, danger=True, consequences=True, confirmed=True)
def refund_card(op: Operation, data: RefundCardInput) -> Answer:
    """Give back what was paid for the sessions not given: the working stands in the answer and in the log."""
    card: Card = op.subject
    _live(card)
    op.store_id = store_of(op, data.store)
    ledger, sale = Ledger(op, op.store_id, op.day), _sold_in(op, card)
    items = items_of(op, card)
    left = {item.id: ledger.balance(card.customer_id, AccountKind.SESSIONS, item.id) for item in items}
    worth = {item.id: ledger.balance(card.customer_id, AccountKind.CARD, item.id) for item in items}
    used = sum(item.sessions - left[item.id] for item in items)
    working = value.card_refund(card.sold_for, sum(worth.values()), used, card.opened_on, op.day)
    check_shown(data.shown_total, working.back)
    _paid_for(op, sale)
    lines = [[str(_l("Paid")), 1, working.paid, 0, "", working.paid], [str(_l("Used")), used, 0, 0, "", -working.used]]
    answer = quote_answer(working.back, lines) | {"card": card.id, "cooling_off": working.unused_within_days}
    if op.quoting:
        return answer
    evidence = Evidence.of(op, None if sale is None else _buyer(op, sale, card), card.opened_on)
    for item in items:
        ledger.move(
            ledger.house(AccountKind.SESSIONS_ISSUED),
            ledger.hers(card.customer_id, AccountKind.SESSIONS, item.id),
            left[item.id],
        )
        hers = ledger.hers(card.customer_id, AccountKind.CARD, item.id)
        ledger.move(ledger.house(TENDER[data.method]), hers, worth[item.id], home=card.store_id)
    if working.back and sale is not None:
        pay(op, sale, data.method, -working.back)
        ledger.reclaim_points(_buyer(op, sale, card), _earned_on(op, sale, card) * working.back // working.paid)
    _change(op, card, CardChangeKind.REFUNDED, data.why, amount=working.back)
    card.status = CardStatus.REFUNDED
    op.detail = {"paid": working.paid, "used": working.used, "back": working.back, "sessions_used": used}
    return answer | evidence.settle(ledger)


def _earned_on(op: Operation, sale: Sale, card: Card) -> int:
    """The points that the card's own sale earned."""
    line = select(SaleLine.id).where(SaleLine.sale_id == sale.id, SaleLine.card_id == card.id)
    earned = (
        select(func.coalesce(func.sum(LedgerEntry.amount), 0))
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(LedgerEntry.sale_line_id.in_(line), Account.kind == AccountKind.POINTS)
    )
    return int(op.session.scalar(earned) or 0)


def _buyer(op: Operation, sale: Sale, card: Card) -> int:
    """Who bought the card and earned its points, whoever holds it now."""
    buyer = op.session.scalar(select(current_id()).where(Customer.id == sale.customer_id))
    return card.customer_id if buyer is None else buyer


def _paid_for(op: Operation, sale: Sale | None) -> None:
    """:raises Refused: something of what the card cost is still owed."""
    if sale is None:
        return
    on_account = (Payment.sale_id == sale.id, Payment.method == PaymentMethod.ON_ACCOUNT)
    if op.session.scalar(select(func.coalesce(func.sum(Payment.amount), 0)).where(*on_account)):
        raise Refused(_l("Something of this card is still owed; settle that first."), None, "owes")


def _sold_in(op: Operation, card: Card) -> Sale | None:
    """The receipt of the card; None for one that was brought over."""
    line = select(SaleLine.sale_id).where(SaleLine.card_id == card.id)
    return op.session.scalar(select(Sale).where(Sale.id.in_(line)))


def _live(card: Card) -> None:
    if card.status is not CardStatus.LIVE:
        raise Refused(_l("This card is no longer live."), "card", "not_live")


def _change(op: Operation, card: Card, kind: CardChangeKind, why: str, **values: object) -> None:
    op.store_id = op.store_id or card.store_id
    op.reason = why
    op.session.add(
        CardChange(
            card_id=card.id,
            customer_id=card.customer_id,
            store_id=op.store_id,
            business_day=op.day,
            at=op.at,
            kind=kind,
            expires_before=card.expires_on,
            reason=why,
            **values,
        )
    )
