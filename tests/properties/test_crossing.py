"""Whom time moves across a threshold is among those a run looks at again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from admin_app import evaluation, run_set
from admin_app.evaluation import evaluate, self_check
from models.clock import EvaluationRun
from models.customers import Calendar, Customer
from models.entity import db, table_of
from models.rulebook import ChangedCustomer, CustomerFact
from models.sales import VisitSource
from rules.evaluation import interpreter
from rules.evaluation.crossing import Passed, crossed, thresholds
from rules.evaluation.frame import Frame
from rules.evaluation.stored import NUMBERS, TEXTS, filling, kept_for, room_for, rows_of, stored_facts_of
from rules.language.conditions import OPERATORS, Comparison, Operator
from rules.language.facts import Fact, FactType, fact_named
from tests import conftest
from tests.cast import TODAY
from tests.conftest import House
from tests.properties.history import Salon, crowded, everything, long_ago, something, tags_of
from tests.properties.salon import FIRST_ID, salons
from tests.properties.salon import Salon as Plain
from tests.properties.test_facts import BIRTHDAY, CALENDAR, DAYS, FACTS, found, person, sale, standing

NUMERIC = (FactType.MONEY, FactType.NUMBER, FactType.DAYS, FactType.PERCENT)


def leaves_between(fact: Fact, before: Any, after: Any) -> Iterator[Comparison]:
    """Comparisons with the values before and after, and with those beside them."""
    if fact.type not in NUMERIC:
        yield from (Comparison(fact, Operator.IS, (value,)) for value in {before, after} - {None})
        return
    edges = sorted({value + step for value in (before, after) if value is not None for step in (-1, 0, 1)})
    for operator in sorted(OPERATORS[fact.type]):
        for edge in edges:
            values = (edge, edge + 1) if operator is Operator.BETWEEN else (edge,)
            yield Comparison(fact, operator, values, never=edge % 2 == 0)


def days_passed(since: date, upto: date, merges: bool = False) -> Passed:
    return Passed.between(since, Frame(upto, merges=merges, calendar=CALENDAR))


def looked_at(passed: Passed, *leaves: Comparison) -> set[int] | None:
    """Who is looked at again for a comparison, by place in the salon, and her kin with her."""
    queries = crossed(passed, leaves)
    if queries is None:
        return None
    ids = {one for query in queries for one in db.session.scalars(query) if one is not None}
    table = table_of(Customer)
    while True:
        kin = select(table.c.merged_into_id, table.c.referrer_id).where(table.c.id.in_(ids))
        fresh = {one for pair in db.session.execute(kin) for one in pair if one is not None} - ids
        if not fresh:
            return {one - FIRST_ID for one in ids}
        ids |= fresh


@settings(
    max_examples=int(os.environ.get("PEONY_TEST_CROSSINGS", "25")),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(salon=salons(st.sampled_from(DAYS)), length=st.sampled_from([1, 1, 2, 7, 31]), seed=st.integers(0, 99))
def test_whoever_crosses_an_edge_is_looked_at(house: House, salon: Plain, length: int, seed: int) -> None:
    assert BIRTHDAY is not None
    merged, chance = any(one.merged_into is not None for one in salon.people), Random(seed)
    facts, passed = [*FACTS, BIRTHDAY], days_passed(salon.as_of - timedelta(length), salon.as_of, merged)
    with standing(salon, house):
        before, after = (found(frame, facts) for frame in (passed.before, passed.now))
        for fact in facts:
            moved = [who for who in before if before[who][fact.name] != after[who][fact.name]]
            for who in moved[:2]:
                was, is_now = ({fact.name: side[who][fact.name]} for side in (before, after))
                leaves = list(leaves_between(fact, was[fact.name], is_now[fact.name]))
                leaves = [leaf for leaf in leaves if interpreter.holds(leaf, was) != interpreter.holds(leaf, is_now)]
                for leaf in chance.sample(leaves, min(2, len(leaves))):
                    seen = looked_at(passed, leaf)
                    assert seen is None or who in seen, (fact.name, leaf.operator, leaf.values, was, is_now)


@settings(
    max_examples=int(os.environ.get("PEONY_TEST_CROSSINGS", "15")),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(salon=salons(st.sampled_from(DAYS)), length=st.sampled_from([0, 1, 2, 7, 31]))
def test_facts_that_were_kept_and_made_anew_for_those_who_crossed_are_the_facts(
    house: House, salon: Plain, length: int
) -> None:
    """Every fact of everybody is kept on one day; days later only those who crossed an edge are looked at anew."""
    assert BIRTHDAY is not None
    facts, merged = [*FACTS, BIRTHDAY], any(one.merged_into is not None for one in salon.people)
    kept, passed = columns_for(facts), days_passed(salon.as_of - timedelta(length), salon.as_of, merged)
    before, now = passed.before, passed.now
    edges = [Comparison(fact, Operator.IS, (0,)) for fact in facts]
    with standing(salon, house):
        db.session.execute(filling(rows_of(before, kept)))
        ids = [FIRST_ID + who for who in looked_at(passed, *edges) or range(len(salon.people))] if length else []
        table = table_of(CustomerFact)
        db.session.execute(delete(table).where(table.c.customer_id.in_(ids)))
        db.session.execute(filling(rows_of(replace(now, among=lambda column: column.in_(ids)), kept)))
        told = db.session.execute(select(stored_facts_of(now, facts, kept))).mappings().all()
        expected = {who + FIRST_ID: values for who, values in found(now, facts).items()}
        said = {row["customer_id"]: {fact.name: row[fact.name] for fact in facts} for row in told}
        assert {who: values for who, values in said.items() if who >= FIRST_ID} == expected


def columns_for(facts: list[Fact]) -> dict[str, str]:
    """A column for each fact"""
    room = {kind: iter(names) for kind, names in ((True, TEXTS), (False, NUMBERS))}
    return {fact.name: next(room[room_for(fact) is TEXTS]) for fact in kept_for(facts)}


@pytest.mark.parametrize(
    ("operator", "values", "edges"),
    [
        (Operator.AT_LEAST, (60,), [60]),
        (Operator.LESS_THAN, (60,), [60]),
        (Operator.MORE_THAN, (60,), [61]),
        (Operator.AT_MOST, (60,), [61]),
        (Operator.BETWEEN, (60, 179), [60, 180]),
        (Operator.IS, (60,), [60, 61]),
    ],
)
def test_a_comparison_turns_at_its_edges_and_nowhere_else(
    operator: Operator, values: tuple[int, ...], edges: list[int]
) -> None:
    fact = fact_named("days_since_visit")
    assert fact is not None
    leaf = Comparison(fact, operator, values)
    assert thresholds(leaf) == edges
    holds = [interpreter.holds(leaf, {fact.name: days}) for days in range(300)]
    assert [days for days in range(1, 300) if holds[days] != holds[days - 1]] == edges


def test_who_crosses_no_edge_is_left_alone(house: House) -> None:
    """Looking again at everybody would always be right, and worth nothing."""
    salon = Plain(TODAY, [person(born=(1, 1)), person(calendar=Calendar.LUNAR, born=(6, 15))], visits=[(0, 20), (1, 5)])
    leaf = Comparison(fact_named("days_since_visit"), Operator.AT_LEAST, (20,))  # type: ignore[arg-type]
    ahead = Comparison(fact_named("birthday_in_days"), Operator.AT_MOST, (7,))  # type: ignore[arg-type]
    with standing(salon, house):
        assert looked_at(days_passed(TODAY - timedelta(1), TODAY), leaf) == {0}
        assert looked_at(days_passed(TODAY - timedelta(2), TODAY - timedelta(1)), leaf) == set()
        assert looked_at(days_passed(TODAY - timedelta(1), TODAY), ahead) == set()


def test_only_the_visit_that_days_are_counted_from_makes_her_cross(house: House) -> None:
    """The last one, or the first; one that is still to come is neither."""
    visits = [(0, 20), (0, 3), (1, 20), (1, 40), (2, 20), (2, -5)]
    last, first = (
        Comparison(fact_named(name), Operator.AT_LEAST, (20,))  # type: ignore[arg-type]
        for name in ("days_since_visit", "days_since_first_visit")
    )
    fallen = [replace(sale(3, 3), back=3, came=VisitSource.WALK_IN)]
    visits += [(3, 20), (3, 60)]
    with standing(Plain(TODAY, [person(), person(), person(), person()], visits=visits, sales=fallen), house):
        assert looked_at(days_passed(TODAY - timedelta(1), TODAY), last) == {1, 2, 3}
        assert looked_at(days_passed(TODAY - timedelta(1), TODAY), first) == {0, 2}


def test_a_rule_of_weekdays_concerns_everybody_on_the_day_it_turns() -> None:
    sunday = Comparison(fact_named("weekday"), Operator.IS, (7,))  # type: ignore[arg-type]
    assert TODAY.isoweekday() == 7
    assert crossed(days_passed(TODAY - timedelta(1), TODAY), [sunday]) is None
    assert crossed(days_passed(TODAY - timedelta(2), TODAY - timedelta(1)), [sunday]) is not None


# ------------------------------------------------------------------------------------------- day by day, as a whole


def travel(salon: Salon, seed: int, *, full: bool, meanwhile: bool) -> dict[str, list[Any]]:
    """Some weeks: every day is evaluated, wholly or by what changed and crossed; things happen, also while it runs."""
    chance, day = Random(seed), TODAY
    people = salon.people(40)
    salon.past(long_ago(people, chance))
    evaluate(day)
    for _ in range(6):
        day += timedelta(chance.choice([0, 1, 1, 7, 15, 31]))
        for _ in range(chance.randint(0, 3)):
            something(salon, people, day, chance)
        busy = chance.randint(0, 2) if meanwhile else 0
        events = [(chance.choice(people), chance.choice([100, 9000, 21_000])) for _ in range(busy)]
        if full:
            for customer, yuan in events:
                salon.buy(customer, day, yuan)
            evaluate(day)
            continue
        while_it_runs(salon, day, events)
        evaluate(day, full=False)
    return everything()


def while_it_runs(salon: Salon, day: Any, events: list[tuple[int, int]]) -> None:
    """Evaluate by what changed and crossed, and let these sales come in between its operations."""
    real, left = run_set.put, list(events)

    def put(*args: Any) -> None:
        if left:
            customer, yuan = left.pop()
            salon.buy(customer, day, yuan)
        real(*args)

    since = run_set.settled_on(db.session())
    assert since is not None
    concerns_all = evaluation._crossing(evaluation.rulebook(), since, day) is None  # a day of its own, for everybody
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_set, "put", put)
        evaluate(day, full=False)
    for customer, yuan in left:
        salon.buy(customer, day, yuan)
    run = db.session.scalars(select(EvaluationRun).order_by(EvaluationRun.id.desc()).limit(1)).one()
    assert run.full == concerns_all


HISTORIES = int(os.environ.get("PEONY_TEST_HISTORIES", "2"))
"""How many histories are lived through on each engine, in every second of them with sales while the rules are asked."""


@pytest.mark.parametrize("seed", range(1, HISTORIES + 1))
def test_looking_at_those_who_crossed_is_as_good_as_looking_at_everybody(
    salon: Salon, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    meanwhile = seed % 2 == 0
    monkeypatch.setattr(evaluation, "FULL_ABOVE", 2.0)
    crossing = travel(salon, seed, full=False, meanwhile=meanwhile)
    assert not all(db.session.scalars(select(EvaluationRun.full).where(EvaluationRun.id > 1)))
    db.session.remove()
    conftest._templates[salon.house.engine].fresh()
    evaluation.rulebook()
    assert crossing == travel(salon, seed, full=True, meanwhile=meanwhile)


def test_after_a_long_pause_everybody_is_looked_at(salon: Salon) -> None:
    crowded(salon)
    evaluate(TODAY + timedelta(32), full=False)
    runs = db.session.scalars(select(EvaluationRun.full).order_by(EvaluationRun.id)).all()
    assert runs == [True, True]


# --------------------------------------------------------------------------------- what concerns more than one


def test_the_weekly_check_finds_and_mends_who_was_missed(salon: Salon, anna: int) -> None:
    crowded(salon)
    assert self_check(TODAY) == {"customers": 43, "drifted": 0}
    salon.visit(anna, TODAY)
    db.session.execute(delete(ChangedCustomer))
    db.session.commit()
    assert self_check(TODAY)["drifted"] == 1
    assert "new" in tags_of(anna)
    assert self_check(TODAY)["drifted"] == 0


def test_who_waits_or_is_marked_is_no_drift(salon: Salon, anna: int) -> None:
    crowded(salon)
    real = evaluation.evaluate

    def then_she_comes(*args: Any, **options: Any) -> Any:
        report = real(*args, **options)
        salon.buy(anna, TODAY, 9000)
        return report

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(evaluation, "evaluate", then_she_comes)
        assert self_check(TODAY)["drifted"] == 0
