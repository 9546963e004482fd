"""One document by itself: what it must say, what it may not, and where the fault is told."""

from __future__ import annotations

import pytest

from rules.book import DOCUMENTS
from rules.documents.rules import AlertsDocument, TagsDocument
from rules.documents.tiers import Downgrade, TiersDocument
from rules.language.conditions import All, tags_in
from rules.language.reading import filled, places_in, read_document
from tests.rules.texts import SHIPPED, faults_of, only, only_at, replaced, some

pytestmark = pytest.mark.usefixtures("bare")

TIERS = "version: 1\nvalid: 12mo\ndowngrade: one_down\ngrace: 30d\nnotice: 30d\ntiers:\n"
BASIC = "  - {id: basic, name: 普卡}\n"
TAGS = "version: 1\ntags:\n  - {id: a, name: A}\nrules:\n"
RULE = "  - {id: r, name: R, when: {tier: gold}, then: [{tag: a}]}\n"


def alert(effect: str) -> str:
    return f"version: 1\nrules:\n  - id: r\n    name: R\n    when: {{tier: gold}}\n    then:\n      - {effect}\n"


def tier(said: str) -> str:
    return TIERS + f"  - {{id: gold, name: 金卡, {said}}}\n" + BASIC


def rule(said: str) -> str:
    return TAGS + RULE.replace("then:", f"{said}, then:")


# ---------------------------------------------------------------------------------------------- the shipped ones


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_shipped_file_is_sound(name: str) -> None:
    assert faults_of(name, SHIPPED[name]) == []


def test_the_shipped_tiers_are_those_of_the_design() -> None:
    document = read_document(TiersDocument, SHIPPED["tiers"], "tiers.yaml")
    assert [one.id for one in document.tiers] == ["diamond", "platinum", "gold", "silver", "basic"]
    assert (document.valid, document.grace, document.notice) == (12, 30, 30)
    assert document.downgrade is Downgrade.ONE_DOWN
    prices = [(one.services, one.products, one.points_rate) for one in document.tiers]
    assert prices == [(850, 880, 2000), (880, 900, 1500), (900, 950, 1200), (950, 980, 1000), (1000, 1000, 1000)]
    assert [one.color for one in document.tiers] == ["rose", "blue", "amber", "green", "grey"]


def test_the_color_of_a_tier_is_one_of_a_closed_list() -> None:
    text = tier("color: pink")
    only_at(faults_of("tiers", text), text, "pink", "One of these is needed", "rose")


def test_the_shipped_rules_are_those_of_the_design() -> None:
    document = read_document(TagsDocument, SHIPPED["tags"], "tags.yaml")
    named = ["new", "trial-not-converted", "active", "high-value", "promising", "slipping", "dormant", "lost"]
    assert [one.id for one in document.rules] == [
        *named,
        "sensitive-skin",
        "card-almost-used",
        "idle-balance",
        "ambassador",
    ]
    [layers] = document.layers
    assert [row.tag for row in layers.first_match] == ["layer-d", "layer-a", "layer-b", "layer-c"]


# ------------------------------------------------------------------------------------------------- missing keys


@pytest.mark.parametrize("key", ["version", "valid", "downgrade", "grace", "notice", "tiers"])
def test_tiers_miss_a_key(key: str) -> None:
    lines = [line for line in (TIERS + BASIC).splitlines() if not line.startswith(key)]
    text = "\n".join(line for line in lines if key != "tiers" or "basic" not in line)
    only(faults_of("tiers", text), 1, 1, f"The key {key} is missing")


@pytest.mark.parametrize("key", ["id", "name", "when", "then"])
def test_a_rule_misses_a_key(key: str) -> None:
    parts = {"id": "r", "name": "R", "when": "{tier: gold}", "then": "[{tag: a}]"}
    written = ", ".join(f"{name}: {value}" for name, value in parts.items() if name != key)
    only(faults_of("tags", TAGS + f"  - {{{written}}}\n"), 5, 5, f"The key {key} is missing")


