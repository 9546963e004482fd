"""One statement for all rules of a stratum: every rule is a bit, and only customers whose bits differ come back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    Table,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
)

from models.entity import AnySelect, table_of
from models.rulebook import MASK_BITS, MASKS, RuleState
from models.standing import CustomerTag, Membership, Tag
from rules.documents.tiers import Downgrade, TiersDocument
from rules.evaluation.compiler import compiled
from rules.evaluation.dialect import Among
from rules.evaluation.frame import Frame, same_customer
from rules.evaluation.sources import facts_of
from rules.language.conditions import Condition, comparisons
from rules.language.facts import Fact, FactType, fact_named


@dataclass(frozen=True)
class Slotted:
    """A rule with the bit that is its own."""

    id: str
    when: Condition
    position: int

    @property
    def mask(self) -> int:
        return self.position // MASK_BITS

    @property
    def bit(self) -> int:
        return 1 << (self.position % MASK_BITS)


def facts_in(conditions: Iterable[Condition], more: Iterable[str] = ()) -> list[Fact]:
    """The facts that conditions (and the names in ``more``) need, each once, tags apart."""
    found = {leaf.fact.name: leaf.fact for condition in conditions for leaf in comparisons(condition)}
    for name in more:
        fact = fact_named(name)
        if fact is not None:
            found[name] = fact
    return [fact for name, fact in sorted(found.items()) if fact.type is not FactType.TAG]


def has_tag(customer_id: ColumnElement[Any], slugs: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether she holds one of the tags now, by a rule or by hand."""
    return exists().where(
        CustomerTag.customer_id == customer_id,
        CustomerTag.until.is_(None),
        CustomerTag.held,
        CustomerTag.tag_id == Tag.id,
        Tag.slug.in_(slugs),
    )


def predicate(condition: Condition, facts: FromClause) -> ColumnElement[bool]:
    return compiled(condition, lambda fact: facts.c[fact.name], lambda slugs: has_tag(facts.c.customer_id, slugs))


def differing(frame: Frame, rules: Sequence[Slotted], more: Iterable[str] = ()) -> AnySelect:
    """Customers, in order, for whom the rules' bits are not those stored: id, stored and new masks, every fact used.

    Bits of rules outside ``rules`` are left as they stand.
    """
    facts = facts_of(frame, facts_in((rule.when for rule in rules), more))
    chosen, differs = _masks(facts, rules)
    return _beside_state(facts, frame.among, [*facts.c, *chosen]).where(or_(*differs)).order_by(facts.c.customer_id)


def unsettled(facts: FromClause, among: Among | None, rules: Sequence[Slotted]) -> AnySelect:
    """The ids of such customers, among those whose facts are given, with the stored and the new bits of each mask."""
    chosen, differs = _masks(facts, rules)
    return _beside_state(facts, among, [facts.c.customer_id, *chosen]).where(or_(*differs))


def _beside_state(facts: FromClause, among: Among | None, chosen: Sequence[ColumnElement[Any]]) -> AnySelect:
    state = table_of(RuleState)
    return select(*chosen).select_from(facts.outerjoin(state, same_customer(state.c.customer_id, facts, among)))


def _masks(facts: FromClause, rules: Sequence[Slotted]) -> tuple[list[ColumnElement[Any]], list[ColumnElement[bool]]]:
    """The stored and the new bits of each mask that the rules touch, and whether they differ."""
    state = table_of(RuleState)
    chosen: list[ColumnElement[Any]] = []
    differs: list[ColumnElement[bool]] = []
    for mask in range(MASKS):
        own = [rule for rule in rules if rule.mask == mask]
        if not own:
            continue
        bits = [case((predicate(rule.when, facts), literal(rule.bit, BigInteger)), else_=0) for rule in own]
        fresh: ColumnElement[Any] = bits[0]
        for bit in bits[1:]:
            fresh = fresh + bit
        ours = literal(sum(rule.bit for rule in own), BigInteger)
        stored = func.coalesce(state.c[f"mask_{mask}"], 0).bitwise_and(ours)
        chosen += [stored.label(f"old_{mask}"), fresh.label(f"new_{mask}")]
        differs.append(fresh != stored)
    return chosen, differs


def counts(facts: FromClause, conditions: Mapping[str, Condition]) -> AnySelect:
    """How many customers fulfil each condition, in one pass; for dry runs."""
    columns = [func.sum(case((predicate(when, facts), 1), else_=0)).label(name) for name, when in conditions.items()]
    return select(func.count().label("customers"), *columns).select_from(facts)


class BesideTiers(NamedTuple):
    """Whose facts are given, beside the tier each holds, and the columns that decide whether it moves.

    ``rank`` is that of the tier held, ``entered`` of the first one whose condition holds (0 the highest); ``keeps`` is
    1 when the condition to keep the tier held is fulfilled.
    """

    rows: FromClause
    held: Table
    rank: ColumnElement[int]
    entered: ColumnElement[int]
    keeps: ColumnElement[int]


def beside_tiers(facts: FromClause, among: Among | None, document: TiersDocument) -> BesideTiers:
    """What a document says of the tiers of those whose facts are given."""
    held = table_of(Membership)
    lowest = len(document.tiers) - 1
    ranked = [(predicate(t.enter, facts), rank) for rank, t in enumerate(document.tiers) if t.enter is not None]
    entered = case(*ranked, else_=lowest) if ranked else literal(lowest)
    kept = [(and_(held.c.tier == t.id, predicate(t.keep, facts)), 1) for t in document.tiers if t.keep is not None]
    keeps = case(*kept, else_=0) if kept else literal(0)
    ranks = ((held.c.tier == tier.id, place) for place, tier in enumerate(document.tiers))
    rank = case(*ranks, else_=lowest + 1)  # a tier that is gone stands below all
    own = and_(same_customer(held.c.customer_id, facts, among), held.c.ended_on.is_(None))
    return BesideTiers(facts.outerjoin(held, own), held, rank, entered, keeps)


def standing(facts: FromClause, among: Among | None, day: date, document: TiersDocument) -> AnySelect:
    """Of those whose facts are given, whose tier may have to move, or who should be told that it will: id, ``tier``,
    validity and when she was told now, ``entered`` rank, ``keeps``, and the facts.
    """
    rows, held, rank, entered, keeps = beside_tiers(facts, among, document)
    near = held.c.valid_until <= literal(day + timedelta(document.notice), Date)
    falls = document.downgrade is not Downgrade.NEVER
    falling = and_(held.c.told_on.is_(None), near, entered > rank, keeps == 0) if falls else false()
    return (
        select(
            *facts.c,
            held.c.id.label("membership_id"),
            held.c.tier,
            held.c.valid_until,
            held.c.told_on,
            entered.label("entered"),
            keeps.label("keeps"),
        )
        .select_from(rows)
        .where(or_(held.c.id.is_(None), entered < rank, held.c.valid_until < literal(day, Date), falling))
    )
