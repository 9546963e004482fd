"""Conditions as they are written: what each word means, and what is said of a wrong one."""

from __future__ import annotations

import pytest
from flask_babel import force_locale

from rules.language.conditions import (
    OPERATORS,
    All,
    Any,
    Comparison,
    Not,
    Operator,
    comparisons,
    tags_in,
)
from rules.language.facts import FAMILIES_OF, Fact, FactType, Subject, fact_named, suggestions
from rules.language.faults import nearest
from tests.rules.texts import condition, leaf, only, refused, some, spoken

pytestmark = pytest.mark.usefixtures("bare")

NUMERIC = ["at_least", "at_most", "more_than", "less_than", "is", "is_not"]
BY_TYPE = {
    FactType.MONEY: ("paid_90d", "300", 30_000),
    FactType.NUMBER: ("visits_90d", "3", 3),
    FactType.DAYS: ("days_since_visit", "30d", 30),
    FactType.PERCENT: ("away_percent", "150%", 150),
}
WORDS = {
    FactType.FLAG: ("has_allergy", "yes", True),
    FactType.CHOICE: ("skin_type", "dry", "dry"),
    FactType.TIER: ("tier", "gold", "gold"),
    FactType.TAG: ("tag", "lost", "lost"),
    FactType.ROLE: ("role", "manager", "manager"),
    FactType.OPERATION: ("operation", "sell", "sell"),
}


def subject_of(kind: FactType) -> Subject:
    """Whom a fact of this type is asked about."""
    return Subject.OPERATION if kind in (FactType.ROLE, FactType.OPERATION) else Subject.CUSTOMER


def fact(name: str, subject: Subject = Subject.CUSTOMER) -> Fact:
    found = fact_named(name, subject)
    assert found is not None
    return found


# ------------------------------------------------------------------------------------------ operators by type


@pytest.mark.parametrize("operator", NUMERIC)
@pytest.mark.parametrize("kind", BY_TYPE)
def test_numbers_are_compared_by_size(kind: FactType, operator: str) -> None:
    name, written, value = BY_TYPE[kind]
    assert leaf(f"{{{name}: {{{operator}: {written}}}}}") == Comparison(fact(name), Operator(operator), (value,))


@pytest.mark.parametrize("kind", BY_TYPE)
def test_numbers_lie_between_two_others(kind: FactType) -> None:
    name, written, value = BY_TYPE[kind]
    found = leaf(f"{{{name}: {{between: [{written}, {written}]}}}}")
    assert found == Comparison(fact(name), Operator.BETWEEN, (value, value))


@pytest.mark.parametrize("kind", WORDS)
def test_a_bare_value_means_is_and_a_bare_list_means_in(kind: FactType) -> None:
    (name, written, value), of = WORDS[kind], subject_of(kind)
    assert leaf(f"{{{name}: {written}}}", of) == Comparison(fact(name, of), Operator.IS, (value,))
    if kind is not FactType.FLAG:
        assert leaf(f"{{{name}: [{written}]}}", of) == Comparison(fact(name, of), Operator.IN, (value,))


@pytest.mark.parametrize("operator", ["is", "is_not", "in", "not_in"])
@pytest.mark.parametrize("kind", [FactType.CHOICE, FactType.TIER, FactType.ROLE, FactType.OPERATION])
def test_words_are_compared_by_membership(kind: FactType, operator: str) -> None:
    (name, written, value), of = WORDS[kind], subject_of(kind)
    operand = f"[{written}]" if operator.endswith("in") else written
    expected = Comparison(fact(name, of), Operator(operator), (value,))
    assert leaf(f"{{{name}: {{{operator}: {operand}}}}}", of) == expected


@pytest.mark.parametrize(
    ("kind", "operator"), [(kind, one) for kind in FactType for one in Operator if one not in OPERATORS[kind]]
)
def test_an_operator_that_does_not_fit_names_those_that_do(kind: FactType, operator: Operator) -> None:
    name, written, _ = {**BY_TYPE, **WORDS}[kind]
    fitting = ", ".join(sorted(OPERATORS[kind]))
    faults = refused(f"{{{name}: {{{operator}: {written}}}}}", subject_of(kind))
    only(faults, 1, 11 + len(name), f"{operator} does not fit {name}; use one of: {fitting}")


def test_every_type_has_operators() -> None:
    assert set(OPERATORS) == set(FactType)


# --------------------------------------------------------------------------------------------------- unknown


@pytest.mark.parametrize(
    ("name", "meant"),
    [("paid_365", "paid_365d"), ("days_since_vist", "days_since_visit"), ("teir", "tier"), ("visit_90d", "visits_90d")],
)
def test_a_misspelt_fact_is_answered_with_the_nearest(name: str, meant: str) -> None:
    only(refused(f"{{{name}: {{at_least: 3}}}}"), 1, 8, f"no fact called {name}; did you mean {meant}?")


def test_a_misspelt_fact_in_chinese() -> None:
    [fault] = refused("{days_since_vist: 3}")
    assert "没有叫 days_since_vist 的" in spoken(fault, "zh_Hans_CN")
    assert "days_since_visit" in spoken(fault, "zh_Hans_CN")


