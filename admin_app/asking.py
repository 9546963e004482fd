"""Which rules a run asks. Most are asked of whoever may stand otherwise; a rule with hours of its own is asked of
everybody when its hour has come, and of whoever has just had happen to her what it waits for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.rulebook import RuleSlot
from rules.book import Rulebook
from rules.decisions.clock import last_time
from rules.documents.rules import Happening, Rule
from rules.order import listening

TABLES: dict[Happening, tuple[str, ...]] = {
    "visit": ("visit",),
    "sale": ("sale", "payment", "reversal"),
    "card": ("card", "card_change"),
    "booking": ("appointment", "segment", "waitlist"),
    "treatment": ("treatment",),
    "reading": ("assessment", "reading"),
    "contact": ("interaction", "follow_up"),
}
"""Whose rows tell that it happened."""

LATE = timedelta(minutes=30)
"""Later than so, an hour has been missed."""


@dataclass(frozen=True)
class Asking:
    """Rules to be asked apart from the others: of ``customers``, or of everybody."""

    rules: frozenset[str]
    customers: frozenset[int] | None = None


@dataclass(frozen=True)
class Apart:
    """What a run has to ask apart at a moment, and the rules that have to wait for their next hour."""

    at: datetime
    asking: list[Asking]
    left_out: frozenset[str] = frozenset()


def with_hours(book: Rulebook) -> dict[str, Rule]:
    """The rules with hours of their own; one that rests is asked with the others, to let go of whom it has."""
    return {rule.id: rule for rule in book.rules() if rule.evaluate is not None and rule.enabled}


def asked_always(book: Rulebook, names: Iterable[str]) -> set[str]:
    """Of some rules those without hours of their own."""
    return set(names) - with_hours(book).keys()


def apart(
    session: Session, book: Rulebook, at: datetime, marks: Mapping[str | None, set[int]], *, everything: bool = False
) -> Apart:
    """What to ask apart: rules whose hour has come, or ``everything`` with hours; ``marks``: who changed, by table."""
    timed = with_hours(book)
    if everything or not timed:
        return Apart(at, [Asking(frozenset(timed))] if timed else [])
    slots = {slot.rule: slot.asked_at for slot in session.scalars(select(RuleSlot).where(RuleSlot.rule.in_(timed)))}
    due, left_out, asking = set[str](), set[str](), list[Asking]()
    for name, rule in timed.items():
        assert rule.evaluate is not None
        last, hour = slots.get(name), last_time(rule.evaluate.daily_at, at, current_app.config["PEONY"].zone)
        if last is None:  # whom it finds at first it only tags, so that need not wait; unless it says otherwise
            (due if rule.existing_customers == "tag_only" else left_out).add(name)
        elif last < hour:
            (left_out if rule.evaluate.missed == "skip" and at - hour > LATE else due).add(name)
        if name not in due and (hers := {one for table in _tables(rule) for one in marks.get(table, ())}):
            asking.append(Asking(frozenset([name]), frozenset(hers)))
    return Apart(at, ([Asking(frozenset(due))] if due else []) + asking, frozenset(left_out))


def heard_by(book: Rulebook, rules: frozenset[str]) -> list[str]:
    """These rules, and those without hours that ask for their tags."""
    others = listening(book, rules) - rules
    return sorted(rules | asked_always(book, others))


def _tables(rule: Rule) -> set[str]:
    happenings = [] if rule.evaluate is None else rule.evaluate.on
    return {table for happening in happenings for table in TABLES[happening]}
