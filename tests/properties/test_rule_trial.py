"""What a changed rule would do, told beforehand: by brute force over everybody, and by what it then does."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import ColumnElement, select, true

from admin_app.evaluation import evaluate
from admin_app.frames import frame_of
from admin_app.rule_trials import SAMPLES, Preview, Step, facts_now, preview
from admin_app.rulebook import rulebook
from models.customers import Customer
from models.entity import db
from models.rulebook import RuleMatch
from rules.documents.rules import AlertsDocument
from rules.evaluation import interpreter
from rules.evaluation.sources import facts_of
from rules.evaluation.statement import facts_in
from rules.language.conditions import All
from rules.language.reading import read_document
from tests.cast import NOON, TODAY
from tests.conftest import ON_BOTH
from tests.properties.history import Salon, activate, long_ago, something

HOUSES = ("sqlite",)

RULE = "version: 1\nrules: [{id: sought, name: 找, when: %s, then: [{alert: {to: owner, text: 有人}}]}]\n"
CONDITIONS = (
    "{days_since_visit: {at_least: 30}}",
    "{days_since_visit: {at_least: 60}}",
    "{days_since_visit: {at_most: 89}, paid_365d: {at_least: 2500}}",
    "{visits_365d: {at_least: 2}, paid_365d: {less_than: 6000}, not: {skin_type: sensitive}}",
    "{any: [{has_allergy: true}, {visits_total: {at_least: 4}}]}",
    "{not: {visits_total: {at_least: 1}}}",
)


def members() -> set[int]:
    db.session.rollback()
    return set(
        db.session.scalars(select(RuleMatch.customer_id).where(RuleMatch.rule == "sought", RuleMatch.until.is_(None)))
    )


def tried(condition: str, hers: ColumnElement[bool] | None = None) -> Preview:
    """A draft of the rule with another condition, tried on everybody."""
    book = rulebook().with_documents({"alerts": read_document(AlertsDocument, RULE % condition, "a")})
    [rule] = [one for one in book.rules() if one.id == "sought"]
    return preview(db.session(), rule, book, TODAY, true() if hers is None else hers)


def by_brute_force(condition: str, before: set[int]) -> Preview:
    """The same, of facts that are worked out anew and judged one by one."""
    [rule] = read_document(AlertsDocument, RULE % condition, "a").rules
    facts = facts_of(frame_of(db.session(), TODAY), facts_in([rule.when]))
    people = {row["customer_id"]: dict(row) for row in db.session.execute(select(facts)).mappings()}
    parts = rule.when.parts if isinstance(rule.when, All) else (rule.when,)
    whom = [{who for who, hers in people.items() if interpreter.holds(part, hers)} for part in parts]
    holding, before = set.intersection(*whom), before & people.keys()
    gained, lost = sorted(holding - before), sorted(before - holding)
    steps = [Step("", len(alone), len(set.intersection(*whom[: place + 1]))) for place, alone in enumerate(whom)]
    return Preview(len(people), len(holding), len(gained), len(lost), steps, gained[:SAMPLES], lost[:SAMPLES])


@pytest.mark.parametrize("after", CONDITIONS)
@pytest.mark.parametrize("seed", [0, 2])
def test_a_trial_tells_what_will_be(salon: Salon, after: str, seed: int) -> None:
    chance = Random(f"{after}{seed}")
    people = salon.people(50)
    salon.past(long_ago(people, chance))
    activate("alerts", RULE % chance.choice(CONDITIONS))
    evaluate(TODAY)
    for _ in range(seed * 4):  # whose facts are others than the kept ones
        something(salon, people, TODAY, chance)
    if seed:
        salon.change(people[3], merged_into_id=people[4])
        salon.change(people[5], archived_at=NOON)
    before = members()
    told, expected = tried(after), by_brute_force(after, before)
    told.steps = [replace(step, said="") for step in told.steps]
    assert told == expected
    activate("alerts", RULE % after)
    evaluate(TODAY)
    then = members() - ({people[3], people[5]} if seed else set())  # rules pass over these; they keep what they had
    assert len(then) == told.matching
    assert set(told.gaining) <= then - before
    assert set(told.losing) <= before - then


@ON_BOTH
def test_samples_are_of_those_she_may_see(salon: Salon) -> None:
    people = salon.people(30)
    activate("alerts", RULE % CONDITIONS[-1])
    evaluate(TODAY)
    mine = Customer.id.in_([people[7], people[20]])
    told = tried(CONDITIONS[0], mine)
    everybody = told.customers
    assert (told.losses, told.losing, told.gains, told.gaining) == (everybody, [people[7], people[20]], 0, [])
    activate("alerts", RULE % CONDITIONS[0])
    evaluate(TODAY)
    told = tried(CONDITIONS[-1], mine)
    assert (told.gains, told.gaining, told.losses, told.losing) == (everybody, [people[7], people[20]], 0, [])


@ON_BOTH
def test_one_customers_facts_are_told_as_they_are_now(salon: Salon) -> None:
    """Of those who have not changed as they are kept, of the others anew."""
    chance = Random(3)
    people = salon.people(30)
    salon.past(long_ago(people, chance))
    evaluate(TODAY)
    for _ in range(6):
        something(salon, people, TODAY, chance)
    salon.change(people[3], merged_into_id=people[4])
    salon.change(people[5], archived_at=NOON)
    when = [one.when for one in rulebook().rules()]
    anew = facts_of(frame_of(db.session(), TODAY), facts_in(when))
    expected = {row["customer_id"]: dict(row) for row in db.session.execute(select(anew)).mappings()}
    for one in people:
        told = facts_now(db.session(), one, TODAY, when)
        assert {name: value for name, value in told.items() if name != "tag"} == expected.get(one, {})
