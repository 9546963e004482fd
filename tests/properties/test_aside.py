"""A rule in force that this release cannot read stands as it stood: nobody gains it, nobody loses it, and no other
rule finds more or fewer for that.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin_app import evaluation, rulebook
from admin_app.evaluation import evaluate
from admin_app.rule_files import watch_files
from admin_app.rulebook import refresh
from models.entity import db
from models.rulebook import RuleMatch, RuleSlot, RuleVersion
from models.standing import Alert
from tests.cast import TODAY
from tests.conftest import ON_BOTH
from tests.properties.history import Salon, activate, tags_of
from tests.rules.texts import SHIPPED

HOUSES = ("sqlite",)

BESIDE = """
  - id: not-lost
    name: 没有流失
    when: {all: [{visits_total: {at_least: 1}}, {not: {tag: lost}}]}
    then: [{tag: high-value}]
  - id: also-lost
    name: 也流失
    when: {visits_total: {at_least: 9}}
    then: [{tag: lost}]
"""
READ = "when: {days_since_visit: {at_least: 180}}"
UNREAD = "when: {days_since_seen: {at_least: 180}}"
MORROW = TODAY + timedelta(1)


class Release:
    """An upgrade of the house to a release that no longer knows a fact, and the way back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.true, self.monkeypatch = rulebook.in_force, monkeypatch

    def unable(self) -> None:
        self._reads(self._broken)

    def able(self) -> None:
        self._reads(self.true)

    def _reads(self, in_force: object) -> None:
        self.monkeypatch.setattr(rulebook, "in_force", in_force)
        rulebook._active().newest = -1
        refresh()

    def _broken(self, session: Session) -> list[tuple[RuleVersion, int]]:
        found = self.true(session)
        for version, _ in found:
            session.expunge(version)
            version.text = version.text.replace(READ, UNREAD, 1)
        return found


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Release:
    return Release(monkeypatch)


@pytest.fixture
def people(salon: Salon, release: Release) -> list[int]:
    """The first two are lost, the third was here yesterday; then the house is upgraded."""
    found = salon.people(40)
    for who, ago in zip(found, (200, 200, 1), strict=False):
        salon.visit(who, TODAY - timedelta(ago))
    activate("tags", SHIPPED["tags"].replace("\nlayers:", f"{BESIDE}\nlayers:", 1))
    evaluate(TODAY)
    assert lost(found) == [True, True, False]
    release.unable()
    return found


def lost(people: list[int]) -> list[bool]:
    return ["lost" in tags_of(one) for one in people[:3]]


def members(rule: str) -> set[int]:
    return set(
        db.session.scalars(select(RuleMatch.customer_id).where(RuleMatch.rule == rule, RuleMatch.until.is_(None)))
    )


@pytest.mark.parametrize("full", [True, False], ids=["all", "moved"])
def test_nobody_gains_or_loses_it(salon: Salon, people: list[int], full: bool) -> None:
    salon.visit(people[0], TODAY)
    evaluate(TODAY, full=full)
    later = TODAY + timedelta(190)
    for day in (MORROW, later):
        evaluate(day, full=full)
        assert lost(people) == [True, True, False]
        assert members("lost") == set(people[:2])
    assert "dormant" not in tags_of(people[0])  # the others went on: she was away 190 days


def test_no_other_rule_widens_for_it(salon: Salon, people: list[int]) -> None:
    before = members("not-lost")
    salon.visit(people[0], TODAY)
    evaluate(TODAY)
    assert members("not-lost") == before


def test_a_tag_that_another_rule_lets_go_of_stays_with_whoever_has_it_by_this_one(
    salon: Salon, people: list[int]
) -> None:
    for ago in range(201, 210):
        salon.visit(people[0], TODAY - timedelta(ago))
    evaluate(TODAY)
    assert people[0] in members("also-lost")
    text = SHIPPED["tags"].replace("\nlayers:", f"{BESIDE}\nlayers:", 1)
    activate("tags", text.replace("visits_total: {at_least: 9}", "visits_total: {at_least: 99}"))
    evaluate(TODAY)
    assert people[0] not in members("also-lost")
    assert lost(people) == [True, True, False]


def test_it_is_no_reason_to_look_at_everybody_run_after_run(people: list[int]) -> None:
    evaluate(TODAY)
    assert not evaluation._rules_changed()
    assert db.session.scalar(select(RuleSlot.tags).where(RuleSlot.rule == "lost")) == ["lost"]


@ON_BOTH
def test_once_it_is_mended_everybody_stands_as_it_says(salon: Salon, people: list[int], release: Release) -> None:
    salon.visit(people[0], TODAY)
    evaluate(TODAY, full=False)
    release.able()
    activate("tags", SHIPPED["tags"])
    evaluate(TODAY, full=False)
    assert lost(people) == [False, True, False]


def test_the_owner_is_told_once_and_it_is_settled_when_mended(people: list[int], release: Release) -> None:
    def told() -> list[tuple[str, bool]]:
        query = select(Alert.text, Alert.closed_at).where(Alert.occasion.startswith("aside:"))
        return [(text, at is not None) for text, at in db.session.execute(query)]

    watch_files()
    watch_files()
    ((text, closed),) = told()
    assert "lost" in text
    assert "days_since_seen" in text
    assert not closed
    release.able()
    watch_files()
    assert told() == [(text, True)]
