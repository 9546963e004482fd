"""Two years of visits: who comes when, what she has done, and how she pays for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from random import Random

from models.names import Name
from models.sales import LineKind, PaymentMethod, VisitSource
from rules.decisions import pricing
from seed import menu
from seed.books import Place
from seed.people import Person
from seed.rota import CLOSES, OPENS, Rota
from seed.till import Line, Now, Tender, Till
from seed.wallet import Wallet
from seed.when import When

METHODS = (
    PaymentMethod.WECHAT,
    PaymentMethod.WECHAT,
    PaymentMethod.ALIPAY,
    PaymentMethod.CASH,
    PaymentMethod.BANK_CARD,
)
STYLES: Mapping[str, tuple[tuple[str, float], ...]] = {
    "basic": (("card", 0.25), ("money", 1.0)),
    "silver": (("card", 0.35), ("stored", 0.8), ("money", 1.0)),
    "gold": (("card", 0.2), ("stored", 0.6), ("both", 0.95), ("money", 1.0)),
    "platinum": (("stored", 0.4), ("both", 1.0)),
    "diamond": (("stored", 0.4), ("both", 1.0)),
}
"""How the customers of a tier like to pay: the first whose number is above a draw from 0 to 1."""
RECHARGES = {"silver": 1_000, "gold": 2_000, "platinum": 3_000, "diamond": 5_000}
CARDS = (1, 2, 3, 4)
"""Packages of the menu that become cards."""
ENTERED_AT = {"silver": 300_000, "gold": 800_000, "platinum": 2_000_000, "diamond": 5_000_000}
"""Fen that she has paid before her tier's prices are hers."""
USES = 1.0
"""Of what she means to pay, what a customer who pays ahead uses."""
EARLIEST_RECHARGE = 700
"""Days ago: no bonus of the two years has ended by the demo's day."""
MISTAKES = ("扫错商品，重新收银", "客户改主意，当场退掉", "重复收银")
GIFTS = ("生日赠礼", "老带新答谢", "投诉补偿", "活动赠品")
PRICES = ("店庆优惠，店长批准", "补偿上次等候", "老客户续卡优惠")


@dataclass(frozen=True)
class Came:
    """One visit before it is written: who, when, how long ago, how much she means to spend (fen)."""

    at: datetime
    day: date
    ago: int
    minute: int
    person: Person
    budget: int
    first: bool


def comings(random: Random, when: When, everybody: list[Person]) -> list[Came]:
    """Every visit that has happened, in the order of time."""
    been = (came for person in everybody for came in _comings(random, when, person) if when.has_been(came.at))
    return sorted(been, key=lambda came: (came.at, came.person.id))


def _comings(random: Random, when: When, person: Person) -> list[Came]:
    last_year = sum(1 for ago in person.days_ago if ago < 365) or 1
    each = person.habit.yuan if person.story else person.habit.yuan / last_year
    found: list[Came] = []
    for place, ago in enumerate(person.days_ago):
        noise = 1.0 if person.story else random.uniform(0.6, 1.4)
        day, minute = when.day(ago), _minute(random)
        found.append(Came(when.at(day, minute), day, ago, minute, person, int(each * noise) * 100, place == 0))
    return found


def _minute(random: Random) -> int:
    """One in four comes as the doors open: the figures of a day are not empty for long."""
    last = OPENS + 20 if random.random() < 0.25 else CLOSES - 60
    return random.randint(OPENS, last)


