"""The documents together: what one says of another must be there, and the tests written inside them hold."""

from __future__ import annotations

import pytest

from rules.book import DOCUMENTS, Own, read_book
from rules.language.faults import Faults
from rules.language.reading import read_document
from rules.order import decision_rows, strata
from tests.rules.texts import SHIPPED, book, book_faults, only_at, replaced, some, spoken

pytestmark = pytest.mark.usefixtures("bare")


Words = tuple[str, str, str]


def with_rules(*rules: Words) -> str:
    """The shipped tags with more rules: each an id, its condition and its tag."""
    lines = [f"  - {{id: {name}, name: R, when: {when}, then: [{{tag: {tag}}}]}}\n" for name, when, tag in rules]
    return replaced("tags", "rules:\n", "rules:\n" + "".join(lines))


def tiers(*conditions: str) -> str:
    """Tiers ``t0``, ``t1``, … with these conditions to enter, above one for everybody."""
    head = "version: 1\nvalid: 12mo\ndowngrade: never\ngrace: 0d\nnotice: 0d\ntiers:\n"
    rows = [f"  - {{id: t{rank}, name: T, enter: {when}}}\n" for rank, when in enumerate(conditions)]
    return head + "".join(rows) + "  - {id: rest, name: 普卡}\n"


def alone(text: str) -> list[str]:
    """What the book says of these tiers, where no rule asks for a tier."""
    quiet = "version: 1\n"
    return [spoken(fault) for fault in book_faults({"tiers": text, "alerts": quiet, "campaigns": quiet})]


# --------------------------------------------------------------------------------------------------- the whole


def test_the_shipped_book_is_sound() -> None:
    assert book().faults() == []


def test_the_faults_of_every_document_are_told_not_those_of_the_first_only() -> None:
    faults = book_faults({"tiers": "version: 1\n", "tags": "version: 1\n", "alerts": "version: 3\n"})
    assert {fault.place.file for fault in faults} == {"rules/tiers.yaml", "rules/tags.yaml", "rules/alerts.yaml"}


def test_a_file_is_called_as_the_caller_says() -> None:
    with pytest.raises(Faults) as raised:
        read_book({**SHIPPED, "tags": ""}.__getitem__, "C:/{}.yml".format)
    assert {fault.place.file for fault in raised.value.faults} == {"C:/tags.yml"}


# ----------------------------------------------------------------------------------------------- twice the same


def test_a_tag_declared_twice() -> None:
    text = replaced("tags", "rules:\n", "  - {id: new, name: 又一个}\n\nrules:\n")
    only_at(book_faults({"tags": text}), text, "{id: new, name: 又一个}", "There are two called new")


def test_a_rule_twice() -> None:
    text = SHIPPED["tags"].replace("  - id: lost\n", "  - id: dormant\n")
    some(book_faults({"tags": text}), "There are two called dormant")


def test_a_rule_of_the_tags_and_one_of_the_alerts_with_one_name() -> None:
    text = SHIPPED["alerts"].replace("id: valued-customer-away\n", "id: dormant\n")
    some(book_faults({"alerts": text}), "rules/alerts.yaml", "There are two called dormant")


def test_a_group_of_layers_called_like_a_rule() -> None:
    text = replaced("tags", "  - id: layer\n", "  - id: lost\n")
    some(book_faults({"tags": text}), "There are two called lost")


def test_a_tier_twice() -> None:
    some(book_faults({"tiers": replaced("tiers", "id: silver", "id: gold")}), "There are two called gold")


def test_a_role_twice() -> None:
    some(book_faults({"roles": replaced("roles", "id: finance", "id: owner")}), "There are two called owner")


def test_a_tag_in_two_rows_of_one_decision_table() -> None:
    """Both rows would be one rule, of which the first is forgotten."""
    text = replaced("tags", "      - {tag: layer-c}\n", "      - {tag: layer-d}\n")
    assert book_faults({"tags": text})


def test_a_tag_of_an_exclusive_group_is_set_by_its_table_alone() -> None:
    """Else somebody could have two of a group of which she has one."""
    assert book_faults({"tags": with_rules(("r", "{visits_90d: {at_least: 1}}", "layer-a"))})


