"""Visits and sales. Sales are written by operations; lines, payments and shares are never changed afterwards."""

from __future__ import annotations

from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from models.entity import Event, PublicId, Record
from models.field import MOST_MONEY, Choice, choice, field, reference
from models.invariants import NoGaps, holds
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Flag, Instant, Money, Text

SELLS = (
    Name.SELL,
    Name.RECHARGE,
    Name.TAKE_DEPOSIT,
    Name.OPEN_CARD,
    Name.REDEEM_SESSION,
    Name.IMPORT_SALES,
)
"""The operations that write a receipt."""


class VisitSource(Choice):
    """Why she came in."""

    WALK_IN = "walk_in", _l("Walk-in")
    BOOKED = "booked", _l("Booked")
    HISTORY = "history", _l("Brought over")


# What the rules ask of every customer stands whole in an index that begins with her: no row has to be fetched for it.


class Visit(Record):
    """A customer was in the salon."""

    label = _l("Visit")
    plural = _l("Visits")
    written_by = WrittenBy.by(*SELLS, Name.ARRIVE, Name.FINISH_VISIT)
    title = ("customer_id", "business_day")
    screen = Screen(Section.SALES, "door", ("business_day", "customer_id", "store_id", "source"), "-business_day")
    __table_args__ = (Index("ix_visit_customer_id_business_day", "customer_id", "business_day"),)

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"), index=False)
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    arrived_at: Mapped[datetime | None] = field(Instant, label=_l("Arrived at"))
    left_at: Mapped[datetime | None] = field(Instant, label=_l("Left at"))
    source: Mapped[VisitSource] = field(choice(VisitSource), label=_l("Source"), default=VisitSource.WALK_IN)


class Confirmation(Choice):
    """How a customer says that she had it."""

    SIGNATURE = "signature", _l("Signature on the receipt")
    MEMBER_PASSWORD = "password", _l("Member password")


class Sale(PublicId, Record):
    """A receipt: numbered without gaps per store and business day."""

    label = _l("Sale")
    plural = _l("Sales")
    written_by = WrittenBy.by(*SELLS, Name.OPEN_BALANCES)
    title = ("business_day", "number")
    no_gaps = (NoGaps("number", ("store_id", "business_day")),)
    screen = Screen(
        Section.SALES, "receipt", ("business_day", "number", "customer_id", "store_id", "total"), "-business_day"
    )
    __table_args__ = (
        UniqueConstraint("store_id", "business_day", "number"),
        holds("imported OR source_key IS NULL", "source", "source_key", _l("Only sales brought over have a source.")),
        Index("ix_sale_customer_id_business_day", "customer_id", "business_day", "total", postgresql_include=["id"]),
    )

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    number: Mapped[int] = field(Big, label=_l("Number"), least=1)
    customer_id: Mapped[int | None] = reference("customer", label=_l("Customer"), index=False)
    visit_id: Mapped[int | None] = reference("visit", label=_l("Visit"))
    sold_at: Mapped[datetime] = field(Instant, label=_l("Sold at"), index=True)
    total: Mapped[int] = field(Money, label=_l("Total"), least=-MOST_MONEY)
    imported: Mapped[bool] = field(Flag, label=_l("Brought over"), default=False)
    confirmed_by: Mapped[Confirmation | None] = field(choice(Confirmation), label=_l("Confirmed by"))
    approval_id: Mapped[int | None] = reference("approval", label=_l("Approval"), unique=True, index=False)
    rule_version_id: Mapped[int | None] = reference("rule_version", label=_l("Rules"), index=False)
    source_key: Mapped[str | None] = field(
        Text(64), label=_l("Source"), unique=True, generated=True, help=_l("Which row of which file it came from")
    )


class LineKind(Choice):
    """What was sold."""

    SERVICE = "service", _l("Service")
    PRODUCT = "product", _l("Product")
    CARD = "card", _l("Card")
    RECHARGE = "recharge", _l("Recharge")
    DEPOSIT = "deposit", _l("Deposit")


