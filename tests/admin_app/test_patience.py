"""What another write comes in the way of is done again, and whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError, OperationalError

from admin_app.evaluation import evaluate
from admin_app.operations import patience
from admin_app.operations.patience import TRIES, patiently
from models.clock import EvaluationRun
from models.entity import db
from tests.cast import TODAY
from tests.conftest import House
from tests.properties.history import Salon, everything


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
