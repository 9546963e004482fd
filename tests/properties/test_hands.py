"""What a hand decided stands against every run, until it is left to the rules again; and of the layers there is one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from admin_app.evaluation import evaluate
from tests.cast import TODAY
from tests.conftest import ON_BOTH
from tests.properties.history import LAYERS, Salon, changed_only, crowded, rules_of, tags_of

HOUSES = ("sqlite",)


@ON_BOTH
def test_a_tag_put_on_by_hand_survives_runs(salon: Salon, anna: int) -> None:
    evaluate(TODAY)
    salon.tag(anna, "active")
    for days in (0, 1, 400):
        evaluate(TODAY + timedelta(days))
        assert "active" in tags_of(anna)


def test_a_tag_put_on_by_hand_goes_when_the_rules_decide_again(salon: Salon, anna: int) -> None:
    salon.tag(anna, "active")
    evaluate(TODAY)
    salon.untag(anna, "active", back=True)
    evaluate(TODAY)
    assert "active" not in tags_of(anna)


def test_a_tag_taken_off_by_hand_stays_off(salon: Salon, anna: int) -> None:
    salon.visit(anna, TODAY)
    evaluate(TODAY)
    assert "new" in tags_of(anna)
    salon.untag(anna, "new")
    for days in (0, 1, 30, 60):
        evaluate(TODAY + timedelta(days))
        assert "new" not in tags_of(anna)


def test_a_tag_taken_off_by_hand_is_back_when_the_rules_decide_again(salon: Salon, anna: int) -> None:
    salon.visit(anna, TODAY)
    evaluate(TODAY)
    salon.untag(anna, "new")
    evaluate(TODAY)
    salon.untag(anna, "new", back=True)
    assert "new" in tags_of(anna)
    evaluate(TODAY)
    assert "new" in tags_of(anna)


def test_a_rule_that_began_to_hold_meanwhile_is_heard_when_it_decides_again(salon: Salon, anna: int) -> None:
    salon.untag(anna, "new")
    salon.visit(anna, TODAY)
    evaluate(TODAY)
    assert "new" not in tags_of(anna)
    salon.untag(anna, "new", back=True)
    evaluate(TODAY)
    assert "new" in tags_of(anna)


def test_a_tag_put_on_where_the_rule_holds_outlives_the_rule(salon: Salon, anna: int) -> None:
    salon.visit(anna, TODAY)
    evaluate(TODAY)
    salon.tag(anna, "new")
    evaluate(TODAY + timedelta(31))
    assert "new" in tags_of(anna)
    assert "new" not in rules_of(anna)


def test_rules_that_ask_for_a_tag_hear_of_the_hand(salon: Salon, anna: int) -> None:
    """Gold and long away, which is an alert, unless she is tagged as lost."""
    crowded(salon)
    salon.past([(anna, TODAY - timedelta(50), 9000)])
    changed_only()
    assert "valued-customer-away-long" in rules_of(anna)
    salon.tag(anna, "lost")
    changed_only()
    assert "valued-customer-away-long" not in rules_of(anna)
    salon.untag(anna, "lost", back=True)
    changed_only()
    assert "valued-customer-away-long" in rules_of(anna)


# --------------------------------------------------------------------------------------------------- the layers


@pytest.mark.parametrize("layer", sorted(LAYERS - {"layer-c"}))
def test_a_layer_given_by_hand_is_the_only_one_and_stays(salon: Salon, anna: int, layer: str) -> None:
    evaluate(TODAY)
    assert tags_of(anna) & LAYERS == {"layer-c"}
    salon.tag(anna, layer)
    salon.past([(anna, TODAY, 6000)])
    for days in (0, 1, 70, 400):
        evaluate(TODAY + timedelta(days))
        assert tags_of(anna) & LAYERS == {layer}


def test_a_layer_given_by_hand_twice_is_the_last_one(salon: Salon, anna: int) -> None:
    evaluate(TODAY)
    salon.tag(anna, "layer-a")
    salon.tag(anna, "layer-b")
    evaluate(TODAY)
    assert tags_of(anna) & LAYERS == {"layer-b"}


def test_she_has_her_own_layer_again_when_the_rules_decide_again(salon: Salon, anna: int) -> None:
    evaluate(TODAY)
    salon.tag(anna, "layer-a")
    evaluate(TODAY)
    salon.untag(anna, "layer-a", back=True)
    evaluate(TODAY)
    assert tags_of(anna) & LAYERS == {"layer-c"}


def test_of_two_decisions_by_hand_the_one_that_stays_is_the_only_layer(salon: Salon, anna: int) -> None:
    """One layer put on, the rules' own taken off; then the second is left to the rules again."""
    salon.past([(anna, TODAY, 6000)])
    evaluate(TODAY)
    salon.tag(anna, "layer-a")
    salon.untag(anna, "layer-b")
    salon.untag(anna, "layer-b", back=True)
    assert tags_of(anna) & LAYERS == {"layer-a"}


def test_a_layer_that_changed_under_the_hand_is_hers_when_the_rules_decide_again(salon: Salon, anna: int) -> None:
    evaluate(TODAY)
    salon.tag(anna, "layer-a")
    salon.past([(anna, TODAY, 6000)])
    evaluate(TODAY)
    salon.untag(anna, "layer-a", back=True)
    evaluate(TODAY)
    assert tags_of(anna) & LAYERS == {"layer-b"}
