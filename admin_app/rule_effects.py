"""What rules give and change beside tags, alerts and tasks: points, coupons, gifts, messages, tiers, fields.

An effect bears its occasion, and the database allows one an occasion: a run that is made again gives nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import select, update

from admin_app.held_back import Doing, hold_back, of
from admin_app.operations.kernel import Operation
from admin_app.tag_effects import BATCH, take_off
from admin_app.tier_moves import raise_tiers
from admin_app.todo_effects import words_for
from models.customers import Customer, Stage
from models.entity import insert_new
from models.rulebook import EffectKind, EffectState, RuleEffect
from models.standing import Membership
from rules.book import Rulebook
from rules.decisions.clock import may_leave
from rules.documents.rules import CouponEffect, Effect, GiftEffect, Given, MessageEffect, OncePer, PointsEffect, Rule
from rules.evaluation.dialect import among
from rules.evaluation.frame import Frame
from rules.evaluation.value_sources import live_cards
from rules.language.conditions import comparisons
from rules.language.reading import filled

BIRTHDAY = "birthday_in_days"
LAST_VISIT = "days_since_visit"
NEEDED: dict[OncePer, str] = {"birthday": BIRTHDAY, "absence": LAST_VISIT}
"""The fact by which an occasion is told, read with the rule's own."""

Version = Mapping[str, int]


def give(op: Operation, frame: Frame, book: Rulebook, doing: Doing, out: set[tuple[str, int]], version: Version) -> int:
    """Do what gained rules say beside tagging and asking staff, but for those held ``out``; how much was given.

    ``version`` is by document.
    """
    if not doing:
        return 0
    part = [one for one in doing if of(one) not in out]
    found = [(effect, facts["customer_id"]) for rule, facts in part for effect in rule.then]
    raised = {facts["customer_id"]: (rule.id, one.tier) for rule, facts in part for one in rule.then if one.tier}
    take_off(op, {(customer, effect.untag) for effect, customer in found if effect.untag is not None})
    raise_tiers(op, frame, book.tiers, raised, version["tiers"])
    _set_fields(op, found)
    gifts = [(rule, *one, facts) for rule, facts in doing for one in rule.given()]
    if not gifts:
        return 0
    rows = _rows(op, frame, book, gifts, version)
    for row in rows:
        if (row["rule"], row["customer_id"]) in out:
            row["state"] = EffectState.HELD_OUT
    hold_back(op, frame, book, rows)
    return _keep(op, rows)


def _set_fields(op: Operation, effects: list[tuple[Effect, int]]) -> None:
    for effect, customer in effects:
        if effect.field is not None:
            write_stage(op, customer, effect.field.stage)


def write_stage(op: Operation, customer: int, stage: Stage) -> None:
    """Set the customer's stage, unless it is that already."""
    differs = (Customer.id == customer, Customer.stage != stage)
    values = {"stage": stage, "version": Customer.version + 1}
    op.session.execute(update(Customer).where(*differs).values(values))


def _rows(
    op: Operation, frame: Frame, book: Rulebook, found: list[tuple[Rule, int, Given, dict[str, Any]]], version: Version
) -> list[dict[str, Any]]:
    """The columns of each effect."""
    customers = {facts["customer_id"] for *_, facts in found}
    held = (Membership.customer_id.in_(customers), Membership.ended_on.is_(None))
    tiers = dict(op.session.execute(select(Membership.customer_id, Membership.tier).where(*held)).all())
    names = dict(op.session.execute(select(Customer.id, Customer.name).where(Customer.id.in_(customers))).all())
    cards = _cards_meant(op, frame, found)
    return [
        {
            "rule": rule.id,
            "place": place,
            "customer_id": facts["customer_id"],
            "occasion": occasion(given.once_per, frame.as_of, facts, cards.get((rule.id, facts["customer_id"]))),
            "made_on": frame.as_of,
            "rule_version_id": version[book.document_of(rule.id)],
            "state": EffectState.WAITING,
            "held_because": None,
            "version": 1,
            "not_before": _leaves(op, rule, book) if isinstance(given, MessageEffect) else None,
            **said,
        }
        for rule, place, given, facts in found
        for said in _said(op, frame, given, tiers.get(facts["customer_id"]), facts, names[facts["customer_id"]])
    ]


def _keep(op: Operation, rows: list[dict[str, Any]]) -> int:
    """Write down those whose occasion has had none, or only what was withdrawn since; how many of them are given."""
    _forget_withdrawn(op, rows)
    _insert(op, [row for row in rows if row["state"] is not EffectState.WAITING])
    return _insert(op, [row for row in rows if row["state"] is EffectState.WAITING])


