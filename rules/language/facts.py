"""The catalogue of facts: what a rule may ask about a customer.

A family with ``{n}`` stands for any number of days: ``paid_365d``, ``visits_90d``. As of day D a window of N days holds
D−N < day ≤ D, ``days_since`` is D − day, and nothing after D is seen. Where a fact is empty («never»), a comparison
with it is not fulfilled, unless the condition says ``never: yes``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from models.customers import SkinType, SourceChannel, Stage
from models.field import Choice

MOST_DAYS = 3660


class FactType(StrEnum):
    """What a fact's values are, which decides the operators that fit."""

    MONEY = "money"  # written in yuan, kept in fen
    NUMBER = "number"
    DAYS = "days"
    PERCENT = "percent"
    FLAG = "flag"
    CHOICE = "choice"
    TIER = "tier"
    TAG = "tag"


class Source(StrEnum):
    """Where a fact comes from: one aggregate per customer each, joined only when a rule needs it."""

    CUSTOMER = "customer"
    PAYMENTS = "payments"
    SALES = "sales"
    TRIAL = "trial"
    SERVICES = "services"
    VISITS = "visits"
    MEMBERSHIP = "membership"
    DANGERS = "dangers"
    READINGS = "readings"
    REFERRALS = "referrals"
    BIRTHDAY = "birthday"
    TAGS = "tags"
    BALANCES = "balances"
    DEBTS = "debts"
    CARDS = "cards"
    RECHARGES = "recharges"
    BOOKINGS = "bookings"


Choices = type[Choice]


@dataclass(frozen=True)
class Family:
    """A fact, or a family of facts with a window (``{n}``) or a name (``{slug}``) in it."""

    pattern: str
    label: LazyString
    type: FactType
    source: Source
    empty: LazyString | None = None  # what it means that there is no value; None: there always is one
    choices: Choices | None = None


