"""At the till: sell, recharge, take a deposit, settle what is owed, give something away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from flask_babel import lazy_gettext as _l
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import func, select

from admin_app.holdings import benefits_of
from admin_app.operations.approvals import Approvable, approval_for
from admin_app.operations.authors import made_by, one_at_a_time
from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import TENDER, Grant, Ledger, ensure_open
from admin_app.operations.payment_plan import Line, Share, Tender, plan_receipt
from admin_app.operations.receipts import Receipt, pay, write_receipt
from admin_app.operations.refusals import AnotherTotal, Refused
from admin_app.operations.registry import Answer, Ask, Input, Row, operation
from admin_app.operations.safety import ensure_safe
from admin_app.rulebook import rulebook, versions
from admin_app.values import money
from models.cards import GiftIssue
from models.catalogue import Grade, Product, Service
from models.customers import Customer, kin_of
from models.field import Kind
from models.names import Name
from models.organisation import Staff, Store
from models.sales import LineKind, Payment, PaymentMethod, Sale, ShareManner, ShareRole
from models.till import Platform
from models.value import AccountKind
from rules.decisions import fees, pricing, value
from rules.decisions.tiers import Benefits

AT_TILL = tuple(method for method in PaymentMethod if method not in {PaymentMethod.UNKNOWN, PaymentMethod.SESSION})


def _methods() -> list[tuple[str, str]]:
    return [(method.value, str(method.label)) for method in AT_TILL]


def _money_in() -> list[tuple[str, str]]:
    return [(method.value, str(method.label)) for method in TENDER if method is not PaymentMethod.VOUCHER]


def _as_money(method: PaymentMethod) -> PaymentMethod:
    """Money itself, that a drawer or an account holds."""
    if method not in TENDER or method is PaymentMethod.VOUCHER:
        raise PydanticCustomError("said", str(method), {"message": _l("Only money can be taken or given back here.")})
    return method


OneCustomer = Annotated[int, Ask(_l("Customer"), to=Customer)]
InStore = Annotated[int | None, Ask(_l("Store"), to=Store, aside=True)]
Fen = Annotated[int, Ask(_l("Amount"), kind=Kind.MONEY), Field(gt=0, le=10**11)]
PaidBy = Annotated[PaymentMethod, Ask(_l("Paid by"), choices=_money_in), AfterValidator(_as_money)]
Override = Annotated[
    str,
    Ask(_l("Reason to do it all the same"), help=_l("Where it is contraindicated"), aside=True),
    Field(max_length=200),
]
Shown = Annotated[int | None, Field(ge=0, le=10**15)]
"""The total that the person was shown; it is worked out again, and must be the same."""


class LineRow(Row):
    """One service or product on a bill."""

    service: Annotated[int | None, Ask(_l("Service"), to=Service)] = None
    product: Annotated[int | None, Ask(_l("Product"), to=Product)] = None
    quantity: Annotated[int, Ask(_l("Quantity")), Field(ge=1, le=999)] = 1
    performer: Annotated[int | None, Ask(_l("Given by"), to=Staff, at_work=True)] = None
    manner: Annotated[ShareManner, Ask(_l("How"), aside=True)] = ShareManner.IN_TURN
    assistant: Annotated[int | None, Ask(_l("Assistant"), to=Staff, at_work=True, aside=True)] = None
    seller: Annotated[int | None, Ask(_l("Sold by"), to=Staff, at_work=True, aside=True)] = None
    price: Annotated[int | None, Ask(_l("Other price"), kind=Kind.MONEY, aside=True), Field(ge=0, le=10**11)] = None
    why: Annotated[str, Ask(_l("Reason of the price"), aside=True), Field(max_length=200)] = ""


class PaymentRow(Row):
    """One way of paying, and how much."""

    method: Annotated[PaymentMethod, Ask(_l("Paid by"), choices=_methods)]
    amount: Fen
    platform: Annotated[Platform | None, Ask(_l("Platform"), aside=True)] = None
    code: Annotated[str, Ask(_l("Voucher code"), aside=True), Field(max_length=40)] = ""
    settle_price: Annotated[
        int | None, Ask(_l("Platform pays"), kind=Kind.MONEY, aside=True), Field(ge=0, le=10**11)
    ] = None


AllPaidBy = Annotated[PaymentMethod | None, Ask(_l("All paid by"), choices=_methods)]
Payments = Annotated[list[PaymentRow], Ask(_l("Payments")), Field(max_length=10)]


class SellInput(Approvable):
    """A bill. With a ``method`` and no payments, all of it is paid that way."""

    customer: Annotated[int | None, Ask(_l("Customer"), to=Customer)] = None
    store: InStore = None
    lines: Annotated[list[LineRow], Ask(_l("Lines")), Field(min_length=1, max_length=50)]
    method: AllPaidBy = None
    payments: Payments = []
    override: Override = ""
    shown_total: Shown = None


@operation(Name.SELL, label=_l("Sell"), on=Customer, page=Sale)
def sell(op: Operation, data: SellInput) -> Answer:
    """Sell services and products: priced by her tier, paid in one or several ways.

    :raises Refused: the total is not the one shown; a price needs an approval; something does not fit.
    """
    customer: Customer | None = op.subject if op.subjects else None
    store_id = store_of(op, data.store)
    benefits = benefits_of(op.session, None if customer is None else customer.id)
    priced = _priced(op, data, benefits)
    total = sum(price.amount for price, _ in priced)
    check_shown(data.shown_total, total)
    quote = quote_answer(total, working_of([line for _, line in priced]))
    if unpaid(op, data):
        return quote | {"unpaid": True}
    till = rulebook(op.session).till
    approval = None
    if pricing.needs_approval([price for price, _ in priced], till.approval_below):
        approval = approval_for(op, data)
    services = [line.service for line in data.lines if line.service is not None]
    ensure_safe(op, customer.id if customer else None, services, data.override)
    lines = [line for _, line in priced]
    plan = plan_receipt(op, store_id, customer, lines, tenders_of(data, total), benefits)
    return quote if op.quoting else receipt_answer(write_receipt(op, plan, approval_id=approval))


def store_of(op: Operation, store_id: int | None) -> int:
    """The store named, or the only one she works in.

    :raises Refused: it must be said.
    """
    if store_id is not None:
        return store_id
    stores = sorted(op.actor.stores) or list(op.session.scalars(select(Store.id).order_by(Store.id).limit(2)))
    if len(stores) != 1:
        raise Refused(_l("Choose the store."), "store", "empty")
    return stores[0]


def check_shown(shown: int | None, total: int) -> None:
    """:raises AnotherTotal: it is another one by now, which the message tells."""
    if shown is not None and shown != total:
        message = _l("It comes to %(now)s now, not %(shown)s. Look at it again.", now=money(total), shown=money(shown))
        raise AnotherTotal(message)


def tenders_of(data: Any, total: int) -> list[Tender]:
    """How a bill is paid: by what was said row by row, or all in one way.

    :raises Refused: nothing was said.
    """
    if data.payments:
        rows = data.payments
        return [Tender(row.method, row.amount, row.platform, row.code, row.settle_price) for row in rows]
    if data.method is None and total:
        raise Refused(_l("Say how it is paid."), "method", "empty")
    return [Tender(data.method, total)] if total else []


def unpaid(op: Operation, data: Any) -> bool:
    """Whether it is only asked what a bill comes to, before anything is said of paying."""
    return op.quoting and data.method is None and not data.payments


def quote_answer(total: int, working: list[list[Any]]) -> Answer:
    """What a page shows of a bill that is not written: the total, and line by line the working."""
    return {"total": total, "working": working}


def receipt_answer(receipt: Receipt) -> Answer:
    """What a page shows of a receipt: its numbers, the working line by line, the total."""
    sale = receipt.sale
    working = working_of([line for line, _ in receipt.lines])
    return quote_answer(sale.total, working) | {"sale": sale.id, "number": sale.number}


def working_of(lines: Sequence[Line]) -> list[list[Any]]:
    """Line by line: item, quantity, unit price, discount, its reason, amount."""
    return [
        [line.item, line.quantity, line.unit_price, line.discount, line.reason or "", line.amount] for line in lines
    ]


def _priced(op: Operation, data: SellInput, benefits: Benefits) -> list[tuple[pricing.Priced, Line]]:
    shares = pricing.Shares(benefits.services, benefits.products, rulebook(op.session).till.floor)
    found: list[tuple[pricing.Priced, Line]] = []
    for place, row in enumerate(data.lines):
        thing = _thing(op, row, f"lines-{place}-service")
        special = isinstance(thing, Service) and thing.grade is Grade.TRIAL
        kind = LineKind.SERVICE if isinstance(thing, Service) else LineKind.PRODUCT
        wanted = pricing.Wanted(kind, thing.price, row.quantity, row.price, special)
        priced = pricing.price(wanted, shares)
        found.append((priced, _line(op, row, place, thing, priced, benefits.name, unpaid(op, data))))
    return found


def _thing(op: Operation, row: LineRow, at: str) -> Service | Product:
    """:raises Refused: not exactly one of the two, or not on sale."""
    if (row.service is None) == (row.product is None):
        raise Refused(_l("Choose a service or a product, one of the two."), at, "one_thing")
    thing: Service | Product
    if row.service is not None:
        thing = op.find(Service, row.service)
    else:
        assert row.product is not None
        thing = op.find(Product, row.product)
    if not thing.on_sale or thing.archived_at is not None:
        raise Refused(_l("%(name)s is not on sale.", name=thing.name), at, "not_on_sale")
    return thing


def _line(
    op: Operation, row: LineRow, place: int, thing: Service | Product, priced: pricing.Priced, tier: str, quoting: bool
) -> Line:
    if priced.discount < 0:
        raise Refused(_l("The price is above the list price."), f"lines-{place}-price", "above_list")
    if priced.changed and row.why in {"", tier}:
        raise Refused(_l("Another price needs a reason."), f"lines-{place}-why", "empty")
    service = isinstance(thing, Service)
    if service and row.performer is None and not quoting:
        raise Refused(_l("Who gave it?"), f"lines-{place}-performer", "empty")
    return Line(
        kind=LineKind.SERVICE if service else LineKind.PRODUCT,
        item=thing.name,
        amount=priced.amount,
        unit_price=priced.unit_price,
        quantity=row.quantity,
        reason=((row.why if priced.changed else tier) or None) if priced.discount else None,
        service_id=row.service,
        product_id=row.product,
        shares=shares_of(op, row.performer, row.assistant, row.seller, row.manner, f"lines-{place}-assistant"),
    )


def shares_of(
    op: Operation,
    performer: int | None,
    assistant: int | None,
    seller: int | None,
    manner: ShareManner,
    at: str = "assistant",
) -> Sequence[Share]:
    """Who did what: the lead and her assistant share the treatment, whoever sold it has the whole sale.

    :raises Refused: an assistant without somebody whom she assists.
    """
    found: list[Share] = []
    if assistant is not None and (performer is None or performer == assistant):
        raise Refused(_l("An assistant helps somebody else."), at, "assistant")
    parts = fees.lead_and_assistant(rulebook(op.session).commissions, assistant is not None)
    for who, (part, permille) in zip((performer, assistant), parts, strict=False):
        if who is not None:
            found.append(Share(who, ShareRole.PERFORMER, permille, manner, part))
    if seller is not None:
        found.append(Share(seller, ShareRole.SELLER))
    return found


# ------------------------------------------------------------------------------------- recharge and deposit


class RechargeInput(Input):
    """Money that she pays in; the bonus follows from ``rules/recharge.yaml``."""

    customer: OneCustomer
    amount: Fen
    method: PaidBy
    store: InStore = None
    seller: Annotated[int | None, Ask(_l("Sold by"), to=Staff, at_work=True)] = None
    shown_total: Shown = None


@operation(Name.RECHARGE, label=_l("Recharge"), on=Customer)
def recharge(op: Operation, data: RechargeInput) -> Answer:
    """Take money into her stored value, and grant the bonus beside it."""
    customer: Customer = op.subject
    check_shown(data.shown_total, data.amount)
    document = rulebook(op.session).recharge
    bonus = value.bonus_for(data.amount, document)
    line = Line(
        LineKind.RECHARGE,
        str(_l("Recharge")),
        data.amount,
        data.amount,
        shares=shares_of(op, None, None, data.seller, ShareManner.IN_TURN),
    )
    plan = plan_receipt(op, store_of(op, data.store), customer, [line], [Tender(data.method, data.amount)])
    if op.quoting:
        principal = plan.ledger.balance(customer.id, AccountKind.PRINCIPAL) + data.amount
        return _recharged(op, quote_answer(plan.total, working_of(plan.lines)), bonus, principal)
    receipt = write_receipt(op, plan)
    if bonus:
        row = receipt.lines[0][1]
        account = receipt.ledger.hers(customer.id, AccountKind.BONUS)
        terms = Grant(value.bonus_until(op.day, document), beside_id=receipt.lots[row.id].id)
        lot = receipt.ledger.grant(account, terms)
        granted = receipt.ledger.house(AccountKind.BONUS_GRANTED)
        receipt.ledger.move(account, granted, bonus, given_lot=lot, line=row.id, rule=versions().get("recharge"))
    op.session.flush()
    principal = receipt.ledger.balance(customer.id, AccountKind.PRINCIPAL)
    return _recharged(op, receipt_answer(receipt), bonus, principal)


def _recharged(op: Operation, answer: Answer, bonus: int, principal: int) -> Answer:
    """The answer with the bonus and what the customer then has, and a warning where that is much."""
    answer |= {"bonus": bonus, "principal": principal}
    most = rulebook(op.session).recharge.warn_above
    if principal > most:
        op.detail["above"] = principal
        message = _l(
            "The customer has %(now)s stored here: more than %(most)s.", now=money(principal), most=money(most)
        )
        answer["warning"] = str(message)
    return answer


class DepositInput(Input):
    """Money taken before anything is sold."""

    customer: OneCustomer
    amount: Fen
    method: PaidBy
    store: InStore = None
    shown_total: Shown = None


@operation(Name.TAKE_DEPOSIT, label=_l("Take a deposit"), on=Customer)
def take_deposit(op: Operation, data: DepositInput) -> Answer:
    """Take money that a later bill is paid with."""
    check_shown(data.shown_total, data.amount)
    line = Line(LineKind.DEPOSIT, str(_l("Deposit")), data.amount, data.amount)
    plan = plan_receipt(op, store_of(op, data.store), op.subject, [line], [Tender(data.method, data.amount)])
    if op.quoting:
        return quote_answer(plan.total, working_of(plan.lines))
    return receipt_answer(write_receipt(op, plan))


class DebtInput(Input):
    """Money for what she owes; the oldest bill is settled first."""

    customer: OneCustomer
    amount: Fen
    method: PaidBy
    store: InStore = None


@operation(Name.PAY_DEBT, label=_l("Pay what is owed"), on=Customer)
def pay_debt(op: Operation, data: DebtInput) -> Answer:
    """Settle bills on account, the oldest first.

    :raises Refused: she does not owe so much.
    """
    customer: Customer = op.subject
    op.store_id = store_of(op, data.store)
    ledger, left = Ledger(op, op.store_id, op.day), data.amount
    hers = kin_of(customer.id)
    owed = select(Payment.sale_id, func.sum(Payment.amount)).where(
        Payment.customer_id.in_(hers), Payment.method == PaymentMethod.ON_ACCOUNT
    )
    receivable = ledger.hers(customer.id, AccountKind.RECEIVABLE)
    for sale_id, open_amount in op.session.execute(owed.group_by(Payment.sale_id).order_by(Payment.sale_id)).all():
        now = min(left, int(open_amount))
        if now > 0:
            sale = op.session.get_one(Sale, sale_id)
            pay(op, sale, data.method, now)
            pay(op, sale, PaymentMethod.ON_ACCOUNT, -now)
            ledger.move(receivable, ledger.house(TENDER[data.method]), now, home=sale.store_id)
            left -= now
    if left:
        raise Refused(_l("Only %(owed)s is owed.", owed=money(data.amount - left)), "amount", "too_much")
    op.detail = {"total": data.amount}
    return {"total": data.amount}


# ----------------------------------------------------------------------------------------------------- gifts


class GiftInput(Approvable):
    """Something for nothing: what, to whom, why."""

    customer: OneCustomer
    service: Annotated[int | None, Ask(_l("Service"), to=Service)] = None
    product: Annotated[int | None, Ask(_l("Product"), to=Product)] = None
    quantity: Annotated[int, Ask(_l("Quantity")), Field(ge=1, le=99)] = 1
    why: Annotated[str, Ask(_l("Reason")), Field(min_length=1, max_length=200)]
    override: Override = ""
    store: InStore = None


@operation(Name.GIVE_GIFT, label=_l("Give a gift"), on=Customer)
def give_gift(op: Operation, data: GiftInput) -> Answer:
    """Give something away. Beyond what one person may give in a month, somebody allows it."""
    row = LineRow(service=data.service, product=data.product, quantity=data.quantity)
    thing = _thing(op, row, "service")
    ensure_safe(op, op.subject.id, [data.service] if data.service is not None else [], data.override)
    store_id = store_of(op, data.store)
    worth = thing.price * data.quantity
    ensure_open(op, store_id, op.day)
    one_at_a_time(op)
    mine = (made_by(GiftIssue, op.actor.id), GiftIssue.business_day >= op.day.replace(day=1))
    given = op.session.scalar(select(func.coalesce(func.sum(GiftIssue.value), 0)).where(*mine)) or 0
    approval = None
    if int(given) + worth > rulebook(op.session).till.gifts_a_month:
        approval = approval_for(op, data)
    issue = GiftIssue(
        customer_id=op.subject.id,
        store_id=store_id,
        business_day=op.day,
        at=op.at,
        service_id=data.service,
        product_id=data.product,
        item=thing.name,
        quantity=data.quantity,
        value=worth,
        given_by=op.actor.name[:60],
        approval_id=approval,
        reason=data.why,
    )
    op.store_id, op.reason = store_id, "；".join(filter(None, (data.why, data.override)))
    op.session.add(issue)
    op.concerns(issue)
    return {"gift": issue.id}
