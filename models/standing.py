"""What rules have made of a customer: her tags and her tier; and what they ask of the staff."""

from __future__ import annotations

from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import Index, UniqueConstraint, and_, case
from sqlalchemy.orm import Mapped

from models.entity import Event, Record
from models.field import Choice, Search, choice, field, reference
from models.invariants import holds, one_where
from models.names import TAKES_BACK, Name
from models.sales import SELLS
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Flag, Instant, Items, Json, LongText, Text


class TagColour(Choice):
    """The chip's colour; red is kept for contraindications and money at risk."""

    GREY = "grey", _l("Grey")
    GREEN = "green", _l("Green")
    BLUE = "blue", _l("Blue")
    AMBER = "amber", _l("Amber")
    ROSE = "rose", _l("Rose")


class Tag(Record):
    """A word on a customer. Of the tags of one exclusive group, a customer has at most one."""

    label = _l("Tag")
    plural = _l("Tags")
    written_by = WrittenBy.FORM
    shared = True
    moves_all = ("slug",)
    screen = Screen(Section.RULES, "tag", ("name", "group", "exclusive", "by_rule", "colour"), "name")
    __table_args__ = (
        holds(
            '"group" IS NOT NULL OR NOT exclusive',
            "exclusive",
            "group",
            _l("A tag that stands alone in its group needs a group."),
        ),
    )

    slug: Mapped[str] = field(
        Text(40), label=_l("Short name"), unique=True, help=_l("Rules name it by this"), fixed=True
    )
    name: Mapped[str] = field(Text(40), label=_l("Name"), index=True, search=Search.WORDS)
    name_en: Mapped[str | None] = field(Text(60), label=_l("Name in English"))
    group: Mapped[str | None] = field(Text(40), label=_l("Group"))
    exclusive: Mapped[bool] = field(Flag, label=_l("One of its group only"), default=False)
    by_rule: Mapped[bool] = field(Flag, label=_l("Set by a rule"), default=False, generated=True)
    colour: Mapped[TagColour] = field(choice(TagColour), label=_l("Colour"), default=TagColour.GREY)


