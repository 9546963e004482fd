"""The catalogue of facts: what a rule may ask about a customer, about one of the staff, a product, an operation.

A family with ``{n}`` stands for any number of days: ``paid_365d``, ``visits_90d``. As of day D a window of N days holds
D−N < day ≤ D, ``days_since`` is D − day, and nothing after D is seen. Where a fact is empty («never»), a comparison
with it is not fulfilled, unless the condition says ``never: yes``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Any
from unicodedata import normalize

from flask_babel import LazyString, force_locale
from flask_babel import lazy_gettext as _l

from models.catalogue import Grade, ProductUse
from models.customers import SkinType, SourceChannel, Stage
from models.field import Choice
from models.organisation import StaffTitle
from rules.language.faults import instead, nearest, unknown

MOST_DAYS = 3660


class Subject(StrEnum):
    """What facts are about."""

    CUSTOMER = "customer"
    STAFF = "staff"
    PRODUCT = "product"
    SERVICE = "service"
    OPERATION = "operation"


SUBJECT_WORDS: dict[Subject, LazyString] = {
    Subject.CUSTOMER: _l("customers"),
    Subject.STAFF: _l("staff"),
    Subject.PRODUCT: _l("products"),
    Subject.SERVICE: _l("services"),
    Subject.OPERATION: _l("operations"),
}


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
    ROLE = "role"
    OPERATION = "operation"


class Source(StrEnum):
    """Where a fact comes from: one aggregate per subject each, joined only when a rule needs it."""

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
    OWN = "own"  # the subject's own row
    SELLING = "selling"
    GIVING = "giving"
    TREATMENTS = "treatments"
    TAKEN_BACK = "taken_back"
    REFUNDS = "refunds"
    GIFTS = "gifts"
    APPROVALS = "approvals"
    CARE = "care"
    LAST_SOLD = "last_sold"
    MONEY = "money"
    DISCOUNTS = "discounts"
    DAY_CLOSE = "day_close"
    RECEIPTS = "receipts"
    TIMES = "times"


Choices = type[Choice]


@dataclass(frozen=True)
class Family:
    """A fact, or a family of facts with a window (``{n}``) or a name (``{slug}``) in it.

    What it is called is no part of what it is: words depend on who reads them, and looking them up takes time.
    """

    pattern: str
    label: LazyString = field(compare=False)
    type: FactType
    source: Source
    empty: LazyString | None = field(
        default=None, compare=False
    )  # what it means that there is no value; None: there always is one
    choices: Choices | None = None
    subject: Subject = Subject.CUSTOMER


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
        _l("time away, of the usual interval"),
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
    Family("days_to_{slug}", _l("days to %(slug)s"), FactType.DAYS, Source.CUSTOMER),
    Family("days_since_registered", _l("days since registration"), FactType.DAYS, Source.CUSTOMER),
    Family("age", _l("age"), FactType.NUMBER, Source.CUSTOMER, _l("is not known")),
    Family("birthday_in_days", _l("days to the birthday"), FactType.DAYS, Source.BIRTHDAY, _l("is not known")),
    Family("has_allergy", _l("has an allergy"), FactType.FLAG, Source.DANGERS),
    Family(
        "reading_{slug}", _l("latest reading of %(slug)s"), FactType.NUMBER, Source.READINGS, _l("was never measured")
    ),
    Family(
        "paying_referrals_{n}d",
        _l("customers they sent who first paid in %(n)s days"),
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
"""What may be asked about a customer."""


def _about(subject: Subject, *rows: tuple[Any, ...]) -> tuple[Family, ...]:
    return tuple(replace(Family(*row), subject=subject) for row in rows)


MONEY, NUMBER, DAYS, FLAG = FactType.MONEY, FactType.NUMBER, FactType.DAYS, FactType.FLAG

STAFF_FAMILIES = _about(
    Subject.STAFF,
    ("position", _l("position"), FactType.CHOICE, Source.OWN, None, StaffTitle),
    ("employed", _l("works here"), FLAG, Source.OWN),
    ("days_since_hired", _l("days since they were hired"), DAYS, Source.OWN, _l("is not known")),
    ("takings_{n}d", _l("their takings in %(n)s days"), MONEY, Source.SELLING),
    ("used_{n}d", _l("worth of the services they gave in %(n)s days"), MONEY, Source.GIVING),
    ("services_{n}d", _l("services they gave in %(n)s days"), NUMBER, Source.GIVING),
    ("customers_{n}d", _l("customers they served in %(n)s days"), NUMBER, Source.GIVING),
    (
        "named_percent_{n}d",
        _l("share of their services in %(n)s days for which they were asked by name"),
        FactType.PERCENT,
        Source.GIVING,
        _l("gave none"),
    ),
    ("days_since_service", _l("days since they last gave a service"), DAYS, Source.LAST_SOLD, _l("has given none")),
    ("adverse_reactions_{n}d", _l("adverse reactions to their treatments in %(n)s days"), NUMBER, Source.TREATMENTS),
    ("taken_back_{n}d", _l("lines they sold that were taken back in %(n)s days"), NUMBER, Source.TAKEN_BACK),
    ("refunds_{n}d", _l("times they took back or refunded in %(n)s days"), NUMBER, Source.REFUNDS),
    ("gifts_{n}d", _l("gifts they gave away in %(n)s days"), NUMBER, Source.GIFTS),
    ("gift_worth_{n}d", _l("worth of the gifts they gave away in %(n)s days"), MONEY, Source.GIFTS),
    ("approvals_{n}d", _l("approvals they asked for in %(n)s days"), NUMBER, Source.APPROVALS),
    ("bookings_{n}d", _l("bookings with them in %(n)s days"), NUMBER, Source.BOOKINGS),
    ("no_shows_{n}d", _l("bookings with them that were not kept in %(n)s days"), NUMBER, Source.BOOKINGS),
    ("customers_in_care", _l("customers in their care"), NUMBER, Source.CARE),
)
_SOLD = (
    ("price", _l("price"), MONEY, Source.OWN),
    ("on_sale", _l("on sale"), FLAG, Source.OWN),
    ("sold_{n}d", _l("pieces sold in %(n)s days"), NUMBER, Source.SELLING),
    ("takings_{n}d", _l("sold for in %(n)s days"), MONEY, Source.SELLING),
    ("days_since_sold", _l("days since it was last sold"), DAYS, Source.LAST_SOLD, _l("has never been sold")),
    ("returned_{n}d", _l("pieces taken back in %(n)s days"), NUMBER, Source.TAKEN_BACK),
    ("given_away_{n}d", _l("pieces given away in %(n)s days"), NUMBER, Source.GIFTS),
)
PRODUCT_FAMILIES = _about(
    Subject.PRODUCT, *_SOLD, ("use", _l("what it is for"), FactType.CHOICE, Source.OWN, None, ProductUse)
)
SERVICE_FAMILIES = _about(Subject.SERVICE, *_SOLD, ("grade", _l("grade"), FactType.CHOICE, Source.OWN, None, Grade))
OPERATION_FAMILIES = _about(
    Subject.OPERATION,
    ("operation", _l("what was done"), FactType.OPERATION, Source.OWN),
    ("role", _l("role of whoever did it"), FactType.ROLE, Source.OWN),
    ("refused", _l("was refused"), FLAG, Source.OWN),
    ("overridden", _l("was done although contraindicated"), FLAG, Source.OWN),
    ("rows", _l("rows that it changed"), NUMBER, Source.OWN),
    ("hour", _l("hour of the day"), NUMBER, Source.OWN),
    ("outside_hours", _l("outside the opening hours"), FLAG, Source.OWN),
    ("times_today", _l("which time that day by the same person"), NUMBER, Source.TIMES),
    ("amount", _l("money that came in by it"), MONEY, Source.MONEY),
    ("discount", _l("taken off the prices"), MONEY, Source.DISCOUNTS),
    ("gift_worth", _l("worth of what was given away"), MONEY, Source.GIFTS),
    ("difference", _l("difference in the drawer"), MONEY, Source.DAY_CLOSE, _l("closes no day")),
    ("days_back", _l("days from its receipt to it"), DAYS, Source.RECEIPTS, _l("is about no receipt")),
)
FAMILIES_OF: dict[Subject, tuple[Family, ...]] = {
    Subject.CUSTOMER: FAMILIES,
    Subject.STAFF: STAFF_FAMILIES,
    Subject.PRODUCT: PRODUCT_FAMILIES,
    Subject.SERVICE: SERVICE_FAMILIES,
    Subject.OPERATION: OPERATION_FAMILIES,
}


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
    def festival(self) -> str | None:
        """The short name of the festival that it counts the days to."""
        return self.slug if self.family.pattern == "days_to_{slug}" else None

    @property
    def reading(self) -> str | None:
        """The short name of what is measured, where it is the latest of it."""
        return self.slug if self.family.pattern == "reading_{slug}" else None

    @property
    def label(self) -> str:
        return self.called(self.slug)

    def called(self, slug: str | None) -> str:
        """Its label with this word for its slug."""
        return str(self.family.label) % {"n": self.days, "slug": slug}


def _matcher(family: Family) -> re.Pattern[str]:
    escaped = re.escape(family.pattern)
    return re.compile(
        escaped.replace(r"\{n\}", r"(?P<n>[1-9]\d{0,3})").replace(r"\{slug\}", r"(?P<slug>[a-z][a-z0-9_]*)")
    )


_MATCHERS = {subject: [(_matcher(family), family) for family in families] for subject, families in FAMILIES_OF.items()}


def fact_named(name: str, subject: Subject = Subject.CUSTOMER) -> Fact | None:
    """The fact of a subject that a rule means by ``name``; windows reach 3,660 days."""
    for matcher, family in _MATCHERS[subject]:
        match = matcher.fullmatch(name)
        if match:
            groups = match.groupdict()
            days = int(groups["n"]) if groups.get("n") else None
            return None if days is not None and days > MOST_DAYS else Fact(name, family, days, groups.get("slug"))
    return None


def suggestions(name: str, subject: Subject = Subject.CUSTOMER) -> list[str]:
    """Names near ``name``: each family with its usual windows, and with the window or slug that was written."""
    digits = re.search(r"\d+", name)
    windows = ["30", "60", "90", "180", "365"] + ([digits.group()] if digits else [])
    words = name.lower().split("_")
    names = [
        one.pattern.replace("{n}", window).replace("{slug}", "_".join(words[one.pattern.count("_") :]))
        for one in FAMILIES_OF[subject]
        for window in windows
    ]
    return [known for known in dict.fromkeys(names) if fact_named(known, subject) is not None]


LANGUAGES = ("zh_Hans_CN", "en")


def fact_called(label: str, subject: Subject = Subject.CUSTOMER) -> str | None:
    """The name of the fact that is called so in one of our languages: ``visits_90d`` for 90天到店次数."""
    digits = re.search(r"[0-9]+", label)
    window = digits.group() if digits else "90"
    names = _called(subject)
    close = get_close_matches(_plain_label(label), names, n=1, cutoff=0.7)
    family = names[close[0]] if close else None
    name = None if family is None or "{slug}" in family.pattern else family.pattern.replace("{n}", window)
    return name if name is not None and fact_named(name, subject) is not None else None


@cache
def _called(subject: Subject) -> dict[str, Family]:
    names: dict[str, Family] = {}
    for language in LANGUAGES:
        with force_locale(language):
            names |= {_plain_label(str(family.label)): family for family in FAMILIES_OF[subject]}
    return names


def _plain_label(label: str) -> str:
    """A label without spaces and numbers, which each writes in another way."""
    return re.sub(r"[\s内]", "", re.sub(r"[0-9]+|%\(\w+\)s", "#", normalize("NFKC", label))).lower()


def no_such_fact(name: str, subject: Subject = Subject.CUSTOMER, beside: tuple[str, ...] = ()) -> LazyString:
    """What is wrong with a name that is no fact of a subject: whose it is, and what was perhaps meant.

    ``beside`` are names that would do here too. It is found out when somebody reads it.
    """
    return LazyString(_no_such_fact, name, subject, beside)


def _no_such_fact(name: str, subject: Subject, beside: tuple[str, ...]) -> str:
    if not name.isascii() and (meant := fact_called(name, subject)) is not None:
        return str(instead(meant, name))
    known = [*beside, *suggestions(name, subject)]
    of = next((other for other in Subject if fact_named(name, other) is not None), None)
    if of is None:
        return str(unknown(name, known, _l("fact")))
    words = {"fact": name, "of": SUBJECT_WORDS[of], "about": SUBJECT_WORDS[subject]}
    near = nearest(name, known)
    if near is None:
        return str(_l("%(fact)s is asked about %(of)s, and this is about %(about)s.", **words))
    text = _l("%(fact)s is asked about %(of)s, and this is about %(about)s; did you mean %(near)s?", **words, near=near)
    return str(text)
