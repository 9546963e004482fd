"""Rules that must hold for some days, that stay for some days, and that take so many customers a run."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from admin_app.evaluation import evaluate
from models.clock import EvaluationRun
from models.entity import db
from models.log import Operation
from models.rulebook import RulePending
from models.standing import Task
from tests.cast import TODAY
from tests.conftest import ON_BOTH
from tests.properties.history import Salon, activate, changed_only, rules_of, tags_of
from tests.rules.texts import SHIPPED

HOUSES = ("sqlite",)

RULE = """
  - id: patient
    name: 有耐心
    when: {{days_since_visit: {{at_most: 3}}}}
    then: [{{tag: active}}, {{task: {{to: consultant, text: "x"}}}}]
    {more}
"""


def with_rule(more: str) -> None:
    text = SHIPPED["tags"]
    start = text.index("  - id: active\n")
    end = text.index("  - id: high-value\n")
    activate("tags", text[:start] + RULE.format(more=more).lstrip("\n") + "\n" + text[end:])


def by_hand(holds: list[bool], hold: int, keep: int) -> list[bool]:
    """Day by day whether the rule counts, worked out plainly from whether its condition holds."""
    found: list[bool] = []
    counts, since = False, 0
    for day, now in enumerate(holds):
        if now == counts:
            since = day + 1
        elif day - since >= (hold if now else keep):
            counts, since = now, day + 1
        found.append(counts)
    return found


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(
    ("house", "hold", "keep"),
    [("sqlite", 0, 0), ("sqlite", 2, 0), ("sqlite", 0, 3), ("sqlite", 2, 3), ("postgresql", 2, 3)],
    indirect=["house"],
)
def test_it_counts_when_it_has_held_so_long(salon: Salon, hold: int, keep: int, full: bool) -> None:
    people = salon.people(40)
    with_rule(f"for: {hold}d\n    keep_for: {keep}d")
    evaluate(TODAY)
    chance = Random(hold * 10 + keep)
    came: dict[int, list[date]] = {one: [] for one in people[:6]}
    seen: dict[int, list[bool]] = {one: [] for one in came}
    for offset in range(1, 15):
        day = TODAY + timedelta(offset)
        for one, days in came.items():
            if chance.random() < 0.15:
                salon.visit(one, day)
                days.append(day)
        if full or offset % 2:
            evaluate(day)
        else:
            for one in came:  # whoever changed, or crosses an edge, is marked; the run adds those who wait
                salon.change(one, notes=str(offset))
            changed_only(day)
        for one, days in came.items():
            holds = bool(days) and (day - days[-1]).days <= 3
            seen[one].append(holds)
            assert ("active" in tags_of(one)) == by_hand(seen[one], hold, keep)[-1], (one, day)
    assert any(any(one) for one in seen.values())


@ON_BOTH
def test_who_waits_is_looked_at_when_the_time_has_come(salon: Salon) -> None:
    people = salon.people(40)
    with_rule("for: 2d")
    evaluate(TODAY)
    salon.visit(people[0], TODAY)
    changed_only(TODAY)
    assert "active" not in tags_of(people[0])
    changed_only(TODAY + timedelta(2))
    assert "active" in tags_of(people[0])
    assert db.session.scalar(select(func.count()).select_from(RulePending)) == 0


def test_whoever_a_new_rule_finds_is_spared_though_it_waits(salon: Salon) -> None:
    people = salon.people(3)
    salon.visit(people[0], TODAY)
    with_rule("for: 1d")
    evaluate(TODAY)
    salon.visit(people[1], TODAY)
    evaluate(TODAY + timedelta(1))
    assert "active" in tags_of(people[0])
    assert "patient" in rules_of(people[0])
    evaluate(TODAY + timedelta(2))
    asked = select(Task.customer_id).where(Task.source == "patient")
    assert set(db.session.scalars(asked)) == {people[1]}


@ON_BOTH
def test_no_more_than_so_many_a_run(salon: Salon) -> None:
    people = salon.people(5)
    for one in people:
        salon.visit(one, TODAY)
    with_rule("limits: {customers_per_run: 2}")
    for offset, expected in enumerate((2, 4, 5)):
        evaluate(TODAY + timedelta(offset))
        assert sum("active" in tags_of(one) for one in people) == expected
        again = evaluate(TODAY + timedelta(offset))
        assert again.gained.get("patient", 0) == 0


EACH_WAY = [("sqlite", True), ("sqlite", False), ("postgresql", False)]
"""Looking at everybody, or at those whom a change or time has moved."""


def limited_by_hand(holds: dict[int, bool], most: int, keep: int, day: int, state: dict[int, tuple[bool, int]]) -> None:
    """One day of a rule that takes ``most`` a day and stays ``keep`` days, in the order of the customers."""
    room = most
    for one, now in sorted(holds.items()):
        counts, since = state.get(one, (False, 0))
        if now == counts:
            since = day + 1
        elif not now and day - since >= keep:
            counts, since = False, day + 1
        elif now and room:
            counts, since, room = True, day + 1, room - 1
        state[one] = counts, since


@pytest.mark.parametrize(("house", "full"), EACH_WAY, indirect=["house"])
def test_who_waits_for_room_gets_it_in_turn(salon: Salon, full: bool) -> None:
    people = salon.people(40)
    with_rule("limits: {customers_per_run: 2}\n    keep_for: 2d")
    evaluate(TODAY)
    chance, came = Random(3), dict[int, date]()
    state: dict[int, tuple[bool, int]] = {}
    for offset in range(1, 13):
        day = TODAY + timedelta(offset)
        for one in people[:12]:
            if chance.random() < 0.2:
                salon.visit(one, day)
                came[one] = day
        evaluate(day, full=full)
        limited_by_hand({one: (day - last).days <= 3 for one, last in came.items()}, 2, 2, offset, state)
        assert {one for one in people if "active" in tags_of(one)} == {one for one in state if state[one][0]}, day
    assert db.session.scalar(select(func.count()).select_from(RulePending))


@pytest.mark.parametrize(("house", "full"), EACH_WAY, indirect=["house"])
def test_who_waits_on_is_not_settled_again(salon: Salon, full: bool) -> None:
    """At a million customers hundreds of thousands wait for a rule that takes five hundred a day."""
    people = salon.people(40)
    with_rule("limits: {customers_per_run: 2}")
    for one in people:
        salon.visit(one, TODAY)
    evaluate(TODAY)
    for offset in (1, 2):
        assert evaluate(TODAY + timedelta(offset), full=full).gained["patient"] == 2
        db.session.rollback()
        run = db.session.scalar(select(func.max(EvaluationRun.id)))
        of_run = (Operation.name == "apply_rules", Operation.run_id == run)
        details = db.session.scalars(select(Operation.detail).where(*of_run))
        assert sum(detail["customers"] for detail in details) == 2


def test_a_rule_that_is_gone_waits_for_nobody(salon: Salon) -> None:
    people = salon.people(3)
    with_rule("for: 9d")
    salon.visit(people[0], TODAY)
    evaluate(TODAY)
    assert db.session.scalar(select(func.count()).select_from(RulePending)) == 1
    activate("tags", SHIPPED["tags"])
    evaluate(TODAY)
    assert db.session.scalar(select(func.count()).select_from(RulePending)) == 0


def test_a_rule_that_need_not_wait_any_longer_leaves_nothing_waiting(salon: Salon) -> None:
    people = salon.people(40)
    with_rule("for: 2d")
    evaluate(TODAY)
    salon.visit(people[0], TODAY)
    changed_only()
    assert db.session.scalar(select(func.count()).select_from(RulePending)) == 1
    with_rule("for: 0d")
    evaluate(TODAY)
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(RulePending)) == 0
    assert "active" in tags_of(people[0])