# ---------------------------------------------------------------------------------------------- what is unknown


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (
            "alerts",
            'to: manager\n          text: "{name}（{tier}）已',
            'to: manger\n          text: "{name}（{tier}）已',
            "no role called manger; did you mean manager?",
        ),
        (
            "alerts",
            'to: consultant\n          text: "{name} 已',
            'to: nobody\n          text: "{name} 已',
            "no role called nobody",
        ),
        ("alerts", "not: {tag: lost}", "not: {tag: lsot}", "no tag called lsot; did you mean lost?"),
        ("tags", "then: [{tag: new}]", "then: [{tag: nwe}]", "no tag called nwe; did you mean new?"),
        ("tags", "- {tag: layer-c}", "- {tag: layer-cc}", "no tag called layer-cc; did you mean layer-"),
    ],
)
def test_a_reference_to_what_is_not_there(name: str, old: str, new: str, words: str) -> None:
    some(book_faults({name: replaced(name, old, new)}), f"rules/{name}.yaml line", words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "template: comeback-80, ",
            "template: comeback-90, ",
            "no coupon called comeback-90; did you mean comeback-80?",
        ),
        ("{basic: birthday-30, ", "{basic: birthday-31, ", "no coupon called birthday-31; did you mean birthday-30?"),
        ("{basic: birthday-30, ", "{basick: birthday-30, ", "no tier called basick; did you mean basic?"),
        ("  - {id: repair-80, ", "  - {id: repair-90, ", "no coupon called repair-80; did you mean repair-90?"),
        ("- points: {amount: 500}", "- tier: golden", "no tier called golden; did you mean gold?"),
        ("- points: {amount: 500}", "- untag: lsot", "no tag called lsot; did you mean lost?"),
    ],
)
def test_a_rule_never_gives_what_is_not_there(old: str, new: str, words: str) -> None:
    """The document is refused whole; what was in force before stays so."""
    text = replaced("campaigns", old, new)
    some(book_faults({"campaigns": text}), "rules/campaigns.yaml line", words)
    with pytest.raises(Faults):
        book().with_documents({"campaigns": read_document(DOCUMENTS["campaigns"], text, "rules/campaigns.yaml")})


def test_an_unknown_tier_is_told_where_it_is_asked_for() -> None:
    text = SHIPPED["alerts"].replace("[gold, platinum, diamond]", "[gold, platin]", 1)
    only_at(book_faults({"alerts": text}), text, "[gold, platin]", "no tier called platin; did you mean platinum?")


def test_a_layer_and_a_tier_may_ask_for_known_tags_and_tiers_only() -> None:
    text = replaced("tags", "when: {days_since_visit: {at_least: 60}}}", "when: {tier: golden}}")
    some(book_faults({"tags": text}), "no tier called golden; did you mean gold?")
    text = replaced("tiers", "enter: {paid_365d: {at_least: 50000}}", "enter: {tag: vip}")
    some(book_faults({"tiers": text}), "no tag called vip")


def test_tests_inside_rules_name_known_facts_and_values() -> None:
    old = "given: {tier: gold, days_since_visit: 30, booked: no}"
    for new, words in (
        ("given: {teir: gold, days_since_visit: 30}", "no fact called teir; did you mean tier?"),
        ("given: {tier: gold, days_since_visit: soon}", "soon is not a number"),
        ("given: {tier: glod, days_since_visit: 30}", "no tier called glod; did you mean gold?"),
    ):
        some(book_faults({"alerts": replaced("alerts", old, new)}), words)


def test_tests_inside_rules_name_known_tags() -> None:
    text = replaced("alerts", "booked: no, tag: lost}", "booked: no, tag: lsot}")
    some(book_faults({"alerts": text}), "no tag called lsot; did you mean lost?")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hidden: [staff.monthly_pay]", "hidden: [staff.montly_pay]", "staff.montly_pay"),
        ("clear: [sensitive]\n    read_only: [customer.member_no]", "read_only: [customer.number]", "customer.number"),
        ("room: [view, create, edit, archive, history]", "rooom: [view]", "rooom"),
        ("      - hand_over_customers\n", "      - hand_over_customer\n", "hand_over_customer"),
        (
            'hears: ["*"]\n    clear: [personal, sensitive]\n',
            "hears: [recepton]\n    clear: [personal, sensitive]\n",
            "recepton",
        ),
    ],
)
def test_roles_name_known_fields_entities_operations_and_roles(old: str, new: str, words: str) -> None:
    """A misspelt name in «hidden» would show what should be hidden."""
    some(book_faults({"roles": replaced("roles", old, new)}), words)


