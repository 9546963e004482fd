"""Stored value: accounts, lots, and the one ledger in which everything of value moves.

Amounts are integers of the account's commodity. What the house owes or has earned is positive, what it holds or is owed
is negative, so the entries of an operation come to nothing in each commodity and store. ``models/value_triggers.py``
has the SQL that keeps the balances, and refuses one below zero and an operation that does not come to nothing.
"""

from __future__ import annotations

from datetime import date

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.entity import Derived, Event, Record
from models.field import MOST_MONEY, Choice, choice, field, reference
from models.invariants import holds, one_where
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Flag

MOVES_VALUE = (
    Name.SELL,
    Name.RECHARGE,
    Name.TAKE_DEPOSIT,
    Name.PAY_DEBT,
    Name.OPEN_CARD,
    Name.REDEEM_SESSION,
    Name.REVERSE_SALE,
    Name.REFUND_CARD,
    Name.TRANSFER_CARD,
    Name.MERGE_CUSTOMERS,
    Name.OPEN_BALANCES,
    Name.UNDO_BALANCES,
    Name.DELIVER_EFFECTS,
)
"""The operations that write entries."""


class Commodity(Choice):
    """What is counted."""

    CNY = "cny", _l("Money (fen)")
    POINTS = "points", _l("Points")
    SESSIONS = "sessions", _l("Sessions")


class AccountKind(Choice):
    """What an account stands for. The first eight are a customer's, the others the house's."""

    PRINCIPAL = "principal", _l("Stored value, paid in")
    BONUS = "bonus", _l("Stored value, bonus")
    CARD = "card", _l("Paid for sessions")
    SESSIONS = "sessions", _l("Sessions left")
    POINTS = "points", _l("Points")
    DEPOSIT = "deposit", _l("Deposit")
    RECEIVABLE = "receivable", _l("Owed by the customer")
    POINTS_OWED = "points_owed", _l("Points owed")
    CASH = "cash", _l("Cash")
    WECHAT = "wechat", _l("WeChat Pay")
    ALIPAY = "alipay", _l("Alipay")
    BANK_CARD = "bank_card", _l("Bank card")
    VOUCHERS = "vouchers", _l("Owed by voucher platforms")
    REVENUE = "revenue", _l("Revenue")
    BONUS_GRANTED = "bonus_granted", _l("Bonus granted")
    BETWEEN_STORES = "between_stores", _l("Between stores")
    POINTS_ISSUED = "points_issued", _l("Points issued")
    SESSIONS_ISSUED = "sessions_issued", _l("Sessions issued")
    OPENING = "opening", _l("Brought over")


OF_CUSTOMERS = (
    AccountKind.PRINCIPAL,
    AccountKind.BONUS,
    AccountKind.CARD,
    AccountKind.SESSIONS,
    AccountKind.POINTS,
    AccountKind.DEPOSIT,
    AccountKind.RECEIVABLE,
    AccountKind.POINTS_OWED,
)
OWED_BY_HER = (AccountKind.RECEIVABLE, AccountKind.POINTS_OWED)
"""Their balance is never above zero: what she owes is negative."""

COMES_IN = (
    AccountKind.CASH,
    AccountKind.WECHAT,
    AccountKind.ALIPAY,
    AccountKind.BANK_CARD,
    AccountKind.VOUCHERS,
    AccountKind.RECEIVABLE,
)
"""Money, what a platform will pay, and what she will pay later."""

IN_LOTS = (AccountKind.PRINCIPAL, AccountKind.BONUS, AccountKind.POINTS, AccountKind.DEPOSIT)
"""Each entry names the lot it comes from or goes to; the soonest to expire goes first."""

COMMODITY = {
    **dict.fromkeys(AccountKind, Commodity.CNY),
    AccountKind.POINTS: Commodity.POINTS,
    AccountKind.POINTS_OWED: Commodity.POINTS,
    AccountKind.POINTS_ISSUED: Commodity.POINTS,
    AccountKind.SESSIONS: Commodity.SESSIONS,
    AccountKind.SESSIONS_ISSUED: Commodity.SESSIONS,
}


def _among(kinds: tuple[AccountKind, ...]) -> str:
    return " OR ".join(f"kind = '{kind.value}'" for kind in kinds)


