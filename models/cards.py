"""Cards: rights to so many sessions of services. How many are left is the ledger's to say."""

from __future__ import annotations

from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from models.entity import Event, PublicId, Record
from models.field import Choice, choice, field, reference
from models.invariants import holds
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Flag, Instant, Money, Text


class CardStatus(Choice):
    """Whether sessions may be taken. That a card has ended or is used up follows from its day and the ledger."""

    LIVE = "live", _l("Live")
    REFUNDED = "refunded", _l("Refunded")
    REVERSED = "reversed", _l("Taken back")


class Card(PublicId, Record):
    """What a customer bought: a name, a price, sessions by service, until when and where they may be taken."""

    label = _l("Card")
    plural = _l("Cards")
    written_by = WrittenBy.by(
        Name.OPEN_CARD,
        Name.EXTEND_CARD,
        Name.TRANSFER_CARD,
        Name.REFUND_CARD,
        Name.REVERSE_SALE,
        Name.OPEN_BALANCES,
        Name.UNDO_BALANCES,
        Name.MERGE_CUSTOMERS,
    )
    imports = False
    within = "customer_id"
    screen = Screen(
        Section.VALUE, "card", ("name", "customer_id", "sold_for", "opened_on", "expires_on", "status", "store_id")
    )
    __table_args__ = (
        holds(
            "expires_on IS NULL OR expires_on >= opened_on",
            "span",
            "expires_on",
            _l("The end must not come before the beginning."),
        ),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    package_id: Mapped[int | None] = reference("package", label=_l("Package"))
    name: Mapped[str] = field(Text(60), label=_l("Name"), index=True)
    sold_for: Mapped[int] = field(Money, label=_l("Sold for"))
    opened_on: Mapped[date] = field(Day, label=_l("Opened on"), index=True)
    expires_on: Mapped[date | None] = field(Day, label=_l("Expires on"), index=True)
    everywhere: Mapped[bool] = field(Flag, label=_l("Valid in every store"), default=True)
    status: Mapped[CardStatus] = field(choice(CardStatus), label=_l("Status"), default=CardStatus.LIVE)


class CardItem(Event):
    """So many sessions of one service on a card, and the share of its price that stands for them."""

    label = _l("Card item")
    plural = _l("Card items")
    written_by = WrittenBy.by(Name.OPEN_CARD, Name.OPEN_BALANCES)
    within = "card_id"
    title = ("card_id", "service_id")
    screen = Screen(Section.VALUE, "card", ("card_id", "service_id", "sessions", "value"))
    __table_args__ = (UniqueConstraint("card_id", "service_id"),)

    card_id: Mapped[int] = reference("card", label=_l("Card"))
    service_id: Mapped[int] = reference("service", label=_l("Service"))
    sessions: Mapped[int] = field(Big, label=_l("Sessions"), least=1, most=1_000_000)
    value: Mapped[int] = field(Money, label=_l("Worth"))


class CardChangeKind(Choice):
    """What befell a card."""

    EXTENDED = "extended", _l("Extended")
    TRANSFERRED = "transferred", _l("Given to somebody else")
    REFUNDED = "refunded", _l("Refunded")


class CardChange(Event):
    """A card was extended, given to somebody else or refunded: from what, to what, why."""

    label = _l("Card change")
    plural = _l("Card changes")
    written_by = WrittenBy.by(Name.EXTEND_CARD, Name.TRANSFER_CARD, Name.REFUND_CARD)
    title = ("card_id", "kind")
    screen = Screen(
        Section.VALUE, "card", ("business_day", "card_id", "kind", "customer_id", "store_id", "amount", "reason"), "-id"
    )
    card_id: Mapped[int] = reference("card", label=_l("Card"))
    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    at: Mapped[datetime] = field(Instant, label=_l("At"))
    kind: Mapped[CardChangeKind] = field(choice(CardChangeKind), label=_l("Kind"))
    expires_before: Mapped[date | None] = field(Day, label=_l("Expired on"))
    expires_after: Mapped[date | None] = field(Day, label=_l("Expires on"))
    to_customer_id: Mapped[int | None] = reference("customer", label=pgettext("transfer", "To"))
    amount: Mapped[int | None] = field(Money, label=_l("Refunded"))
    reason: Mapped[str] = field(Text(200), label=_l("Reason"))


class GiftIssue(Event):
    """Something was given for nothing: what it is worth, by whom, why."""

    label = _l("Gift given")
    plural = _l("Gifts given")
    written_by = WrittenBy.by(Name.GIVE_GIFT)
    title = ("item",)
    screen = Screen(
        Section.VALUE, "gift", ("business_day", "customer_id", "item", "value", "given_by", "reason", "store_id"), "-id"
    )
    __table_args__ = (
        holds(
            "(service_id IS NULL) <> (product_id IS NULL)",
            "one_thing",
            "product_id",
            _l("Choose a service or a product, one of the two."),
        ),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    at: Mapped[datetime] = field(Instant, label=_l("At"))
    service_id: Mapped[int | None] = reference("service", label=_l("Service"))
    product_id: Mapped[int | None] = reference("product", label=_l("Product"))
    item: Mapped[str] = field(Text(80), label=_l("Item"))
    quantity: Mapped[int] = field(Big, label=_l("Quantity"), default=1, least=1, most=1_000_000)
    value: Mapped[int] = field(Money, label=_l("Worth"))
    given_by: Mapped[str] = field(Text(60), label=_l("Given away by"))
    approval_id: Mapped[int | None] = reference("approval", label=_l("Approval"), unique=True, index=False)
    reason: Mapped[str] = field(Text(200), label=_l("Reason"))