# ------------------------------------------------------------------------------------------------ one document


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("tags", "  - {id: lost, name: 流失客户, name_en: Lost, colour: grey}\n", ""),
        ("tags", "  - id: dormant\n", "  - id: valued-customer-away\n"),
        ("roles", "  - id: consultant\n", "  - id: adviser\n"),
        ("tiers", "  - id: gold\n", "  - id: golden\n"),
    ],
)
def test_a_document_that_breaks_another_does_not_come_in(name: str, old: str, new: str) -> None:
    """The alerts ask for a tag, a role or a tier that would be gone: the book as a whole could not be read again."""
    text = replaced(name, old, new)
    text = text.replace("then: [{tag: lost}]", "then: [{tag: dormant}]") if name == "tags" else text
    assert book_faults({name: text})
    document = read_document(DOCUMENTS[name], text, f"rules/{name}.yaml")
    with pytest.raises(Faults):
        book().with_documents({name: document})


def test_a_document_that_fits_comes_in() -> None:
    text = replaced("tags", "at_most: 30}", "at_most: 20}")
    changed = book().with_documents({"tags": read_document(DOCUMENTS["tags"], text, "rules/tags.yaml")})
    assert changed.tags.rules[0].when.values == (20,)
    assert changed.tiers == book().tiers


# ------------------------------------------------------------------------------------------- tiers and layers


def test_the_last_tier_is_for_everybody() -> None:
    text = tiers().replace("name: 普卡", "name: 普卡, enter: {paid_365d: {at_least: 1}}")
    some(book_faults({"tiers": text, "alerts": "version: 1\n"}), "The last tier is for everybody")


def test_a_tier_for_everybody_hides_those_below() -> None:
    text = tiers("{paid_365d: {at_least: 3}}").replace(", enter: {paid_365d: {at_least: 3}}", "")
    some(book_faults({"tiers": text, "alerts": "version: 1\n"}), "Without enter this tier takes everybody")


@pytest.mark.parametrize(
    "conditions",
    [
        ("{paid_365d: {at_least: 3000}}", "{paid_365d: {at_least: 8000}}"),
        ("{paid_365d: {at_least: 3000}}", "{paid_365d: {at_least: 3000}}"),
        ("{any: [{paid_365d: {at_least: 9}}, {visits_365d: {at_least: 3}}]}", "{visits_365d: {at_least: 5}}"),
        ("{paid_365d: {at_least: 3}}", "{visits_365d: {at_least: 5}}", "{paid_365d: {at_least: 4}}"),
    ],
)
def test_a_tier_that_is_never_reached(conditions: tuple[str, ...]) -> None:
    assert any("never reached" in one for one in alone(tiers(*conditions)))


@pytest.mark.parametrize(
    "conditions",
    [
        ("{paid_365d: {at_least: 8000}}", "{paid_365d: {at_least: 3000}}"),
        ("{paid_365d: {at_least: 1}}", "{visits_365d: {at_least: 9}}"),
        (
            "{any: [{paid_365d: {at_least: 8}}, {visits_365d: {at_least: 12}}]}",
            "{any: [{paid_365d: {at_least: 3}}, {visits_365d: {at_least: 12}}]}",
        ),
        (
            "{all: [{paid_365d: {at_least: 8}}, {visits_365d: {at_least: 12}}]}",
            "{all: [{paid_365d: {at_least: 3}}, {visits_365d: {at_least: 12}}]}",
        ),
        ("{all: [{paid_365d: {at_least: 1}}, {visits_365d: {at_least: 9}}]}", "{paid_365d: {at_least: 3}}"),
    ],
)
def test_a_tier_that_can_be_reached_is_not_refused(conditions: tuple[str, ...]) -> None:
    assert alone(tiers(*conditions)) == []


def test_the_last_row_of_a_table_takes_the_rest() -> None:
    text = replaced("tags", "- {tag: layer-c}", "- {tag: layer-c, when: {visits_90d: {at_least: 0}}}")
    some(book_faults({"tags": text}), "The last row takes the rest")


def test_a_row_without_a_condition_hides_those_below() -> None:
    text = replaced("tags", "{tag: layer-d, when: {days_since_visit: {at_least: 60}}}", "{tag: layer-d}")
    only_at(book_faults({"tags": text}), text, "{tag: layer-d}", "Without when this row takes everybody")


def test_a_row_of_a_table_holds_where_none_above_does() -> None:
    [layers] = book().tags.layers
    rows = decision_rows(layers)
    assert [row.id for row in rows] == ["layer:layer-d", "layer:layer-a", "layer:layer-b", "layer:layer-c"]
    assert [len(getattr(row.when, "parts", ())) for row in rows] == [1, 2, 3, 3]


# ------------------------------------------------------------------------------------------------------ cycles


def test_a_rule_stands_above_those_whose_tags_it_asks_for() -> None:
    layers = strata(book())
    place = {rule: number for number, rules in enumerate(layers) for rule in rules}
    assert place["valued-customer-away-long"] > place["lost"]
    assert sum(len(rules) for rules in layers) == len(place) == 33


