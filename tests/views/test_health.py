"""What machines may ask: whether the house stands, and how it fares — by token, or from this machine itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from admin_app import disk
from admin_app.operations import kernel
from admin_app.operations.refusals import DiskFull
from admin_app.scheduler import due_runs
from models.clock import Schedule
from models.entity import db
from tests.cast import NOON, create
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
    later = max(db.session.scalars(select(Schedule.first_due_at))) + timedelta(days=3)
    with time_machine.travel(later, tick=False):
        due = {run.name for run in due_runs(later)}
        answer = ask(sqlite_house, "/healthz")
    assert due
    assert answer.status_code == 503
    assert set(answer.json["overdue"]) <= due
    assert answer.json["status"] == "late"


def test_a_disk_without_room_is_told(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the file system says."""
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: Mock(free=disk.LEAST_FREE - 1))
    with time_machine.travel(NOON, tick=False):
        answer = ask(sqlite_house, "/healthz")
    assert (answer.status_code, answer.json["status"], answer.json["disk"]) == (503, "full", "full")


def test_a_write_that_found_no_room_is_told_until_one_succeeds(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the database said, wherever its disk is."""

    def no_room(*_: object) -> None:
        raise OperationalError(None, None, Exception("database or disk is full"))

    monkeypatch.setattr(kernel, "_once", no_room)
    with pytest.raises(DiskFull):
        create("customer", name="甲", store_id=sqlite_house.ids["first"])
    monkeypatch.undo()
    with time_machine.travel(NOON, tick=False):
        assert ask(sqlite_house, "/healthz").json["disk"] == "full"
        create("customer", name="甲", store_id=sqlite_house.ids["first"])
        answer = ask(sqlite_house, "/healthz")
    assert (answer.status_code, answer.json["disk"]) == (200, "ok")


def test_a_database_file_that_was_replaced_is_told(sqlite_house: House) -> None:
    db.session.execute(select(1))
    db.session.rollback()
    file = sqlite_house.folder / "peony.db"
    file.rename(file.with_name("elsewhere.db"))
    try:
        answer = ask(sqlite_house, "/healthz")
    finally:
        file.with_name("elsewhere.db").rename(file)
    assert (answer.status_code, answer.json) == (503, {"status": "down", "database": "replaced"})


def test_without_a_token_nobody_reads_metrics(sqlite_house: House) -> None:
    """Not on this machine either: behind a proxy that sends no headers everybody seems to be there."""
    assert ask(sqlite_house, "/metrics").status_code == 404
    assert ask(sqlite_house, "/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_metrics_are_for_whoever_has_the_token(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = house.settings.model_copy(update={"metrics_token": "a long secret"})
    monkeypatch.setitem(house.app.config, "PEONY", settings)
    far = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    assert ask(house, "/metrics").status_code == 404
    assert ask(house, "/metrics", headers={"Authorization": "Bearer a long secre"}, **far).status_code == 404
    told = ask(house, "/metrics", headers={"Authorization": "Bearer a long secret"}, **far)
    assert told.status_code == 200
    assert "peony_open_alerts 0.0" in told.text
    assert 'peony_schedule_overdue{schedule="rules-daily"}' in told.text
    db.session.rollback()
