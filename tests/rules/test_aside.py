"""A book that an earlier release could read: what this one cannot is set aside, rule by rule, and nothing else."""

from __future__ import annotations

import pytest

from rules.aside import read_in_force
from rules.book import Own, Rulebook
from rules.language.faults import Faults
from tests.rules.texts import SHIPPED


def book(*edits: tuple[str, str, str]) -> Rulebook:
    """The shipped documents, each edit (document, old, new) made once."""
    texts = dict(SHIPPED)
    for document, old, new in edits:
        assert old in texts[document]
        texts[document] = texts[document].replace(old, new, 1)
    return read_in_force(texts.__getitem__)


def asides(found: Rulebook) -> list[tuple[str, str]]:
    return [(one.document, one.id) for one in found.aside]


LOST = ("tags", "when: {days_since_visit: {at_least: 180}}", "when: {days_since_seen: {at_least: 180}}")


def test_the_shipped_book_is_read_whole() -> None:
    assert book().aside == ()


def test_a_rule_with_a_fact_that_is_no_more_is_set_aside_with_its_place() -> None:
    found = book(LOST)
    assert asides(found) == [("tags", "lost")]
    (fault,) = found.aside[0].faults
    line = SHIPPED["tags"].splitlines().index("    when: {days_since_visit: {at_least: 180}}") + 1
    assert (fault.place.file, fault.place.line) == ("rules/tags.yaml", line)
    assert {rule.id for rule in book().rules()} - {rule.id for rule in found.rules()} == {"lost"}


@pytest.mark.parametrize(
    ("document", "old", "new", "rule"),
    [
        ("tags", "then: [{tag: lost}]", "then: [{tag: lost, colour: red}]", "lost"),
        ("tags", "then: [{tag: lost}]", "then: [{tag: gone-for-good}]", "lost"),
        ("tags", "    when: {days_since_visit: {at_least: 180}}\n", "", "lost"),
        ("tags", "tag: layer-d, when: {days_since_visit:", "tag: layer-d, when: {days_since_seen:", "layer"),
    ],
)
def test_whatever_is_wrong_within_a_rule(document: str, old: str, new: str, rule: str) -> None:
    found = book((document, old, new))
    assert asides(found) == [(document, rule)]
    assert found.is_aside(rule)
    assert found.is_aside(f"{rule}:layer-d")
    assert not found.is_aside("active")


def test_several_in_several_documents() -> None:
    first = next(line for line in SHIPPED["alerts"].splitlines() if line.startswith("  - id: "))
    found = book(LOST, ("alerts", first, f"{first}\n    shout: yes"))
    assert asides(found) == [("tags", "lost"), ("alerts", first.removeprefix("  - id: "))]


def test_a_rule_about_staff_or_products_too() -> None:
    name = SHIPPED["alerts"].partition("\nwatch:\n")[2].partition("id: ")[2].split()[0].strip(",}")
    found = book(("alerts", f"id: {name}", f"shout: yes\n    id: {name}"))
    assert asides(found) == [("alerts", name)]
    assert name not in {rule.id for rule in found.alerts.watch}


def test_rules_that_wait_for_one_another_are_parted() -> None:
    """One of them set aside is enough."""
    back = "  - id: back\n    name: x\n    when: {tag: lost}\n    then: [{tag: active}]\n"
    found = book(("tags", LOST[1], "when: {tag: active}"), ("tags", "  - id: active\n", f"{back}  - id: active\n"))
    assert len(found.aside) == 1
    assert not found.faults()


def test_what_is_wrong_elsewhere_is_refused() -> None:
    with pytest.raises(Faults) as raised:
        book(("tags", "id: lost, name: 流失客户", "id: lost, nom: 流失客户"))
    assert {fault.place.line for fault in raised.value.faults} == {12}


def test_another_version_of_the_document_brings_the_rule_back() -> None:
    found = book(LOST)
    assert found.with_documents({"alerts": found.alerts}).is_aside("lost")
    assert not found.with_documents({"tags": book().tags}).is_aside("lost")


def test_a_reading_that_the_salon_no_longer_takes_is_no_fault() -> None:
    """Nobody has it, and the rule's other conditions still find whom they found."""
    found = read_in_force(SHIPPED.__getitem__, Own(readings=frozenset({"height"})))
    assert found.aside == ()
    assert found.own.readings == {"height"}