NEVER_VISITED = _l("has never been here")
FAMILIES: tuple[Family, ...] = (
    Family("paid_{n}d", _l("paid in %(n)s days"), FactType.MONEY, Source.PAYMENTS),
    Family("paid_total", _l("paid in all"), FactType.MONEY, Source.PAYMENTS),
    Family("used_{n}d", _l("used in %(n)s days"), FactType.MONEY, Source.SERVICES),
    Family("used_total", _l("used in all"), FactType.MONEY, Source.SERVICES),
    Family("services_{n}d", _l("services given in %(n)s days"), FactType.NUMBER, Source.SERVICES),
    Family("products_{n}d", _l("products bought in %(n)s days"), FactType.MONEY, Source.SERVICES),
    Family("sales_{n}d", _l("sales in %(n)s days"), FactType.NUMBER, Source.SALES),
    Family("largest_sale_{n}d", _l("largest sale in %(n)s days"), FactType.MONEY, Source.SALES),
    Family("days_since_sale", _l("days since the last sale"), FactType.DAYS, Source.SALES, _l("has never bought")),
    Family("started_with_trial", _l("began with a trial or a voucher"), FactType.FLAG, Source.TRIAL),
    Family("visits_{n}d", _l("visits in %(n)s days"), FactType.NUMBER, Source.VISITS),
    Family("visits_total", _l("visits in all"), FactType.NUMBER, Source.VISITS),
    Family("days_since_visit", _l("days since the last visit"), FactType.DAYS, Source.VISITS, NEVER_VISITED),
    Family("days_since_first_visit", _l("days since the first visit"), FactType.DAYS, Source.VISITS, NEVER_VISITED),
    Family(
        "away_percent",
        _l("time away, of her own usual interval"),
        FactType.PERCENT,
        Source.VISITS,
        _l("has no usual interval yet"),
    ),
    Family("tier", _l("tier"), FactType.TIER, Source.MEMBERSHIP, _l("has no tier yet")),
    Family("tag", _l("tag"), FactType.TAG, Source.TAGS),
    Family("stage", _l("stage"), FactType.CHOICE, Source.CUSTOMER, choices=Stage),
    Family("skin_type", _l("skin type"), FactType.CHOICE, Source.CUSTOMER, _l("is not known"), SkinType),
    Family("source_channel", _l("source"), FactType.CHOICE, Source.CUSTOMER, _l("is not known"), SourceChannel),
    Family("referred", _l("was sent by another customer"), FactType.FLAG, Source.CUSTOMER),
    Family("month", _l("month of the year"), FactType.NUMBER, Source.CUSTOMER),
    Family("weekday", _l("day of the week, Monday is 1"), FactType.NUMBER, Source.CUSTOMER),
    Family("days_since_registered", _l("days since registration"), FactType.DAYS, Source.CUSTOMER),
    Family("age", _l("age"), FactType.NUMBER, Source.CUSTOMER, _l("is not known")),
    Family("birthday_in_days", _l("days to the birthday"), FactType.DAYS, Source.BIRTHDAY, _l("is not known")),
    Family("has_allergy", _l("has an allergy"), FactType.FLAG, Source.DANGERS),
    Family(
        "reading_{slug}", _l("latest reading of %(slug)s"), FactType.NUMBER, Source.READINGS, _l("was never measured")
    ),
    Family(
        "paying_referrals_{n}d",
        _l("customers she sent who first paid in %(n)s days"),
        FactType.NUMBER,
        Source.REFERRALS,
    ),
    Family("stored_value", _l("stored value, bonus included"), FactType.MONEY, Source.BALANCES),
    Family("card_value", _l("paid for sessions not yet taken"), FactType.MONEY, Source.BALANCES),
    Family("prepaid", _l("prepaid in all: stored value, cards, deposits"), FactType.MONEY, Source.BALANCES),
    Family("deposit", _l("deposits not yet used"), FactType.MONEY, Source.BALANCES),
    Family("points", _l("points"), FactType.NUMBER, Source.BALANCES),
    Family("owed", _l("owes"), FactType.MONEY, Source.BALANCES),
    Family("owed_days", _l("days since the oldest debt"), FactType.DAYS, Source.DEBTS, _l("owes nothing")),
    Family("cards_live", _l("cards with sessions left"), FactType.NUMBER, Source.CARDS),
    Family(
        "fewest_sessions_left",
        _l("sessions left on the card with the fewest"),
        FactType.NUMBER,
        Source.CARDS,
        _l("has no card with sessions left"),
    ),
    Family(
        "card_ends_in_days",
        _l("days until a card with sessions left ends"),
        FactType.DAYS,
        Source.CARDS,
        _l("has no card that ends"),
    ),
    Family("largest_recharge_{n}d", _l("largest recharge in %(n)s days"), FactType.MONEY, Source.RECHARGES),
    Family(
        "days_since_recharge",
        _l("days since the last recharge"),
        FactType.DAYS,
        Source.RECHARGES,
        _l("has never recharged"),
    ),
    Family("booked", _l("has a booking to come"), FactType.FLAG, Source.BOOKINGS),
    Family("no_shows_{n}d", _l("bookings not kept in %(n)s days"), FactType.NUMBER, Source.BOOKINGS),
)


@dataclass(frozen=True)
class Fact:
    """One fact as a rule names it: a family with its window or slug filled in."""

    name: str
    family: Family
    days: int | None = None
    slug: str | None = None

    @property
    def type(self) -> FactType:
        return self.family.type

    @property
    def source(self) -> Source:
        return self.family.source

    @property
    def label(self) -> str:
        return str(self.family.label) % {"n": self.days, "slug": self.slug}


def _matcher(family: Family) -> re.Pattern[str]:
    escaped = re.escape(family.pattern)
    return re.compile(
        escaped.replace(r"\{n\}", r"(?P<n>[1-9]\d{0,3})").replace(r"\{slug\}", r"(?P<slug>[a-z][a-z0-9_]*)")
    )


_MATCHERS = tuple((_matcher(family), family) for family in FAMILIES)


def fact_named(name: str) -> Fact | None:
    """The fact a rule means by ``name``; windows reach 3,660 days."""
    for matcher, family in _MATCHERS:
        match = matcher.fullmatch(name)
        if match:
            groups = match.groupdict()
            days = int(groups["n"]) if groups.get("n") else None
            return None if days is not None and days > MOST_DAYS else Fact(name, family, days, groups.get("slug"))
    return None


def suggestions(name: str) -> list[str]:
    """Names near ``name``: each family with its usual windows, and with the window or slug that was written."""
    digits = re.search(r"\d+", name)
    windows = ["30", "60", "90", "180", "365"] + ([digits.group()] if digits else [])
    slug = name.lower().partition("_")[2]
    names = [f.pattern.replace("{n}", window).replace("{slug}", slug) for f in FAMILIES for window in windows]
    return [known for known in dict.fromkeys(names) if fact_named(known) is not None]
