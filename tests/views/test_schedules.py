"""Schedules at work: the last run, how it went, the next; what is late, what is paused; for whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from admin_app.scheduler import _watch, run_now
from admin_app.word_lists import SCHEDULE_WORDS
from models.clock import ClaimState, Schedule, ScheduleRun
from models.entity import db
from models.standing import Alert
from tests.cast import ROLES, raw_operation
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import main_part, tables

START = datetime(2026, 11, 22, 2, tzinfo=UTC)
"""Ten in the morning in Shanghai."""


@pytest.fixture(autouse=True)
def _at_start() -> Iterator[None]:
    with time_machine.travel(START, tick=False):
        yield


def schedule(**values: object) -> str:
    """The first schedule, changed; its name."""
    with raw_operation():
        row = db.session.scalars(select(Schedule).order_by(Schedule.name)).first()
        assert row is not None
        row.first_due_at = START - timedelta(days=2, minutes=45)
        for name, value in values.items():
            setattr(row, name, value)
        return row.name


def ran(name: str, begun: datetime, seconds: float, state: ClaimState, error: str | None = None) -> None:
    """A run of it."""
    number = db.session.scalars(select(Schedule.id).where(Schedule.name == name)).one()
    with raw_operation():
        run = ScheduleRun(schedule_id=number, due_at=begun, started_at=begun, state=state, epoch=1, owner="test")
        run.ended_at, run.error = begun + timedelta(seconds=seconds), error
        db.session.add(run)


def line(house: House, name: str, role: str = "owner") -> list[str]:
    """What the page says of a schedule."""
    [table] = tables(main_part(house.browser(role).get("/schedules").text))
    [found] = [[" ".join(cell.split()) for cell in row] for row in table if row[0].split()[0] == SCHEDULE_WORDS[name]]
    return found


def test_every_schedule_has_its_line(house: House) -> None:
    [table] = tables(main_part(house.browser("owner").get("/schedules").text))
    assert [row[0] for row in table[1:]] == [
        SCHEDULE_WORDS[name] for name in sorted(db.session.scalars(select(Schedule.name)))
    ]


def test_the_last_run_is_said_with_its_length_and_result(house: House) -> None:
    name = schedule(daily_at="03:30", every_minutes=None)
    ran(name, START - timedelta(days=1), 99, ClaimState.FAILED)
    ran(name, START - timedelta(hours=1), 1.5, ClaimState.DONE)
    assert line(house, name, "auditor")[1:] == ["2026-11-22 09:00", "1.50 s 99.0 · 1.5", "完成", "2026-11-23 03:30"]


def test_a_failed_run_says_why(house: House) -> None:
    name = schedule(daily_at="03:30", every_minutes=None)
    ran(name, START - timedelta(hours=1), 1, ClaimState.FAILED, "磁盘已满 <b>")
    assert "磁盘已满 <b>" in line(house, name)[3]
    assert "<b>" not in main_part(house.browser("owner").get("/schedules").text)


def test_the_next_run_comes_in_the_rhythm(house: House) -> None:
    name = schedule(every_minutes=60, daily_at=None, first_due_at=START - timedelta(minutes=90))
    assert line(house, name)[4] == "2026-11-22 10:30"


def test_a_schedule_that_never_ran_says_so(house: House) -> None:
    name = schedule(daily_at="23:00", every_minutes=None)
    assert line(house, name)[1:4] == ["–", "", ""]


def test_what_did_not_run_in_time_is_overdue(house: House) -> None:
    name = schedule(every_minutes=60, daily_at=None)
    assert "已逾期" in line(house, name)[0]


def test_a_paused_schedule_is_never_overdue_and_has_no_next_run(house: House) -> None:
    name = schedule(every_minutes=60, daily_at=None, paused=True)
    found = line(house, name)
    assert "已逾期" not in found[0]
    assert found[4] == "已暂停"


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_page_open_it(sqlite_house: House, role: str) -> None:
    browser, opens = sqlite_house.browser(role), "schedules" in oracle.roles()[role]["pages"]
    assert browser.get("/schedules").status_code == (200 if opens else 403)
    assert ('href="/schedules"' in browser.get("/").text) == opens


@pytest.mark.parametrize("role", ["owner", "manager", "auditor"])
def test_every_link_of_the_page_opens_for_whoever_sees_it(sqlite_house: House, role: str) -> None:
    ran(schedule(), START - timedelta(hours=1), 1, ClaimState.DONE)
    browser = sqlite_house.browser(role)
    links = re.findall(r'href="(/[^"]*)"', main_part(browser.get("/schedules").text))
    assert len(links) > 1
    assert {link: browser.get(link).status_code for link in links} == dict.fromkeys(links, 200)


# ---------------------------------------------------------------------------------------------- what she can do


def act(house: House, role: str, action: str) -> int:
    number = db.session.scalars(select(Schedule.id).where(Schedule.name == "rules-changed")).one()
    return house.browser(role).post(f"/schedules/{number}", {"action": action}).status_code


def test_running_one_now_is_written_down_and_done(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("views.schedules.start_now", lambda _app, name: asked.append(name))
    assert act(house, "owner", "run") == 302
    assert asked == ["rules-changed"]
    assert run_now("rules-changed")
    run = db.session.scalars(select(ScheduleRun)).one()
    assert (run.state, run.error) == (ClaimState.DONE, None)


def test_pausing_and_going_on(house: House) -> None:
    for action, paused in (("pause", True), ("go-on", False)):
        assert act(house, "owner", action) == 302
        db.session.rollback()
        assert db.session.scalars(select(Schedule.paused).where(Schedule.name == "rules-changed")).one() is paused


def test_whoever_may_look_only_runs_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("views.schedules.start_now", lambda _app, name: asked.append(name))
    for action in ("run", "pause"):
        act(house, "auditor", action)
    assert act(house, "reception", "run") == 403
    assert asked == []
    assert not db.session.scalars(select(Schedule.paused).where(Schedule.name == "rules-changed")).one()


def test_a_run_that_takes_far_longer_than_usual_is_an_alert(house: House) -> None:
    for hours, seconds in enumerate((20.0, 21.0, 19.0, 20.0, 200.0)):
        ran("rules-daily", START + timedelta(hours=hours), seconds, ClaimState.DONE)
    for _ in range(2):
        _watch(START + timedelta(hours=9))
    told = db.session.scalars(select(Alert.text).where(Alert.occasion.contains(":slow:"))).all()
    assert len(told) == 1
    assert "200" in told[0]