@pytest.mark.parametrize("key", ["id", "name"])
@pytest.mark.parametrize("name", ["tiers", "tags", "roles"])
def test_a_tier_tag_or_role_misses_a_key(name: str, key: str) -> None:
    head = TIERS if name == "tiers" else f"version: 1\n{name}:\n"
    other = {"id": "name: A", "name": "id: a"}[key]
    line = head.count("\n") + 1
    only(faults_of(name, f"{head}  - {{{other}}}\n"), line, 5, f"The key {key} is missing")


@pytest.mark.parametrize("key", ["to", "text"])
def test_an_alert_misses_a_key(key: str) -> None:
    written = {"to": "text: 好", "text": "to: manager"}[key]
    only(faults_of("alerts", alert(f"alert: {{{written}}}")), 7, 16, f"The key {key} is missing")


def test_a_test_misses_what_it_expects() -> None:
    only(faults_of("tags", rule("tests: [{given: {tier: gold}}]")), 5, 50, "The key expect is missing")


def test_every_missing_key_is_told_at_once() -> None:
    assert len(faults_of("tiers", "version: 1\n")) == 5


# ------------------------------------------------------------------------------------------------- unknown keys


@pytest.mark.parametrize(
    ("name", "text", "key", "meant"),
    [
        ("tiers", tier("servces: 90%"), "servces", "services"),
        ("tags", rule("existing_customer: all"), "existing_customer", "existing_customers"),
        ("tags", TAGS.replace("name: A", "name: A, color: red") + RULE, "color", "colour"),
        ("alerts", alert("alert: {to: manager, text: 好, withn: 2h}"), "withn", "within"),
        ("roles", "version: 1\nroles:\n  - {id: a, name: A, doez: []}\n", "doez", "does"),
        ("tags", SHIPPED["tags"] + "layer: []\n", "layer: []", "layers"),
    ],
)
def test_an_unknown_key_is_told_where_it_stands(name: str, text: str, key: str, meant: str) -> None:
    word = key.split(":", 1)[0]
    only_at(faults_of(name, text), text, key, f"There is no key called {word}; did you mean {meant}?")


def test_a_misspelt_key_is_told_twice_as_unknown_and_as_missing() -> None:
    faults = faults_of("tags", TAGS + RULE.replace("when", "wenn"))
    some(faults, "no key called wenn; did you mean when?")
    some(faults, "The key when is missing")


@pytest.mark.parametrize("key", ["place", "__place__", "model_config", "conditions"])
def test_a_word_of_the_house_is_no_key(key: str) -> None:
    only(faults_of("tags", f"version: 1\ntags: []\n{key}: x\n"), 3, 1, f"There is no key called {key}")


# -------------------------------------------------------------------------------------------------- wrong types


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("services: 90", "A percentage is needed"),
        ("services: 0.9", "A percentage is needed"),
        ("points_rate: much", "A percentage is needed"),
        ("exclusive: 优先", "A list is needed"),
        ("birthday: [a]", "A single text is needed"),
        ("name_en: {a: b}", "A single text is needed"),
        ("enter: 8000", "A condition is a key with a value"),
        ("keep: {paid_365d: {at_least: viel}}", "viel is not a number"),
        ("enter: {paid_356d: {is: gold}}", "gold is not a number"),
    ],
)
def test_a_tier_has_a_wrong_value(said: str, words: str) -> None:
    some([fault for fault in faults_of("tiers", tier(said)) if fault.place.line == 7], words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version: 1", "version: 2", "At most 1 fits here"),
        ("version: 1", "version: one", "A whole number is needed"),
        ("valid: 12mo", "valid: 12", "A number of months is needed"),
        ("grace: 30d", "grace: 30", "A number of days is needed"),
        ("notice: 30d", "notice: soon", "A number of days is needed"),
        ("downgrade: one_down", "downgrade: down", "One of these is needed"),
    ],
)
def test_the_head_of_tiers_has_a_wrong_value(old: str, new: str, words: str) -> None:
    place = TIERS.splitlines().index(old) + 1
    only(faults_of("tiers", TIERS.replace(old, new) + BASIC), place, old.index(":") + 3, words)


