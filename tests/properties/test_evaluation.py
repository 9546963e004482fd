"""One tree, three ways: the interpreter, SQLite and PostgreSQL always agree, empty facts included."""

from __future__ import annotations

from typing import Any as Anything

import pytest
from hypothesis import HealthCheck, assume, given, settings
from sqlalchemy import BigInteger, ColumnElement, FromClause, String, cast, false, literal, not_, select, true

from models.entity import db
from rules.evaluation import interpreter
from rules.evaluation.boundaries import NUMERIC, boundary_cases, fulfilling
from rules.evaluation.compiler import HasTag, Lookup, compiled
from rules.language.conditions import OPERATORS, All, Any, Comparison, Condition, Not, Operator, comparisons
from rules.language.facts import Fact, FactType, fact_named
from tests.conftest import House
from tests.properties.trees import FACTS, conditions, leaves, people, written
from tests.rules.texts import book
from tests.rules.texts import condition as read

MANY = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NUMBER, CHOICE, FLAG = fact_named("visits_30d"), fact_named("skin_type"), fact_named("has_allergy")


def row_of(facts: dict[str, Anything]) -> FromClause:
    """One row of literal columns, typed as the sources type them."""

    def column(name: str, kind: FactType) -> ColumnElement[Anything]:
        text = kind in (FactType.CHOICE, FactType.TIER)
        value = facts.get(name)
        plain = int(value) if isinstance(value, bool) else value
        return cast(literal(plain, String if text else BigInteger), String if text else BigInteger).label(name)

    return select(*(column(fact.name, fact.type) for fact in FACTS if fact.type is not FactType.TAG)).subquery("facts")


def has_one_of(tags: tuple[str, ...]) -> HasTag:
    return lambda slugs: true() if set(slugs) & set(tags) else false()


def predicate(condition: Condition, row: FromClause, tags: tuple[str, ...]) -> ColumnElement[bool]:
    return compiled(condition, lambda fact: row.c[fact.name], has_one_of(tags))


def in_database(condition: Condition, facts: dict[str, Anything]) -> bool | None:
    """Whether the database finds the customer; None if it neither finds her nor finds that she is not there."""
    row = row_of(facts)
    asked = predicate(condition, row, facts["tag"])
    with db.engine.connect() as connection:
        found = connection.execute(select(literal(1)).select_from(row).where(asked)).all()
        missed = connection.execute(select(literal(1)).select_from(row).where(not_(asked))).all()
    return None if len(found) + len(missed) != 1 else bool(found)


@MANY
@given(condition=conditions, facts=people())
def test_the_interpreter_and_the_database_agree(house: House, condition: Condition, facts: dict[str, Anything]) -> None:
    assert in_database(condition, facts) is interpreter.holds(condition, facts)


@MANY
@given(leaf=leaves(), facts=people())
def test_every_comparison_agrees_by_itself(house: House, leaf: Comparison, facts: dict[str, Anything]) -> None:
    assert in_database(leaf, facts) is interpreter.holds(leaf, facts)


@pytest.mark.parametrize("never", [True, False])
def test_an_empty_fact_fulfils_nothing_unless_never_says_so(house: House, never: bool) -> None:
    assert NUMBER is not None
    assert CHOICE is not None
    numbers = [Comparison(NUMBER, operator, (1, 2), never) for operator in OPERATORS[NUMBER.type]]
    words = [Comparison(CHOICE, operator, ("dry",), never) for operator in OPERATORS[CHOICE.type]]
    empty: dict[str, Anything] = {"tag": ()}
    for leaf in [*numbers, *words]:
        assert interpreter.holds(leaf, empty) is never
        assert in_database(leaf, empty) is never
        assert in_database(Not(leaf), empty) is not never


EDGES: dict[Operator, tuple[bool, bool, bool]] = {
    Operator.AT_LEAST: (False, True, True),
    Operator.AT_MOST: (True, True, False),
    Operator.MORE_THAN: (False, False, True),
    Operator.LESS_THAN: (True, False, False),
    Operator.IS: (False, True, False),
    Operator.IS_NOT: (True, False, True),
}
"""Just below the threshold, at it, and just above."""