@pytest.mark.parametrize(
    ("rules", "way"),
    [
        ([("x", "{tag: new}", "new")], "xx"),
        ([("x", "{tag: lost}", "active"), ("y", "{not: {tag: active}}", "lost")], "xyx"),
        ([("z", "{tag: active}", "new"), ("x", "{tag: lost}", "active"), ("y", "{tag: new}", "lost")], "xyzx"),
    ],
)
def test_rules_that_wait_for_one_another_are_told_with_the_way_round(rules: list[Words], way: str) -> None:
    """From whichever of them the way begins."""
    [found] = book_faults({"tags": with_rules(*rules)})
    ways = {way[turn:-1] + way[: turn + 1] for turn in range(len(way) - 1)}
    told = [" → ".join(one) for one in ways]
    assert any(spoken(found).endswith(f"These rules wait for one another: {one}.") for one in told)
    assert f"第 {found.place.line} 行" in spoken(found, "zh_Hans_CN")
    begins = SHIPPED["tags"].splitlines().index("rules:") + 1
    assert begins < found.place.line <= begins + 3


def test_a_layer_that_asks_for_its_own_group_is_a_cycle() -> None:
    text = replaced("tags", "when: {days_since_visit: {at_least: 60}}}", "when: {tag: layer-c}}")
    some(book_faults({"tags": text}), "layer:layer-c → layer:layer-c")


def test_taking_a_tag_off_closes_a_cycle_too() -> None:
    """Through two documents."""
    text = replaced(
        "campaigns", "rules:\n", "rules:\n  - {id: x, name: X, when: {tag: active}, then: [{untag: lost}]}\n"
    )
    [found] = book_faults({"campaigns": text, "tags": with_rules(("y", "{not: {tag: lost}}", "active"))})
    assert "wait for one another" in spoken(found)


def stages(*moves: tuple[str, str]) -> str:
    """Tags with rules that move customers: from where (a condition of the stage) and whither."""
    lines = [
        f"  - {{id: m{place}, name: M, when: {{stage: {when}}}, then: [{{field: {{stage: {then}}}}}]}}\n"
        for place, (when, then) in enumerate(moves)
    ]
    return replaced("tags", "rules:\n", "rules:\n" + "".join(lines))


@pytest.mark.parametrize(
    "moves",
    [
        [("lead", "trial"), ("trial", "lead")],
        [("lead", "trial"), ("trial", "member"), ("{in: [member, given_up]}", "lead")],
    ],
)
def test_stages_that_would_go_round_and_round(moves: list[tuple[str, str]]) -> None:
    [found] = book_faults({"tags": stages(*moves)})
    assert "run after run" in spoken(found)


@pytest.mark.parametrize(
    "moves",
    [
        [("lead", "trial"), ("trial", "member"), ("lead", "member")],
        [("member", "member")],
        [("{not_in: [member]}", "member"), ("{not_in: [given_up]}", "given_up")],
        [("{in: [lead, trial]}", "member"), ("member", "given_up")],
    ],
)
def test_stages_that_come_to_an_end(moves: list[tuple[str, str]]) -> None:
    assert book_faults({"tags": stages(*moves)}) == []


def test_a_reading_that_the_salon_does_not_take_is_named_with_the_nearest() -> None:
    text = SHIPPED["tags"].replace("reading_sensitivity", "reading_sensitivty")
    own = Own(readings=frozenset({"sensitivity", "moisture"}))
    with pytest.raises(Faults) as raised:
        read_book({**SHIPPED, "tags": text}.__getitem__, own=own)
    told = {spoken(fault) for fault in raised.value.faults}
    assert all("There is no reading called sensitivty; did you mean sensitivity?" in one for one in told)
    assert len(raised.value.faults) == text.count("reading_sensitivty")
    assert read_book(SHIPPED.__getitem__, own=own).faults() == []


def test_where_it_is_not_known_what_is_measured_any_reading_may_be_named() -> None:
    text = SHIPPED["tags"].replace("reading_sensitivity", "reading_sensitivty")
    assert book_faults({"tags": text}) == []


def test_a_long_chain_of_rules_is_no_cycle() -> None:
    chain = [(f"r{number}", f"{{tag: t{number}}}", f"t{number + 1}") for number in range(60)]
    declared = "".join(f"  - {{id: t{number}, name: T}}\n" for number in range(61))
    text = with_rules(*chain).replace("\nrules:\n", f"{declared}\nrules:\n", 1)
    assert len(strata(book({"tags": text}))) == 60
