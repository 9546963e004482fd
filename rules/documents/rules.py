"""Rules with conditions and effects: tags, alerts, campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from flask_babel import lazy_gettext as _l
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from models.customers import Stage
from models.numbers import yuan_of
from models.standing import Severeness, TagColour
from rules.language.facts import Subject
from rules.language.faults import Fault
from rules.language.reading import (
    Clock,
    Count,
    DayCount,
    Days,
    Document,
    Flag,
    Free,
    Hours,
    Name,
    Names,
    Part,
    Quiet,
    Rate,
    Ref,
    Share,
    Slug,
    Template,
    TemplateAbout,
    When,
    WhenAbout,
    Whole,
    Yuan,
)


class TagDeclaration(Part):
    """A tag that rules or people may set.

    .. code-block:: yaml

        - {id: dormant, name: 沉睡客户, name_en: Dormant, colour: amber}
    """

    id: Slug
    name: Name
    name_en: str = ""
    colour: TagColour = TagColour.GREY


class AlertEffect(Part):
    """``alert: {to: manager, text: "{name} …", text_en: "{name} …", within: 24h, severity: warning}``

    Whoever reads English reads ``text_en``, where there is one. Alerts of one rule with the same text are one alert, to
    several roles.
    """

    to: Annotated[Ref, Names("roles")]
    text: Template
    text_en: Template | None = None
    within: Hours | None = None
    severity: Severeness = Severeness.WARNING


class TaskEffect(Part):
    """``task: {to: consultant, text: "打电话给 {name}", text_en: "Call {name}", within: 2d}``"""

    to: Ref
    text: Template
    text_en: Template | None = None
    within: Days = 0


class FieldEffect(Part):
    """``field: {stage: member}``: written into the customer's record when the rule begins to hold."""

    stage: Stage


OncePer = Literal["time", "ever", "year", "birthday", "absence", "card"]
"""How often one customer gets it: each time the rule begins to hold, once, once a calendar year, once a birthday, once
an absence (counted from her last visit), once a card (the one that made the rule hold)."""


class Given(Part):
    """What a customer is given or sent: the same for all, or ``by: tier`` from a small table; others get nothing.

    .. code-block:: yaml

        - points: {amount: 500, once_per: ever}
        - coupon: {template: comeback-80, valid: 21d, once_per: absence}
        - gift: {by: tier, tiers: {platinum: 面部护理一次, diamond: SPA 一次}, once_per: birthday}
        - message: {text: "{name}，好久不见！", once_per: absence}
    """

    by: Literal["tier"] | None = None
    tiers: Annotated[dict[str, str], Free] = {}
    once_per: OncePer = "time"

    @property
    def same(self) -> str | None:
        """What everybody gets, where it does not differ by tier."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _one_way(self) -> Given:
        if (self.by is None) != (self.same is not None) or (self.by is None) != (not self.tiers):
            message = _l("Say either what everybody gets, or by: tier with a table of tiers.")
            raise PydanticCustomError("said", "by", {"message": message})
        return self

    def what(self, tier: str | None) -> str | None:
        """What she of this tier gets; None for nothing."""
        return self.same if self.by is None else self.tiers.get(tier or "")

    def all_values(self) -> list[str]:
        return [self.same] if self.same is not None else list(self.tiers.values())


class PointsEffect(Given):
    """Points to be added."""

    amount: Whole | None = None

    @property
    def same(self) -> str | None:
        return None if self.amount is None else str(self.amount)

    @model_validator(mode="after")
    def _numbers(self) -> PointsEffect:
        if any(not value.isdecimal() or not 0 < int(value) <= 10**6 for value in self.all_values()):
            message = _l("Points are a whole number from 1 to 1,000,000.")
            raise PydanticCustomError("said", "points", {"message": message})
        return self


class CouponEffect(Given):
    """A coupon of a template declared in ``campaigns.yaml``."""

    template: Ref | None = None
    valid: Days = 30

    @property
    def same(self) -> str | None:
        return self.template


class GiftEffect(Given):
    """A thing or a treatment to be handed over; ``worth`` in yuan is what it costs at most."""

    item: Name | None = None
    worth: Yuan = 0
    valid: Days = 30

    @property
    def same(self) -> str | None:
        return self.item


class MessageEffect(Given):
    """A text to the customer; who has withdrawn her consent gets none."""

    text: Template | None = None

    @property
    def same(self) -> str | None:
        return self.text


class Effect(Part):
    """What a rule does: exactly one of these a line."""

    tag: Ref | None = None
    untag: Ref | None = None
    tier: Ref | None = None
    alert: AlertEffect | None = None
    task: TaskEffect | None = None
    field: FieldEffect | None = None
    points: PointsEffect | None = None
    coupon: CouponEffect | None = None
    gift: GiftEffect | None = None
    message: MessageEffect | None = None

    @property
    def kind(self) -> str:
        """Which of them it is."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    @property
    def given(self) -> Given | None:
        """The part that a customer gets, if it is one of those."""
        return self.points or self.coupon or self.gift or self.message

    @property
    def texts(self) -> list[str]:
        """What it says to people, places and all."""
        asked = self.alert or self.task
        if asked is not None:
            return [asked.text] if asked.text_en is None else [asked.text, asked.text_en]
        return self.message.all_values() if self.message is not None else []

    @model_validator(mode="after")
    def _one(self) -> Effect:
        if sum(getattr(self, name) is not None for name in KINDS) != 1:
            message = _l("An effect is one of: %(kinds)s.", kinds=", ".join(KINDS))
            raise PydanticCustomError("said", "effect", {"message": message})
        return self