class SaleLine(Event):
    """One thing on a receipt. ``unit_price`` is unknown in sales brought over."""

    label = _l("Sale line")
    plural = _l("Sale lines")
    written_by = WrittenBy.by(*SELLS, Name.OPEN_BALANCES)
    within = "sale_id"
    title = ("item",)
    screen = Screen(Section.SALES, "receipt", ("sale_id", "item", "kind", "quantity", "amount"))
    __table_args__ = (
        UniqueConstraint("sale_id", "position"),
        holds(
            "unit_price IS NULL OR amount = quantity * unit_price - discount",
            "amount",
            "amount",
            _l("The amount does not follow from quantity, price and discount."),
        ),
        holds(
            "service_id IS NULL OR product_id IS NULL",
            "one_thing",
            "product_id",
            _l("Choose a service or a product, one of the two."),
        ),
        holds(
            "(kind = 'card') = (card_id IS NOT NULL) AND (card_item_id IS NULL OR kind = 'service')",
            "card",
            "card_id",
            _l("A card stands on the line that opens it, a session on a service."),
        ),
        holds(
            "discount = 0 OR discount_reason IS NOT NULL",
            "discount_reason",
            "discount_reason",
            _l("A discount needs a reason."),
        ),
        Index(
            "ix_sale_line_sale_id_kind",
            *("sale_id", "kind", "amount", "quantity", "service_id"),
            postgresql_include=["id"],
        ),
    )

    sale_id: Mapped[int] = reference("sale", label=_l("Sale"), index=False)
    position: Mapped[int] = field(Big, label=_l("Order"))
    kind: Mapped[LineKind] = field(choice(LineKind), label=_l("Kind"))
    service_id: Mapped[int | None] = reference("service", label=_l("Service"))
    product_id: Mapped[int | None] = reference("product", label=_l("Product"))
    card_id: Mapped[int | None] = reference("card", label=_l("Card opened"))
    card_item_id: Mapped[int | None] = reference("card_item", label=_l("Session of"))
    item: Mapped[str] = field(Text(80), label=_l("Item"), help=_l("As it was called on the day"))
    quantity: Mapped[int] = field(Big, label=_l("Quantity"), default=1, least=1, most=1_000_000)
    unit_price: Mapped[int | None] = field(Money, label=_l("Unit price"), least=-MOST_MONEY)
    discount: Mapped[int] = field(Money, label=_l("Discount"), default=0)
    discount_reason: Mapped[str | None] = field(Text(200), label=_l("Reason of the discount"))
    amount: Mapped[int] = field(Money, label=_l("Amount"), least=-MOST_MONEY)


class ShareRole(Choice):
    """What somebody did for a line."""

    SELLER = "seller", _l("Sold it")
    PERFORMER = "performer", _l("Gave it")


class ShareManner(Choice):
    """How she came to do it."""

    NAMED = "named", _l("Asked for by name")
    IN_TURN = "in_turn", _l("In turn")
    OVERTIME = "overtime", _l("Overtime")


class SharePart(Choice):
    """Whether she led."""

    LEAD = "lead", _l("Led it")
    ASSISTANT = "assistant", _l("Helped")


class StaffShare(Event):
    """Who sold or gave a line, in what proportion."""

    label = _l("Staff share")
    plural = _l("Staff shares")
    written_by = WrittenBy.by(*SELLS)
    within = "sale_line_id"
    title = ("staff_id", "share_role")
    screen = Screen(Section.SALES, "people", ("sale_line_id", "staff_id", "share_role", "manner", "part", "permille"))
    __table_args__ = (UniqueConstraint("sale_line_id", "staff_id", "share_role"),)

    sale_line_id: Mapped[int] = reference("sale_line", label=_l("Sale line"))
    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    share_role: Mapped[ShareRole] = field(choice(ShareRole), label=_l("Did what"))
    manner: Mapped[ShareManner] = field(choice(ShareManner), label=_l("How"), default=ShareManner.IN_TURN)
    part: Mapped[SharePart] = field(choice(SharePart), label=_l("Part"), default=SharePart.LEAD)
    permille: Mapped[int] = field(Big, label=_l("Share"), unit=_l("thousandths"), default=1000, least=1, most=1_000)


class PaymentMethod(Choice):
    """How a sale was paid."""

    CASH = "cash", _l("Cash")
    WECHAT = "wechat", _l("WeChat Pay")
    ALIPAY = "alipay", _l("Alipay")
    BANK_CARD = "bank_card", _l("Bank card")
    UNKNOWN = "unknown", _l("Not recorded")
    STORED_VALUE = "stored_value", _l("Stored value")
    VOUCHER = "voucher", _l("Group-buying voucher")
    SESSION = "session", _l("Card session")
    DEPOSIT = "deposit", _l("Deposit")
    ON_ACCOUNT = "on_account", _l("On account")


MONEY_IN = (
    PaymentMethod.CASH,
    PaymentMethod.WECHAT,
    PaymentMethod.ALIPAY,
    PaymentMethod.BANK_CARD,
    PaymentMethod.UNKNOWN,
)
"""Methods that are money in from the customer (实付): stored value was paid when it was recharged, and a voucher
was paid to the platform."""


class Payment(Event):
    """Money, or value, given for a sale."""

    label = _l("Payment")
    plural = _l("Payments")
    written_by = WrittenBy.by(
        *SELLS, Name.PAY_DEBT, Name.REVERSE_SALE, Name.REFUND_CARD, Name.OPEN_BALANCES, Name.UNDO_BALANCES
    )
    title = ("method", "amount")
    screen = Screen(Section.SALES, "coin", ("business_day", "sale_id", "store_id", "method", "amount"), "-business_day")
    __table_args__ = (
        holds("amount <> 0", "amount", "amount", _l("A payment is not nothing.")),
        Index("ix_payment_customer_id_business_day", "customer_id", "business_day", "method", "amount", "sale_id"),
        Index("ix_payment_sale_id_business_day", "sale_id", "business_day", "method"),
    )

    sale_id: Mapped[int] = reference("sale", label=_l("Sale"), index=False)
    customer_id: Mapped[int | None] = reference("customer", label=_l("Customer"), index=False)
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    paid_at: Mapped[datetime] = field(Instant, label=_l("Paid at"))
    method: Mapped[PaymentMethod] = field(choice(PaymentMethod), label=_l("Method"))
    amount: Mapped[int] = field(Money, label=_l("Amount"), least=-MOST_MONEY)
