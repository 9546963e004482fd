"""Posting to the ledger: accounts found or opened, lots granted and taken, each movement with both its sides.

What the database refuses (a balance below zero, entries that do not come to nothing, a second reversal) is in
``models/value_triggers.py``; here is what an operation says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, or_, select

from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.values import money
from models.connection import lock_day
from models.entity import insert_new
from models.sales import PaymentMethod
from models.till import DayClose
from models.value import (
    COMMODITY,
    Account,
    AccountBalance,
    AccountKind,
    Commodity,
    LedgerEntry,
    Lot,
    LotBalance,
)
from rules.decisions.value import Purse, Taken, soonest_first

TENDER = {
    PaymentMethod.CASH: AccountKind.CASH,
    PaymentMethod.WECHAT: AccountKind.WECHAT,
    PaymentMethod.ALIPAY: AccountKind.ALIPAY,
    PaymentMethod.BANK_CARD: AccountKind.BANK_CARD,
    PaymentMethod.VOUCHER: AccountKind.VOUCHERS,
}
"""Where the house holds what was paid this way."""


@dataclass(frozen=True)
class Grant:
    """A lot to be made: when it ends and from when it can be used; ``beside`` is the principal a bonus came with."""

    expires_on: date | None = None
    pending_until: date | None = None
    beside_id: int | None = None


def ensure_open(op: Operation, store_id: int, day: date, *, closing: bool = False) -> None:
    """Hold a store's day open until the operation has ended; whoever is ``closing`` it holds it alone.

    :raises Refused: it is closed.
    """
    if not op.quoting:
        lock_day(op.session.connection(), store_id, closing=closing)
    closed = select(DayClose.id).where(DayClose.store_id == store_id, DayClose.business_day == day)
    if op.session.scalar(closed) is not None:
        message = _l(
            "%(day)s is closed in this store; nothing more is written for it. Enter it on a later day.", day=day
        )
        raise Refused(message, None, "closed")


@dataclass
class Ledger:
    """The books, as one operation writes them on one day in one store."""

    op: Operation
    store_id: int
    day: date
    accounts: dict[tuple[AccountKind, int | None, int | None], Account] = field(default_factory=dict)
    kept: set[Account | Lot] = field(default_factory=set)  # what is held here, the session need not read again

    def __post_init__(self) -> None:
        """:raises Refused: the store's day is closed."""
        ensure_open(self.op, self.store_id, self.day)

    # ---------------------------------------------------------------------------------------------- accounts

    def house(self, kind: AccountKind) -> Account:
        """One of the house's own accounts; they are few, and read together."""
        if (kind, None, None) not in self.accounts:
            rows = self.op.session.scalars(select(Account).where(Account.customer_id.is_(None)))
            self.accounts |= {(row.kind, None, None): row for row in rows}
        return self._account(kind, None, None)

    def hers(self, customer_id: int, kind: AccountKind, card_item_id: int | None = None) -> Account:
        """One of a customer's accounts, opened when it is first needed."""
        return self._account(kind, customer_id, card_item_id)

    def _account(self, kind: AccountKind, customer_id: int | None, card_item_id: int | None) -> Account:
        whose = (kind, customer_id, card_item_id)
        if whose not in self.accounts:
            self.accounts[whose] = self._found(*whose)
        return self.accounts[whose]

    def _found(self, kind: AccountKind, customer_id: int | None, card_item_id: int | None) -> Account:
        find = select(Account).where(
            Account.kind == kind,
            Account.customer_id.is_(None) if customer_id is None else Account.customer_id == customer_id,
            Account.card_item_id.is_(None) if card_item_id is None else Account.card_item_id == card_item_id,
        )
        found = self.op.session.scalar(find)
        if found is None:
            row = {
                "kind": kind,
                "commodity": COMMODITY[kind],
                "customer_id": customer_id,
                "card_item_id": card_item_id,
                "version": 1,
            }
            insert_new(self.op.session, Account, [row])
            found = self.op.session.scalars(find).one()
        return found

    def open_accounts(self, wanted: Collection[tuple[AccountKind, int, int | None]]) -> None:
        """Find or open many customers' accounts (kind, customer, card item) in a few statements."""
        new = [
            {"kind": kind, "commodity": COMMODITY[kind], "customer_id": customer, "card_item_id": item, "version": 1}
            for kind, customer, item in wanted
        ]
        if not new:
            return
        insert_new(self.op.session, Account, new)
        owners = sorted({customer for _, customer, _ in wanted})
        for account in self.op.session.scalars(select(Account).where(Account.customer_id.in_(owners))):
            self.accounts[account.kind, account.customer_id, account.card_item_id] = account

    def balance(self, customer_id: int, kind: AccountKind, card_item_id: int | None = None) -> int:
        """What stands on a customer's accounts of a kind, or on that of one card item; what she owes is negative."""
        query = (
            select(func.sum(AccountBalance.balance))
            .join(Account, Account.id == AccountBalance.account_id)
            .where(Account.customer_id == customer_id, Account.kind == kind)
        )
        if card_item_id is not None:
            query = query.where(Account.card_item_id == card_item_id)
        return int(self.op.session.scalar(query) or 0)

    # ---------------------------------------------------------------------------------------------- movements

    def move(
        self,
        given: Account,
        taken: Account,
        amount: int,
        *,
        line: int | None = None,
        given_lot: Lot | None = None,
        taken_lot: Lot | None = None,
        home: int | None = None,
        rule: int | None = None,
    ) -> None:
        """Move ``amount`` to ``given`` from ``taken``; one of the two is the house's.

        Money between a customer and the house stays in the books of the store where it began (``home``, or the lot's):
        what another store gives or takes for it is settled between the two.
        """
        if amount == 0:
            return
        to_store = self._home(given, given_lot, home)
        from_store = self._home(taken, taken_lot, home)
        self._entry(given, amount, to_store, lot=given_lot, line=line, rule=rule)
        self._entry(taken, -amount, from_store, lot=taken_lot, line=line, rule=rule)
        if to_store != from_store:
            between = self.house(AccountKind.BETWEEN_STORES)
            self._entry(between, -amount, to_store, line=line)
            self._entry(between, amount, from_store, line=line)

    def _home(self, account: Account, lot: Lot | None, home: int | None) -> int:
        if account.customer_id is None or account.commodity is not Commodity.CNY:
            return self.store_id
        return lot.store_id if lot is not None else home or self.store_id

    def _entry(
        self,
        account: Account,
        amount: int,
        store_id: int,
        *,
        lot: Lot | None = None,
        line: int | None = None,
        rule: int | None = None,
    ) -> None:
        self.op.session.add(
            LedgerEntry(
                operation_id=self.op.number,
                account_id=account.id,
                customer_id=account.customer_id,
                amount=amount,
                lot_id=None if lot is None else lot.id,
                sale_line_id=line,
                rule_version_id=rule,
                store_id=store_id,
                business_day=self.day,
            )
        )

    def grant(self, account: Account, terms: Grant | None = None, like: Lot | None = None) -> Lot:
        """A new lot on an account that keeps lots; ``like`` another, it stays in the books of that one's store."""
        assert account.customer_id is not None
        terms = terms or Grant()
        lot = Lot(
            account_id=account.id,
            customer_id=account.customer_id,
            store_id=self.store_id if like is None else like.store_id,
            operation_id=self.op.number,
            granted_on=self.day if like is None else like.granted_on,
            expires_on=terms.expires_on,
            pending_until=terms.pending_until,
            beside_id=terms.beside_id,
        )
        self.op.session.add(lot)
        self.op.session.flush()
        return lot

    # ------------------------------------------------------------------------------------------------- lots

    def lots(self, customer_id: int, kind: AccountKind, *, usable: bool = True) -> list[tuple[Lot, int]]:
        """A customer's lots with what is left of each; ``usable`` leaves out those ended and those still pending."""
        query = (
            select(Lot, LotBalance.remaining, Account)
            .join(LotBalance, LotBalance.lot_id == Lot.id)
            .join(Account, Account.id == Lot.account_id)
            .where(Account.customer_id == customer_id, Account.kind == kind, LotBalance.remaining > 0)
            .order_by(Lot.id)
        )
        if usable:
            query = query.where(*_usable(self.day))
        rows = self.op.session.execute(query).all()
        self.kept.update(one for lot, _, account in rows for one in (lot, account))
        return [(lot, left) for lot, left, _ in rows]

    def purses(self, customer_id: int) -> list[Purse]:
        """Her stored value: each principal lot with the bonus beside it, and bonus whose principal is gone."""
        bonus = {lot.beside_id or -lot.id: (lot, left) for lot, left in self.lots(customer_id, AccountKind.BONUS)}
        found: list[Purse] = []
        for lot, left in self.lots(customer_id, AccountKind.PRINCIPAL):
            beside, there = bonus.pop(lot.id, (None, 0))
            ends = None if beside is None else beside.expires_on
            found.append(Purse(lot.id, left, None if beside is None else beside.id, there, ends))
        found += [Purse(None, 0, lot.id, left, lot.expires_on) for lot, left in bonus.values()]
        return found

    def take_lots(self, taken: Iterable[Taken], to: Account) -> None:
        """Take so much of each lot, and give it to one of the house's accounts."""
        for lot_id, amount in taken:
            lot = self.op.session.get_one(Lot, lot_id)
            self.move(to, self.op.session.get_one(Account, lot.account_id), amount, taken_lot=lot)

    # ----------------------------------------------------------------------------------------------- points

    def earn_points(
        self, customer_id: int, points: Iterable[tuple[int | None, int]], terms: Grant, rule: int | None
    ) -> None:
        """Grant points, a lot for each sale line (None where no sale gave them); those owed are paid out of them."""
        earned = [(line, amount) for line, amount in points if amount]
        if not earned:
            return
        account, issued = self.hers(customer_id, AccountKind.POINTS), self.house(AccountKind.POINTS_ISSUED)
        owed = -self.balance(customer_id, AccountKind.POINTS_OWED)
        for line, amount in earned:
            lot = self.grant(account, terms)
            self.move(account, issued, amount, given_lot=lot, line=line, rule=rule)
            paid = min(owed, amount)
            if paid > 0:
                self.move(self.hers(customer_id, AccountKind.POINTS_OWED), account, paid, taken_lot=lot)
                owed -= paid

    def reclaim_points(self, customer_id: int, points: int) -> None:
        """Take back points earned for what was given back; those spent since are owed."""
        issued = self.house(AccountKind.POINTS_ISSUED)
        lots = self.lots(customer_id, AccountKind.POINTS, usable=False)
        there = min(sum(left for _, left in lots), points)
        taken = soonest_first([(lot.id, left, lot.expires_on) for lot, left in lots], there) or []
        self.take_lots(taken, issued)
        self.move(issued, self.hers(customer_id, AccountKind.POINTS_OWED), points - there)

    # --------------------------------------------------------------------------------------------- reversals

    def reverse(self, entries: Sequence[LedgerEntry]) -> None:
        """Take entries back, each whole. Of points spent since then, what is missing is owed."""
        session = self.op.session
        for entry in entries:
            self._make_up(entry)
            session.add(
                LedgerEntry(
                    operation_id=self.op.number,
                    account_id=entry.account_id,
                    customer_id=entry.customer_id,
                    amount=-entry.amount,
                    lot_id=entry.lot_id,
                    sale_line_id=entry.sale_line_id,
                    reverses_id=entry.id,
                    rule_version_id=entry.rule_version_id,
                    store_id=entry.store_id,
                    business_day=self.day,
                )
            )

    def _make_up(self, entry: LedgerEntry) -> None:
        """Points that are to be taken back and are gone are lent first.

        :raises Refused: it is not points that are gone.
        """
        if entry.customer_id is None or entry.amount < 0:
            return
        missing = entry.amount - self._left(entry)
        if missing <= 0:
            return
        account = self.op.session.get_one(Account, entry.account_id)
        if account.kind is not AccountKind.POINTS:
            raise Refused(_l("Part of this has been used since, so it cannot be taken back whole."), None, "used")
        owed = self.hers(entry.customer_id, AccountKind.POINTS_OWED)
        self.move(account, owed, missing, given_lot=self.op.session.get_one(Lot, entry.lot_id))
        self.op.session.flush()

    def _left(self, entry: LedgerEntry) -> int:
        """What is left of the lot that it filled, or else on its account."""
        session = self.op.session
        if entry.lot_id is not None:
            return session.get_one(LotBalance, entry.lot_id, populate_existing=True).remaining
        return session.get_one(AccountBalance, entry.account_id, populate_existing=True).balance


def _usable(day: date) -> tuple[ColumnElement[bool], ...]:
    return (
        or_(Lot.expires_on.is_(None), Lot.expires_on >= day),
        or_(Lot.pending_until.is_(None), Lot.pending_until <= day),
    )


def not_enough(kind: AccountKind, field: str, left: int, wanted: int) -> Refused:
    """There is not so much there: ``left`` of what was ``wanted``, in sessions or fen."""
    if kind is AccountKind.SESSIONS:
        mend = _l("%(left)s sessions are left on this card, not %(wanted)s: choose fewer.", left=left, wanted=wanted)
        return Refused(mend, field, "not_enough")
    message = _l(
        "There is not enough: %(what)s. %(left)s of it can pay for this, not %(wanted)s: pay the rest another way.",
        what=kind.label,
        left=money(left),
        wanted=money(wanted),
    )
    return Refused(message, field, "not_enough")
