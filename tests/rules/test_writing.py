"""Rules written back: what is emitted says the same, and every line that was not changed stays as it was."""

from __future__ import annotations

from difflib import ndiff
from typing import Any

import pytest
from hypothesis import given

from rules.evaluation import interpreter
from rules.language import conditions as tree
from rules.language.conditions import Condition, read_condition
from rules.language.nodes import Sequence, read_nodes
from rules.language.rewriting import with_item
from rules.language.writing import condition_plain, emit, plain_of
from tests.properties.trees import conditions, people
from tests.rules.texts import SHIPPED
from views.rule_form import group_of, plain_group


def is_sayable(condition: Condition) -> bool:
    """Whether the language has words for it: a list of nothing cannot be written."""
    match condition:
        case tree.All(parts) | tree.Any(parts):
            return bool(parts) and all(map(is_sayable, parts))
        case tree.Not(part):
            return is_sayable(part)
    return True


sayable = conditions.filter(is_sayable)


def read_back(plain: Any) -> Condition:
    node = read_nodes(emit({"when": plain}), "t").get("when")
    assert node is not None
    return read_condition(node)


@given(condition=sayable, person=people())
def test_what_is_emitted_means_the_same(condition: Condition, person: dict[str, Any]) -> None:
    again = read_back(condition_plain(condition))
    assert interpreter.holds(again, person) == interpreter.holds(condition, person)


@given(condition=sayable, person=people())
def test_the_form_means_the_same(condition: Condition, person: dict[str, Any]) -> None:
    again = read_back(plain_group(group_of(condition, "when"), outermost=True))
    assert interpreter.holds(again, person) == interpreter.holds(condition, person)


def items(document: str) -> list[dict[str, Any]]:
    listed = read_nodes(SHIPPED[document], "").get("rules")
    assert isinstance(listed, Sequence)
    return [plain_of(item) for item in listed.items]


@pytest.mark.parametrize("document", ["tags", "alerts", "campaigns"])
def test_a_rule_that_says_the_same_leaves_the_file_as_it_is(document: str) -> None:
    for item in items(document):
        assert with_item(SHIPPED[document], "rules", item["id"], item) == SHIPPED[document]


def differing(before: str, after: str) -> list[str]:
    return [line for line in ndiff(before.splitlines(), after.splitlines()) if line[:1] in "+-"]


def test_only_the_lines_of_what_changed_differ() -> None:
    item = next(one for one in items("tags") if one["id"] == "active")
    fresh = with_item(SHIPPED["tags"], "rules", "active", {**item, "name": "常客", "for": "2d"})
    assert differing(SHIPPED["tags"], fresh) == ["-     name: 活跃客户", "+     name: 常客", "+     for: 2d"]


TEXT = """# kept
version: 1
rules:
  # the first
  - id: a  # why a
    name: A
    when: {x: 1}

  # the second
  - id: b
    name: B
layers: []  # kept too
"""


def test_a_rule_taken_out_takes_nothing_else_along() -> None:
    assert differing(TEXT, with_item(TEXT, "rules", "b", None)) == ["-   - id: b", "-     name: B"]


def test_a_comment_beside_what_stays_is_kept() -> None:
    fresh = with_item(TEXT, "rules", "a", {"id": "a", "name": "C", "when": {"x": "1"}})
    assert differing(TEXT, fresh) == ["-     name: A", "+     name: C"]


def test_a_new_rule_comes_after_the_last_one() -> None:
    fresh = with_item(TEXT, "rules", None, {"id": "c", "name": "no: 12:30", "when": {"x": {"at_least": "3"}}})
    assert fresh.index("- id: c") < fresh.index("layers:")
    listed = read_nodes(fresh, "").get("rules")
    assert isinstance(listed, Sequence)
    assert plain_of(listed.items[2]) == {"id": "c", "name": "no: 12:30", "when": {"x": {"at_least": "3"}}}


@pytest.mark.parametrize("text", ["version: 1\n", "version: 1", "version: 1\nrules: []\n"])
def test_the_first_rule_of_a_document(text: str) -> None:
    fresh = with_item(text, "rules", None, {"id": "a"})
    listed = read_nodes(fresh, "").get("rules")
    assert isinstance(listed, Sequence)
    assert [plain_of(one) for one in listed.items] == [{"id": "a"}]


def test_a_rule_that_is_not_there_is_told() -> None:
    with pytest.raises(KeyError):
        with_item(TEXT, "rules", "z", {"id": "z"})


@given(condition=sayable)
def test_the_edges_are_what_both_ways_of_evaluating_say(condition: Condition) -> None:
    from rules.evaluation.boundaries import boundary_cases, fulfilling

    base = fulfilling(condition)
    for case in boundary_cases(condition):
        assert base is not None
        assert interpreter.holds(condition, {**base, case.fact.name: case.value}) == case.holds
