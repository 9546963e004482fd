"""Rules about staff, products and operations: alerts when one begins to hold, and for each operation that fulfils one.

Operations are looked at in the order of the log's links, from the activation of the rule on, each once. What is found
is found again by the operation that writes it: two processes raise nothing twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, delete, func, insert, select
from sqlalchemy.orm import Session

from admin_app.operations.kernel import Operation, perform
from admin_app.operations.registry import Answer, Input, operation, the_machine
from admin_app.rulebook import rulebook
from admin_app.todo_effects import about, once, texts_of, to_each_once
from models.accounts import User
from models.actor import SYSTEM, Actor, ActorKind
from models.entity import db
from models.log import EntryKind, LogLink
from models.log import Operation as LogOperation
from models.names import Name
from models.rulebook import RuleActivation, WatchMatch, WatchState
from models.standing import Alert
from rules.documents.rules import WatchRule
from rules.evaluation.frame import Frame
from rules.evaluation.subject_sources import fulfilling
from rules.language.conditions import comparisons
from rules.language.facts import Fact, Subject, fact_named
from rules.language.reading import places_in

FEW = 500
"""Rows in one statement: databases bind so many values only."""

Facts = dict[str, Any]


@dataclass
class Seen:
    """What has come about since the last look; ``upto`` is the last link of the log that was looked at."""

    upto: int = 0
    looked: list[WatchRule] = field(default_factory=list)
    raising: list[tuple[WatchRule, Facts]] = field(default_factory=list)
    begun: set[tuple[str, int]] = field(default_factory=set)
    ended: set[tuple[str, int]] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def stirs(self) -> bool:
        """Whether there is anything to write down but how far it was looked."""
        return any((self.raising, self.begun, self.ended, self.fresh, self.gone))


def watch(as_of: date, full: bool, actor: Actor = SYSTEM, run_id: int | None = None) -> None:
    """Look at staff, products and operations as of a day; between full runs only something new is written down."""
    session = db.session()
    known = rulebook().alerts.watch or session.scalar(select(WatchState.rule).limit(1))
    if known and (full or look(session, as_of, full=False).stirs()):
        perform(Name.WATCH, WatchInput(as_of=as_of, full=full), actor=actor, run_id=run_id)


class WatchInput(Input):
    """The day; whether rules are looked at too that only time can change."""

    as_of: date
    full: bool


@operation(
    Name.WATCH,
    label=_l("Watch staff, products and operations"),
    kind=EntryKind.RUN,
    permitted=the_machine,
    form=False,
)
def watch_all(op: Operation, data: WatchInput) -> Answer:
    """Raise alerts about staff, products and operations for whom a rule begins to hold."""
    op.session.scalars(select(WatchState).with_for_update()).all()  # two at once come one after the other
    seen = look(op.session, data.as_of, data.full)
    _remember(op.session, seen, data.as_of)
    raised = once(op, Alert, to_each_once(list(_alerts(op, seen, data.as_of))))
    op.detail = {"as_of": data.as_of.isoformat(), "rules": len(seen.looked), "raised": raised}
    return {"raised": raised}


# ------------------------------------------------------------------------------------------------ looking


def look(session: Session, as_of: date, full: bool) -> Seen:
    """What would have to be written down now. Changes nothing.

    What only the day's beginning can change (how long ago something was) waits for a full run.
    """
    rules = rulebook(session).alerts.watch
    states = {state.rule: state for state in session.scalars(select(WatchState))}
    frame = Frame(as_of, None, merges=True, zone=current_app.config["PEONY"].zone)
    seen = Seen(_reached(session, frame), gone=_gone(states))
    seen.looked = [rule for rule in rules if full or _moves_by_day(rule)]
    seen.fresh = {rule.id for rule in seen.looked if rule.id not in states or states[rule.id].about != rule.about}
    for subject in (Subject.STAFF, Subject.PRODUCT, Subject.SERVICE):
        _standing(session, frame, [rule for rule in seen.looked if rule.subject is subject], seen)
    _done(session, frame, [rule for rule in seen.looked if rule.subject is Subject.OPERATION], states, seen)
    return seen


def _gone(states: Iterable[str]) -> set[str]:
    """Rules that were looked at once and are in the book no longer."""
    book = rulebook()
    known = {rule.id for rule in book.alerts.watch}
    return {name for name in states if name not in known and not book.is_aside(name)}


def _moves_by_day(rule: WatchRule) -> bool:
    """Whether what is done by day can make it hold: of operations always, else where all is asked of some days."""
    return rule.subject is Subject.OPERATION or all(leaf.fact.days is not None for leaf in comparisons(rule.when))


def _reached(session: Session, frame: Frame) -> int:
    """The last link before the first one of a later day."""
    later = select(func.min(LogLink.seq)).join(LogOperation, LogOperation.id == LogLink.operation_id)
    first = session.scalar(later.where(LogOperation.at >= frame.end))
    return first - 1 if first is not None else session.scalar(select(func.max(LogLink.seq))) or 0


def _found(session: Session, frame: Frame, rules: list[WatchRule]) -> Iterable[tuple[WatchRule, Facts]]:
    """Who fulfils which of the rules about one subject."""
    living = [rule for rule in rules if rule.enabled]
    if not living:
        return
    told = {fact.name: fact for rule in living for fact in _told(rule)}
    query = fulfilling(living[0].subject, frame, [rule.when for rule in living], told.values())
    for row in session.execute(query.order_by("subject_id")).mappings():
        yield from ((rule, dict(row)) for place, rule in enumerate(living) if row[f"holds_{place}"])


def _told(rule: WatchRule) -> list[Fact]:
    """The facts that its texts speak of."""
    names = [name for effect in rule.then for text in effect.alert.texts for name in places_in(text)]
    return [fact for name in names if (fact := fact_named(name, rule.subject)) is not None]


def _standing(session: Session, frame: Frame, rules: list[WatchRule], seen: Seen) -> None:
    """Staff or products: who begins to fulfil a rule, and who no longer does. A new rule only takes note of them."""
    names = [rule.id for rule in rules]
    pairs = select(WatchMatch.rule, WatchMatch.subject_id).where(WatchMatch.rule.in_(names))
    before = {(rule, subject) for rule, subject in session.execute(pairs) if rule not in seen.fresh}
    found = {(rule.id, facts["subject_id"]): (rule, facts) for rule, facts in _found(session, frame, rules)}
    seen.begun |= found.keys() - before
    seen.ended |= before - found.keys()
    seen.raising += [found[one] for one in sorted(found.keys() - before) if one[0] not in seen.fresh]


def _done(session: Session, frame: Frame, rules: list[WatchRule], states: dict[str, WatchState], seen: Seen) -> None:
    """Operations that fulfil a rule, of those that it has not looked at yet."""
    since: dict[int, list[WatchRule]] = defaultdict(list)
    for rule in rules:
        since[_activated(session) if rule.id in seen.fresh else states[rule.id].seen].append(rule)
    for after, some in sorted(since.items()):
        fresh = replace(frame, among=_links(after, seen.upto))
        seen.raising += _found(session, fresh, some) if after < seen.upto else ()


def _links(after: int, upto: int) -> Callable[[Any], ColumnElement[bool]]:
    return lambda seq: and_(seq > after, seq <= upto)


def _activated(session: Session) -> int:
    """The last link before the rules as they are now came into force."""
    at = select(func.max(RuleActivation.at)).where(RuleActivation.document == "alerts").scalar_subquery()
    before = select(func.max(LogLink.seq)).join(LogOperation, LogOperation.id == LogLink.operation_id)
    return session.scalar(before.where(LogOperation.at < at)) or 0


# ------------------------------------------------------------------------------------------------ writing down


def _remember(session: Session, seen: Seen, as_of: date) -> None:
    names = {rule.id for rule in seen.looked}
    session.execute(delete(WatchMatch).where(WatchMatch.rule.in_(seen.gone | seen.fresh)))
    session.execute(delete(WatchState).where(WatchState.rule.in_(seen.gone | names)))
    for rule, subject in sorted(seen.ended):
        session.execute(delete(WatchMatch).where(WatchMatch.rule == rule, WatchMatch.subject_id == subject))
    if seen.begun:
        matches = [{"rule": rule, "subject_id": subject, "since": as_of} for rule, subject in sorted(seen.begun)]
        session.execute(insert(WatchMatch), matches)
    if seen.looked:
        session.execute(
            insert(WatchState), [{"rule": rule.id, "about": rule.about, "seen": seen.upto} for rule in seen.looked]
        )


def _alerts(op: Operation, seen: Seen, as_of: date) -> Iterable[dict[str, Any]]:
    """The alerts that are due, each with whom of the staff it is about."""
    people = _people(op.session, [facts["subject_id"] for rule, facts in seen.raising if rule.about == "operation"])
    for rule, facts in seen.raising:
        subject, name = facts["subject_id"], facts["subject_name"]
        when = "" if rule.subject is Subject.OPERATION else f":{as_of.isoformat()}"
        staff = {Subject.STAFF: subject, Subject.OPERATION: people.get(subject)}.get(rule.subject)
        for place, alert in enumerate((effect.alert for effect in rule.then), 1):
            yield {
                "source": rule.id,
                "occasion": f"{rule.about}:{subject}{when}:{place}",
                **texts_of(op, alert, facts, name, rule.subject),
                **about(rule.about, subject),
                "to_role": alert.to,
                "staff_id": staff,
                "severity": alert.severity,
                "raised_at": op.at,
                "due_at": op.at + timedelta(hours=alert.within) if alert.within else None,
            }


def _people(session: Session, operations: list[int]) -> dict[int, int]:
    """Who of the staff did each operation."""
    hers = and_(LogOperation.actor_kind == ActorKind.USER.value, LogOperation.actor_id == User.id)
    found: dict[int, int] = {}
    for start in range(0, len(operations), FEW):
        part = LogOperation.id.in_(operations[start : start + FEW]), User.staff_id.is_not(None)
        rows = session.execute(select(LogOperation.id, User.staff_id).join(User, hers).where(*part))
        found |= {operation: staff for operation, staff in rows if staff is not None}
    return found
