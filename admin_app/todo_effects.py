"""Alerts and tasks as rules raise them: once per time that a rule begins to hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from admin_app.held_back import Doing
from admin_app.operations.kernel import Operation
from admin_app.operations.registry import specs
from admin_app.rulebook import words_of
from admin_app.values import money
from models.customers import CareRole, Customer, CustomerAssignment
from models.standing import Alert, Task
from rules.documents.rules import AlertEffect, TaskEffect
from rules.evaluation.frame import Frame
from rules.language.facts import Fact, FactType, Subject, fact_named
from rules.language.reading import filled, places_in


def ask_staff(op: Operation, frame: Frame, doing: Doing) -> int:
    """Raise what gained rules ask for. How many were raised."""
    asking = [
        (rule, place, asked, facts)
        for rule, facts in doing
        for place, effect in enumerate(rule.then, 1)
        if (asked := effect.alert or effect.task) is not None
    ]
    if not asking:
        return 0
    ids = {facts["customer_id"] for *_, facts in asking}
    names = dict(op.session.execute(select(Customer.id, Customer.name).where(Customer.id.in_(ids))).all())
    carers = carers_of(op, ids)
    alerts: list[dict[str, Any]] = []
    tasks: list[dict[str, Any]] = []
    for rule, place, asked, facts in asking:
        customer = facts["customer_id"]
        values = {
            "source": rule.id,
            "occasion": f"{customer}:{frame.as_of.isoformat()}:{place}",
            "text": filled(asked.text, words_for(op, asked.text, facts, names[customer]))[:300],
            "to_role": asked.to,
            "customer_id": customer,
            "staff_id": carers.get((customer, asked.to)),
        }
        if isinstance(asked, AlertEffect):
            due = op.at + timedelta(hours=asked.within) if asked.within else None
            alerts.append({**values, "severity": asked.severity, "raised_at": op.at, "due_at": due})
        elif isinstance(asked, TaskEffect):
            tasks.append({**values, "due_on": frame.as_of + timedelta(asked.within)})
    return once(op, Alert, alerts) + once(op, Task, tasks)


def once(op: Operation, entity: type[Alert | Task], rows: list[dict[str, Any]]) -> int:
    """Insert the rows whose occasion has had none."""
    if not rows:
        return 0
    sources = {row["source"] for row in rows}
    occasions = {row["occasion"] for row in rows}
    there = select(entity.source, entity.occasion).where(entity.source.in_(sources), entity.occasion.in_(occasions))
    known = set(op.session.execute(there).all())
    fresh = {(row["source"], row["occasion"]): row for row in rows if (row["source"], row["occasion"]) not in known}
    if fresh:
        op.session.execute(insert(entity), list(fresh.values()))
    return len(fresh)


def carers_of(op: Operation, customers: set[int]) -> dict[tuple[int, str], int]:
    """Who looks after each customer, by role."""
    query = select(CustomerAssignment.customer_id, CustomerAssignment.care_role, CustomerAssignment.staff_id).where(
        CustomerAssignment.until.is_(None), CustomerAssignment.customer_id.in_(customers)
    )
    return {(customer, CareRole(role).value): staff for customer, role, staff in op.session.execute(query)}


def words_for(
    op: Operation, template: str, facts: dict[str, Any], name: str, subject: Subject = Subject.CUSTOMER
) -> dict[str, str]:
    """The values of the places in a text, as a person reads them."""
    words = {"name": name}
    for place in places_in(template):
        fact = fact_named(place, subject)
        if fact is not None:
            words[place] = _said(op, fact, facts.get(place))
    return words


def _said(op: Operation, fact: Fact, value: Any) -> str:
    if value is None:
        return "–"
    match fact.type:
        case FactType.MONEY:
            return money(value)
        case FactType.TIER:
            return dict(words_of("tiers", op.session)).get(value, str(value))
        case FactType.ROLE:
            return dict(words_of("roles", op.session)).get(value, str(value))
        case FactType.OPERATION:
            return next((str(spec.label) for spec in specs() if spec.name == value), str(value))
        case FactType.CHOICE if fact.family.choices is not None:
            return str(fact.family.choices(value).label)
    return str(value)
