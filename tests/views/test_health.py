"""What machines may ask: whether the house stands, and how it fares — by token, or from this machine itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy.exc import OperationalError

from admin_app.scheduler import due_runs
from models.entity import db
from tests.cast import NOON
from tests.conftest import House
from views import health


def ask(house: House, address: str, **options: Any) -> Any:
    return house.app.test_client().get(address, **options)


def test_a_house_that_stands(house: House) -> None:
    with time_machine.travel(NOON, tick=False):
        answer = ask(house, "/healthz")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert answer.json["rules"] > 20


def test_a_database_that_does_not_answer(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(health, "rulebook", down)
    answer = ask(sqlite_house, "/healthz")
    assert (answer.status_code, answer.json) == (503, {"status": "down", "database": "unreachable"})


def test_a_schedule_that_is_overdue_is_told(sqlite_house: House) -> None:
    with time_machine.travel(NOON + timedelta(days=3), tick=False):
        due = {one.name for one in due_runs(NOON + timedelta(days=3))}
        answer = ask(sqlite_house, "/healthz")
    assert due
    assert answer.status_code == 503
    assert set(answer.json["overdue"]) <= due
    assert answer.json["status"] == "late"


def test_metrics_are_for_this_machine_alone(house: House) -> None:
    told = ask(house, "/metrics")
    assert told.status_code == 200
    assert "peony_open_alerts 0.0" in told.text
    assert 'peony_schedule_overdue{schedule="rules-daily"}' in told.text
    assert ask(house, "/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404
    assert ask(house, "/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


def test_with_a_token_it_is_the_token_that_counts(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = sqlite_house.settings.model_copy(update={"metrics_token": "a long secret"})
    monkeypatch.setitem(sqlite_house.app.config, "PEONY", settings)
    far = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    assert ask(sqlite_house, "/metrics").status_code == 404
    assert ask(sqlite_house, "/metrics", headers={"Authorization": "Bearer a long secre"}, **far).status_code == 404
    assert ask(sqlite_house, "/metrics", headers={"Authorization": "Bearer a long secret"}, **far).status_code == 200
    db.session.rollback()
