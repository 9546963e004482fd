"""Documents as forms: what is not changed stays to the byte, faults stand at their field, nobody's change is lost."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from admin_app.operations.kernel import perform
from admin_app.rulebook import refresh, rulebook
from models.actor import SYSTEM
from models.entity import db
from models.names import Name
from models.rulebook import RuleVersion
from models.standing import Tag
from rules.book import DOCUMENTS
from rules.documents.labels import COMMON, LABELS
from rules.documents.rules import AlertsDocument
from rules.language.reading import Part, read_document
from tests.conftest import House
from tests.rules.texts import SHIPPED, replaced
from tests.views.pages import sent_as_shown, words
from tests.web import Browser, english
from views.document_fields import shapes_of
from views.document_form import offers_form

WITH_FORM = [name for name in DOCUMENTS if offers_form(name)]
Fields = dict[str, list[str]]


def filled_in(browser: Browser, document: str) -> Fields:
    """The form as it stands when it is opened."""
    return sent_as_shown(browser.get(f"/rules/{document}/form").text)


def save(browser: Browser, document: str, fields: Fields) -> str:
    """Keep the form as it is filled in; the text of its draft."""
    made = browser.post(f"/rules/{document}/form", fields | {"action": ["save"]})
    assert made.status_code == 302, words(made.text)
    newest = select(RuleVersion.text).where(RuleVersion.document == document).order_by(RuleVersion.number.desc())
    return str(db.session.scalars(newest).first())


def pressed(browser: Browser, document: str, fields: Fields, action: str) -> Fields:
    """What the form holds after one of its buttons."""
    answer = browser.post(f"/rules/{document}/form", fields | {"action": [action]})
    assert answer.status_code == 200
    return sent_as_shown(answer.text)


def kept(document: str) -> list[int]:
    """The numbers of a document's versions."""
    return list(db.session.scalars(select(RuleVersion.number).where(RuleVersion.document == document)))


def test_the_documents_that_have_a_form() -> None:
    assert {"tiers", "tags", "campaigns", "points", "recharge", "till", "commissions", "alerts"} <= set(WITH_FORM)
    assert "roles" not in WITH_FORM


@pytest.mark.parametrize("document", WITH_FORM)
def test_an_unchanged_form_leaves_the_document_as_it_is(house: House, document: str) -> None:
    browser = house.browser("owner")
    before = (house.settings.rules_dir / f"{document}.yaml").read_text(encoding="utf-8")
    assert save(browser, document, filled_in(browser, document)) == before


@pytest.mark.parametrize(
    ("document", "field", "value", "old", "new"),
    [
        ("points", "pending", "14", "pending: 7d ", "pending: 14d "),
        ("points", "pending", "１４", "pending: 7d ", "pending: 14d "),
        ("points", "per_yuan", "150%", "per_yuan: 100%", "per_yuan: 150%"),
        ("till", "gifts_a_month", "800", "gifts_a_month: 500", "gifts_a_month: 800"),
        ("recharge", "steps.1.bonus", "180", "bonus: 160", "bonus: 180"),
        ("tiers", "tiers.0.points_rate", "250", "200%", "250%"),
        ("tiers", "tiers.2.color", "rose", "color: amber", "color: rose"),
        ("tiers", "downgrade", "never", "one_down  #", "never  #"),
        ("tiers", "tiers.1.exclusive", "专属顾问\n\n茶", "[专属顾问, 每季眼部护理]", "[专属顾问, 茶]"),
        ("tiers", "tiers.1.exclusive", "", "\n    exclusive: [专属顾问, 每季眼部护理]", ""),
        ("tiers", "tiers.2.enter.1.value", "6000", "365d: {at_least: 5000}", "365d: {at_least: 6000}"),
        ("tags", "tags.2.name_en", "Busy, really", "name_en: Active, ", "name_en: 'Busy, really', "),
        ("tags", "tags.0.colour", "blue", "name_en: New, colour: green", "name_en: New, colour: blue"),
        ("tags", "layers.0.name", "分层: 年", "name: 客户分层", "name: '分层: 年'"),
        ("tags", "layers.0.first_match.1.when.1.value", "9", "{at_least: 4}}]", "{at_least: 9}}]"),
        ("campaigns", "coupons.0.worth", "120.50", "worth: 100, from: 980", "worth: 120.50, from: 980"),
        ("campaigns", "coupons.0.from", "", "worth: 100, from: 980", "worth: 100"),
        ("commissions", "fees.0.level", "", "fee: 50, level: 高级", "fee: 50"),
    ],
)  # fmt: skip
def test_what_is_changed_changes_its_own_place_alone(
    sqlite_house: House, document: str, field: str, value: str, old: str, new: str
) -> None:
    browser = sqlite_house.browser("owner")
    text = save(browser, document, filled_in(browser, document) | {field: [value]})
    assert text == replaced(document, old, new)


