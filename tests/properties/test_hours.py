"""Rules with hours of their own: asked daily at an hour, and of whoever has just come, paid, or the like."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from admin_app.asking import TABLES
from admin_app.evaluation import evaluate, self_check
from models.entity import db
from models.rulebook import ChangedCustomer, RuleSlot, RuleState
from models.standing import Task
from tests.cast import TODAY
from tests.conftest import ON_BOTH, House
from tests.factory import fill
from tests.properties.history import Salon, activate, tags_of
from tests.rules.texts import SHIPPED

HOUSES = ("sqlite",)

HOME = ZoneInfo("Asia/Shanghai")
RULE = """
  - id: at-ten
    name: 十点
    when: {days_since_visit: {at_most: 3}}
    evaluate: {daily_at: "10:00"MORE}
    then: [{tag: active}, {task: {to: consultant, text: "x"}}]
    existing_customers: EXISTING
  - id: hears
    name: 听着
    when: {tag: active}
    then: [{tag: high-value}]
"""


def at(clock: str, days: int = 0) -> datetime:
    return datetime.combine(TODAY + timedelta(days), time.fromisoformat(clock), HOME)


def ask(clock: str, days: int = 0) -> None:
    """What the clock does at this time: a look at whoever changed."""
    moment = at(clock, days)
    evaluate(moment.date(), full=False, at=moment)


def with_rule(more: str = "", existing: str = "tag_only") -> None:
    text = SHIPPED["tags"]
    start = text.index("  - id: active\n")
    end = text.index("  - id: high-value\n")
    rule = RULE.replace("MORE", more).replace("EXISTING", existing)
    rest = text[end:]
    after = rest.index("  - id: ", 4)
    activate("tags", text[:start] + rule.lstrip("\n") + "\n" + rest[after:])


def tagged(people: list[int]) -> list[bool]:
    return ["active" in tags_of(one) for one in people]


def tasks() -> int:
    return len(db.session.scalars(select(Task).where(Task.source == "at-ten")).all())


def opened(salon: Salon, more: str = "") -> list[int]:
    """Forty who have never been here; the rule has found nobody yet."""
    found = salon.people(40)
    with_rule(more)
    evaluate(TODAY, at=at("08:00"))
    return found


@pytest.fixture
def people(salon: Salon) -> list[int]:
    return opened(salon)


def test_she_gets_it_at_its_hour_and_not_before(salon: Salon, people: list[int]) -> None:
    salon.visit(people[0], TODAY)
    ask("09:55")
    assert tagged(people[:2]) == [False, False]
    ask("10:00")
    assert tagged(people[:2]) == [True, False]
    assert tasks() == 1


def test_she_loses_it_at_its_hour(salon: Salon, people: list[int]) -> None:
    salon.visit(people[0], TODAY)
    ask("10:00")
    ask("10:00", 3)
    ask("09:59", 4)
    assert tagged(people[:1]) == [True]
    ask("10:01", 4)
    assert tagged(people[:1]) == [False]


def test_what_happens_after_its_hour_waits_for_the_next(salon: Salon, people: list[int]) -> None:
    ask("10:00")
    salon.visit(people[0], TODAY)
    for clock in ("10:05", "15:00", "23:55"):
        ask(clock)
    ask("09:55", 1)
    assert tagged(people[:1]) == [False]
    ask("10:00", 1)
    assert tagged(people[:1]) == [True]


def test_whoever_asks_for_its_tag_hears_of_it_at_once(salon: Salon, people: list[int]) -> None:
    salon.visit(people[0], TODAY)
    ask("10:00")
    assert "high-value" in tags_of(people[0])


def test_what_it_waits_for_makes_it_asked_at_once(salon: Salon) -> None:
    people = opened(salon, ", on: [visit]")
    salon.visit(people[0], TODAY)
    salon.change(people[1], notes="x")
    ask("08:05")
    assert tagged(people[:2]) == [True, False]


def test_something_else_does_not(salon: Salon) -> None:
    people = opened(salon, ", on: [sale]")
    salon.visit(people[0], TODAY)
    ask("08:05")
    assert tagged(people[:1]) == [False]
    salon.buy(people[1], TODAY, 100)
    ask("08:10")
    assert tagged(people[:2]) == [False, True]


@pytest.mark.parametrize(("missed", "made_up"), [("run_once", True), ("skip", False)])
def test_an_hour_that_was_missed(salon: Salon, missed: str, made_up: bool) -> None:
    """The house was off from nine to two."""
    people = opened(salon, f", missed: {missed}")
    salon.visit(people[0], TODAY)
    ask("14:00")
    assert tagged(people[:1]) == [made_up]
    ask("10:00", 1)
    assert tagged(people[:1]) == [True]


def test_a_little_late_is_not_missed(salon: Salon) -> None:
    people = opened(salon, ", missed: skip")
    salon.visit(people[0], TODAY)
    ask("10:20")
    assert tagged(people[:1]) == [True]


def test_a_new_rule_tags_whom_it_finds_at_once_and_floods_nobody(salon: Salon) -> None:
    people = salon.people(40)
    salon.visit(people[0], TODAY)
    with_rule()
    ask("08:00")
    assert tagged(people[:1]) == [True]
    assert tasks() == 0


def test_a_new_rule_that_gives_all_to_whom_it_finds_waits_for_its_hour(salon: Salon) -> None:
    people = salon.people(40)
    salon.visit(people[0], TODAY)
    with_rule(existing="all")
    ask("08:00")
    assert (tagged(people[:1]), tasks()) == ([False], 0)
    ask("10:00")
    assert (tagged(people[:1]), tasks()) == ([True], 1)


def test_by_hand_every_rule_is_asked(salon: Salon, people: list[int]) -> None:
    salon.visit(people[0], TODAY)
    evaluate(TODAY)
    assert tagged(people[:1]) == [True]


def test_a_rule_that_is_put_to_rest_lets_go_at_once(salon: Salon, people: list[int]) -> None:
    salon.visit(people[0], TODAY)
    ask("10:00")
    with_rule("}\n    enabled: no\n    limits: {customers_per_run: 9")
    ask("11:00")
    assert tagged(people[:1]) == [False]


def test_a_rule_that_goes_lets_go_at_once(salon: Salon, people: list[int]) -> None:
    salon.visit(people[0], TODAY)
    ask("10:00")
    activate("tags", SHIPPED["tags"])
    ask("11:00")
    assert db.session.scalar(select(RuleSlot).where(RuleSlot.rule == "at-ten")) is None


def test_the_weekly_proof_waits_for_its_hour_too(
    salon: Salon, people: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    salon.visit(people[0], TODAY)
    monkeypatch.setattr("admin_app.evaluation.now", lambda: at("09:00"))
    assert self_check(TODAY)["drifted"] == 0
    assert tagged(people[:1]) == [False]


@ON_BOTH
def test_hour_by_hour_it_is_as_good_as_all_at_once(salon: Salon) -> None:
    """A week by the clock, and everybody asked anew at its end: not a bit differs."""
    people = opened(salon, ", on: [visit]")
    for days in range(7):
        salon.visit(people[days], TODAY + timedelta(days))
        for clock in ("00:05", "09:00", "10:00", "18:00"):
            ask(clock, days)
    before = states()
    evaluate(TODAY + timedelta(6))
    assert states() == before
    assert tagged(people[:7]) == [False] * 3 + [True] * 4


def states() -> list[tuple[int, ...]]:
    columns = (RuleState.customer_id, RuleState.mask_0, RuleState.mask_1)
    return [tuple(row) for row in db.session.execute(select(*columns).order_by(RuleState.customer_id))]


def test_what_a_rule_may_wait_for_marks_customers(house: House) -> None:
    """A table that is misspelt, or marks nobody, would leave the rule asleep and say nothing."""
    fill(house)
    heard = {table for tables in TABLES.values() for table in tables}
    assert heard <= set(db.session.scalars(select(ChangedCustomer.source).distinct()))