@pytest.mark.parametrize("text", ["tiers: []", "tiers: basic", "tiers: {a: b}", "tiers: [basic]"])
def test_tiers_are_a_list_of_tiers(text: str) -> None:
    assert faults_of("tiers", TIERS.replace("tiers:\n", text + "\n"))


@pytest.mark.parametrize("word", ["Gold", "1st", "金卡", "a b", "", "x" * 41, "a_b"])
def test_an_id_is_a_short_name(word: str) -> None:
    only(faults_of("tags", f'version: 1\ntags:\n  - {{id: "{word}", name: A}}\n'), 3, 10, "A short name has only")


@pytest.mark.parametrize("name", ['""', "x" * 61])
def test_a_name_has_1_to_60_letters(name: str) -> None:
    only(faults_of("tags", f"version: 1\ntags:\n  - {{id: a, name: {name}}}\n"), 3, 19, "1 to 60 letters")


@pytest.mark.parametrize("name", ["[甲, 乙]", "{甲: 乙}"])
def test_a_name_is_one_text(name: str) -> None:
    only(faults_of("tags", f"version: 1\ntags:\n  - {{id: a, name: {name}}}\n"), 3, 19, "needed here")


@pytest.mark.parametrize("text", ["[甲, 乙]", "{甲: 乙}"])
def test_a_text_to_the_staff_is_one_text(text: str) -> None:
    document = alert(f"alert: {{to: manager, text: {text}}}")
    only_at(faults_of("alerts", document), document, text, "needed here")


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ("{}", "An effect is one of: tag, untag"),
        ("{tag: a, task: {to: manager, text: 好}}", "An effect is one of: tag, untag"),
        ("tag", "Keys with values are needed"),
        ("{alert: {to: manager, text: 好, within: 24}}", "A number of hours is needed"),
        ("{alert: {to: manager, text: 好, severity: awful}}", "One of these is needed"),
        ("{task: {to: manager, text: 好, within: 24h}}", "A number of days is needed"),
        ("{task: {to: manager, text: ''}}", "must not be empty"),
    ],
)
def test_an_effect_is_wrong(effect: str, words: str) -> None:
    faults = faults_of("alerts", alert(effect))
    assert {fault.place.line for fault in faults} == {7}
    some(faults, words)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("enabled: maybe", "yes or no is needed"),
        ("existing_customers: some", "One of these is needed"),
        ("tests: [{given: {tier: gold}, expect: match}]", "One of these is needed"),
        ("tests: [{given: [tier], expect: matches}]", "Keys with values are needed"),
        ("tests: none", "A list is needed"),
    ],
)
def test_a_rule_has_a_wrong_value(said: str, words: str) -> None:
    faults = faults_of("tags", rule(said))
    assert {fault.place.line for fault in faults} == {5}
    some(faults, words)


def test_a_rule_without_an_effect() -> None:
    text = TAGS + RULE.replace("[{tag: a}]", "[]")
    only_at(faults_of("tags", text), text, "[]", "must not be empty")


def test_layers_have_two_rows_at_least() -> None:
    text = TAGS + RULE + "layers:\n  - {id: l, name: L, first_match: [{tag: b}]}\n"
    only_at(faults_of("tags", text), text, "[{tag: b}]", "must not be empty")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("sees: everything", "One of these is needed"),
        ("may: {customer: [look]}", "One of these is needed"),
        ("may: {customer: view}", "A list is needed"),
        ("may: [customer]", "Keys with values are needed"),
        ("clear: [health]", "One of these is needed"),
        ("does: tag_customers", "A list is needed"),
    ],
)
def test_a_role_has_a_wrong_value(said: str, words: str) -> None:
    faults = faults_of("roles", f"version: 1\nroles:\n  - {{id: a, name: A, {said}}}\n")
    assert {fault.place.line for fault in faults} == {3}
    some(faults, words)


