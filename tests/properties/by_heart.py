"""What each customer should have, worked out in plain Python beside the ledger: lots, debts, sessions, points (fen)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

from rules.decisions.tiers import months_later

BONUS = {100_000: 5_000, 200_000: 16_000, 300_000: 30_000, 500_000: 60_000}
"""``rules/recharge.yaml``: what is given on top of so much."""

FAR = date.max
IN_LOTS = ("principal", "bonus", "points", "deposit")
WORTH = {"facial": 29_800, "massage": 10_000, "cream": 10_000}
SERVICES = {"facial", "massage"}
CARD = {"facial": (3, 65_375), "massage": (2, 14_625)}
"""Of a card for 800 yuan: the sessions of each service, and the share of the price that stands for them."""

CARD_PRICE = 80_000
MONEY = {"cash", "wechat"}
IN_TURN = ("stored_value", "deposit", "on_account")
"""The ways of paying that go first, in this order."""


class No(Exception):
    """It should be refused."""


@dataclass(eq=False)
class Lot:
    owner: int
    kind: str
    left: int = 0
    ends: date | None = None
    beside: Lot | None = None

    def usable(self, day: date) -> bool:
        return self.left > 0 and (self.ends is None or self.ends >= day)


Slot = Lot | tuple[object, ...]
"""Where an amount stands: a lot; or whose, what, and of which card's service."""


@dataclass(eq=False)
class Card:
    place: int
    owner: int
    until: date
    store: int
    name: int = 0  # its number in the house
    live: bool = True
    items: dict[str, int] = field(default_factory=dict)
    earned: int = 0
    sale: Sale | None = None

    @property
    def owed(self) -> int:
        """What is still owed of its price."""
        return self.sale.owed if self.sale is not None else 0


@dataclass(eq=False)
class Line:
    """A line of a receipt, with all that it moved; ``paid`` by way of paying."""

    moved: list[tuple[Slot, int]] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)
    card: Card | None = None
    opens: bool = False
    gone: bool = False


@dataclass(eq=False)
class Sale:
    customer: int
    store: int
    lines: list[Line]
    name: int = 0
    owed: int = 0


