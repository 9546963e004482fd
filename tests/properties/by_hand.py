"""The facts of one customer, counted in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from models.catalogue import Grade
from models.customers import DangerKind
from models.sales import LineKind, PaymentMethod, VisitSource
from models.value import AccountKind
from rules.language.facts import Fact
from tests.properties.belongings import Counted
from tests.properties.salon import Salon, Sold
from tests.rules.almanac import kept_on, lunar_of

IS_ON: dict[str, Callable[[date], bool]] = {
    "spring_festival": lambda day: lunar_of(day)[1:] == (1, 1),
    "mothers_day": lambda day: (day.month, day.isoweekday()) == (5, 7) and 8 <= day.day <= 14,
    "valentine": lambda day: (day.month, day.day) == (2, 14),
}
MONEY_IN = {"cash", "wechat", "alipay", "bank_card", "unknown"}


class ByHand:
    """One customer's facts, counted one by one."""

    def __init__(self, salon: Salon, who: int) -> None:
        self.salon, self.who, self.person = salon, who, salon.people[who]
        self.first_bought = [sale for sale in salon.sales if self.hers(sale.who) and sale.ago >= 0]
        self.bought = [one for one in self.first_bought if one.back is None or one.back < 0 or not one.lines]
        came = [*salon.visits, *((one.who, one.ago) for one in salon.sales if self.brought_along(one))]
        self.came = sorted(ago for visitor, ago in came if self.hers(visitor) and ago >= 0)
        self.has = Counted(salon.belongings, self.hers)
        self.gave = [one for sale in salon.sales for one in sale.payments if self.hers(one.who) and one.ago >= 0]

    def hers(self, who: int | None) -> bool:
        return self.salon.owner(who) == self.who

    def brought_along(self, sale: Sold) -> bool:
        """Whether a sale has a visit that counts: a walk-in does while the sale stands."""
        falls = sale.came is VisitSource.WALK_IN and sale.lines and sale.back is not None and sale.back >= 0
        return sale.came is not None and not falls

    def value(self, fact: Fact) -> Any:
        if fact.festival:
            return self.days_to(fact.festival)
        if fact.slug:
            return self.reading(fact.slug)
        if "{n}" not in fact.family.pattern and not fact.name.endswith("_total"):
            return getattr(self, fact.name)()
        kind = fact.family.pattern.replace("_{n}d", "").replace("_total", "")
        return getattr(self, kind)(fact.days or 10_000)

    def paid(self, days: int) -> int:
        return sum(one.amount for one in self.gave if one.method.value in MONEY_IN and one.ago < days)

    def used(self, days: int) -> int:
        inside = [sale for sale in self.bought if sale.ago < days]
        return sum(amount for sale in inside for kind, _, amount in sale.lines if kind is LineKind.SERVICE)

    def services(self, days: int) -> int:
        inside = [sale for sale in self.bought if sale.ago < days]
        return sum(kind is LineKind.SERVICE for sale in inside for kind, _, _ in sale.lines)

    def products(self, days: int) -> int:
        inside = [sale for sale in self.bought if sale.ago < days]
        return sum(amount for sale in inside for kind, _, amount in sale.lines if kind is LineKind.PRODUCT)

    def referred(self) -> int:
        return int(self.person.referrer is not None)

    def month(self) -> int:
        return self.salon.as_of.month

    def days_to(self, festival: str) -> int:
        """Walked until it is there."""
        ahead = 0
        while not IS_ON[festival](self.salon.as_of + timedelta(ahead)):
            ahead += 1
        return ahead

    def weekday(self) -> int:
        return ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].index(f"{self.salon.as_of:%a}") + 1

    def days_since_recharge(self) -> int | None:
        recharges = [one for one in self.bought if any(kind is LineKind.RECHARGE for kind, _, _ in one.lines)]
        return min((one.ago for one in recharges), default=None)

    def deposit(self) -> int:
        return self.has.standing(AccountKind.DEPOSIT)

    def sales(self, days: int) -> int:
        return sum(sale.ago < days for sale in self.bought)

    def largest_sale(self, days: int) -> int:
        return max([0, *(sale.total for sale in self.bought if sale.ago < days)])

    def days_since_sale(self) -> int | None:
        return min((sale.ago for sale in self.bought), default=None)

    def started_with_trial(self) -> int:
        first = max((sale.ago for sale in self.first_bought), default=None)
        began = [sale for sale in self.first_bought if sale.ago == first]
        trial = any(
            grade is Grade.TRIAL and kind is LineKind.SERVICE for sale in began for kind, grade, _ in sale.lines
        )
        payments = [one for sale in began for one in sale.payments if one.ago >= 0]
        return int(trial or any(one.method is PaymentMethod.VOUCHER for one in payments))

    def largest_recharge(self, days: int) -> int:
        inside = [sale for sale in self.bought if sale.ago < days]
        return max([0, *(amount for one in inside for kind, _, amount in one.lines if kind is LineKind.RECHARGE)])

    def stored_value(self) -> int:
        return self.has.standing(AccountKind.PRINCIPAL, AccountKind.BONUS)

    def card_value(self) -> int:
        return self.has.worth()

    def prepaid(self) -> int:
        return self.stored_value() + self.card_value() + self.has.standing(AccountKind.DEPOSIT)

    def points(self) -> int:
        return self.has.standing(AccountKind.POINTS)

    def owed(self) -> int:
        return self.has.standing(AccountKind.RECEIVABLE)

    def owed_days(self) -> int | None:
        since: list[int] = []
        for sale in self.salon.sales:
            open_ones = [
                one
                for one in sale.payments
                if one.method is PaymentMethod.ON_ACCOUNT and self.hers(one.who) and one.ago >= 0
            ]
            if sum(one.amount for one in open_ones) > 0:
                since.append(max(one.ago for one in open_ones))
        return max(since, default=None)

    def cards_live(self) -> int:
        return len(self.has.live())

    def fewest_sessions_left(self) -> int | None:
        return min((left for left, _ in self.has.live()), default=None)

    def card_ends_in_days(self) -> int | None:
        return min((ends for _, ends in self.has.live() if ends is not None), default=None)

    def booked(self) -> int:
        return self.has.booked()

    def no_shows(self, days: int) -> int:
        return self.has.no_shows(days)

    def visits(self, days: int) -> int:
        return sum(ago < days for ago in self.came)

    def days_since_visit(self) -> int | None:
        return self.came[0] if self.came else None

    def days_since_first_visit(self) -> int | None:
        return self.came[-1] if self.came else None

    def away_percent(self) -> int | None:
        if not self.came or self.came[0] == self.came[-1]:
            return None
        return self.came[0] * 100 * (len(self.came) - 1) // (self.came[-1] - self.came[0])

    def tier(self) -> str | None:
        held = [one.tier for one in self.salon.holdings if one.who == self.who and not one.ended]
        return held[0] if held else None

    def stage(self) -> str:
        return self.person.stage.value

    def skin_type(self) -> str | None:
        return None if self.person.skin is None else self.person.skin.value

    def source_channel(self) -> str | None:
        return None if self.person.source is None else self.person.source.value

    def days_since_registered(self) -> int:
        return self.person.registered

    def age(self) -> int | None:
        if self.person.year is None:
            return None
        today = self.salon.as_of
        months = (self.person.born or (0, 0)) > (today.month, today.day)
        return today.year - self.person.year - months

    def birthday_in_days(self) -> int | None:
        if self.person.born is None:
            return None
        birthday = (self.person.calendar.value, *self.person.born)
        return next(days for days in range(401) if birthday in kept_on(self.salon.day(-days)))

    def has_allergy(self) -> int:
        live = [
            one
            for one in self.salon.dangers
            if self.hers(one.who)
            and one.kind is DangerKind.ALLERGY
            and not one.archived
            and (one.since is None or one.since >= 0)
            and (one.until is None or one.until <= 0)
        ]
        return int(bool(live))

    def reading(self, slug: str) -> int | None:
        sittings = [one for one in self.salon.sittings if self.hers(one.who) and one.ago >= 0 and slug in one.readings]
        latest = [one for one in sittings if one.ago == min(other.ago for other in sittings)]
        return latest[-1].readings[slug] if latest else None

    def paying_referrals(self, days: int) -> int:
        friends = [n for n, person in enumerate(self.salon.people) if self.hers(person.referrer)]
        return sum(0 <= first < days for first in map(self.first_payment, friends))

    def first_payment(self, friend: int) -> int:
        standing = [sale for sale in self.salon.sales if sale.back is None or sale.back < 0 or not sale.lines]
        payments = [one for sale in standing for one in sale.payments if one.who == friend and one.ago >= 0]
        return max((one.ago for one in payments if one.method.value in MONEY_IN and one.amount > 0), default=-1)
