"""The owner's rules as the database keeps them, what they say of each customer, and what has to be looked at again."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.entity import Base, Derived, Entity, Event, Record
from models.field import Choice, choice, field, reference
from models.invariants import holds, one_where
from models.names import TAKES_BACK, Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Instant, Items, Json, LongText, Text

MASKS = 4
MASK_BITS = 62
"""A signed 64-bit integer carries 62 rules without touching its sign; four of them carry 248."""

KEPT_NUMBERS, KEPT_TEXTS = 60, 6
"""How many facts are kept for everybody; beyond them facts are worked out anew each time."""


class RuleVersion(Event):
    """One document as it once was: whole, numbered, signed with who and why."""

    label = _l("Rule version")
    plural = _l("Rule versions")
    written_by = WrittenBy.by(Name.ACTIVATE_RULES, Name.DRAFT_RULES)
    shared = True
    title = ("document", "number")
    screen = Screen(Section.RULES, "book", ("document", "number", "made_at", "made_by", "why"))
    __table_args__ = (UniqueConstraint("document", "number"),)

    document: Mapped[str] = field(Text(30), label=_l("Document"), index=True, words="documents")
    number: Mapped[int] = field(Big, label=_l("Number"))
    content_hash: Mapped[str] = field(Text(64), label=_l("Hash"))
    text: Mapped[str] = field(LongText, label=_l("Text"))
    made_at: Mapped[datetime] = field(Instant, label=_l("Made at"), index=True)
    made_by: Mapped[str] = field(Text(60), label=_l("Made by"))
    why: Mapped[str | None] = field(Text(200), label=_l("Reason"))


class RuleActivation(Event):
    """That a version came into force; the latest activation of a document holds."""

    label = _l("Rule activation")
    plural = _l("Rule activations")
    written_by = WrittenBy.by(Name.ACTIVATE_RULES, Name.ACTIVATE_VERSION)
    shared = True
    title = ("document", "at")
    screen = Screen(Section.RULES, "book", ("document", "rule_version_id", "at", "activated_by"), "-at")

    document: Mapped[str] = field(Text(30), label=_l("Document"), index=True, words="documents")
    rule_version_id: Mapped[int] = reference("rule_version", label=_l("Version"))
    at: Mapped[datetime] = field(Instant, label=_l("At"), index=True)
    activated_by: Mapped[str] = field(Text(60), label=_l("By"))


class RuleMatch(Entity):
    """That a customer fulfils a rule: since when, until when, why, and by which version of the rule."""

    label = _l("Rule match")
    plural = _l("Rule matches")
    written_by = WrittenBy.DERIVED
    title = ("rule", "customer_id")
    screen = Screen(Section.RULES, "target", ("customer_id", "rule", "since", "until"))
    __table_args__ = (
        one_where("uq_rule_match_current", "rule", "customer_id", condition="until IS NULL"),
        holds("until IS NULL OR until >= since", "span", "until", _l("The end must not come before the beginning.")),
        Index("ix_rule_match_rule_since", "rule", "since"),
    )

    rule: Mapped[str] = field(Text(60), label=_l("Rule"), words="rules")
    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    since: Mapped[date] = field(Day, label=_l("Since"))
    until: Mapped[date | None] = field(Day, label=_l("Until"))
    why: Mapped[dict[str, Any]] = field(Json, label=_l("Why"))
    why_not: Mapped[dict[str, Any] | None] = field(Json, label=_l("Why it ended"))
    rule_version_id: Mapped[int] = reference("rule_version", label=_l("Version"))


class EffectKind(Choice):
    """What a rule gives or sends, beside tags, tiers, alerts and tasks."""

    POINTS = "points", _l("Points")
    COUPON = "coupon", _l("Coupon")
    GIFT = "gift", _l("Gift")
    MESSAGE = "message", _l("Message")


class EffectState(Choice):
    """How far it has come."""

    WAITING = "waiting", _l("Waiting")
    DONE = "done", _l("Done")
    HELD = "held", _l("Held back")
    HELD_OUT = "held_out", _l("Held out, to compare")
    WITHDRAWN = "withdrawn", _l("Withdrawn: what it rested on was taken back")


class HeldBecause(Choice):
    """Why a message is never sent."""

    RULE_LIMIT = "rule_limit", _l("This rule has sent as many as it may")
    HOUSE_LIMIT = "house_limit", _l("Has had as many messages as one customer may")
    NO_CONSENT = "no_consent", _l("Wants no marketing messages")


class RuleEffect(Record):
    """Something that a rule gives a customer, once an occasion: the database itself allows no second one.

    Coupons, gifts and messages wait here until they are handed out or sent. A message that is held back, and what
    somebody would have got who is held out to compare, stay here for good.
    """

    label = pgettext("rule", "Effect")
    plural = pgettext("rule", "Effects")
    written_by = WrittenBy.by(Name.APPLY_RULES, Name.DELIVER_EFFECTS, also=TAKES_BACK)
    marks = False
    title = ("rule", "customer_id")
    within = "customer_id"
    screen = Screen(
        Section.RULES, "gift", ("made_on", "customer_id", "rule", "kind", "what", "not_before", "state"), "-made_on"
    )
    __table_args__ = (
        UniqueConstraint("rule", "customer_id", "occasion", "kind", "place"),
        Index("ix_rule_effect_state_kind", "state", "kind"),
        holds(
            "state <> 'held' OR held_because IS NOT NULL", "held", "held_because", _l("What is held back has a reason.")
        ),
    )

    rule: Mapped[str] = field(Text(60), label=_l("Rule"), words="rules")
    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    kind: Mapped[EffectKind] = field(choice(EffectKind), label=_l("Kind"))
    place: Mapped[int] = field(Big, label=_l("Which of its kind"), generated=True)
    what: Mapped[str] = field(Text(300), label=_l("What"))
    amount: Mapped[int] = field(Big, label=_l("Amount"), default=0)
    occasion: Mapped[str] = field(Text(60), label=_l("Occasion"), generated=True)
    made_on: Mapped[date] = field(Day, label=_l("On"), index=True)
    valid_until: Mapped[date | None] = field(Day, label=_l("Valid until"))
    not_before: Mapped[datetime | None] = field(Instant, label=_l("Not before"))
    state: Mapped[EffectState] = field(choice(EffectState), label=_l("State"), default=EffectState.WAITING)
    held_because: Mapped[HeldBecause | None] = field(choice(HeldBecause), label=_l("Held back because"))
    rule_version_id: Mapped[int] = reference("rule_version", label=_l("Rules"))


class RulePending(Derived):
    """That a customer began (or ceased) to fulfil a rule that asks to hold, or stays, for some days first."""

    rule: Mapped[str] = mapped_column(String(60), primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customer.id"), primary_key=True, autoincrement=False, index=True
    )
    since: Mapped[date] = mapped_column(Day)
    due: Mapped[date] = mapped_column(Day, index=True)
    first: Mapped[bool]  # found when the rule was evaluated for the first time


class WatchState(Derived):
    """That a rule about staff, products or operations has been evaluated: of what, and up to which link of the log."""

    rule: Mapped[str] = mapped_column(String(60), primary_key=True)
    about: Mapped[str] = mapped_column(String(20))
    seen: Mapped[int]


class WatchMatch(Derived):
    """That one of the staff, a product or a service fulfils such a rule, since when."""

    rule: Mapped[str] = mapped_column(String(60), primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[date] = mapped_column(Day)


class RuleFile(Derived):
    """The content of a document's file as it was last seen or written: what tells whether the file moved since."""

    document: Mapped[str] = mapped_column(String(30), primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64))