class Books:
    """All that is known by heart."""

    def __init__(self) -> None:
        self.lots: list[Lot] = []
        self.sums: Counter[tuple[object, ...]] = Counter()
        self.cash: Counter[tuple[int, date]] = Counter()
        self.sales: list[Sale] = []
        self.cards: list[Card] = []
        self.into: dict[int, int] = {}
        self.closed: set[tuple[int, date]] = set()

    # ------------------------------------------------------------------------------------------- what stands

    def standing(self) -> dict[tuple[object, ...], int]:
        found = Counter({key: amount for key, amount in self.sums.items() if amount})
        for lot in self.lots:
            found[(lot.owner, lot.kind, None)] += lot.left
        return {key: amount for key, amount in found.items() if amount}

    def lots_left(self) -> Counter[tuple[object, ...]]:
        return Counter((lot.owner, lot.kind, lot.ends, lot.left) for lot in self.lots if lot.left)

    def owes(self, who: int) -> int:
        return -self.sums[who, "receivable", None]

    def _of(self, who: int, kind: str, day: date | None = None) -> list[Lot]:
        return [
            lot
            for lot in self.lots
            if lot.owner == who and lot.kind == kind and (lot.left > 0 if day is None else lot.usable(day))
        ]

    # ---------------------------------------------------------------------------------------------- movements

    def open_day(self, store: int, day: date) -> None:
        if (store, day) in self.closed:
            raise No("closed")

    def move(self, slot: Slot, amount: int, line: Line | None = None) -> None:
        if amount == 0:
            return
        if isinstance(slot, Lot):
            slot.left += amount
        else:
            self.sums[slot] += amount
        if line is not None:
            line.moved.append((slot, amount))

    def grant(self, who: int, kind: str, ends: date | None = None, beside: Lot | None = None) -> Lot:
        self.lots.append(Lot(who, kind, 0, ends, beside))
        return self.lots[-1]

    def burn(self, who: int, amount: int, day: date, *, bonus_too: bool) -> list[tuple[Lot, int]]:
        """Stored value: what ends soonest first, bonus in proportion with what it came with."""
        bonus = self._of(who, "bonus", day)
        purses = []
        for paid in self._of(who, "principal", day):
            beside = next((one for one in bonus if one.beside is paid), None)
            purses.append((paid, beside))
        taken = {id(beside) for _, beside in purses}
        purses += [(None, one) for one in bonus if id(one) not in taken]  # type: ignore[list-item]
        found: list[tuple[Lot, int]] = []
        for paid, beside in sorted(purses, key=lambda one: self._order(*one)):
            own, extra = (paid.left if paid else 0), (beside.left if beside and bonus_too else 0)
            now = min(amount, own + extra)
            part = now * extra // (own + extra) if now else 0
            found += [(lot, much) for lot, much in ((paid, now - part), (beside, part)) if lot and much]
            amount -= now
        if amount:
            raise No("not enough")
        return found

    def _order(self, paid: Lot | None, beside: Lot | None) -> tuple[date, int]:
        return (beside.ends if beside and beside.ends else FAR), (self.lots.index(paid) + 1 if paid else 0)

    def _soonest(self, lots: list[Lot], amount: int) -> list[tuple[Lot, int]]:
        found = []
        for lot in sorted(lots, key=lambda one: one.ends or FAR):
            now = min(lot.left, amount)
            found.append((lot, now))
            amount -= now
        if amount:
            raise No("not enough")
        return found

    # ----------------------------------------------------------------------------------------------- receipts

    def pay_for(self, sale: Sale, things: list[tuple[str, int]], paid: dict[str, int], day: date) -> None:
        """Post what pays for which line: the narrowest way first, services first. What lines fill, they know."""
        left = [amount for _, amount in things]
        order = sorted(range(len(things)), key=lambda n: things[n][0] not in SERVICES)
        for way in [*IN_TURN, *sorted(MONEY)]:
            amount = paid.get(way, 0)
            for place in order:
                now = min(amount, left[place])
                self._settle(sale, sale.lines[place], things[place][0], way, now, day)
                left[place] -= now
                amount -= now

    def _settle(self, sale: Sale, line: Line, thing: str, way: str, amount: int, day: date) -> None:
        if amount == 0:
            return
        line.paid[way] += amount
        if way == "cash":
            self.cash[sale.store, day] += amount
        if way == "on_account":
            sale.owed += amount
            self.move((sale.customer, "receivable", None), -amount, line)
        elif way == "stored_value":
            for lot, part in self.burn(sale.customer, amount, day, bonus_too=thing in SERVICES):
                self.move(lot, -part, line)
        elif way == "deposit":
            for lot, part in self._soonest(self._of(sale.customer, "deposit", day), amount):
                self.move(lot, -part, line)
        if line.card is not None and line.opens:
            self._fill(line, line.card, amount)

    def _fill(self, line: Line, card: Card, amount: int) -> None:
        for service, (_, worth) in CARD.items():
            room = worth - sum(much for slot, much in line.moved if slot == (card.owner, "card", (card.place, service)))
            now = min(room, amount)
            self.move((card.owner, "card", (card.place, service)), now, line)
            amount -= now

    def earn(self, sale: Sale, line: Line, day: date) -> int:
        """A point for each yuan of money, paid-in stored value or deposit."""
        value = -sum(m for slot, m in line.moved if isinstance(slot, Lot) and slot.kind in {"principal", "deposit"})
        points = (value + sum(line.paid[way] for way in MONEY)) // 100
        if points == 0:
            return 0
        lot = self.grant(sale.customer, "points", date(day.year + 1, 12, 31))
        self.move(lot, points, line)
        back = min(-self.sums[sale.customer, "points_owed", None], points)
        self.move((sale.customer, "points_owed", None), back)
        self.move(lot, -back)
        return points

    def sell(self, who: int, store: int, things: list[tuple[str, int]], paid: dict[str, int], day: date) -> Sale:
        self.open_day(store, day)
        sale = Sale(who, store, [Line() for _ in things])
        self.pay_for(sale, things, paid, day)
        for line in sale.lines:
            self.earn(sale, line, day)
        return self._sold(sale)

    def _sold(self, sale: Sale) -> Sale:
        self.sales.append(sale)
        return sale

    def recharge(self, who: int, store: int, amount: int, way: str, day: date) -> Sale:
        self.open_day(store, day)
        line = Line(paid=Counter({way: amount}))
        self.cash[store, day] += amount if way == "cash" else 0
        lot = self.grant(who, "principal")
        self.move(lot, amount, line)
        bonus = max((extra for step, extra in BONUS.items() if step <= amount), default=0)
        if bonus:
            self.move(self.grant(who, "bonus", months_later(day, 24), lot), bonus, line)
        return self._sold(Sale(who, store, [line]))

    def deposit(self, who: int, store: int, amount: int, way: str, day: date) -> Sale:
        self.open_day(store, day)
        line = Line(paid=Counter({way: amount}))
        self.cash[store, day] += amount if way == "cash" else 0
        self.move(self.grant(who, "deposit"), amount, line)
        return self._sold(Sale(who, store, [line]))

    # -------------------------------------------------------------------------------------------------- cards

    def open_card(self, who: int, store: int, paid: dict[str, int], day: date) -> Sale:
        self.open_day(store, day)
        card = Card(len(self.cards), who, day + timedelta(days=365), store)
        line = Line(card=card, opens=True)
        sale = Sale(who, store, [line])
        self.pay_for(sale, [("card", CARD_PRICE)], paid, day)
        card.earned, card.sale = self.earn(sale, line, day), sale
        for service, (sessions, _) in CARD.items():
            self.move((who, "sessions", (card.place, service)), sessions, line)
        self.cards.append(card)
        return self._sold(sale)

    def redeem(self, who: int, store: int, card: Card, service: str, count: int, day: date) -> Sale:
        self.open_day(store, day)
        sessions, worth = (who, "sessions", (card.place, service)), (who, "card", (card.place, service))
        if card.owner != who or not card.live or card.until < day or self.sums[sessions] < count:
            raise No("not usable")
        parts: Counter[int] = Counter()
        left, rest = self.sums[sessions], self.sums[worth]
        for still in range(left, left - count, -1):
            parts[rest // still] += 1
            rest -= rest // still
        sale = Sale(who, store, [])
        for each, many in parts.items():
            line = Line(card=card)
            self.move(sessions, -many, line)
            self.move(worth, -each * many, line)
            sale.lines.append(line)
        return self._sold(sale)

    def refund(self, store: int, card: Card, way: str, day: date) -> int:
        self.open_day(store, day)
        if not card.live or card.owed:
            raise No("not live, or owes")
        back = 0
        for service in CARD:
            own = (card.place, service)
            back += self.sums[card.owner, "card", own]
            for kind in ("card", "sessions"):
                self.move((card.owner, kind, own), -self.sums[card.owner, kind, own])
        self.cash[store, day] -= back if way == "cash" else 0
        assert card.sale is not None
        buyer = self.into.get(card.sale.customer, card.sale.customer)
        self._reclaim(buyer, card.earned * back // CARD_PRICE)
        card.live = False
        return back

    def _reclaim(self, who: int, points: int) -> None:
        lots = self._of(who, "points")
        there = min(points, sum(lot.left for lot in lots))
        for lot, part in self._soonest(lots, there):
            self.move(lot, -part)
        self.move((who, "points_owed", None), there - points)

    def transfer(self, card: Card, to: int, day: date) -> None:
        self.open_day(card.store, day)
        if not card.live or card.owner == to or card.owed:
            raise No("not live, owed, or hers already")
        self._hand_over(card, to)

    def _hand_over(self, card: Card, to: int) -> None:
        for service in CARD:
            for kind in ("card", "sessions"):
                amount = self.sums[card.owner, kind, (card.place, service)]
                self.move((card.owner, kind, (card.place, service)), -amount)
                self.move((to, kind, (card.place, service)), amount)
        card.owner = to

    # -------------------------------------------------------------------------------- debts, merging, taking back

    def pay_debt(self, who: int, store: int, amount: int, way: str, day: date) -> None:
        self.open_day(store, day)
        hers = {who, *(lost for lost, kept in self.into.items() if kept == who)}
        if amount > self.owes(who):
            raise No("too much")
        self.move((who, "receivable", None), amount)
        self.cash[store, day] += amount if way == "cash" else 0
        for sale in self.sales:
            now = min(amount, sale.owed) if sale.customer in hers else 0
            sale.owed -= now
            amount -= now

    def merge(self, lost: int, kept: int, home: int, day: date) -> None:
        self.open_day(home, day)
        for card in self.cards:
            if card.owner == lost:
                self._hand_over(card, kept)
        self._move_all(lost, kept)
        self.into = {one: kept if to == lost else to for one, to in self.into.items()} | {lost: kept}

    def _move_all(self, giver: int, taker: int) -> None:
        for key, amount in list(self.sums.items()):
            if key[0] == giver:
                self.move(key, -amount)
                self.move((taker, *key[1:]), amount)
        made: dict[int, Lot] = {}
        for kind in ("principal", "bonus", "points", "deposit"):
            for lot in self._of(giver, kind):
                fresh = self.grant(taker, kind, lot.ends, made.get(id(lot.beside)))
                made[id(lot)] = fresh
                fresh.left, lot.left = lot.left, 0

    def reverse(self, sale: Sale, lines: list[Line], day: date) -> None:
        self.open_day(sale.store, day)
        chosen = lines or [line for line in sale.lines if not line.gone]
        if not chosen or any(line.gone for line in chosen):
            raise No("again")
        kept = self.into.get(sale.customer)
        owed = sum(line.paid["on_account"] for line in chosen)
        if owed > sale.owed:
            raise No("settled")
        for line in chosen:
            if line.card is not None and (not line.card.live or line.card.owner != sale.customer):
                raise No("moved on")
            if kept is not None:
                self.move((kept, "receivable", None), line.paid["on_account"])
                self.move((sale.customer, "receivable", None), -line.paid["on_account"])
            for slot, amount in reversed(line.moved):
                self._take_back(slot, amount)
            if line.card is not None and line.opens:
                line.card.live = False
            line.gone = True
            self.cash[sale.store, day] -= line.paid["cash"]
        sale.owed -= owed
        if kept is not None:
            self._move_all(sale.customer, kept)

    def _take_back(self, slot: Slot, amount: int) -> None:
        there = slot.left if isinstance(slot, Lot) else self.sums[slot]
        if amount > max(there, 0) and (isinstance(slot, Lot) or slot[1] in {"card", "sessions"}):
            if not isinstance(slot, Lot) or slot.kind != "points":
                raise No("used")
            self.move((slot.owner, "points_owed", None), there - amount)
            self.move(slot, amount - there)
        self.move(slot, -amount)
