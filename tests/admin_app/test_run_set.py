"""Whom runs have still to settle: each run has its own set, and lets go of its own alone."""

from __future__ import annotations

from admin_app import run_set
from models.clock import EvaluationRun
from models.entity import db, writing
from tests.cast import NOON, TODAY
from tests.conftest import House


def _run() -> int:
    session = writing()
    run = EvaluationRun(as_of=TODAY, full=False, started_at=NOON)
    session.add(run)
    session.commit()
    return run.id


def test_the_set_of_another_run_is_left_alone(house: House) -> None:
    own, other = _run(), _run()
    people = sorted(house.ids[name] for name in ("anna", "berta", "cora"))
    run_set.put(own, people)
    run_set.put(other, people[1:])
    assert run_set.staged(db.session(), own) == people
    assert run_set.staged(db.session(), other) == people[1:]
    assert run_set.staged(db.session(), own, people[1], people[1]) == [people[1]]
    run_set.keep(own, people, people[2:])
    assert run_set.staged(db.session(), own) == people[2:]
    assert run_set.staged(db.session(), other) == people[1:]
    session = writing()
    run_set.drop(session, other, people)
    session.commit()
    assert run_set.staged(db.session(), own) == people[2:]
    assert run_set.staged(db.session(), other) == []


def test_only_runs_that_are_over_are_swept(house: House) -> None:
    own, other = _run(), _run()
    for run in (own, other):
        run_set.put(run, [house.ids["anna"]])
    session = writing()
    run_set.sweep(session, EvaluationRun.id == own)
    session.commit()
    assert run_set.staged(db.session(), own) == [house.ids["anna"]]
    assert run_set.staged(db.session(), other) == []


def test_how_far_a_run_has_looked_is_its_own(house: House) -> None:
    own, other = _run(), _run()
    run_set.put(own, [], upto=house.ids["berta"])
    db.session.rollback()
    reached = {run: db.session.get_one(EvaluationRun, run).last_customer_id for run in (own, other)}
    assert reached == {own: house.ids["berta"], other: 0}