KINDS = tuple(name for name in Effect.model_fields if name != "place")


class RuleTest(Part):
    """``{given: {days_since_visit: 90}, expect: matches}``: a fact that is not given is empty."""

    given: Annotated[dict[str, object], Free]
    expect: Literal["matches", "no match"]


@dataclass(frozen=True)
class Frequency:
    """At most so many in so many days, the last one being today."""

    most: int
    days: int


class Limits(Part):
    """``limits: {customers_per_run: 500, quiet: "21:00-09:00", per_customer: 2 / 30d, holdout: 10%}``

    Customers beyond ``customers_per_run`` come with the next run; messages do not leave in the quiet hours, and those
    beyond ``per_customer`` never; the ``holdout`` share of the customers is only tagged, to compare the others with.
    """

    customers_per_run: Whole | None = None
    quiet: Quiet | None = None
    per_customer: Rate | None = None
    holdout: Share = 0


Happening = Literal["visit", "sale", "card", "booking", "treatment", "reading", "contact"]
"""What may happen to a customer in the salon: she came, paid, got or used a card, booked, was treated, was measured,
was spoken to."""


class Asked(Part):
    """``evaluate: {daily_at: "10:00", on: [visit, sale], missed: run_once}``: when the rule is asked at all.

    Each day at this hour, by the clock of the stores; besides, of a customer to whom one of ``on`` has just happened.
    When nothing ran at that hour, it is made up for as soon as something does, or (``skip``) left out that day.
    """

    daily_at: Clock
    on: list[Happening] = []
    missed: Literal["run_once", "skip"] = "run_once"


class Rule(Part):
    """One rule.

    .. code-block:: yaml

        - id: dormant
          name: 沉睡客户
          name_en: Dormant
          when: {days_since_visit: {between: [60, 179]}}
          for: 1d                      # it must hold so long before it counts
          keep_for: 7d                 # and counts so much longer after it has ceased
          evaluate: {daily_at: "10:00", on: [visit]}    # without it: at once, and every night
          then: [{tag: dormant}]
          limits: {customers_per_run: 500}
          existing_customers: tag_only   # the first activation only tags; «all» lets all other effects go out too
          taken_back: withdraw           # what it gave on a sale that is taken back is withdrawn; or «keep»
          tests:
            - {given: {days_since_visit: 60}, expect: matches}
    """

    id: Slug
    name: Name
    name_en: str = ""
    when: When
    hold: Days = Field(0, alias="for")
    keep_for: Days = 0
    evaluate: Asked | None = None
    then: Annotated[list[Effect], Field(min_length=1)]
    limits: Limits | None = None
    existing_customers: Literal["tag_only", "all"] = "tag_only"
    taken_back: Literal["withdraw", "keep"] = "withdraw"
    tests: list[RuleTest] = []
    enabled: Flag = True

    @property
    def subject(self) -> Subject:
        return Subject.CUSTOMER

    @property
    def most(self) -> int | None:
        """How many customers may gain it in one run."""
        return None if self.limits is None else self.limits.customers_per_run

    @property
    def quiet(self) -> str | None:
        """Quiet hours of its own."""
        return None if self.limits is None else self.limits.quiet

    @property
    def per_customer(self) -> Frequency | None:
        """How many messages it may send one customer."""
        if self.limits is None or self.limits.per_customer is None:
            return None
        most, days = self.limits.per_customer.removesuffix("d").split("/")
        return Frequency(int(most), int(days))

    @property
    def holdout(self) -> int:
        """The share of the customers, in permille, for whom nothing but tagging is done."""
        return 0 if self.limits is None else self.limits.holdout

    def given(self) -> list[tuple[int, Given]]:
        """What customers get by it, each with its place among those of its kind, from 1."""
        found: list[tuple[int, Given]] = []
        for effect in self.then:
            if (one := effect.given) is not None:
                found.append((1 + sum(type(one) is type(other) for _, other in found), one))
        return found

    def tags(self) -> list[str]:
        """The tags it puts on."""
        return [effect.tag for effect in self.then if effect.tag is not None]