def _forget_withdrawn(op: Operation, rows: list[dict[str, Any]]) -> None:
    """Let what was withdrawn make room for the same that is now given anew: its occasion gets an end of its own."""
    keys = {(row["rule"], row["customer_id"], row["occasion"], row["kind"], row["place"]) for row in rows}
    withdrawn = select(RuleEffect).where(
        RuleEffect.state == EffectState.WITHDRAWN,
        RuleEffect.rule.in_({row["rule"] for row in rows}),
        among({row["customer_id"] for row in rows})(RuleEffect.customer_id),
    )
    for effect in op.session.scalars(withdrawn).all():
        if (effect.rule, effect.customer_id, effect.occasion, effect.kind, effect.place) in keys:
            effect.occasion = f"{effect.occasion}#{effect.id}"
    op.session.flush()


def _insert(op: Operation, rows: list[dict[str, Any]]) -> int:
    parts = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
    return sum(insert_new(op.session, RuleEffect, part) for part in parts)


def _leaves(op: Operation, rule: Rule, book: Rulebook) -> datetime:
    """When a message of the rule may leave: its own quiet hours go before those of the house."""
    return may_leave(op.at, rule.quiet or book.campaigns.quiet, current_app.config["PEONY"].zone)


def _cards_meant(
    op: Operation, frame: Frame, found: list[tuple[Rule, int, Given, dict[str, Any]]]
) -> dict[tuple[str, int], int]:
    """For rules that give once a card: the card by which they hold for each customer."""
    asking = {rule.id: rule for rule, _, given, _ in found if given.once_per == "card"}
    gained = {(rule.id, facts["customer_id"]) for rule, *_, facts in found if rule.id in asking}
    if not gained:
        return {}
    customers = {customer for _, customer in gained}
    held: dict[int, list[Any]] = {}
    for card in op.session.execute(live_cards(replace(frame, among=lambda column: column.in_(customers)))):
        held.setdefault(card.customer_id, []).append(card)
    return {
        (rule, customer): min(held[customer], key=_nearness(asking[rule])).card_id
        for rule, customer in gained
        if customer in held
    }


def _nearness(rule: Rule) -> Callable[[Any], tuple[Any, ...]]:
    """By what a rule tells one card from another: the nearest end, or the fewest sessions where it asks for those."""
    asked = {leaf.fact.name for leaf in comparisons(rule.when)}
    by_sessions = "fewest_sessions_left" in asked and "card_ends_in_days" not in asked

    def nearness(card: Any) -> tuple[Any, ...]:
        end = card.expires_on or date.max
        return (card.left, end, card.card_id) if by_sessions else (end, card.left, card.card_id)

    return nearness


def occasion(once_per: OncePer, as_of: date, facts: Mapping[str, Any], card: int | None) -> str:
    """What tells one time from another: day, year, birthday, the last visit before an absence, or the card."""
    match once_per:
        case "ever":
            return "ever"
        case "year":
            return str(as_of.year)
        case "birthday":
            ahead = facts.get(BIRTHDAY)
            return f"birthday {(as_of + timedelta(days=ahead)).year}" if ahead is not None else str(as_of.year)
        case "absence":
            days = facts.get(LAST_VISIT)
            return f"since {as_of - timedelta(days=days)}" if days is not None else "since ever"
        case "card":
            return f"card {card}" if card is not None else "no card"
    return as_of.isoformat()


def _said(
    op: Operation, frame: Frame, given: Given, tier: str | None, facts: dict[str, Any], name: str
) -> Iterator[dict[str, Any]]:
    """The columns of one effect; nothing where her tier gets nothing."""
    what = given.what(tier)
    if what is None:
        return
    until = frame.as_of + timedelta(days=given.valid) if isinstance(given, (CouponEffect, GiftEffect)) else None
    row = {"what": what, "amount": 0, "valid_until": until}
    match given:
        case PointsEffect():
            yield row | {"kind": EffectKind.POINTS, "what": "points", "amount": int(what)}
        case CouponEffect():
            yield row | {"kind": EffectKind.COUPON}
        case GiftEffect():
            yield row | {"kind": EffectKind.GIFT, "amount": given.worth}
        case MessageEffect():
            text = filled(what, words_for(op, what, facts, name))[:300]
            yield row | {"kind": EffectKind.MESSAGE, "what": text}
