"""Festivals and the ways of keeping a birthday come into force with their file, wherever days are counted."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine
from sqlalchemy import select, true

from admin_app.calling import birthdays_ahead
from admin_app.evaluation import evaluate, try_out
from admin_app.rule_trials import explain, preview
from admin_app.rulebook import access_for, rulebook
from models.actor import SYSTEM
from models.customers import Calendar
from models.entity import db
from models.rulebook import RuleMatch
from tests.cast import NOON, TODAY
from tests.properties.history import Salon, activate

RULES = "version: 1\nrules: [{id: soon, name: 近了, when: %s, then: [{gift: {item: x}}]}]\n"
FESTIVALS = """version: 1
birthdays: {leap_day: %s, leap_month: leap}
festivals: [{id: salon_day, name: 店庆, name_en: Our day, solar: "11-29"}]
"""


def holding(day: date) -> set[int]:
    """Whom the rule holds for after a run of this day."""
    evaluate(day)
    db.session.rollback()
    query = select(RuleMatch.customer_id).where(RuleMatch.rule == "soon", RuleMatch.until.is_(None))
    return set(db.session.scalars(query))


def test_a_rule_counts_the_days_to_a_festival_of_the_salon(salon: Salon) -> None:
    [one] = salon.people(1)
    activate("festivals", FESTIVALS % "feb_28")
    activate("campaigns", RULES % "{days_to_salon_day: {at_most: 6}}")
    assert holding(TODAY) == set()
    assert one in holding(TODAY + timedelta(1))
    assert one in holding(TODAY + timedelta(7))
    assert holding(TODAY + timedelta(8)) == set()


def test_the_day_moves_with_its_file(salon: Salon) -> None:
    [one] = salon.people(1)
    activate("festivals", FESTIVALS % "feb_28")
    activate("campaigns", RULES % "{days_to_salon_day: {at_most: 6}}")
    activate("festivals", FESTIVALS.replace("11-29", "11-28") % "feb_28")
    assert one in holding(TODAY)


@pytest.mark.parametrize(("leap_day", "ahead"), [("feb_28", 7), ("mar_1", 8)])
def test_a_birthday_is_kept_as_the_salon_says_wherever_it_is_counted(salon: Salon, leap_day: str, ahead: int) -> None:
    """In the run, in a dry run, tried out, explained, on the call list and on the first page."""
    day = date(2027, 2, 21)
    [one] = salon.people(1)
    salon.change(one, birth_month=2, birth_day=29, birth_calendar=Calendar.SOLAR)
    activate("festivals", FESTIVALS % leap_day)
    activate("campaigns", RULES % f"{{birthday_in_days: {ahead}}}")
    with time_machine.travel(NOON + timedelta((day - TODAY).days), tick=False):
        assert try_out(day, "soon")["matching"] == {"soon": 1}
        [soon] = [rule for rule in rulebook().rules() if rule.id == "soon"]
        shown = preview(db.session(), soon, rulebook(), day, true())
        assert (shown.matching, shown.gaining) == (1, [one])
        [told] = explain(db.session(), one, day, [soon])
        assert told.holds
        near = birthdays_ahead(db.session(), access_for(SYSTEM), day, 9)
        assert [days for _, days in near] == ([7] if ahead == 7 else [])
        assert holding(day) == {one}


@pytest.mark.parametrize(("leap_day", "age"), [("feb_28", 27), ("mar_1", 26)])
def test_and_so_is_her_age(salon: Salon, leap_day: str, age: int) -> None:
    day = date(2027, 2, 28)
    [one] = salon.people(1)
    salon.change(one, birth_month=2, birth_day=29, birth_year=2000)
    activate("festivals", FESTIVALS % leap_day)
    activate("campaigns", RULES % f"{{age: {age}}}")
    assert holding(day) == {one}