# --------------------------------------------------------------------------------------- conditions and texts


@pytest.mark.parametrize("key", ["enter", "keep"])
def test_a_faulty_condition_of_a_tier_is_told_in_its_place(key: str) -> None:
    text = tier(f"{key}: {{paid_365: {{at_least: 3}}}}")
    only_at(faults_of("tiers", text), text, "paid_365", "no fact called paid_365; did you mean paid_365d?")


def test_a_faulty_condition_of_a_layer_is_told_in_its_place() -> None:
    text = TAGS + RULE + "layers:\n  - {id: l, name: L, first_match: [{tag: a, when: {teir: x}}, {tag: a}]}\n"
    only_at(faults_of("tags", text), text, "teir", "no fact called teir; did you mean tier?")


def test_faults_of_shape_and_of_conditions_are_told_together_in_order() -> None:
    text = TAGS + RULE.replace("tier", "teir").replace("then", "than") + RULE.replace("name: R", "name: ''")
    assert [fault.place.line for fault in faults_of("tags", text)] == [5, 5, 5, 6]


def test_a_place_in_a_text_is_a_fact_or_the_name() -> None:
    sound = alert('alert: {to: manager, text: "{name} {paid_90d} {days_since_visit} {reading_moisture}"}')
    assert faults_of("alerts", sound) == []
    faulty = alert('alert: {to: manager, text: "{name} {days_since_vist}"}')
    only_at(
        faults_of("alerts", faulty), faulty, '"{name}', "no fact called days_since_vist; did you mean days_since_visit?"
    )


@pytest.mark.parametrize("text", ["{}", "{ name }", "{name!r}", "{tier.x}"])
def test_a_text_takes_nothing_but_places(text: str) -> None:
    some(faults_of("alerts", alert(f'task: {{to: manager, text: "{text}"}}')), "no fact called")


def test_places_are_filled_and_an_unknown_value_shows_a_dash() -> None:
    text = "{name} 已 {days_since_visit} 天"
    assert places_in(text) == ["name", "days_since_visit"]
    assert filled(text, {"name": "安娜", "days_since_visit": "30"}) == "安娜 已 30 天"
    assert filled(text, {"name": "{tier}"}) == "{tier} 已 – 天"


def test_what_is_not_said_has_its_default() -> None:
    [one] = read_document(TagsDocument, TAGS + RULE, "t").rules
    assert (one.existing_customers, one.tests, one.enabled, one.name_en) == ("tag_only", [], True, "")
    [low] = read_document(TiersDocument, TIERS + BASIC, "t").tiers
    assert (low.enter, low.keep, low.services, low.conditions) == (None, None, 1000, [])


def test_what_is_said_is_read() -> None:
    text = alert('alert: {to: manager, text: "好", within: 24h, severity: urgent}')
    [effect] = read_document(AlertsDocument, text, "t").rules[0].then
    assert effect.alert is not None
    assert (effect.alert.to, effect.alert.within, effect.alert.severity.value) == ("manager", 24, "urgent")
    half = read_document(TiersDocument, tier("services: 87.5%"), "t")
    assert half.tiers[0].services == 875


def test_a_disabled_rule_is_still_checked() -> None:
    assert faults_of("tags", rule("enabled: no")) == []
    assert faults_of("tags", rule("enabled: no").replace("tier: gold", "teir: gold"))


def test_a_condition_of_the_shipped_files_is_the_tree_it_looks_like() -> None:
    document = read_document(AlertsDocument, SHIPPED["alerts"], "a")
    assert isinstance(document.rules[1].when, All)
    assert tags_in(document.rules[1].when) == {"lost"}
    assert replaced("alerts", "not: {tag: lost}", "not: {tag: [lost]}") != SHIPPED["alerts"]
