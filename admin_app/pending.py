"""Rules that must hold for some days before they count, or count for some days more, or for so many customers a run.

What waits is kept in ``rule_pending``: since when the customer has been on the other side, and when that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, insert, select
from sqlalchemy.orm import Session

from admin_app.operations.kernel import Operation
from admin_app.tag_effects import BATCH, Found
from models.entity import table_of
from models.rulebook import RuleMatch, RulePending, RunCustomer
from rules.documents.rules import Rule
from rules.evaluation.dialect import Some
from rules.evaluation.statement import Slotted


@dataclass
class Crossed:
    """Who gains and who loses a rule for good now; ``moved`` is what that adds to each customer's masks, by number.

    ``spared`` are those whom a rule found at its first evaluation: only what it says of existing customers is done.
    """

    gained: Found = field(default_factory=list)
    lost: Found = field(default_factory=list)
    spared: set[tuple[str, int]] = field(default_factory=set)
    moved: dict[int, dict[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Waiting:
    since: date
    first: bool


def due(session: Session, run: int, as_of: date, rules: Iterable[Rule], here: Some | None = None) -> set[int]:
    """For whom something that waited may count by this day, beside those whom the run has staged.

    Of a rule that takes so many customers a run these are no more than it has room for, in the order in which they are
    settled: who would wait on is not looked at again.
    """
    found: set[int] = set()
    everyone = select(RulePending.customer_id).where(RulePending.due <= as_of)
    values, among = (
        ({}, everyone) if here is None else (here.values, everyone.where(here.among(RulePending.customer_id)))
    )
    for rule in filter(_is_patient, rules):
        waiting = among.where(RulePending.rule == rule.id)
        if rule.most is None:
            found.update(session.scalars(waiting, values))
            continue
        held = exists().where(RuleMatch.rule == rule.id, RuleMatch.until.is_(None))
        held = held.where(RuleMatch.customer_id == RulePending.customer_id)
        if rule.keep_for:
            found.update(session.scalars(waiting.where(held), values))
        if (room := rule.most - _gained_on(session, as_of, rule.id)) > 0:
            staged = exists().where(RunCustomer.run_id == run, RunCustomer.customer_id == RulePending.customer_id)
            next_ones = waiting.where(~held, ~staged).order_by(RulePending.customer_id).limit(room)
            found.update(session.scalars(next_ones, values))
    return found


def forget(session: Session, known: set[str]) -> None:
    """Let go of what waits for rules that are gone."""
    session.execute(delete(RulePending).where(RulePending.rule.not_in(known)))


def cross(
    op: Operation,
    as_of: date,
    here: Some,
    rules: Mapping[str, Any],
    slotted: Sequence[Slotted],
    rows: Iterable[Any],
    new: set[str],
) -> Crossed:
    """Of the customers whose bits differ, those for whom that counts now; the others wait. Of ``new``, see Crossed."""
    patient = {name: rule for name, rule in rules.items() if isinstance(rule, Rule) and _is_patient(rule)}
    waiting = _waiting(op, here, rules)
    limited = {name: rule.most for name, rule in patient.items() if rule.most is not None}
    room = {name: most - _gained_on(op.session, as_of, name) for name, most in limited.items()}
    found, still = Crossed(), dict[tuple[str, int], tuple[_Waiting, date]]()
    for row in rows:
        facts = dict(row)
        customer = facts["customer_id"]
        for rule in slotted:
            was, is_now = facts[f"old_{rule.mask}"] & rule.bit, facts[f"new_{rule.mask}"] & rule.bit
            if bool(was) == bool(is_now):
                continue
            before = waiting.get((rule.id, customer)) or _Waiting(as_of, rule.id in new)
            counts_on = before.since + timedelta(days=_days(patient.get(rule.id), bool(is_now)))
            if is_now and room.get(rule.id, 1) <= 0:
                counts_on = max(counts_on, as_of + timedelta(1))
            if counts_on > as_of:
                still[rule.id, customer] = before, counts_on
                continue
            moved = found.moved.setdefault(customer, {})
            moved[rule.mask] = moved.get(rule.mask, 0) + (rule.bit if is_now else -rule.bit)
            (found.gained if is_now else found.lost).append((rule.id, facts))
            if is_now and before.first:
                found.spared.add((rule.id, customer))
            if is_now and rule.id in room:
                room[rule.id] -= 1
    _keep(op, waiting, still)
    return found


def _is_patient(rule: Rule) -> bool:
    return bool(rule.hold or rule.keep_for or rule.most is not None)


def _days(rule: Rule | None, gains: bool) -> int:
    if rule is None or not rule.enabled:
        return 0
    return rule.hold if gains else rule.keep_for


def _waiting(op: Operation, here: Some, rules: Mapping[str, Any]) -> dict[tuple[str, int], _Waiting]:
    table = table_of(RulePending)
    query = select(table).where(table.c.rule.in_(rules), here.among(table.c.customer_id))
    waits = op.session.execute(query, here.values)
    return {(row.rule, row.customer_id): _Waiting(row.since, row.first) for row in waits}


def _gained_on(session: Session, day: date, rule: str) -> int:
    gained = (RuleMatch.rule == rule, RuleMatch.since == day)
    return session.scalar(select(func.count()).select_from(RuleMatch).where(*gained)) or 0


def _keep(
    op: Operation,
    before: Mapping[tuple[str, int], _Waiting],
    still: Mapping[tuple[str, int], tuple[_Waiting, date]],
) -> None:
    """Write down who waits; whoever came back, or need not wait any longer, is forgotten."""
    table = table_of(RulePending)
    over: dict[str, list[int]] = {}
    for rule, customer in before:
        over.setdefault(rule, []).append(customer)
    for rule, customers in over.items():
        for start in range(0, len(customers), BATCH):
            part = table.c.customer_id.in_(customers[start : start + BATCH])
            op.session.execute(delete(table).where(table.c.rule == rule, part))
    fresh = [
        {"rule": rule, "customer_id": customer, "since": one.since, "due": day, "first": one.first}
        for (rule, customer), (one, day) in still.items()
    ]
    if fresh:
        op.session.execute(insert(table), fresh)