MOST_ROWS = 100
"""Rows of a decision table: each is asked with all those above it."""


class LayerRow(Part):
    """One row of a decision table; the last one has no ``when`` and takes the rest."""

    tag: Annotated[Ref, Names("tags")]
    when: When | None = None


class Layers(Part):
    """An exclusive group of tags: the first row whose condition holds.

    .. code-block:: yaml

        - id: layer
          name: 客户分层
          name_en: Customer layers
          first_match:
            - {tag: layer-d, when: {days_since_visit: {at_least: 60}}}
            - {tag: layer-c}
    """

    id: Slug
    name: Name
    name_en: str = ""
    first_match: Annotated[list[LayerRow], Field(min_length=2, max_length=MOST_ROWS)]


class RulesDocument(Document):
    """A document that holds rules, perhaps among other things."""

    rules: list[Rule] = []

    def tested(self) -> list[Rule | WatchRule]:
        """Everything in it that has tests of its own."""
        return list(self.rules)


class TagsDocument(RulesDocument):
    """``rules/tags.yaml``."""

    tags: list[TagDeclaration]
    layers: list[Layers] = []


class WatchAlert(AlertEffect):
    """An alert whose text has places for facts of what the rule is about."""

    text: TemplateAbout
    text_en: TemplateAbout | None = None

    @property
    def texts(self) -> list[str]:
        """In each language that it is written in."""
        return [self.text] if self.text_en is None else [self.text, self.text_en]


class WatchEffect(Part):
    """What a rule about staff, products or operations does: it raises an alert."""

    alert: WatchAlert


class WatchRule(Part):
    """A rule about something else than a customer: one of the staff, a product, a service, or what somebody did.

    .. code-block:: yaml

        - id: product-unsold
          name: 久未卖出的产品
          name_en: Product unsold
          about: product              # staff, product, service or operation: whose facts it asks for
          when: {on_sale: yes, days_since_sold: {at_least: 90}}
          then: [{alert: {to: manager, text: "{name} 已 {days_since_sold} 天没有卖出。"}}]
          tests:
            - {given: {on_sale: yes, days_since_sold: 90}, expect: matches}
    """

    id: Slug
    name: Name
    name_en: str = ""
    about: Literal["staff", "product", "service", "operation"]
    when: WhenAbout
    then: Annotated[list[WatchEffect], Field(min_length=1)]
    tests: list[RuleTest] = []
    enabled: Flag = True

    @property
    def subject(self) -> Subject:
        return Subject(self.about)


class AlertsDocument(RulesDocument):
    """``rules/alerts.yaml``: rules about customers, and ``watch``, those about staff, products and operations."""

    watch: list[WatchRule] = []

    def tested(self) -> list[Rule | WatchRule]:
        return [*self.rules, *self.watch]


class CouponTemplate(Part):
    """A kind of coupon.

    .. code-block:: yaml

        - {id: comeback-80, name: 回归礼 80 元, name_en: Welcome back ¥80, worth: 80, from: 298}
    """

    id: Slug
    name: Name
    name_en: str = ""
    worth: Yuan
    least: Yuan = Field(0, alias="from")


class PerCustomer(Part):
    """``messages_per_customer: {most: 3, days: 30}``"""

    most: Count
    days: DayCount

    @property
    def frequency(self) -> Frequency:
        return Frequency(self.most, self.days)


class CampaignsDocument(RulesDocument):
    """``rules/campaigns.yaml``: what customers are given and sent, and the coupons it is given with.

    .. code-block:: yaml

        quiet: "21:00-09:00"    # of the messages of every rule that has no quiet hours of its own
        messages_per_customer: {most: 3, days: 30}    # of all rules together
        message_price: 0.05     # what one costs, for the trial of a rule
    """

    quiet: Quiet | None = None
    messages_per_customer: PerCustomer | None = None
    message_price: Yuan = 5
    coupons: list[CouponTemplate] = []

    def misfits(self) -> Iterator[Fault]:
        """A coupon that takes more off than the bill it asks for."""
        for coupon in self.coupons:
            if 0 < coupon.least < coupon.worth:
                message = _l(
                    "This coupon takes %(worth)s yuan off a bill of %(least)s: worth is what it takes off,"
                    " from is the least bill.",
                    worth=yuan_of(coupon.worth).removesuffix(".00"),
                    least=yuan_of(coupon.least).removesuffix(".00"),
                )
                yield Fault(coupon.place, message)