class CustomerTag(Record):
    """That a customer has a tag — or, ``held`` false, that somebody decided by hand that she shall not have it.

    A decision by hand stands until somebody takes it back: runs of the rules pass over it.
    """

    label = _l("Customer tag")
    plural = _l("Customer tags")
    written_by = WrittenBy.by(
        Name.TAG_CUSTOMERS, Name.UNTAG_CUSTOMERS, Name.APPLY_RULES, also=(*TAKES_BACK, Name.MERGE_CUSTOMERS)
    )
    marks = False
    title = ("customer_id", "tag_id")
    screen = Screen(Section.CUSTOMERS, "tag", ("customer_id", "tag_id", "held", "by_hand", "since", "until"))
    __table_args__ = (
        one_where("uq_customer_tag_current", "customer_id", "tag_id", condition="until IS NULL"),
        holds("held OR by_hand", "held", "held", _l("Only a decision by hand keeps a tag off.")),
        holds("until IS NULL OR until >= since", "span", "until", _l("The end must not come before the beginning.")),
        Index("ix_customer_tag_tag_id_current", "tag_id", "customer_id", "until"),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    tag_id: Mapped[int] = reference("tag", label=_l("Tag"))
    held: Mapped[bool] = field(Flag, label=_l("Has it"), default=True)
    by_hand: Mapped[bool] = field(Flag, label=_l("Decided by hand"), default=False)
    since: Mapped[datetime] = field(Instant, label=_l("Since"))
    until: Mapped[datetime | None] = field(Instant, label=_l("Until"))
    reason: Mapped[str | None] = field(Text(200), label=_l("Reason"))


class Membership(Record):
    """A customer's holding of a tier (an id in ``rules/tiers.yaml``), with its validity."""

    label = _l("Membership")
    plural = _l("Memberships")
    written_by = WrittenBy.by(
        *(Name.APPLY_RULES, Name.OPEN_BALANCES, Name.UNDO_BALANCES),
        also=(*SELLS, Name.PAY_DEBT, *TAKES_BACK, Name.MERGE_CUSTOMERS),
    )
    marks = False
    title = ("tier",)
    screen = Screen(Section.CUSTOMERS, "crown", ("customer_id", "tier", "since", "valid_until", "ended_on"))
    __table_args__ = (
        one_where("uq_membership_current", "customer_id", condition="ended_on IS NULL"),
        holds(
            "valid_until IS NULL OR valid_until >= since",
            "validity",
            "valid_until",
            _l("The end must not come before the beginning."),
        ),
        Index("ix_membership_tier_current", "tier", "ended_on"),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    tier: Mapped[str] = field(Text(30), label=_l("Tier"), words="tiers")
    since: Mapped[date] = field(Day, label=_l("Since"))
    valid_until: Mapped[date | None] = field(Day, label=_l("Valid until"))
    ended_on: Mapped[date | None] = field(Day, label=_l("Ended on"))
    told_on: Mapped[date | None] = field(Day, label=_l("Asked to tell the customer of its end"), generated=True)


class TierMove(Choice):
    """Which way a tier changed."""

    FIRST = "first", _l("First tier")
    UP = "up", _l("Up")
    DOWN = "down", _l("Down")
    RENEWED = "renewed", _l("Renewed")


class TierChange(Event):
    """A tier was given, raised, lowered or renewed: with the values that decided it and the rules in force."""

    label = _l("Tier change")
    plural = _l("Tier changes")
    written_by = WrittenBy.by(Name.APPLY_RULES, Name.OPEN_BALANCES, also=(*SELLS, Name.PAY_DEBT, *TAKES_BACK))
    marks = False
    title = ("customer_id", "to_tier")
    screen = Screen(Section.CUSTOMERS, "crown", ("customer_id", "on", "move", "from_tier", "to_tier"), "-on")

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    on: Mapped[date] = field(Day, label=_l("On"), index=True)
    move: Mapped[TierMove] = field(choice(TierMove), label=_l("Step"))
    from_tier: Mapped[str | None] = field(Text(30), label=_l("From tier"), words="tiers")
    to_tier: Mapped[str] = field(Text(30), label=_l("To tier"), words="tiers")
    evidence: Mapped[dict[str, object]] = field(Json, label=_l("Evidence"))
    rule_version_id: Mapped[int] = reference("rule_version", label=_l("Rules"))


class Severeness(Choice):
    """How soon somebody must look."""

    INFO = "info", _l("For information")
    WARNING = "warning", _l("Warning")
    URGENT = "urgent", _l("Urgent")


class Alert(Record):
    """Something that somebody must know of, raised by a rule or by the house, once per occasion."""

    label = _l("Alert")
    plural = _l("Alerts")
    written_by = WrittenBy.by(
        Name.APPLY_RULES,
        Name.WATCH,
        Name.RAISE_ALERT,
        Name.SETTLE_ALERTS,
        Name.CLOSE_ALERT,
        also=(Name.RECORD_TREATMENT, Name.MERGE_CUSTOMERS, *TAKES_BACK),
    )
    marks = False
    title = ("text",)
    within = "customer_id"
    screen = Screen(
        Section.RULES,
        "bell",
        ("raised_at", "text", "severity", "customer_id", "about_id", "to_role", "due_at", "closed_at"),
        "-raised_at",
    )
    __table_args__ = (
        UniqueConstraint("source", "occasion"),
        holds("(closed_at IS NULL) = (closed_by IS NULL)", "closed", "closed_by", _l("Who closed it must be known.")),
    )

    source: Mapped[str] = field(
        Text(60), label=_l("Raised by"), index=True, words="sources", help=_l("A rule, or part of the house")
    )
    occasion: Mapped[str] = field(Text(120), label=_l("Occasion"), generated=True)
    text: Mapped[str] = field(Text(300), label=_l("Text"))
    text_en: Mapped[str | None] = field(Text(300), label=_l("Text in English"), generated=True)
    severity: Mapped[Severeness] = field(choice(Severeness), label=_l("Severity"), default=Severeness.WARNING)
    to_role: Mapped[str] = field(Text(30), label=_l("For"), index=True, words="roles")
    also_to: Mapped[list[str] | None] = field(Items, label=_l("For these too"), words="roles", generated=True)
    about: Mapped[str | None] = field(Text(40), label=_l("Kind of thing"), generated=True)
    about_id: Mapped[int | None] = field(Big, label=_l("About"), generated=True)
    customer_id: Mapped[int | None] = reference("customer", label=_l("Customer"))
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    raised_at: Mapped[datetime] = field(Instant, label=_l("Raised at"), index=True)
    due_at: Mapped[datetime | None] = field(Instant, label=_l("Due"))
    closed_at: Mapped[datetime | None] = field(Instant, label=_l("Closed at"), index=True)
    closed_by: Mapped[str | None] = field(Text(60), label=_l("Closed by"))
    outcome: Mapped[str | None] = field(Text(200), label=_l("Outcome"))


WAITING_URGENT = case((and_(Alert.closed_at.is_(None), Alert.severity == Severeness.URGENT), 0), else_=1)
"""0 for an alert that is urgent and waits: such come before all else wherever alerts are listed."""
MOST_URGENT_FIRST = (
    WAITING_URGENT,
    case((Alert.severity == Severeness.WARNING, 0), else_=1),
    Alert.raised_at.desc(),
)


class Task(Record):
    """Something that somebody shall do for a customer."""

    label = _l("Task")
    plural = _l("Tasks")
    written_by = WrittenBy.by(
        *(Name.APPLY_RULES, Name.FINISH_TASK),
        also=(Name.HAND_OVER_CUSTOMERS, Name.MERGE_CUSTOMERS, *TAKES_BACK),
    )
    marks = False
    title = ("text",)
    screen = Screen(
        Section.RULES, "check", ("due_on", "text", "customer_id", "to_role", "staff_id", "finished_at"), "-due_on"
    )
    __table_args__ = (
        UniqueConstraint("source", "occasion"),
        holds(
            "(finished_at IS NULL) = (finished_by IS NULL)",
            "finished",
            "finished_by",
            _l("Who finished it must be known."),
        ),
    )

    source: Mapped[str] = field(Text(60), label=_l("Asked by"), index=True, words="sources")
    occasion: Mapped[str] = field(Text(120), label=_l("Occasion"), generated=True)
    text: Mapped[str] = field(Text(300), label=_l("Text"))
    text_en: Mapped[str | None] = field(Text(300), label=_l("Text in English"), generated=True)
    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    to_role: Mapped[str] = field(Text(30), label=_l("For"), index=True, words="roles")
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    due_on: Mapped[date] = field(Day, label=_l("Due on"), index=True)
    finished_at: Mapped[datetime | None] = field(Instant, label=_l("Finished at"), index=True)
    finished_by: Mapped[str | None] = field(Text(60), label=_l("Finished by"))
    outcome: Mapped[str | None] = field(LongText, label=_l("Outcome"))