def test_a_fact_like_no_other_has_no_suggestion() -> None:
    [fault] = refused("{xyzzy: 3}")
    assert "did you mean" not in spoken(fault)


@pytest.mark.parametrize("name", ["paid_0d", "paid_3661d", "visits_007d", "used_99999d", "reading_Moisture", "paid_d"])
def test_only_what_exists_is_suggested(name: str) -> None:
    assert fact_named(name) is None
    near = nearest(name, suggestions(name))
    assert near is None or fact_named(near) is not None


def test_a_window_is_1_to_3660_days() -> None:
    assert [bool(fact_named(f"paid_{days}d")) for days in (0, 1, 3660, 3661)] == [False, True, True, False]


def test_a_misspelt_comparison_is_answered_with_the_nearest() -> None:
    only(refused("{visits_90d: {at_leest: 3}}"), 1, 21, "no comparison called at_leest; did you mean at_least?")


def test_a_misspelt_choice_is_answered_with_the_nearest() -> None:
    only(refused("{skin_type: drry}"), 1, 19, "no value called drry; did you mean dry?")


def test_every_fact_has_a_label_in_both_languages() -> None:
    from flask_babel import force_locale

    for family in (one for families in FAMILIES_OF.values() for one in families):
        name = family.pattern.replace("{n}", "90").replace("{slug}", "moisture")
        with force_locale("en"):
            english = fact(name, family.subject).label
        with force_locale("zh_Hans_CN"):
            chinese = fact(name, family.subject).label
        assert english != chinese
        assert "%(" not in english + chinese
        assert ("90" in chinese) == ("{n}" in family.pattern)


# ------------------------------------------------------------------------------------------- never and nesting


def test_an_empty_fact_may_be_said_to_fulfil() -> None:
    assert leaf("{days_since_visit: {at_least: 60, never: yes}}").never is True
    assert leaf("{days_since_visit: {at_least: 60, never: no}}").never is False
    assert leaf("{days_since_visit: {at_least: 60}}").never is False


def test_never_is_yes_or_no() -> None:
    only(refused("{days_since_visit: {at_least: 60, never: maybe}}"), 1, 48, "never is yes or no")


def test_never_alone_compares_nothing() -> None:
    some(refused("{days_since_visit: {never: yes}}"), "Compare days_since_visit with something")


def test_several_keys_mean_all_of_them() -> None:
    both = condition("{visits_90d: {at_least: 3}, tier: gold}")
    assert both == All((leaf("{visits_90d: {at_least: 3}}"), leaf("{tier: gold}")))
    assert condition("{not: {tag: lost}, tier: gold}") == All((Not(leaf("{tag: lost}")), leaf("{tier: gold}")))


def test_several_comparisons_of_a_fact_mean_all_of_them() -> None:
    found = condition("{visits_90d: {more_than: 3, at_most: 9, never: yes}}")
    assert [(one.operator, one.values, one.never) for one in comparisons(found)] == [
        (Operator.MORE_THAN, (3,), True),
        (Operator.AT_MOST, (9,), True),
    ]
    assert isinstance(found, All)


def test_all_any_and_not_nest() -> None:
    gold, lost = leaf("{tier: gold}"), leaf("{tag: lost}")
    assert condition("{all: [{tier: gold}, {any: [{tag: lost}, {not: {tag: lost}}]}]}") == All(
        (gold, Any((lost, Not(lost))))
    )
    assert condition("{not: {tier: gold, tag: lost}}") == Not(All((gold, lost)))
    assert condition("{not: {not: {tier: gold}}}") == Not(Not(gold))


@pytest.mark.parametrize("text", ["{all: []}", "{any: []}", "{all: {tier: gold}}", "{any: gold}"])
def test_all_and_any_need_a_list(text: str) -> None:
    only(refused(text), 1, 13, "needs a list of conditions")


@pytest.mark.parametrize("text", ["gold", "[{tier: gold}]", "{}", '""'])
def test_a_condition_is_a_key_with_a_value(text: str) -> None:
    only(refused(text), 1, 7, "A condition is a key with a value")


@pytest.mark.parametrize("text", ["{not: gold}", "{all: [gold]}", "{any: [{}]}"])
def test_so_is_each_part_of_one(text: str) -> None:
    some(refused(text), "A condition is a key with a value")


def test_every_fault_is_told_in_the_order_of_the_file() -> None:
    faults = refused("{all: [{teir: gold}, {visits_90d: {at_leest: 3}}, {not: {paid_90d: {at_least: much}}}]}")
    assert [fault.place.column for fault in faults] == [15, 42, 85]


def test_what_a_condition_names_is_found() -> None:
    found = condition("{all: [{tier: [gold, silver]}, {not: {tag: lost}}, {any: [{tag: {in: [new, active]}}]}]}")
    assert tags_in(found) == {"lost", "new", "active"}


def test_a_fact_is_the_same_whatever_it_is_called() -> None:
    """Statements made for rules are kept by what they ask: no word of any language may count to that."""
    said = {}
    for language in ("zh_Hans_CN", "en"):
        with force_locale(language):
            found = fact_named("visits_90d")
            assert found is not None
            said[str(found.family.label)] = hash(found)
    assert len(said) == 2
    assert len(set(said.values())) == 1