class Account(Record):
    """Where value stands: a customer's, or the house's."""

    label = _l("Account")
    plural = _l("Accounts")
    written_by = WrittenBy.by(*MOVES_VALUE)
    title = ("kind",)
    marks = False
    imports = False
    screen = Screen(Section.VALUE, "coin", ("customer_id", "kind", "commodity", "card_item_id"))
    __table_args__ = (
        one_where(
            "uq_account_customer",
            "customer_id",
            "kind",
            condition="customer_id IS NOT NULL AND card_item_id IS NULL",
        ),
        one_where("uq_account_card_item", "card_item_id", "kind", "customer_id", condition="card_item_id IS NOT NULL"),
        one_where("uq_account_house", "kind", condition="customer_id IS NULL"),
        holds(
            f"(customer_id IS NOT NULL) = ({_among(OF_CUSTOMERS)})",
            "owner",
            "customer_id",
            _l("This kind of account belongs to somebody else."),
        ),
        holds(
            "(card_item_id IS NOT NULL) = (kind = 'card' OR kind = 'sessions')",
            "card_item",
            "card_item_id",
            _l("An account of sessions belongs to a card."),
        ),
        holds(
            " OR ".join(f"(kind = '{kind.value}' AND commodity = '{COMMODITY[kind].value}')" for kind in AccountKind),
            "commodity",
            "commodity",
            _l("This kind of account counts something else."),
        ),
    )

    customer_id: Mapped[int | None] = reference("customer", label=_l("Customer"))
    kind: Mapped[AccountKind] = field(choice(AccountKind), label=_l("Kind"))
    commodity: Mapped[Commodity] = field(choice(Commodity), label=pgettext("account", "Counts"))
    card_item_id: Mapped[int | None] = reference("card_item", label=_l("Card item"))


class Lot(Event):
    """Value granted at one time, with its own end. A bonus lot stands ``beside`` the principal it came with."""

    label = _l("Lot")
    plural = _l("Lots")
    written_by = WrittenBy.by(*MOVES_VALUE)
    within = "account_id"
    title = ("account_id", "granted_on")
    screen = Screen(Section.VALUE, "coin", ("account_id", "granted_on", "expires_on", "pending_until", "store_id"))
    __table_args__ = (
        holds(
            "expires_on IS NULL OR expires_on >= granted_on",
            "span",
            "expires_on",
            _l("The end must not come before the beginning."),
        ),
    )

    account_id: Mapped[int] = reference("account", label=_l("Account"))
    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    operation_id: Mapped[int] = field(Big, label=_l("Operation"), index=True)
    granted_on: Mapped[date] = field(Day, label=_l("Granted on"))
    expires_on: Mapped[date | None] = field(Day, label=_l("Expires on"))
    pending_until: Mapped[date | None] = field(Day, label=_l("Usable from"))
    beside_id: Mapped[int | None] = reference("lot", label=_l("Beside"))


class LedgerEntry(Event):
    """One side of a movement of value. ``reverses`` is the entry that it takes back, whole and once."""

    label = _l("Ledger entry")
    plural = _l("Ledger entries")
    written_by = WrittenBy.by(*MOVES_VALUE)
    title = ("account_id", "amount")
    screen = Screen(
        Section.VALUE,
        "list",
        ("business_day", "account_id", "amount", "customer_id", "store_id", "sale_line_id", "operation_id"),
        "-id",
    )
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        one_where("uq_ledger_entry_reverses", "reverses_id", condition="reverses_id IS NOT NULL"),
        Index("ix_ledger_entry_customer_id_business_day", "customer_id", "business_day"),
        Index("ix_ledger_entry_store_id_business_day", "store_id", "business_day"),
    )

    operation_id: Mapped[int] = field(Big, label=_l("Operation"), index=True)
    account_id: Mapped[int] = reference("account", label=_l("Account"))
    customer_id: Mapped[int | None] = reference("customer", label=_l("Customer"), index=False)
    amount: Mapped[int] = field(Big, label=_l("Amount"), least=-MOST_MONEY, most=MOST_MONEY)
    lot_id: Mapped[int | None] = reference("lot", label=_l("Lot"))
    sale_line_id: Mapped[int | None] = reference("sale_line", label=_l("Sale line"))
    reverses_id: Mapped[int | None] = reference("ledger_entry", label=_l("Takes back"), index=False)
    rule_version_id: Mapped[int | None] = reference("rule_version", label=_l("Rules"), index=False)
    store_id: Mapped[int] = reference("store", label=_l("Store"), index=False)
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)


class AccountBalance(Derived):
    """The sum of a customer's account, kept by the database as entries come in; the house's accounts keep none."""

    __table_args__ = (CheckConstraint("(owes AND balance <= 0) OR (NOT owes AND balance >= 0)", name="not_overdrawn"),)

    account_id: Mapped[int] = mapped_column(Big, ForeignKey("account.id"), primary_key=True, autoincrement=False)
    balance: Mapped[int] = mapped_column(Big, default=0)
    owes: Mapped[bool] = mapped_column(Flag, default=False)


class LotBalance(Derived):
    """What is left of a lot, kept by the database as entries come in."""

    __table_args__ = (CheckConstraint("remaining >= 0", name="not_overdrawn"),)

    lot_id: Mapped[int] = mapped_column(Big, ForeignKey("lot.id"), primary_key=True, autoincrement=False)
    remaining: Mapped[int] = mapped_column(Big, default=0)
