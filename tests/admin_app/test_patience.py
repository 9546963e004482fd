"""What another write comes in the way of is done again, and whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError, OperationalError

from admin_app import evaluation
from admin_app.evaluation import evaluate
from admin_app.operations import patience
from admin_app.operations.patience import TRIES, patiently
from models import connection
from models.clock import EvaluationRun
from models.entity import db, writing
from tests.cast import TODAY
from tests.conftest import House
from tests.properties.history import Salon, everything, step


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)


def locked() -> OperationalError:
    return OperationalError("x", None, Exception("database is locked"))


@contextmanager
def busy() -> Iterator[list[str]]:
    """A database that is locked for the first write of each kind, but never twice in one transaction: for which."""
    met: list[str] = []
    calm: list[int] = []

    def refuse(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        word = " ".join(statement.split()[:3]).lower()
        if word.startswith(("insert", "update", "delete")) and word not in met and not calm:
            met.append(word)
            calm.append(1)
            raise locked()

    def done(conn: Any) -> None:
        calm.clear()

    event.listen(db.engine, "before_cursor_execute", refuse)
    event.listen(db.engine, "commit", done)
    yield met
    event.remove(db.engine, "before_cursor_execute", refuse)
    event.remove(db.engine, "commit", done)


def test_a_run_comes_to_an_end_though_each_step_is_refused_once(house: House) -> None:
    salon = Salon(house)
    people = salon.people(6)
    salon.past([(one, TODAY, 900) for one in people])
    with busy() as met:
        evaluate(TODAY)
    opened, looked = {"insert into fact_slot", "insert into evaluation_run"}, {"delete from customer_fact"}
    assert opened | looked | {"insert into run_customer", "update rule_slot set"} <= set(met)
    db.session.rollback()
    assert db.session.scalars(select(EvaluationRun.whole)).all() == [True]
    found = everything()
    evaluate(TODAY)
    assert everything() == found


def test_it_is_tried_so_often_and_no_more(house: House) -> None:
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        raise locked()

    with pytest.raises(DBAPIError, match="locked"):
        patiently(work)
    assert len(tried) == TRIES


def test_another_trouble_is_not_tried_again(house: House) -> None:
    tried: list[int] = []

    def work() -> None:
        tried.append(1)
        raise OperationalError("x", None, Exception("no such table: x"))

    with pytest.raises(DBAPIError, match="no such table"):
        patiently(work)
    assert len(tried) == 1


@contextmanager
def another() -> Iterator[Any]:
    """Another process that writes to the SQLite file, at once or not at all."""
    other = connection.sqlite_driver.connect(db.engine.url.database, timeout=0, isolation_level=None)
    yield other
    other.close()


def test_who_waits_to_write_looks_again_after_short_equal_pauses(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself would pause longer and longer, and miss the short gaps that a run leaves."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 20:
            other.execute("ROLLBACK")

    monkeypatch.setattr(connection.time, "sleep", pause)
    with another() as other:
        other.execute("BEGIN IMMEDIATE")
        writing().rollback()
        assert pauses == [connection.TURN] * 20


def test_who_has_waited_long_enough_is_told_that_it_is_locked(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_MILLISECONDS", 1)
    with another() as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            writing()
        db.session.rollback()
        other.execute("ROLLBACK")
    writing()
    assert db.session.connection().exec_driver_sql("PRAGMA busy_timeout").scalar() == 1


def test_between_two_parts_of_a_run_somebody_else_can_write(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def come_in(engine: Any) -> None:
        with another() as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        written.append(1)

    step(monkeypatch, 2)
    monkeypatch.setattr(evaluation, "give_way", come_in)
    salon = Salon(sqlite_house)
    salon.past([(one, TODAY, 900) for one in salon.people(6)])
    evaluate(TODAY)
    assert len(written) >= 3