def test_what_was_not_said_before_is_written_behind_what_stands_before_it(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    text = save(browser, "tiers", filled_in(browser, "tiers") | {"tiers.4.products": ["99"]})
    assert text == replaced("tiers", "    name_en: Basic\n", "    name_en: Basic\n    products: 99%\n")


# ---------------------------------------------------------------------------------------------------- rows


def test_a_new_row_comes_last_and_has_a_short_name_of_its_own(house: House) -> None:
    browser = house.browser("owner")
    fields = pressed(browser, "tags", filled_in(browser, "tags"), "add-item:tags")
    text = save(browser, "tags", fields | {"tags.17.name": ["爱聊天"], "tags.17.colour": ["blue"]})
    last = "name_en: Do not contact, colour: grey}\n"
    assert text == replaced("tags", last, f"{last}  - {{id: ai-liao-tian, name: 爱聊天, colour: blue}}\n")


def test_a_row_left_empty_is_none(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    fields = pressed(browser, "tags", filled_in(browser, "tags"), "add-item:tags")
    assert save(browser, "tags", fields) == SHIPPED["tags"]


def test_rows_are_moved_and_taken_out_with_all_that_stands_in_them(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    fields = pressed(browser, "recharge", filled_in(browser, "recharge"), "drop:steps.1")
    assert save(browser, "recharge", fields) == replaced("recharge", "  - {pay: 2000, bonus: 160}\n", "")
    fields = pressed(browser, "commissions", filled_in(browser, "commissions"), "up:levels.2")
    text = save(browser, "commissions", fields)
    first, second = "  - {level: 中级, of: 100%}\n", "  - {level: 高级, of: 120%}\n"
    assert text == replaced("commissions", first + second, second + first)


def test_a_tier_between_two_others(sqlite_house: House) -> None:
    """Added, filled in and moved up, it is known by its name's letters; the others stay as they are written."""
    browser = sqlite_house.browser("owner")
    fields = pressed(browser, "tiers", filled_in(browser, "tiers"), "add-item:tiers")
    fields = pressed(browser, "tiers", fields | {"tiers.5.name": ["黑金卡"]}, "add-row:tiers.5.enter")
    asked = {"tiers.5.enter.0.fact": ["paid_{n}d"], "tiers.5.enter.0.n": ["365"], "tiers.5.enter.0.op": ["at_least"]}
    fields |= asked | {"tiers.5.enter.0.value": ["35000"], "tiers.5.services": ["86"]}
    for place in (5, 4, 3, 2):
        fields = pressed(browser, "tiers", fields, f"up:tiers.{place}")
    fresh = """  - id: hei-jin-ka
    name: 黑金卡
    enter:
      paid_365d: {at_least: 35000}
    services: 86%

"""
    assert save(browser, "tiers", fields) == replaced("tiers", "  - id: platinum\n", fresh + "  - id: platinum\n")


def test_a_new_layer_takes_a_tag_that_is_declared_with_it(house: House) -> None:
    browser = house.browser("owner")
    fields = pressed(browser, "tags", filled_in(browser, "tags"), "add-item:tags")
    fields = pressed(browser, "tags", fields | {"tags.17.name": ["E 类"]}, "add-item:layers.0.first_match")
    fields = pressed(browser, "tags", fields, "up:layers.0.first_match.4")
    assert ("e-lei", "E 类") in offered(browser, fields)
    fields |= {"layers.0.first_match.3.tag": ["e-lei"], "layers.0.first_match.3.when.kind": ["all"]}
    fields = pressed(browser, "tags", fields, "add-row:layers.0.first_match.3.when")
    asked = {"fact": "visits_{n}d", "n": "365", "op": "at_most", "value": "1"}
    fields |= {f"layers.0.first_match.3.when.0.{name}": [value] for name, value in asked.items()}
    text = save(browser, "tags", fields)
    assert "\n      - {tag: e-lei, when: {visits_365d: {at_most: 1}}}\n      - {tag: layer-c}\n" in text
    newest = db.session.scalars(select(RuleVersion.id).order_by(RuleVersion.id.desc())).first()
    perform(Name.ACTIVATE_VERSION, {"version_id": newest}, actor=house.actor("owner"))
    refresh()
    assert [row.tag for row in rulebook().tags.layers[0].first_match][-2:] == ["e-lei", "layer-c"]
    assert db.session.scalars(select(Tag.name).where(Tag.slug == "e-lei")).one() == "E 类"


def offered(browser: Browser, fields: Fields) -> list[tuple[str, str]]:
    """What the last layer may be."""
    page = browser.post("/rules/tags/form", fields | {"action": ["refresh"]}).text
    select_box = page[page.index('<select name="layers.0.first_match.4.tag"') :]
    return re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)<', select_box[: select_box.index("</select>")])


# --------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("document", "field", "value", "fault", "message"),
    [
        ("points", "pending", "soon", "pending", "A number of days is needed"),
        ("points", "years", "12", "years", "At most 9 fits here"),
        ("recharge", "steps.2.pay", "", "steps.2.pay", "An amount in yuan is needed"),
        ("recharge", "steps.2.pay", "1500", "steps.2", "The steps go up"),
        ("tiers", "tiers.1.name", "", "tiers.1.name", "A name of 1 to 60 letters"),
        ("tiers", "tiers.1.services", "120", "tiers.1.services", "At most 100% fits here"),
        ("tiers", "tiers.0.enter.0.value", "much", "tiers.0.enter.0", "much is not"),
        ("tags", "layers.0.first_match.1.when.1.value", "x", "layers.0.first_match.1.when.1", "x is not a number"),
        ("tags", "layers.0.first_match.0.tag", "layer-b", "layers.0.first_match.2", "There are two rows for layer-b"),
        ("commissions", "levels.0.of", "90.55", "levels.0.of", "A percentage is needed"),
    ],
)
def test_a_fault_stands_at_its_field_and_nothing_is_lost(
    sqlite_house: House, document: str, field: str, value: str, fault: str, message: str
) -> None:
    browser = english(sqlite_house)
    fields = filled_in(browser, document)
    sent = browser.post(f"/rules/{document}/form", fields | {field: [value], "action": ["save"]})
    assert sent.status_code == 422
    before = sent.text[: sent.text.index(f'<p class="fault">{message}')]
    assert re.findall(r'name="(?!action)([^"]+)"', before)[-1].startswith(fault), "it stands behind its field"
    again = sent_as_shown(sent.text)
    assert {**again, "csrf_token": []} == {**fields, field: [value], "csrf_token": []}
    assert kept(document) == [1]


def test_a_fault_in_another_document_is_told_with_its_file(sqlite_house: House) -> None:
    """A coupon or a tag that rules need cannot be taken out."""
    browser = english(sqlite_house)
    fields = pressed(browser, "campaigns", filled_in(browser, "campaigns"), "drop:coupons.0")
    sent = browser.post("/rules/campaigns/form", fields | {"action": ["save"]})
    assert sent.status_code == 422
    assert "There is no coupon called card-100" in sent.text
    fields = pressed(browser, "tags", filled_in(browser, "tags"), "drop:tags.1")
    sent = browser.post("/rules/tags/form", fields | {"action": ["save"]})
    assert sent.status_code == 422
    assert re.search(
        r"<li>rules/campaigns.yaml line \d+, column \d+: There is no tag called trial-not-converted", sent.text
    )


def test_a_fault_in_another_document_is_not_put_at_a_field_that_stands_in_the_same_line(sqlite_house: House) -> None:
    column = SHIPPED["tags"].splitlines()[5].index("name: ")
    asked = f"    when: {{{' ' * (column - 16)}tag: ambassador}}"
    assert asked.index("ambassador") == column
    rule = f"version: 1\nrules:\n  - id: a\n    name: A\n    then: [{{gift: {{item: B}}}}]\n{asked}\n"
    put_in_force(sqlite_house, "campaigns", rule)
    browser = english(sqlite_house)
    fields = pressed(browser, "tags", filled_in(browser, "tags"), "drop:tags.11")
    sent = browser.post("/rules/tags/form", fields | {"action": ["save"]})
    assert f"<li>rules/campaigns.yaml line 6, column {column + 1}:" in sent.text
    assert 'class="fault"' not in sent.text


# ------------------------------------------------------------------------------------ what no form may lose


ODD = """# head
version: 1
from_file: activate
rules: []
layers:
  # above the first
  - id: layer
    name: |
      Two
      lines
    first_match:
      - tag: a   # first
        when:
          # why
          any:
            - {visits_90d: 3}   # three
            - not: {all: [{visits_90d: {at_least: 4, never: yes}}, {booked: yes}]}

      # the rest
      - {tag: b}
tags:

- {id: a, name: "A", 'colour': blue}   # flow
# between
- name: B
  id: b
# end
"""


def put_in_force(house: House, document: str, text: str) -> None:
    perform(Name.ACTIVATE_RULES, {"texts": {document: text}}, actor=SYSTEM)
    refresh()


@pytest.fixture
def odd(sqlite_house: House) -> Browser:
    """An owner whose tags are written in every way that YAML knows."""
    nothing = "version: 1\n"
    put_in_force(sqlite_house, "campaigns", nothing)
    put_in_force(sqlite_house, "alerts", nothing)
    put_in_force(sqlite_house, "tags", ODD)
    return sqlite_house.browser("owner")


def test_every_way_of_writing_survives_the_form(odd: Browser) -> None:
    assert save(odd, "tags", filled_in(odd, "tags")) == ODD


@pytest.mark.parametrize(
    ("field", "value", "old", "new"),
    [
        ("layers.0.first_match.0.when.0.value", "5", "{visits_90d: 3}", "{visits_90d: 5}"),
        ("layers.0.first_match.0.when.1.0.0.value", "5", "at_least: 4", "at_least: 5"),
        ("layers.0.name", "One", "name: |\n      Two\n      lines\n", "name: One\n"),
        ("tags.0.colour", "grey", "blue", "grey"),
        ("tags.1.name_en", "Bee", "- name: B\n", "- name: B\n  name_en: Bee\n"),
    ],
)
def test_comments_stay_where_they_are(odd: Browser, field: str, value: str, old: str, new: str) -> None:
    assert ODD.count(old) == 1
    assert save(odd, "tags", filled_in(odd, "tags") | {field: [value]}) == ODD.replace(old, new)


def test_a_condition_too_deep_for_the_form_is_shown_and_stays(sqlite_house: House) -> None:
    deep = "{visits_90d: 1}"
    for _ in range(3):
        deep = f"{{all: [{{not: {{any: [{deep}, {{visits_90d: 2}}]}}}}, {{visits_90d: 3}}]}}"
    text = replaced("tiers", "enter: {paid_365d: {at_least: 50000}}", f"enter: {deep}")
    put_in_force(sqlite_house, "tiers", text)
    browser = english(sqlite_house)
    assert "the form leaves it as it is" in browser.get("/rules/tiers/form").text
    fields = filled_in(browser, "tiers") | {"tiers.0.name": ["Diamonds"]}
    assert save(browser, "tiers", fields) == text.replace("name: 钻石卡", "name: Diamonds")


# ----------------------------------------------------------------------------------------------- the gates


def test_what_came_into_force_meanwhile_is_not_written_over(house: House) -> None:
    browser = english(house)
    fields = filled_in(browser, "points") | {"pending": ["14"]}
    put_in_force(house, "points", replaced("points", "years: 1", "years: 2"))
    sent = browser.post("/rules/points/form", fields | {"action": ["save"]})
    assert sent.status_code == 409
    assert "Version 2 by" in sent.text
    assert '<span class="added">+years: 2' in sent.text
    assert sent_as_shown(sent.text)["pending"] == ["14"]
    assert kept("points") == [1, 2]
    again = browser.post("/rules/points/form", sent_as_shown(sent.text) | {"action": ["save"]})
    assert again.status_code == 409, "as long as she has not looked at it"


def test_a_version_of_another_document_is_none_of_this_form(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    other = db.session.scalars(select(RuleVersion.id).where(RuleVersion.document == "tiers")).one()
    for base in (str(other), "999999", "-1", "x"):
        sent = browser.post("/rules/points/form", filled_in(browser, "points") | {"base": [base], "action": ["save"]})
        assert sent.status_code == 404, base
    assert kept("points") == [1]


def test_money_is_put_in_force_by_a_second_person(sqlite_house: House) -> None:
    browser = english(sqlite_house)
    made = browser.post(
        "/rules/recharge/form", filled_in(browser, "recharge") | {"steps.0.bonus": ["60"], "action": ["save"]}
    )
    assert "Your password, once more" in browser.get(made.headers["Location"]).text
    assert rulebook().recharge.steps[0].bonus == 5_000


@pytest.mark.parametrize("role", ["auditor", "manager", "reception", "therapist"])
def test_only_who_drafts_rules_has_the_form(sqlite_house: House, role: str) -> None:
    browser = sqlite_house.browser(role)
    assert browser.get("/rules/tiers/form").status_code == 403
    assert browser.post("/rules/tiers/form", {"action": "save"}).status_code == 403
    assert kept("tiers") == [1]


@pytest.mark.parametrize("document", ["roles", "nothing"])
def test_there_is_no_form_of_what_has_none(sqlite_house: House, document: str) -> None:
    assert sqlite_house.browser("owner").get(f"/rules/{document}/form").status_code == 404


def test_the_studio_leads_to_the_form_and_the_yaml_beside_it(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    page = browser.get("/rules").text
    assert [name for name in DOCUMENTS if f'href="/rules/{name}/form"' in page] == WITH_FORM
    assert 'href="/rules/tiers/yaml"' in browser.get("/rules/tiers/form").text
    assert 'href="/rules/tiers/form"' in browser.get("/rules/tiers/yaml").text
    assert "/rules/tiers/form" not in sqlite_house.browser("auditor").get("/rules/tiers/yaml").text


def test_the_yaml_beside_the_form_shows_what_is_new(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    fields = filled_in(browser, "points") | {"years": ["2"], "action": ["refresh"]}
    page = browser.post("/rules/points/form", fields).text
    assert re.findall(r'<span class="added">([^<]*)\n</span>', page) == [
        "years: 2        # they end on 31 December, so many years later"
    ]
    assert kept("points") == [1]


# ------------------------------------------------------------------------------- rules about something else


def test_a_rule_about_a_product_is_made_without_yaml(sqlite_house: House) -> None:
    """What it is about decides what it may ask for; the others stay as they are written."""
    browser = sqlite_house.browser("owner")
    place = len(rulebook().alerts.watch)
    row = f"watch.{place}"
    fields = pressed(browser, "alerts", filled_in(browser, "alerts"), "add-item:watch")
    fields |= {f"{row}.name": ["慢销品"], f"{row}.about": ["product"]}
    fields = pressed(browser, "alerts", fields, f"add-row:{row}.when")
    page = browser.post("/rules/alerts/form", fields | {"action": ["refresh"]}).text
    asked = re.search(rf'(?s)<select name="{row}.when.0.fact".*?</select>', page)
    assert asked is not None
    assert 'value="days_since_sold"' in asked[0]
    assert 'value="days_since_visit"' not in asked[0]
    leaf = {"fact": "days_since_sold", "op": "at_least", "value": "45"}
    fields |= {f"{row}.when.0.{name}": [value] for name, value in leaf.items()}
    fields = pressed(browser, "alerts", fields, f"add-item:{row}.then")
    said = {"to": "manager", "text": "{name} 已 {days_since_sold} 天没有卖出"}
    text = save(browser, "alerts", fields | {f"{row}.then.0.alert.{name}": [value] for name, value in said.items()})
    assert text.startswith(SHIPPED["alerts"].rstrip("\n"))
    [rule] = [one for one in read_document(AlertsDocument, text, "a").watch if one.name == "慢销品"]
    assert (rule.about, rule.then[0].alert.to, rule.id) == ("product", "manager", "man-xiao-pin")
    assert text.count("days_since_sold: {at_least: 45}") == 1


def test_a_rule_about_what_is_done_keeps_its_roles_and_acts(sqlite_house: House) -> None:
    """Another number in one of its rows changes that line alone."""
    browser = sqlite_house.browser("owner")
    fields = filled_in(browser, "alerts")
    assert fields["watch.0.when.0.0.value"] == ["reverse_sale"]
    text = save(browser, "alerts", fields | {"watch.0.when.0.2.value": ["4"]})
    assert "operation: reverse_sale" in text
    assert len(rows_changed(SHIPPED["alerts"], text)) < 14


def rows_changed(before: str, after: str) -> set[str]:
    return set(before.splitlines()) ^ set(after.splitlines())


# ---------------------------------------------------------------------------------------------------- words


def parts_of(part: type[Part]) -> set[type[Part]]:
    asked = [shape for shape in shapes_of(part) if shape.sort not in ("rules", "fixed")]
    return {part}.union(*(parts_of(shape.inner) for shape in asked if shape.inner is not None))


@pytest.mark.parametrize("document", WITH_FORM)
def test_every_key_has_a_name_for_who_reads_no_yaml(document: str) -> None:
    """Add the missing ones to ``rules/documents/labels.py``."""
    for part in parts_of(DOCUMENTS[document]):
        known = LABELS.get(part, {}).keys() | COMMON.keys()
        assert [shape.key for shape in shapes_of(part) if shape.key not in known] == [], part.__name__
        assert [key for key in LABELS.get(part, {}) if key not in {shape.key for shape in shapes_of(part)}] == []