@pytest.mark.parametrize("operator", EDGES)
def test_a_threshold_is_decided_to_the_unit(house: House, operator: Operator) -> None:
    """A day, a visit, a fen."""
    for name, threshold in (("visits_30d", 3), ("days_since_visit", 90), ("paid_365d", 800_000)):
        fact = fact_named(name)
        assert fact is not None
        for step, answer in zip((-1, 0, 1), EDGES[operator], strict=True):
            facts: dict[str, Anything] = {name: threshold + step, "tag": ()}
            assert interpreter.holds(Comparison(fact, operator, (threshold,)), facts) is answer
            assert in_database(Comparison(fact, operator, (threshold,)), facts) is answer


def test_between_holds_both_its_ends(house: House) -> None:
    assert NUMBER is not None
    leaf = Comparison(NUMBER, Operator.BETWEEN, (5, 7))
    for value, answer in zip(range(4, 9), (False, True, True, True, False), strict=True):
        assert interpreter.holds(leaf, {NUMBER.name: value}) is answer
        assert in_database(leaf, {NUMBER.name: value, "tag": ()}) is answer


def literally(facts: dict[str, Anything]) -> Lookup:
    def column(fact: Fact) -> ColumnElement[Anything]:
        text = fact.type in (FactType.CHOICE, FactType.TIER)
        value = facts.get(fact.name)
        return cast(literal(value if text or value is None else int(value)), String if text else BigInteger)

    return column


def test_every_edge_of_every_shipped_rule_is_the_same_in_the_database(house: House) -> None:
    for rule in book().rules():
        base, cases = fulfilling(rule.when), boundary_cases(rule.when)
        assert base is not None
        assert len(cases) >= 2 * sum(leaf.fact.type in NUMERIC for leaf in comparisons(rule.when)), rule.id
        with db.engine.connect() as connection:
            for case in cases:
                asked = compiled(rule.when, literally({**base, case.fact.name: case.value}), has_one_of(base["tag"]))
                found = connection.execute(select(literal(1)).where(asked)).all()
                assert bool(found) is case.holds, (rule.id, case)


@pytest.mark.parametrize(("tree", "answer"), [(All(()), True), (Any(()), False), (Not(All(())), False)])
def test_nothing_at_all_holds_and_none_of_nothing_does_not(house: House, tree: Condition, answer: bool) -> None:
    assert interpreter.holds(tree, {}) is answer
    assert in_database(tree, {"tag": ()}) is answer


@pytest.mark.parametrize(("value", "asked", "answer"), [(1, True, True), (0, False, True), (1, False, False)])
def test_a_flag_from_the_database_is_a_number(house: House, value: int, asked: bool, answer: bool) -> None:
    assert FLAG is not None
    leaf = Comparison(FLAG, Operator.IS, (asked,))
    assert interpreter.holds(leaf, {"has_allergy": value}) is answer
    assert in_database(leaf, {"has_allergy": value, "tag": ()}) is answer


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=conditions, facts=people())
def test_what_is_written_is_what_is_read(tree: Condition, facts: dict[str, Anything]) -> None:
    """A tree written down and read again decides the same; a list with nothing in it cannot be written."""
    text = written(tree)
    assume("[]" not in text and _depth(tree) < 7)
    again = read(text)
    assert list(comparisons(again)) == list(comparisons(tree))
    assert interpreter.holds(again, facts) is interpreter.holds(tree, facts)


def _depth(tree: Condition) -> int:
    match tree:
        case Not(part):
            return 1 + _depth(part)
        case All(parts) | Any(parts):
            return 1 + max((_depth(part) for part in parts), default=0)
        case _:
            return 1


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tree=conditions, facts=people())
def test_the_evidence_tells_each_comparison_as_it_was_decided(tree: Condition, facts: dict[str, Anything]) -> None:
    told = interpreter.evidence(tree, facts)
    leaves_ = list(comparisons(tree))
    assert [one["fact"] for one in told] == [leaf.fact.name for leaf in leaves_]
    assert [one["holds"] for one in told] == [interpreter.holds(leaf, facts) for leaf in leaves_]
    for one in told:
        assert one["value"] == (sorted(facts["tag"]) if one["fact"] == "tag" else facts[one["fact"]])
