"""Before a tier that will not be kept ends, somebody is asked once to tell her."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from admin_app.evaluation import evaluate
from models.customers import CareRole, CustomerAssignment
from models.entity import db
from models.standing import Membership, Task
from tests.cast import NOON, TODAY, raw_operation
from tests.conftest import ON_BOTH
from tests.properties.history import Salon, activate, changed_only
from tests.rules.texts import SHIPPED

HOUSES = ("sqlite",)

END = TODAY + timedelta(60)
NOTICE = 30


@pytest.fixture
def gold(salon: Salon) -> int:
    """She has been gold for ten months, and has paid nothing since."""
    one = salon.people(40)[0]
    with raw_operation():
        db.session.add(Membership(customer_id=one, tier="gold", since=TODAY - timedelta(305), valid_until=END))
    evaluate(TODAY)
    return one


def told(customer: int) -> list[Task]:
    return list(db.session.scalars(select(Task).where(Task.source == "tiers", Task.customer_id == customer)))


@pytest.mark.parametrize("full", [True, False])
def test_she_is_to_be_told_once_from_the_first_day_of_the_notice(salon: Salon, gold: int, full: bool) -> None:
    run = evaluate if full else changed_only
    run(END - timedelta(NOTICE + 1))
    assert told(gold) == []
    run(END - timedelta(NOTICE))
    [task] = told(gold)
    assert (task.to_role, task.due_on, task.staff_id) == ("consultant", END - timedelta(NOTICE), None)
    assert task.text.startswith("金卡将于2027年1月21日到期")
    for days in (NOTICE - 1, 1, 0):
        run(END - timedelta(days))
    assert len(told(gold)) == 1


@ON_BOTH
def test_whoever_looks_after_her_is_asked(salon: Salon, gold: int) -> None:
    with raw_operation():
        values = {"customer_id": gold, "staff_id": salon.house.ids["consultant_staff"]}
        db.session.add(CustomerAssignment(**values, care_role=CareRole.CONSULTANT, since=NOON))
    evaluate(END)
    assert [task.staff_id for task in told(gold)] == [salon.house.ids["consultant_staff"]]


def test_who_keeps_it_need_not_be_told_and_who_no_longer_does_is(salon: Salon, gold: int) -> None:
    """What keeps it slips out of its year in the middle of the notice."""
    salon.buy(gold, END - timedelta(365 + 10), 6500)
    evaluate(END - timedelta(NOTICE))
    assert told(gold) == []
    changed_only(END - timedelta(10))
    assert [task.due_on for task in told(gold)] == [END - timedelta(10)]


def test_where_nobody_falls_nobody_is_told(salon: Salon, gold: int) -> None:
    activate("tiers", SHIPPED["tiers"].replace("downgrade: one_down", "downgrade: never"))
    evaluate(END)
    assert told(gold) == []


def test_the_salon_says_who_tells_her_and_how_early(salon: Salon, gold: int) -> None:
    activate("tiers", SHIPPED["tiers"].replace("notice: 30d", "notice: 45d\nnotice_to: manager"))
    evaluate(END - timedelta(46))
    assert told(gold) == []
    evaluate(END - timedelta(45))
    assert [task.to_role for task in told(gold)] == ["manager"]
