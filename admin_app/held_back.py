"""Who is held out of a rule, and which of its messages are held back: kept with the reason, never given or sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from admin_app.consents import refusing_marketing
from admin_app.operations.kernel import Operation
from models.customers import Customer
from models.rulebook import EffectKind, EffectState, HeldBecause, RuleEffect
from rules.book import Rulebook
from rules.decisions.holdout import is_held_out
from rules.documents.rules import Frequency, Rule
from rules.evaluation.frame import Frame

Key = tuple[str, int, str, int]
"""Rule, customer, occasion and place of a message."""


Doing = Sequence[tuple[Rule, dict[str, Any]]]
"""Gained rules with the facts of the customers who gained them."""


def of(one: tuple[Rule, dict[str, Any]]) -> tuple[str, int]:
    """Which rule, and whose."""
    rule, facts = one
    return rule.id, facts["customer_id"]


def held_out(op: Operation, doing: Doing) -> set[tuple[str, int]]:
    """Rules with the customers for whom nothing is to be done but tagging."""
    sharing = [(rule, facts["customer_id"]) for rule, facts in doing if rule.holdout]
    ids = {customer for _, customer in sharing}
    public = dict(op.session.execute(select(Customer.id, Customer.public_id).where(Customer.id.in_(ids))).all())
    return {(rule.id, customer) for rule, customer in sharing if is_held_out(rule.id, public[customer], rule.holdout)}


def hold_back(op: Operation, frame: Frame, book: Rulebook, rows: Sequence[dict[str, Any]]) -> None:
    """Mark those of the messages that are not to be sent, with the reason."""
    rules = {rule.id: rule for rule in book.rules()}
    messages = [row for row in rows if row["kind"] is EffectKind.MESSAGE and row["state"] is EffectState.WAITING]
    if not messages:
        return
    customers = {row["customer_id"] for row in messages}
    refusing, told = refusing_marketing(op.session, customers), _told(op, frame, customers)
    for row in messages:
        if _key(row) in told.keys:
            continue  # this occasion has had its message
        because = _because(frame.as_of, rules[row["rule"]], book, row["customer_id"], refusing, told)
        if because is None:
            told.add(row["customer_id"], row["rule"], frame.as_of)
        else:
            row |= {"state": EffectState.HELD, "held_because": because}


@dataclass
class _Told:
    """The messages customers have had: each one's key, and by customer the rules and days of those not held back."""

    keys: set[Key] = field(default_factory=set)
    days: dict[int, list[tuple[str, date]]] = field(default_factory=dict)

    def add(self, customer: int, rule: str, day: date) -> None:
        self.days.setdefault(customer, []).append((rule, day))

    def reaches(self, limit: Frequency, customer: int, as_of: date, rule: str | None = None) -> bool:
        """Whether she has had as many as she may (of one rule, if said)."""
        since = as_of - timedelta(limit.days)
        had = [one for one, day in self.days.get(customer, ()) if since < day <= as_of and rule in (None, one)]
        return len(had) >= limit.most


def _key(row: Mapping[str, Any]) -> Key:
    return row["rule"], row["customer_id"], row["occasion"], row["place"]


def _told(op: Operation, frame: Frame, customers: set[int]) -> _Told:
    hers = replace(frame, among=lambda column: column.in_(customers))
    query = select(RuleEffect, hers.owner(RuleEffect.customer_id)).where(
        RuleEffect.kind == EffectKind.MESSAGE, hers.asked(RuleEffect.customer_id)
    )
    told = _Told()
    for effect, customer in op.session.execute(query):
        told.keys.add((effect.rule, effect.customer_id, effect.occasion, effect.place))
        if effect.state in (EffectState.WAITING, EffectState.DONE):
            told.add(customer, effect.rule, effect.made_on)
    return told


def _because(
    as_of: date, rule: Rule, book: Rulebook, customer: int, refusing: set[int], told: _Told
) -> HeldBecause | None:
    """Why she is not sent this message; None if she is."""
    if customer in refusing:
        return HeldBecause.NO_CONSENT
    if rule.per_customer is not None and told.reaches(rule.per_customer, customer, as_of, rule.id):
        return HeldBecause.RULE_LIMIT
    house = book.campaigns.messages_per_customer
    if house is not None and told.reaches(house.frequency, customer, as_of):
        return HeldBecause.HOUSE_LIMIT
    return None
