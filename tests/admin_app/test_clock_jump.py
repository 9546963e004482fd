"""A clock that jumped a year ahead and back: said, and put right by the owner in one step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from admin_app import scheduler
from admin_app.evaluation import evaluate
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Forbidden, Refused
from admin_app.run_set import TooEarlyError
from admin_app.scheduler import run_now
from models.clock import ScheduleRun
from models.entity import db
from models.names import Name
from models.rulebook import RuleMatch
from models.standing import Alert, CustomerTag, Membership, Tag
from tests.admin_app.houses import faults
from tests.cast import NOON, TODAY
from tests.conftest import House
from tests.properties.history import Salon

YEAR = timedelta(days=375)


@pytest.fixture
def jumped(house: House) -> House:
    """Somebody who came lately; rules that ran today, then in a year's time, and the clock is right again."""
    with time_machine.travel(NOON, tick=False):
        Salon(house).visit(house.ids["anna"], TODAY - timedelta(days=3))
        evaluate(TODAY)
    with time_machine.travel(NOON + YEAR, tick=False):
        evaluate(TODAY + YEAR)
    return house


def standing() -> dict[str, set[Any]]:
    """Who fulfils which rule, has which tag and tier now."""
    db.session.rollback()
    tags = select(CustomerTag.customer_id, Tag.slug).join(Tag, Tag.id == CustomerTag.tag_id)
    queries = {
        "matches": select(RuleMatch.customer_id, RuleMatch.rule).where(RuleMatch.until.is_(None)),
        "tags": tags.where(CustomerTag.until.is_(None)),
        "tiers": select(Membership.customer_id, Membership.tier).where(Membership.ended_on.is_(None)),
    }
    return {name: {tuple(row) for row in db.session.execute(query)} for name, query in queries.items()}


def test_the_owner_puts_it_right_in_one_step(jumped: House) -> None:
    ahead = standing()
    with time_machine.travel(NOON, tick=False):
        with pytest.raises(TooEarlyError):
            evaluate(TODAY)
        done = perform(Name.CORRECT_CLOCK, actor=jumped.actor("owner"))
        assert done["evaluated_as_of"] == (TODAY + YEAR).isoformat()
        evaluate(TODAY, full=False)
        after = standing()
        assert db.session.scalar(select(func.max(RuleMatch.since))) <= TODAY
        assert db.session.scalar(select(func.max(Membership.since))) <= TODAY
        with pytest.raises(Refused):
            perform(Name.CORRECT_CLOCK, actor=jumped.actor("owner"))
    assert after["matches"] != ahead["matches"]
    assert faults() == []


def test_afterwards_everybody_stands_as_if_the_clock_had_been_right(house: House) -> None:
    with time_machine.travel(NOON, tick=False):
        Salon(house).visit(house.ids["anna"], TODAY - timedelta(days=3))
        evaluate(TODAY)
        expected = standing()
    with time_machine.travel(NOON + YEAR, tick=False):
        evaluate(TODAY + YEAR)
    with time_machine.travel(NOON, tick=False):
        perform(Name.CORRECT_CLOCK, actor=house.actor("owner"))
        evaluate(TODAY, full=False)
    assert standing() == expected


def test_only_the_owner_may(jumped: House) -> None:
    with time_machine.travel(NOON, tick=False), pytest.raises(Forbidden):
        perform(Name.CORRECT_CLOCK, actor=jumped.actor("manager"))


def test_it_is_said_once_a_day_however_often_a_run_is_refused(jumped: House) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(3):
            assert run_now("rules-changed")
            clock.shift(timedelta(minutes=5))
        texts = db.session.scalars(select(Alert.text).where(Alert.source == "scheduler")).all()
    assert len(texts) == 1
    assert (TODAY + YEAR).isoformat() in texts[0]


def test_the_page_of_the_schedules_says_it_and_puts_it_right(jumped: House, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr("views.schedules.start_now", lambda app, name: started.append(name))
    with time_machine.travel(NOON, tick=False):
        assert 'action="/schedules/clock"' not in jumped.browser("auditor").get("/schedules").text
        browser = jumped.browser("owner")
        page = browser.get("/schedules").text
        assert (TODAY + YEAR).isoformat() in page
        assert 'action="/schedules/clock"' in page
        assert browser.post("/schedules/clock", {"op_id": "clock"}).status_code == 302
        assert started == ["rules-daily"]
        assert 'action="/schedules/clock"' not in browser.get("/schedules").text
        db.session.rollback()
        assert scheduler.run_now("rules-daily")
        db.session.rollback()
        assert db.session.scalars(select(ScheduleRun.error).order_by(ScheduleRun.id.desc())).first() is None
