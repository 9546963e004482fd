"""The demo's till: receipts with their lines, shares and payments, and what each does to the books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from admin_app.operations.ledger import TENDER
from admin_app.operations.payment_plan import TAKES
from models.cards import CardChangeKind, CardStatus
from models.sales import Confirmation, LineKind, PaymentMethod, ShareManner, SharePart, ShareRole
from models.till import Platform
from models.value import AccountKind
from rules.book import Rulebook
from rules.decisions import fees, pricing, value
from seed import menu
from seed.books import Books, Place, Terms
from seed.wallet import Held, Pot, Wallet

PLATFORMS = (Platform.MEITUAN, Platform.MEITUAN, Platform.DOUYIN, Platform.DIANPING)
SETTLED = 850
"""Thousandths of a voucher that its platform pays out."""


@dataclass(frozen=True)
class Line:
    """One line before it is written: its own columns, the service or product by name, and who did it."""

    kind: LineKind
    item: str
    unit_price: int
    amount: int
    quantity: int = 1
    service: int | None = None
    product: int | None = None
    reason: str | None = None
    held: Held | None = None


@dataclass(frozen=True)
class Now:
    """When and where a receipt is written, who serves, and in which visit."""

    at: datetime
    place: Place
    visit: int | None
    therapists: list[int]


Tender = tuple[PaymentMethod, int]


@dataclass
class Tables:
    """Rows by table, as they will be loaded."""

    visits: list[dict[str, Any]] = field(default_factory=list)
    sales: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    shares: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    cards: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    gifts: list[dict[str, Any]] = field(default_factory=list)
    vouchers: list[dict[str, Any]] = field(default_factory=list)
    approvals: list[dict[str, Any]] = field(default_factory=list)
    reversals: list[dict[str, Any]] = field(default_factory=list)


class Till:
    """Writes receipts, one after another in the order of time."""

    def __init__(self, random: Random, book: Rulebook, versions: dict[str, int], operation: int) -> None:
        self.random = random
        self.book = book
        self.versions = versions
        self.books = Books(operation)
        self.rows = Tables()
        self._numbers: dict[Place, int] = {}

    # ---------------------------------------------------------------------------------------------- receipts

    def sell(
        self, now: Now, wallet: Wallet, lines: Sequence[Line], tenders: Sequence[Tender], approval: int | None = None
    ) -> int:
        """A receipt of services and goods, paid in one or several ways; its number among the sales."""
        sale, earning = self._receipt(now, wallet, lines, [one for one in tenders if one[1]], approval)
        self._earn(now, wallet, earning)
        return sale

    def recharge(self, now: Now, wallet: Wallet, yuan: int, method: PaymentMethod) -> None:
        """Money into her stored value, with the bonus of the step it reaches."""
        paid, document = menu.fen(yuan), self.book.recharge
        line = len(self.rows.lines) + 1
        lone = Now(now.at, now.place, None, now.therapists)
        self._receipt(lone, wallet, [Line(LineKind.RECHARGE, "充值", paid, paid)], [(method, paid)], None)
        lot = len(self.books.lots)  # the receipt has filled it
        bonus, bonus_lot, ends = value.bonus_for(paid, document), None, None
        if bonus:
            account = self.books.account(AccountKind.BONUS, wallet.customer)
            ends = value.bonus_until(now.place.day, document)
            bonus_lot = self.books.lot(account, now.place, Terms(ends, beside=lot))
            granted = self.books.account(AccountKind.BONUS_GRANTED)
            rule = self.versions.get("recharge")
            self.books.move(account, granted, bonus, now.place, line=line, given_lot=bonus_lot, rule=rule)
        wallet.pots.append(Pot(lot, paid, bonus_lot, bonus, ends))

    def take_deposit(self, now: Now, wallet: Wallet, amount: int, method: PaymentMethod) -> None:
        """Money for a later bill."""
        lone = Now(now.at, now.place, None, now.therapists)
        self._receipt(lone, wallet, [Line(LineKind.DEPOSIT, "定金", amount, amount)], [(method, amount)], None)
        wallet.deposit = (len(self.books.lots), amount)

    def open_card(self, now: Now, wallet: Wallet, number: int, tenders: Sequence[Tender]) -> None:
        """Sell the n-th package of the menu as a card; every one of these holds one service."""
        name, yuan, days, contents = menu.PACKAGES[number - 1]
        service, sessions = contents[0]
        price, store = menu.fen(yuan), now.place.store
        card: dict[str, Any] = {
            "id": len(self.rows.cards) + 1,
            "public_id": f"{self.random.getrandbits(96):024x}",
            "customer_id": wallet.customer,
            "store_id": store,
            "package_id": number,
            "name": name,
            "sold_for": price,
            "opened_on": now.place.day,
            "expires_on": now.place.day + timedelta(days=days),
            "status": CardStatus.LIVE,
        }
        item: dict[str, Any] = {
            "id": len(self.rows.items) + 1,
            "card_id": card["id"],
            "service_id": next(n for n, row in enumerate(menu.SERVICES, 1) if row[0] == service),
            "sessions": sessions,
            "value": price,
        }
        self.rows.cards.append(card)
        self.rows.items.append(item)
        held = Held(card, item, sessions, price, len(self.rows.sales) + 1, None)
        line = Line(LineKind.CARD, name, price, price, held=held)
        _, earning = self._receipt(now, wallet, [line], [one for one in tenders if one[1]], None)
        held.points = self._earn(now, wallet, earning)
        hers = self.books.account(AccountKind.SESSIONS, wallet.customer, item["id"])
        issued = self.books.account(AccountKind.SESSIONS_ISSUED)
        self.books.move(hers, issued, sessions, now.place, line=len(self.rows.lines))
        wallet.cards.append(held)

    def redeem(self, now: Now, wallet: Wallet, held: Held) -> int:
        """One session of a card; what was paid for it."""
        worth = value.session_worth(held.worth, held.left)
        number = held.item["service_id"]
        name = menu.SERVICES[number - 1][0]
        line = Line(LineKind.SERVICE, name, worth, worth, service=number, held=held)
        self._receipt(now, wallet, [line], [(PaymentMethod.SESSION, worth)], None)
        held.left, held.worth = held.left - 1, held.worth - worth
        return worth

    # ------------------------------------------------------------------------------------ what comes after

    def pay_debts(self, now: Now, wallet: Wallet, method: PaymentMethod) -> None:
        """Settle what stands on account."""
        for sale, amount in wallet.owed:
            self._payment(now, wallet, sale, method, amount)
            self._payment(now, wallet, sale, PaymentMethod.ON_ACCOUNT, -amount)
            hers = self.books.account(AccountKind.RECEIVABLE, wallet.customer)
            self.books.move(hers, self.books.account(TENDER[method]), amount, now.place)
            wallet.paid += amount
        wallet.owed.clear()

    def mistake(self, now: Now, wallet: Wallet, line: Line, method: PaymentMethod, reason: str) -> None:
        """A receipt that is taken back at once, whole."""
        first = len(self.books.entries)
        sale = self.sell(now, wallet, [line], [(method, line.amount)])
        self.books.reverse(first, now.place)
        self._payment(now, wallet, sale, method, -line.amount)
        wallet.paid -= line.amount
        self.rows.reversals.append(
            {
                "id": len(self.rows.reversals) + 1,
                "sale_id": sale,
                "sale_line_id": len(self.rows.lines),
                "customer_id": wallet.customer,
                **_placed(now),
                "at": now.at,
                "amount": line.amount,
                "reason": reason,
            }
        )

    def extend(self, now: Now, held: Held, days: int, reason: str) -> None:
        """Let a card be good for longer."""
        after = held.card["expires_on"] + timedelta(days=days)
        self._change(now, held, CardChangeKind.EXTENDED, reason, expires_after=after)
        held.card["expires_on"] = after

    def refund(self, now: Now, wallet: Wallet, held: Held, method: PaymentMethod, reason: str) -> None:
        """Give back what was paid for the sessions not given, and take the points back in proportion."""
        books, item = self.books, held.item["id"]
        sessions = books.account(AccountKind.SESSIONS, wallet.customer, item)
        books.move(books.account(AccountKind.SESSIONS_ISSUED), sessions, held.left, now.place)
        hers = books.account(AccountKind.CARD, wallet.customer, item)
        books.move(books.account(TENDER[method]), hers, held.worth, now.place)
        self._payment(now, wallet, held.sale, method, -held.worth)
        if held.points is not None:
            lot, points = held.points
            back = points * held.worth // held.card["sold_for"]
            account = books.account(AccountKind.POINTS, wallet.customer)
            books.move(books.account(AccountKind.POINTS_ISSUED), account, back, now.place, taken_lot=lot)
        self._change(now, held, CardChangeKind.REFUNDED, reason, amount=held.worth)
        held.card["status"] = CardStatus.REFUNDED
        wallet.paid -= held.worth

    def _change(self, now: Now, held: Held, kind: CardChangeKind, reason: str, **values: Any) -> None:
        self.rows.changes.append(
            {
                "id": len(self.rows.changes) + 1,
                "card_id": held.card["id"],
                "customer_id": held.card["customer_id"],
                **_placed(now),
                "at": now.at,
                "kind": kind,
                "expires_before": held.card["expires_on"],
                "expires_after": values.get("expires_after"),
                "to_customer_id": None,
                "amount": values.get("amount"),
                "reason": reason,
            }
        )

    # ---------------------------------------------------------------------------------------- one receipt

    def _receipt(
        self, now: Now, wallet: Wallet, lines: Sequence[Line], tenders: Sequence[Tender], approval: int | None
    ) -> tuple[int, dict[int, int]]:
        """Write it and post it; its number among the sales, and by line the money that earns points."""
        rows, sale = self.rows, len(self.rows.sales) + 1
        number = self._numbers[now.place] = self._numbers.get(now.place, 0) + 1
        session = any(line.held is not None and line.kind is LineKind.SERVICE for line in lines)
        rows.sales.append(
            {
                "id": sale,
                "public_id": f"{self.random.getrandbits(96):024x}",
                **_placed(now),
                "number": number,
                "customer_id": wallet.customer,
                "visit_id": now.visit,
                "sold_at": now.at,
                "total": sum(line.amount for line in lines),
                "imported": False,
                "confirmed_by": Confirmation.SIGNATURE if session else None,
                "approval_id": approval,
                "rule_version_id": self.versions.get("till"),
            }
        )
        numbered = [(self._line(now, sale, place, line), line) for place, line in enumerate(lines, 1)]
        earning = self._settle(now, wallet, numbered, tenders)
        for method, amount in tenders:
            self._payment(now, wallet, sale, method, amount)
            if method is PaymentMethod.VOUCHER:
                self._voucher(now, wallet, sale, amount)
            if method is PaymentMethod.ON_ACCOUNT:
                wallet.owed.append((sale, amount))
            if method in TENDER and method is not PaymentMethod.VOUCHER:
                wallet.paid += amount
        return sale, earning

    def _line(self, now: Now, sale: int, position: int, line: Line) -> int:
        number, held = len(self.rows.lines) + 1, line.held
        self.rows.lines.append(
            {
                "id": number,
                "sale_id": sale,
                "position": position,
                "kind": line.kind,
                "service_id": line.service,
                "product_id": line.product,
                "card_id": held.card["id"] if held and line.kind is LineKind.CARD else None,
                "card_item_id": held.item["id"] if held and line.kind is LineKind.SERVICE else None,
                "item": line.item,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "discount": line.unit_price * line.quantity - line.amount,
                "discount_reason": line.reason,
                "amount": line.amount,
            }
        )
        if line.kind is not LineKind.DEPOSIT:
            self._share(now, number, line.kind)
        return number

    def _share(self, now: Now, line: int, kind: LineKind) -> None:
        """One of those on duty, now and then with another's help; as many draws however many they are that day."""
        chance, helped = self.random.random(), self.random.random() < 0.04
        manner = self.random.choice((ShareManner.IN_TURN, ShareManner.IN_TURN, ShareManner.NAMED))
        place = int(chance * len(now.therapists))
        helped = helped and kind is LineKind.SERVICE and len(now.therapists) > 1
        parts = fees.lead_and_assistant(self.book.commissions, helped)
        for step, (part, permille) in enumerate(parts):
            self.rows.shares.append(
                {
                    "id": len(self.rows.shares) + 1,
                    "sale_line_id": line,
                    "staff_id": now.therapists[(place + step) % len(now.therapists)],
                    "share_role": ShareRole.PERFORMER if kind is LineKind.SERVICE else ShareRole.SELLER,
                    "manner": manner if part is SharePart.LEAD else ShareManner.IN_TURN,
                    "part": part,
                    "permille": permille,
                }
            )

    def _payment(self, now: Now, wallet: Wallet, sale: int, method: PaymentMethod, amount: int) -> None:
        self.rows.payments.append(
            {
                "id": len(self.rows.payments) + 1,
                "sale_id": sale,
                "customer_id": wallet.customer,
                **_placed(now),
                "paid_at": now.at,
                "method": method,
                "amount": amount,
            }
        )

    def _voucher(self, now: Now, wallet: Wallet, sale: int, amount: int) -> None:
        self.rows.vouchers.append(
            {
                "id": len(self.rows.vouchers) + 1,
                "sale_id": sale,
                "customer_id": wallet.customer,
                **_placed(now),
                "platform": self.random.choice(PLATFORMS),
                "code": f"{self.random.randrange(10**11, 10**12)}",
                "amount": amount,
                "settle_price": pricing.share_of(amount, SETTLED),
            }
        )

    # -------------------------------------------------------------------------------------------- the books

    def _settle(
        self, now: Now, wallet: Wallet, lines: Sequence[tuple[int, Line]], tenders: Sequence[Tender]
    ) -> dict[int, int]:
        """Post which part of each payment goes for which line; by line the money that earns points."""
        order, earning = [*TAKES], {number: 0 for number, _ in lines}
        left = {number: line.amount for number, line in lines}
        services_first = sorted(lines, key=lambda pair: (pair[1].kind is not LineKind.SERVICE, pair[0]))
        for method, amount in sorted(tenders, key=lambda one: order.index(one[0]) if one[0] in order else len(order)):
            rest = amount
            for number, line in services_first:
                part = min(rest, left[number]) if line.kind in TAKES.get(method, tuple(LineKind)) else 0
                if part:
                    earning[number] += self._post(now, wallet, number, line, method, part)
                    left[number], rest = left[number] - part, rest - part
            if rest:
                raise AssertionError(f"{method} does not pay for {lines}")
        return earning

    def _post(self, now: Now, wallet: Wallet, number: int, line: Line, method: PaymentMethod, part: int) -> int:
        """One part of one payment for one line; how much of it earns points."""
        books = self.books
        if method is PaymentMethod.SESSION:
            self._post_session(now, wallet, number, line)
            return 0
        if method in TENDER:
            self._give(now, wallet, number, line, part, books.account(TENDER[method]), None)
            return 0 if method is PaymentMethod.VOUCHER else part
        if method is PaymentMethod.ON_ACCOUNT:
            hers = books.account(AccountKind.RECEIVABLE, wallet.customer)
            self._give(now, wallet, number, line, part, hers, None)
            return 0
        if method is PaymentMethod.DEPOSIT:
            assert wallet.deposit is not None
            lot, there = wallet.deposit
            wallet.deposit = (lot, there - part) if there > part else None
            self._give(now, wallet, number, line, part, books.account(AccountKind.DEPOSIT, wallet.customer), lot)
            return part
        return self._burn(now, wallet, number, line, part)

    def _post_session(self, now: Now, wallet: Wallet, number: int, line: Line) -> None:
        assert line.held is not None
        books, item = self.books, line.held.item["id"]
        sessions = books.account(AccountKind.SESSIONS, wallet.customer, item)
        books.move(books.account(AccountKind.SESSIONS_ISSUED), sessions, line.quantity, now.place, line=number)
        worth = books.account(AccountKind.CARD, wallet.customer, item)
        books.move(books.account(AccountKind.REVENUE), worth, line.amount, now.place, line=number)

    def _burn(self, now: Now, wallet: Wallet, number: int, line: Line, part: int) -> int:
        """Stored value, bonus in proportion; the principal of it earns points."""
        taken = value.burn(wallet.purses(now.place.day), part, bonus_too=line.kind is LineKind.SERVICE)
        assert taken is not None, "she has not so much"
        by_lot, earned = dict(taken), 0
        for pot in wallet.pots:
            principal = by_lot.get(pot.principal_lot, 0)
            bonus = by_lot.get(pot.bonus_lot, 0) if pot.bonus_lot is not None else 0
            if not principal and not bonus:
                continue
            hers = self.books.account(AccountKind.PRINCIPAL, wallet.customer)
            self._give(now, wallet, number, line, principal, hers, pot.principal_lot)
            if bonus:
                extra = self.books.account(AccountKind.BONUS, wallet.customer)
                self._give(now, wallet, number, line, bonus, extra, pot.bonus_lot)
            pot.principal, pot.bonus, earned = pot.principal - principal, pot.bonus - bonus, earned + principal
        return earned

    def _give(
        self, now: Now, wallet: Wallet, number: int, line: Line, amount: int, source: int, lot: int | None
    ) -> None:
        """What is paid goes to what the line is about: her stored value, her card, or the house's revenue."""
        books, into, filled = self.books, None, None
        if line.kind in {LineKind.RECHARGE, LineKind.DEPOSIT}:
            kind = AccountKind.PRINCIPAL if line.kind is LineKind.RECHARGE else AccountKind.DEPOSIT
            into = books.account(kind, wallet.customer)
            filled = books.lot(into, now.place)
        elif line.kind is LineKind.CARD and line.held is not None:
            into = books.account(AccountKind.CARD, wallet.customer, line.held.item["id"])
        else:
            into = books.account(AccountKind.REVENUE)
        books.move(into, source, amount, now.place, line=number, given_lot=filled, taken_lot=lot)

    def _earn(self, now: Now, wallet: Wallet, earning: dict[int, int]) -> tuple[int, int] | None:
        """Points by line, at the rate of her tier; the last lot and what it holds."""
        tier, found = self.book.tiers.tier(wallet.tier), None
        document, day = self.book.points, now.place.day
        terms = Terms(value.points_until(day, document), day + timedelta(days=document.pending))
        for line, paid in earning.items():
            points = value.points_for(paid, tier.points_rate if tier else 1000, document)
            if points:
                account = self.books.account(AccountKind.POINTS, wallet.customer)
                issued = self.books.account(AccountKind.POINTS_ISSUED)
                lot = self.books.lot(account, now.place, terms)
                rule = self.versions.get("points")
                self.books.move(account, issued, points, now.place, line=line, given_lot=lot, rule=rule)
                found = (lot, points)
        return found


def _placed(now: Now) -> dict[str, Any]:
    return {"store_id": now.place.store, "business_day": now.place.day}