class RuleSlot(Derived):
    """Which bit of ``rule_state`` belongs to a rule; a rule keeps its bit for life.

    ``rule_version_id`` is the version by which everybody was last evaluated, ``tags`` what the rule set then,
    ``asked_at`` when that was, of a rule that has hours of its own.
    """

    rule: Mapped[str] = mapped_column(String(60), primary_key=True)
    position: Mapped[int] = mapped_column(unique=True)
    rule_version_id: Mapped[int | None]
    tags: Mapped[list[str] | None] = mapped_column(Items)
    asked_at: Mapped[datetime | None]


class RuleState(Derived):
    """Which rules hold for a customer, as bits; compared with what is computed anew."""

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True, autoincrement=False)
    mask_0: Mapped[int] = mapped_column(default=0, server_default="0")
    mask_1: Mapped[int] = mapped_column(default=0, server_default="0")
    mask_2: Mapped[int] = mapped_column(default=0, server_default="0")
    mask_3: Mapped[int] = mapped_column(default=0, server_default="0")


class FactSlot(Derived):
    """Which column of ``customer_fact`` keeps a fact; ``filled`` once it has been kept for everybody."""

    fact: Mapped[str] = mapped_column(String(60), primary_key=True)
    kept_in: Mapped[str] = mapped_column(String(4), unique=True)
    filled: Mapped[bool] = mapped_column(default=False)


class CustomerFact(Derived):
    """What the rules ask about a customer, as it stood when last looked at: one narrow row for all of it."""

    __table__ = Table(
        "customer_fact",
        Base.metadata,
        Column("customer_id", Big, ForeignKey("customer.id"), primary_key=True, autoincrement=False),
        *(Column(f"n{place}", Big) for place in range(KEPT_NUMBERS)),
        *(Column(f"t{place}", String(40)) for place in range(KEPT_TEXTS)),
    )


class RunCustomer(Derived):
    """A customer whom a run of the evaluation has still to settle."""

    run_id: Mapped[int] = mapped_column(ForeignKey("evaluation_run.id"), primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True, autoincrement=False)


class ChangedCustomer(Derived):
    """A customer whose facts may have changed. Insert-only: the evaluator deletes exactly the rows it read.

    ``EVERYBODY`` stands for all of them, ``source`` is the table whose row has changed.
    """

    seq: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(index=True)
    source: Mapped[str | None] = mapped_column(String(40))
