"""The tests written inside the rule files: they hold, and they would notice."""

from __future__ import annotations

import re

import pytest

from rules.evaluation.trial import failing_tests
from tests.rules.texts import SHIPPED, book, replaced, some

pytestmark = pytest.mark.usefixtures("bare")


def test_every_test_inside_the_shipped_files_passes() -> None:
    written = sum(text.count("expect:") for text in SHIPPED.values())
    assert written > 20
    assert failing_tests(book()) == (written, [])


def test_every_shipped_rule_is_tested_both_ways() -> None:
    for rule in book().rules():
        assert {test.expect for test in rule.tests} == {"matches", "no match"}, rule.id


THRESHOLDS = [
    (name, match.start(2), match.group(2))
    for name in ("tags", "alerts")
    for match in re.finditer(r"(at_least|at_most|less_than): (\d+)%?(?=[,}])", SHIPPED[name])
    if match.start() < (SHIPPED[name] + "layers:").index("layers:")
]


@pytest.mark.parametrize(("name", "start", "number"), THRESHOLDS)
def test_a_changed_threshold_fails_a_test_inside(name: str, start: int, number: str) -> None:
    """One more or one less: the boundary is tested on at least one side."""
    before, after = SHIPPED[name][:start], SHIPPED[name][start + len(number) :]
    texts = [f"{before}{int(number) + change}{after}" for change in (1, -1)]
    failing = [failing_tests(book({name: text}))[1] for text in texts]
    assert any(failing)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("{days_since_first_visit: {at_most: 30}}", "{days_since_first_visit: {at_most: 29}}", "new"),
        ("{between: [60, 179]}", "{between: [61, 179]}", "dormant"),
        ("{between: [60, 179]}", "{between: [60, 180]}", "dormant"),
        ("{visits_90d: {at_least: 6}}", "{visits_90d: {at_least: 5}}", "active"),
        ("{at_most: 30}}\n", "{at_most: 30, never: yes}}\n", "new"),
    ],
)
def test_a_failing_test_is_told_where_it_stands(old: str, new: str, rule: str) -> None:
    _, failed = failing_tests(book({"tags": replaced("tags", old, new)}))
    assert len(failed) == 1
    some(failed, f"This test of {rule} expects", "it is «")
    lines = SHIPPED["tags"].splitlines()
    assert lines[failed[0].place.line - 1].lstrip().startswith("- {given:")
