"""Alerts and tasks as rules raise them: once per time that a rule begins to hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from admin_app.held_back import Doing
from admin_app.i18n import LONGEST_TEXT, in_both_languages, in_her_language
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
            **texts_of(op, asked, facts, names[customer]),
            "to_role": asked.to,
            "customer_id": customer,
            "staff_id": carers.get((customer, asked.to)),
        }
        if isinstance(asked, AlertEffect):
            due = op.at + timedelta(hours=asked.within) if asked.within else None
            alerts.append({**values, **about("customer", customer), "severity": asked.severity})
            alerts[-1] |= {"raised_at": op.at, "due_at": due}
        elif isinstance(asked, TaskEffect):
            tasks.append({**values, "due_on": frame.as_of + timedelta(asked.within)})
    return once(op, Alert, to_each_once(alerts)) + once(op, Task, tasks)


def texts_of(
    op: Operation,
    asked: AlertEffect | TaskEffect,
    facts: dict[str, Any],
    name: str,
    subject: Subject = Subject.CUSTOMER,
) -> dict[str, str | None]:
    """Its text with the places filled in, in each language that the owner has written it in; if that is one only, with
    values in the language of whoever runs the rules.
    """

    def text() -> str:
        template = in_her_language(asked.text, asked.text_en)
        return filled(template, words_for(op, template, facts, name, subject))

    if asked.text_en:
        return {**in_both_languages(text)}
    words = words_for(op, asked.text, facts, name, subject)
    return {"text": filled(asked.text, words)[:LONGEST_TEXT], "text_en": None}


def about(kind: str, number: int) -> dict[str, Any]:
    """What an alert is about, as a page links to it."""
    return {"about": kind, "about_id": number}


def to_each_once(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Alerts of one rule that tell several roles the same of the same thing are one: a person who hears more than one
    of the roles gets it once, and it is closed once.
    """
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    for alert in alerts:
        same = (alert["source"], alert["occasion"].rpartition(":")[0], alert["text"])
        known = first.setdefault(same, alert | {"also_to": None})
        roles = [known["to_role"], *(known["also_to"] or ())]
        if alert["to_role"] not in roles:
            known["also_to"] = [*roles[1:], alert["to_role"]]
    return list(first.values())


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