class History:
    """Everything that has happened, day by day, so that numbers and ids run on."""

    def __init__(self, random: Random, till: Till, rota: Rota) -> None:
        self.random = random
        self.till = till
        self.rota = rota
        self.wallets: dict[int, Wallet] = {}

    def write(self, came: Came) -> None:
        """One visit: what she owes, what she pays ahead, what she has done, and what else befalls."""
        wallet = self.wallets.get(came.person.id) or self._wallet(came.person)
        wallet.plan += came.budget
        now = self._now(came)
        if came.person.told is not None:
            self._told(came, now, wallet)
            return
        if came.first and came.person.habit.trial:
            self._trial(now, wallet)
            return
        method = self.random.choice(METHODS)
        if wallet.owed:
            self.till.pay_debts(now, wallet, method)
        self._pay_ahead(came, now, wallet, method)
        self._serve(came, now, wallet, method)
        self._befall(came, now, wallet, method)
        entered = ENTERED_AT.get(came.person.habit.tier)
        if entered is not None and wallet.paid >= entered:
            wallet.tier = came.person.habit.tier

    def _wallet(self, person: Person) -> Wallet:
        chance = self.random.random()
        styles = STYLES.get(person.habit.tier, (("money", 1.0),))
        style = next(name for name, below in styles if chance < below)
        made = self.wallets[person.id] = Wallet(person.id, person.row["store_id"], style)
        return made

    def _now(self, came: Came) -> Now:
        store, visits = came.person.row["store_id"], self.till.rows.visits
        visits.append(
            {
                "id": len(visits) + 1,
                "customer_id": came.person.id,
                "store_id": store,
                "business_day": came.day,
                "arrived_at": came.at,
                "source": VisitSource.WALK_IN if came.minute % 3 else VisitSource.BOOKED,
            }
        )
        therapists = self.rota.therapists(store, came.day, came.minute)
        return Now(came.at, Place(store, came.day), len(visits), therapists)

    # ------------------------------------------------------------------------------------------- paying ahead

    def _pay_ahead(self, came: Came, now: Now, wallet: Wallet, method: PaymentMethod) -> None:
        """A recharge or a card, when she has paid no more than she means to."""
        style, tier = wallet.style, came.person.habit.tier
        if style == "money" or wallet.paid > wallet.plan or came.ago > EARLIEST_RECHARGE:
            return
        wants_card = style == "card" or (style == "both" and self.random.random() < 0.4)
        fitting = [n for n in CARDS if menu.PACKAGES[n - 1][1] <= max(came.person.habit.yuan * 0.4, 1_400)]
        if wants_card and wallet.card(now.place.day) is None and came.person.habit.yuan >= 900:
            number = self.random.choice(fitting)
            self.till.open_card(now, wallet, number, [(method, menu.fen(menu.PACKAGES[number - 1][1]))])
        elif style in {"stored", "both"}:
            self.till.recharge(now, wallet, RECHARGES[tier], method)

    # ------------------------------------------------------------------------------------------- being served

    def _serve(self, came: Came, now: Now, wallet: Wallet, method: PaymentMethod) -> None:
        ahead = wallet.style != "money"
        left = int(came.budget * USES) if ahead else max(came.budget, wallet.plan - wallet.paid)
        held = wallet.card(now.place.day)
        if held is not None:
            left -= self.till.redeem(now, wallet, held)
        lines = self._lines(wallet, left, served=held is not None)
        if lines:
            tenders = self._tenders(now, wallet, lines, method)
            self.till.sell(now, wallet, lines, tenders)

    def _lines(self, wallet: Wallet, budget: int, *, served: bool) -> list[Line]:
        """Services first, then goods, until about the budget is spent."""
        lines = [] if served else [self._service(wallet, budget)]
        while (left := budget - sum(line.amount for line in lines)) > 12_000 and len(lines) < 5:
            goods = self.random.random() < 0.16 * (len(lines) + served)
            lines.append(self._product(wallet, left) if goods else self._service(wallet, left))
        return lines

    def _service(self, wallet: Wallet, budget: int) -> Line:
        """A service she can afford, or the cheapest."""
        fitting = [n for n in menu.EVERYDAY if menu.fen(menu.SERVICES[n - 1][2]) <= max(budget, 16_800)]
        few = self.random.sample(fitting, k=min(4, len(fitting)))
        return self._line(wallet, max(few, key=lambda n: menu.SERVICES[n - 1][2]))

    def _product(self, wallet: Wallet, budget: int) -> Line:
        fitting = [n for n in menu.FOR_SALE if menu.fen(menu.PRODUCTS[n - 1][3]) <= max(budget, 16_800)]
        few = self.random.sample(fitting, k=min(2, len(fitting)))
        return self._line(wallet, max(few, key=lambda n: menu.PRODUCTS[n - 1][3]), LineKind.PRODUCT)

    def _line(self, wallet: Wallet, number: int, kind: LineKind = LineKind.SERVICE, quantity: int = 1) -> Line:
        """A line at the price of her tier, with the tier as its reason."""
        service = kind is LineKind.SERVICE
        name, yuan = (menu.SERVICES[number - 1][0::2] if service else menu.PRODUCTS[number - 1][0::3])[:2]
        tier = self.till.book.tiers.tier(wallet.tier)
        shares = pricing.Shares(tier.services, tier.products, self.till.book.till.floor) if tier else pricing.Shares()
        special = service and number == menu.TRIAL
        priced = pricing.price(pricing.Wanted(kind, menu.fen(yuan), quantity, special=special), shares)
        reason = tier.name if tier and priced.discount else None
        of, product = (number, None) if service else (None, number)
        return Line(kind, name, priced.unit_price, priced.amount, quantity, of, product, reason)

    def _tenders(self, now: Now, wallet: Wallet, lines: list[Line], method: PaymentMethod) -> list[Tender]:
        """A deposit first, then stored value as far as it goes, the rest in money or, seldom, on account."""
        total = sum(line.amount for line in lines)
        services = sum(line.amount for line in lines if line.kind is LineKind.SERVICE)
        deposit = min(wallet.deposit[1], total) if wallet.deposit else 0
        stored = min(wallet.stored(now.place.day), max(services - deposit, 0))
        if deposit == 0 and wallet.stored(now.place.day, bonus_too=False) - stored >= total - services > 0:
            stored += total - services
        rest = total - deposit - stored
        later = rest > 0 and self.random.random() < 0.004
        last = PaymentMethod.ON_ACCOUNT if later else method
        return [(PaymentMethod.DEPOSIT, deposit), (PaymentMethod.STORED_VALUE, stored), (last, rest)]

    def _trial(self, now: Now, wallet: Wallet) -> None:
        line = self._line(wallet, menu.TRIAL)
        self.till.sell(now, wallet, [line], [(PaymentMethod.VOUCHER, line.amount)])

    # ------------------------------------------------------------------------------------------------ stories

    def _told(self, came: Came, now: Now, wallet: Wallet) -> None:
        """As her story says: cards and recharges on their days, sessions and stored value on the others."""
        story, method = came.person.told, self.random.choice(METHODS)
        assert story is not None
        if came.first and came.person.habit.trial:
            self._trial(now, wallet)
        elif came.ago in story.opens:
            number = story.opens[came.ago]
            self.till.open_card(now, wallet, number, [(method, menu.fen(menu.PACKAGES[number - 1][1]))])
        elif came.ago in story.recharges:
            self.till.recharge(now, wallet, story.recharges[came.ago], method)
            self._pay_as_told(now, wallet, self._line(wallet, self._dearest(came.budget)), method)
        elif (held := wallet.card(now.place.day)) is not None:
            self.till.redeem(now, wallet, held)
        elif wallet.stored(now.place.day):
            self._pay_as_told(now, wallet, self._line(wallet, self._dearest(came.budget)), method)
        else:
            paid = PaymentMethod.ON_ACCOUNT if came.ago in story.owes else method
            lines = self._told_lines(wallet, came.budget)
            self.till.sell(now, wallet, lines, [(paid, sum(line.amount for line in lines))])

    def _pay_as_told(self, now: Now, wallet: Wallet, line: Line, method: PaymentMethod) -> None:
        stored = min(wallet.stored(now.place.day), line.amount)
        self.till.sell(now, wallet, [line], [(PaymentMethod.STORED_VALUE, stored), (method, line.amount - stored)])

    def _dearest(self, budget: int) -> int:
        fitting = [n for n in menu.EVERYDAY if menu.fen(menu.SERVICES[n - 1][2]) <= max(budget, 16_800)]
        return max(fitting, key=lambda n: menu.SERVICES[n - 1][2])

    def _told_lines(self, wallet: Wallet, budget: int) -> list[Line]:
        """The dearest service, another, then goods until the budget is spent: a story ends as it was meant."""
        lines = [self._line(wallet, self._dearest(budget))]
        while (left := budget - sum(line.amount for line in lines)) > 12_000 and len(lines) < 12:
            if len(lines) < 2:
                lines.append(self._line(wallet, self._dearest(left)))
            else:
                number = max(
                    (n for n in menu.FOR_SALE if menu.fen(menu.PRODUCTS[n - 1][3]) <= max(left, 16_800)),
                    key=lambda n: menu.PRODUCTS[n - 1][3],
                )
                quantity = max(1, min(3, left // menu.fen(menu.PRODUCTS[number - 1][3])))
                lines.append(self._line(wallet, number, LineKind.PRODUCT, quantity))
        return lines

    # ------------------------------------------------------------------------------------------- what befalls

    def _befall(self, came: Came, now: Now, wallet: Wallet, method: PaymentMethod) -> None:
        """Now and then: a mistake at the till, a deposit, a gift, a price of her own, a card extended or refunded."""
        chance, past = self.random.random(), came.ago >= 1
        if chance < 0.003 and past:
            self.till.mistake(now, wallet, self._product(wallet, 40_000), method, self.random.choice(MISTAKES))
        elif chance < 0.006 and wallet.deposit is None:
            self.till.take_deposit(now, wallet, self.random.choice((20_000, 30_000, 50_000)), method)
        elif chance < 0.011:
            self._gift(came, now, wallet)
        elif chance < 0.017 and wallet.store == 1:
            self._own_price(now, wallet, method)
        elif chance < 0.025:
            self._card_moves(came, now, wallet, method, chance)

    def _gift(self, came: Came, now: Now, wallet: Wallet) -> None:
        number = self.random.choice((1, 3, 5))
        name, price = menu.PRODUCTS[number - 1][0], menu.fen(menu.PRODUCTS[number - 1][3])
        reason, desk = self.random.choice(GIFTS), self.rota.manager_of(wallet.store)
        self.till.rows.gifts.append(
            {
                "id": len(self.till.rows.gifts) + 1,
                "customer_id": wallet.customer,
                "store_id": wallet.store,
                "business_day": came.day,
                "at": came.at,
                "service_id": None,
                "product_id": number,
                "item": name,
                "quantity": 1,
                "value": price,
                "given_by": desk,
                "approval_id": None,
                "reason": reason,
            }
        )

    def _own_price(self, now: Now, wallet: Wallet, method: PaymentMethod) -> None:
        """Goods for a fifth less than usual, which the manager allowed on the spot."""
        line, approvals = self._product(wallet, 30_000), self.till.rows.approvals
        each = pricing.share_of(line.amount, 800)
        reason = self.random.choice(PRICES)
        approvals.append(
            {
                "id": len(approvals) + 1,
                "store_id": wallet.store,
                "business_day": now.place.day,
                "at": now.at,
                "operation": Name.SELL.value,
                "asked_by": RECEPTION,
                "allowed_by": MANAGER,
                "content": f"{self.random.getrandbits(256):064x}",
                "reason": reason,
            }
        )
        cheaper = Line(line.kind, line.item, line.unit_price, each, product=line.product, reason=reason)
        self.till.sell(now, wallet, [cheaper], [(method, each)], approvals[-1]["id"])

    def _card_moves(self, came: Came, now: Now, wallet: Wallet, method: PaymentMethod, chance: float) -> None:
        held = wallet.card(now.place.day)
        if held is None:
            return
        if chance < 0.023:
            self.till.extend(now, held, 60, "客户出差，顺延两个月")
        elif came.ago >= 1 and not wallet.owed:
            self.till.refund(now, wallet, held, method, "客户搬家，退剩余次数")


MANAGER, RECEPTION = 2, 3
"""Their numbers among the users."""


def history(random: Random, when: When, everybody: list[Person], rota: Rota, till: Till) -> dict[int, Wallet]:
    """Write everything that has happened; what each customer is left with."""
    told = History(random, till, rota)
    for came in comings(random, when, everybody):
        told.write(came)
    return told.wallets
