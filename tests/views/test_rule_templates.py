"""Templates of usual rules: each opens filled in, is kept as it is asked for, and finds somebody to be kept for."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from models.entity import db
from models.rulebook import RuleVersion
from rules.book import DOCUMENTS
from rules.documents.rules import RulesDocument
from rules.documents.templates import RuleTemplate, rule_templates
from rules.language.conditions import comparisons
from rules.language.reading import read_document
from tests.conftest import House
from tests.views.pages import sent_as_shown
from tests.web import Browser, english

TEMPLATES = rule_templates()


def address(template: RuleTemplate, query: str = "") -> str:
    return f"/rules/{template.document}/rule?template={template.rule.id}{query}"


def kept(browser: Browser, template: RuleTemplate, query: str = "") -> RulesDocument:
    """What is kept when it is opened and sent as it is shown."""
    sent = sent_as_shown(browser.get(address(template, query)).text)
    made = browser.post(f"/rules/{template.document}/rule", sent | {"action": ["save"]})
    assert made.status_code == 302, made.text
    newest = select(RuleVersion.text).where(RuleVersion.document == template.document)
    text = db.session.scalars(newest.order_by(RuleVersion.number.desc())).first()
    found = read_document(DOCUMENTS[template.document], str(text), "x")
    assert isinstance(found, RulesDocument)
    return found


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_is_kept_as_it_stands(sqlite_house: House, name: str) -> None:
    template = TEMPLATES[name]
    rule = kept(sqlite_house.browser("owner"), template).rules[-1]
    assert (rule.name, rule.name_en) == (template.rule.name, template.rule.name_en)
    assert rule.when == template.rule.when
    assert [effect.kind for effect in rule.then] == [effect.kind for effect in template.rule.then]


def test_the_numbers_filled_in_are_those_of_the_rule(sqlite_house: House) -> None:
    """The second comparison is left as it is usually set."""
    rule = kept(sqlite_house.browser("owner"), TEMPLATES["comes-often"], "&n0=60&v0=3").rules[-1]
    found = [(leaf.fact.name, *leaf.values) for leaf in comparisons(rule.when)]
    assert found == [("visits_60d", 3), ("days_since_visit", 30)]
    between = kept(sqlite_house.browser("owner"), TEMPLATES["card-ends"], "&v0=5&v0=14").rules[-1]
    assert [leaf.values for leaf in comparisons(between.when)] == [(5, 14)]


def test_what_does_not_fit_is_told_at_its_field(sqlite_house: House) -> None:
    browser = english(sqlite_house)
    sent = sent_as_shown(browser.get(address(TEMPLATES["long-away"], "&v0=soon")).text)
    answer = browser.post("/rules/tags/rule", sent | {"action": ["save"]})
    assert answer.status_code == 422
    assert "soon is not a number" in answer.text


def test_a_tag_of_its_own_has_the_name_of_the_rule(sqlite_house: House) -> None:
    rule = kept(sqlite_house.browser("owner"), TEMPLATES["brings-friends"]).rules[-1]
    assert rule.tags() == ["ai-jie-shao-peng-you"]


def test_the_page_says_each_and_asks_for_each_number(sqlite_house: House) -> None:
    page = english(sqlite_house).get("/rules/templates").text
    cards = re.findall(r'(?s)<form class="card template".*?</form>', page)
    assert len(cards) == len(TEMPLATES)
    [often] = [card for card in cards if "Comes often" in card]
    assert re.findall(r'name="([nv]\d)" value="(\d+)"', often) == [("n0", "90"), ("v0", "4"), ("v1", "30")]
    assert "tag “Comes often”" in often
    assert "own" not in re.findall(r"“(\w+)”", page)


def test_its_texts_are_in_the_language_of_who_chooses_it(sqlite_house: House) -> None:
    """Every one of them."""
    rule = kept(english(sqlite_house), TEMPLATES["few-sessions"]).rules[-1]
    assert rule.then[0].texts == ["{name} has {fewest_sessions_left} sessions left on a card"]
    words = [text for one in rule_templates(english=True).values() for text in plain_texts(one.plain["then"])]
    assert [text for text in words if re.search("[\u4e00-\u9fff]", text)] == []
    assert len(words) > 20


def plain_texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in plain_texts(one)]
    return [text for one in value for text in plain_texts(one)] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("role", ["auditor", "manager", "reception"])
def test_only_who_drafts_rules_has_them(sqlite_house: House, role: str) -> None:
    assert sqlite_house.browser(role).get("/rules/templates").status_code == 403


def test_a_template_that_is_none(sqlite_house: House) -> None:
    assert sqlite_house.browser("owner").get("/rules/tags/rule?template=nothing").status_code == 404
