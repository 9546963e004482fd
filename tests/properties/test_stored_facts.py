"""The facts kept of everybody: asked for instead of being worked out, and never when they may be others."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from admin_app import stored_facts
from admin_app.evaluation import evaluate
from admin_app.stored_facts import facts_today
from models.entity import db, table_of
from models.rulebook import CustomerFact, FactSlot
from rules.evaluation.dialect import listed
from rules.language.facts import Fact, fact_named
from tests.cast import TODAY
from tests.conftest import House
from tests.properties.history import Salon, activate, crowded, rules_of, tags_of
from tests.rules.texts import replaced

FALSE = 77
"""What is kept by mistake: whoever reads it has not worked it out."""


def fact(name: str) -> Fact:
    found = fact_named(name)
    assert found is not None
    return found


def told(name: str, customer: int, day: date = TODAY) -> Any:
    db.session.rollback()
    facts = facts_today(db.session(), day, [fact(name)])
    return db.session.scalar(select(facts.c[name]).where(facts.c.customer_id == customer))


def falsify(name: str) -> None:
    column = db.session.scalars(select(FactSlot.kept_in).where(FactSlot.fact == name)).one()
    db.session.execute(update(table_of(CustomerFact)).values({column: FALSE}))
    db.session.commit()


def test_what_is_kept_is_asked_for(salon: Salon, anna: int) -> None:
    crowded(salon)
    assert told("visits_90d", anna) == 0
    falsify("visits_90d")
    assert told("visits_90d", anna) == FALSE


def test_who_has_changed_since_is_worked_out(salon: Salon, anna: int) -> None:
    crowded(salon)
    falsify("visits_90d")
    salon.visit(anna, TODAY)
    assert told("visits_90d", anna) == 1
    assert told("visits_90d", 10_000) == FALSE


def test_whoever_sent_her_has_changed_too(salon: Salon, anna: int) -> None:
    salon.change(salon.people(1)[0], referrer_id=anna)
    evaluate(TODAY)
    salon.buy(10_000, TODAY, 300)
    assert told("paying_referrals_365d", anna) == 1


def test_on_another_day_all_is_worked_out(salon: Salon, anna: int) -> None:
    crowded(salon)
    falsify("visits_90d")
    assert told("visits_90d", anna, TODAY + timedelta(1)) == 0


def test_what_no_rule_asks_for_is_worked_out(salon: Salon, anna: int) -> None:
    crowded(salon)
    salon.visit(anna, TODAY)
    assert told("visits_77d", anna) == 1


def test_where_there_are_more_facts_than_columns_the_rest_is_worked_out(
    salon: Salon, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_facts, "room_for", lambda fact: ("n0",))
    salon.past([(anna, TODAY - timedelta(days), 0) for days in range(6)])
    evaluate(TODAY)
    assert "active" in tags_of(anna)
    assert len(db.session.scalars(select(FactSlot)).all()) == 1
    assert told("visits_90d", anna) == 6


def test_a_threshold_that_changes_works_nothing_out_anew(
    salon: Salon, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded(salon)
    salon.visit(anna, TODAY)
    evaluate(TODAY, full=False)
    seen: list[int] = []
    real = stored_facts.refresh
    monkeypatch.setattr(stored_facts, "refresh", lambda *args: seen.append(1) or real(*args))
    activate("tags", replaced("tags", "when: {visits_90d: {at_least: 6}}", "when: {visits_90d: {at_least: 1}}"))
    evaluate(TODAY, full=False)
    assert "active" in tags_of(anna)
    assert seen == []


def test_a_fact_that_is_asked_for_anew_is_kept_for_everybody(salon: Salon, anna: int) -> None:
    crowded(salon)
    salon.past([(anna, TODAY - timedelta(40), 0)])
    activate("tags", replaced("tags", "when: {visits_90d: {at_least: 6}}", "when: {visits_77d: {at_least: 1}}"))
    evaluate(TODAY, full=False)
    assert "active" in tags_of(anna)
    falsify("visits_77d")
    assert told("visits_77d", 10_000) == FALSE


def test_who_is_erased_or_merged_away_is_kept_no_longer(salon: Salon, anna: int) -> None:
    crowded(salon)
    salon.change(10_000, merged_into_id=anna)
    evaluate(TODAY, full=False)
    kept = table_of(CustomerFact).c.customer_id
    assert db.session.scalars(select(kept).where(kept.in_([anna, 10_000]))).all() == [anna]


def test_a_tier_is_asked_as_it_stands(salon: Salon, anna: int) -> None:
    """Tiers move after facts are kept: whoever asks for one is never told the one before."""
    salon.buy(anna, TODAY, 9000)
    evaluate(TODAY)
    assert told("tier", anna) == "gold"


def test_what_befalls_an_old_card_counts_for_whoever_sent_its_owner(salon: Salon, anna: int) -> None:
    """The card that anna sent was merged into another; the first payment is on that one."""
    friend, old = salon.people(2)
    salon.change(old, referrer_id=anna)
    salon.change(old, merged_into_id=friend)
    evaluate(TODAY)
    salon.buy(friend, TODAY, 300)
    assert told("paying_referrals_365d", anna) == 1
    evaluate(TODAY, full=False)
    assert told("paying_referrals_365d", anna) == 1


def test_a_rule_that_asks_for_a_tier_sees_the_one_that_another_gives(salon: Salon, anna: int) -> None:
    crowded(salon)
    text = """version: 1
rules:
  - {id: gives, name: 给, when: {visits_total: {at_least: 1}}, then: [{tier: gold}], existing_customers: all}
  - {id: asks, name: 问, when: {tier: gold}, then: [{gift: {item: x}}], existing_customers: all}
"""
    activate("campaigns", text)
    salon.visit(anna, TODAY)
    evaluate(TODAY, full=False)
    evaluate(TODAY, full=False)
    assert "asks" in rules_of(anna)


def test_what_another_run_has_kept_meanwhile_is_not_put_back(
    salon: Salon, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between working facts out and writing them she comes, and another run keeps her facts: the newer ones stay."""
    crowded(salon)
    real = stored_facts.writing

    def keep() -> None:
        stored_facts.refresh(TODAY, listed([anna]))

    others = [lambda: salon.visit(anna, TODAY), keep]

    def writing() -> Any:
        while others:
            others.pop(0)()
        return real()

    monkeypatch.setattr(stored_facts, "writing", writing)
    keep()
    column = db.session.scalars(select(FactSlot.kept_in).where(FactSlot.fact == "visits_total")).one()
    table = table_of(CustomerFact).c
    assert db.session.scalar(select(table[column]).where(table.customer_id == anna)) == 1


def test_facts_are_worked_out_before_the_write_where_a_write_keeps_others_out(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    salon = Salon(sqlite_house)
    crowded(salon)
    anna = sqlite_house.ids["anna"]
    real, said = stored_facts.writing, list[str]()

    def writing() -> Any:
        session = real()
        event.listen(session.connection(), "before_cursor_execute", lambda *given: said.append(given[2]))
        return session

    kept = select(table_of(CustomerFact)).where(table_of(CustomerFact).c.customer_id == anna)
    before = db.session.execute(kept).one()
    monkeypatch.setattr(stored_facts, "writing", writing)
    stored_facts.refresh(TODAY, listed([anna]))
    assert any(statement.startswith("DELETE FROM customer_fact") for statement in said)
    assert not any("FROM visit" in statement for statement in said)
    assert db.session.execute(kept).one() == before
