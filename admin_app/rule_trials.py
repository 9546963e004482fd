"""What a rule would do before it does it, and why it does what it does: exact, of the salon as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import BigInteger, ColumnElement, and_, case, func, literal, not_, select
from sqlalchemy.orm import Session

from admin_app.applying import condition_of
from admin_app.i18n import in_her_language, join_words
from admin_app.operations.registry import specs
from admin_app.rulebook import rulebook, words_of
from admin_app.stored_facts import facts_today, hers_today
from models.assessments import AssessmentParameter
from models.customers import Customer
from models.entity import table_of
from models.rulebook import EffectKind, RuleMatch, RuleSlot
from models.standing import CustomerTag, Membership, Tag
from rules.book import Rulebook
from rules.documents.rules import CouponEffect, GiftEffect, PointsEffect, Rule
from rules.evaluation import interpreter
from rules.evaluation.statement import facts_in, predicate
from rules.language.conditions import All, Comparison, Condition, Not, Operator
from rules.language.facts import FactType
from rules.language.sentences import Words, comparison_said, condition_said, value_said

SAMPLES = 8
_APART = 1 << 32
"""Keeps two counts of customers apart in one sum."""


class _ReadLate(Mapping[str, str]):
    """What things are called: the ones declared, and others, which are read when one of them is asked for."""

    def __init__(self, declared: dict[str, str], others: Callable[[], dict[str, str]]) -> None:
        self._declared = declared
        self._others = others

    @cached_property
    def _all(self) -> dict[str, str]:
        return self._others() | self._declared

    def __getitem__(self, slug: str) -> str:
        return self._declared[slug] if slug in self._declared else self._all[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def _tag_names(session: Session) -> dict[str, str]:
    return {tag.slug: in_her_language(tag.name, tag.name_en) for tag in session.scalars(select(Tag))}


def _reading_names(session: Session) -> dict[str, str]:
    rows = session.execute(select(AssessmentParameter.slug, AssessmentParameter.name).order_by(AssessmentParameter.id))
    return dict(reversed(rows.all()))


def words(session: Session, book: Rulebook | None = None) -> Words:
    """What the salon calls its tiers, tags, roles, coupons, operations, festivals and measurements."""
    book = book or rulebook(session)
    declared = {tag.id: in_her_language(tag.name, tag.name_en) for tag in book.tags.tags}
    coupons = {one.id: in_her_language(one.name, one.name_en) for one in book.campaigns.coupons}
    operations = {spec.name: str(spec.label) for spec in specs()}
    festivals = {one.id: in_her_language(one.name, one.name_en) for one in book.festivals.festivals}
    tiers, roles = dict(words_of("tiers", session)), dict(words_of("roles", session))
    tags, readings = _ReadLate(declared, partial(_tag_names, session)), _ReadLate({}, partial(_reading_names, session))
    return Words(tiers, tags, roles, coupons, operations, festivals, readings)


@dataclass(frozen=True)
class Step:
    """One part of a condition: how many fulfil it alone, and how many together with those before it."""

    said: str
    alone: int
    so_far: int


@dataclass(frozen=True)
class Outlay:
    """What goes to those who would gain a rule: how many of a kind, and what they come to at most (money in fen)."""

    kind: str
    count: int
    much: int


@dataclass
class Preview:
    """What would be so if the rule were in force now."""

    customers: int
    matching: int
    gains: int
    losses: int
    steps: list[Step] = field(default_factory=list)
    gaining: list[int] = field(default_factory=list)
    losing: list[int] = field(default_factory=list)
    spared: bool = False  # it is tried on everybody for the first time, and only tags whom it finds
    outlays: list[Outlay] = field(default_factory=list)

    @property
    def moves(self) -> int:
        """For how many something changes."""
        return self.gains + self.losses


def preview(session: Session, rule: Rule, book: Rulebook, as_of: date, hers: ColumnElement[bool]) -> Preview:
    """Count in one pass over all customers whom a rule of a book finds, and what they would be given; samples are of
    those ``hers`` lets her see.

    Tags that other rules set are taken as they stand.
    """
    rule_id, when = rule.id, condition_of(rule)
    facts = facts_today(session, as_of, facts_in([when]))
    parts = when.parts if isinstance(when, All) and when.parts else (when,)
    matches = select(RuleMatch.customer_id).where(RuleMatch.rule == rule_id, RuleMatch.until.is_(None))
    had = facts.c.customer_id.in_(matches)  # a list that is made once, where EXISTS would be asked of each customer
    alone = [predicate(part, facts) for part in parts]
    together = [and_(*alone[: place + 1]) for place in range(1, len(alone))]
    holds = and_(*alone)
    one_each = literal(1, BigInteger) + case((holds, literal(_APART, BigInteger)), else_=0)
    who_had = func.coalesce(func.sum(case((had, one_each), else_=0)), 0)  # asked once: each asking makes its list anew
    counted = [func.count(), who_had, *(func.count().filter(one) for one in (*alone, *together))]
    customers, packed, *found = session.execute(select(*counted).select_from(facts)).one()
    keeping, having = divmod(int(packed), _APART)
    so_far, known = [found[0], *found[len(parts) :]], words(session)
    steps = [Step(condition_said(part, known), found[place], so_far[place]) for place, part in enumerate(parts)]
    outcome = Preview(customers, so_far[-1], so_far[-1] - keeping, having - keeping, steps)
    seen = select(facts.c.customer_id).join(Customer, Customer.id == facts.c.customer_id).where(hers)
    order = seen.order_by(facts.c.customer_id).limit(SAMPLES)
    if outcome.gains:
        outcome.gaining = list(session.scalars(order.where(holds, not_(had))))
    if outcome.losses:
        outcome.losing = list(session.scalars(order.where(had, not_(holds))))
    judged = session.scalar(select(RuleSlot.rule_version_id).where(RuleSlot.rule == rule_id)) is not None
    outcome.spared = rule.existing_customers == "tag_only" and not judged and bool(rule.given())
    if outcome.gains and rule.given() and not outcome.spared:
        held = and_(Membership.customer_id == facts.c.customer_id, Membership.ended_on.is_(None))
        gained = select(Membership.tier, func.count()).select_from(facts.outerjoin(table_of(Membership), held))
        by_tier = session.execute(gained.where(holds, not_(had)).group_by(Membership.tier))
        outcome.outlays = _outlays(rule, book, dict(by_tier.all()))
    return outcome


def _outlays(rule: Rule, book: Rulebook, gained: Mapping[str | None, int]) -> list[Outlay]:
    """What so many customers of each tier are given, kind by kind."""
    worth = {coupon.id: coupon.worth for coupon in book.campaigns.coupons}
    found: dict[str, tuple[int, int]] = {}
    for _place, given in rule.given():
        for tier, many in gained.items():
            if (what := given.what(tier)) is None:
                continue
            match given:
                case PointsEffect():
                    kind, each = EffectKind.POINTS, int(what)
                case CouponEffect():
                    kind, each = EffectKind.COUPON, worth.get(what, 0)
                case GiftEffect():
                    kind, each = EffectKind.GIFT, given.worth
                case _:
                    kind, each = EffectKind.MESSAGE, book.campaigns.message_price
            count, much = found.get(kind, (0, 0))
            found[kind] = count + many, much + many * each
    return [Outlay(kind, *sums) for kind, sums in found.items()]


# ----------------------------------------------------------------------------------------------------- why


@dataclass(frozen=True)
class Reason:
    """One line of an answer: a comparison with her value, or a joint over the lines below it."""

    depth: int
    said: str
    holds: bool
    value: str = ""
    distance: str = ""


@dataclass(frozen=True)
class Explained:
    """Why a rule holds for a customer, or not."""

    rule: Rule
    holds: bool
    in_force: bool
    reasons: list[Reason]


def explain(session: Session, customer_id: int, as_of: date, among: Sequence[Rule] | None = None) -> list[Explained]:
    """Every rule (or those ``among``) for one customer, each comparison with her value and how far it is off."""
    book = rulebook(session)
    rules = list(book.rules() if among is None else among)
    facts = facts_now(session, customer_id, as_of, [rule.when for rule in rules])
    current = select(RuleMatch.rule).where(RuleMatch.customer_id == customer_id, RuleMatch.until.is_(None))
    held, known = set(session.scalars(current)), words(session, book)
    return [
        Explained(
            rule, interpreter.holds(rule.when, facts), rule.id in held, list(_reasons(rule.when, facts, known, 0))
        )
        for rule in rules
    ]


def facts_now(session: Session, customer_id: int, as_of: date, conditions: Sequence[Condition]) -> dict[str, Any]:
    """Her facts as the rules see them; empty for whom the rules pass over."""
    facts = hers_today(session, as_of, facts_in(conditions), customer_id)
    row = session.execute(select(facts)).mappings().first()
    held = (CustomerTag.customer_id == customer_id, CustomerTag.until.is_(None), CustomerTag.held)
    tags = session.scalars(select(Tag.slug).join(CustomerTag, CustomerTag.tag_id == Tag.id).where(*held))
    return {**(row or {}), "tag": tuple(tags)}


def _reasons(condition: Condition, facts: dict[str, Any], known: Words, depth: int) -> list[Reason]:
    if isinstance(condition, Comparison):
        return [_reason(condition, facts, known, depth)]
    own = Reason(depth, _joint(condition), interpreter.holds(condition, facts))
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return [own, *(line for part in parts for line in _reasons(part, facts, known, depth + 1))]


def _joint(condition: Condition) -> str:
    said: str = {"All": _("all of these hold"), "Any": _("any of these holds")}.get(
        type(condition).__name__, _("this does not hold")
    )
    return said


def _reason(leaf: Comparison, facts: dict[str, Any], known: Words, depth: int) -> Reason:
    holds = interpreter.holds(leaf, facts)
    if leaf.fact.type is FactType.TAG:
        value = join_words(known.tags.get(slug, slug) for slug in facts["tag"]) or "–"
        return Reason(depth, comparison_said(leaf, known), holds, value)
    found = facts.get(leaf.fact.name)
    empty = str(leaf.fact.family.empty or "–")
    value = empty if found is None else value_said(leaf.fact, found, known)
    return Reason(depth, comparison_said(leaf, known), holds, value, "" if holds else distance(leaf, found, known))


def distance(leaf: Comparison, found: Any, known: Words) -> str:
    """How far her value is off a threshold, in the fact's unit; nothing where there is no such thing."""
    if not isinstance(found, int) or isinstance(found, bool) or leaf.fact.type in (FactType.FLAG, FactType.TAG):
        return ""
    low = high = None
    match leaf.operator:
        case Operator.AT_LEAST | Operator.IS:
            low = int(leaf.values[0])
        case Operator.MORE_THAN:
            low = int(leaf.values[0]) + 1
        case Operator.AT_MOST:
            high = int(leaf.values[0])
        case Operator.LESS_THAN:
            high = int(leaf.values[0]) - 1
        case Operator.BETWEEN:
            low, high = int(leaf.values[0]), int(leaf.values[1])
    if low is not None and found < low:
        return "−" + value_said(leaf.fact, low - found, known)
    if high is not None and found > high:
        return "+" + value_said(leaf.fact, found - high, known)
    return ""
