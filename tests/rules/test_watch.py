"""Rules about staff, products and operations: what they may say, what is a fault and where, and how they are told."""

from __future__ import annotations

import pytest
from flask_babel import force_locale

from rules.book import Rulebook
from rules.documents.said import rule_said
from rules.language.facts import FAMILIES_OF, Subject, fact_named
from rules.language.sentences import Words
from tests.rules.test_schema import faults as misfits
from tests.rules.texts import SHIPPED, book, book_faults, faults_of, only_at, refused, some, spoken

pytestmark = pytest.mark.usefixtures("bare")

SOUND = (
    "about: staff, when: {no_shows_7d: {at_least: 3}}, then: [{alert: {to: manager, text: '{name}: {no_shows_7d}'}}]"
)


def written(rule: str) -> str:
    """The alerts with one rule of this kind."""
    return f"version: 1\nwatch:\n  - {{id: w, name: W, {rule}}}\n"


def changed(old: str, new: str) -> str:
    assert SOUND.count(old) == 1
    return written(SOUND.replace(old, new))


def told(rule: str) -> Rulebook:
    return book({"alerts": written(rule)})


def test_a_rule_asks_for_facts_of_what_it_is_about() -> None:
    [rule] = told(SOUND).alerts.watch
    assert rule.when.fact.family.subject is Subject.STAFF
    assert rule.subject is Subject.STAFF


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("visits_90d", "visits_90d is asked about customers, and this is about staff"),
        ("times_today", "times_today is asked about operations, and this is about staff"),
        ("no_showz_7d", "There is no fact called no_showz_7d; did you mean no_shows_7d?"),
        ("days_since_sold", "days_since_sold is asked about products, and this is about staff; did you mean "),
    ],
)
def test_a_fact_of_something_else_is_told_at_its_place(asked: str, words: str) -> None:
    text = changed("{no_shows_7d: {at", f"{{{asked}: {{at")
    only_at(faults_of("alerts", text), text, f"{asked}: {{at", words)


def test_a_customers_rule_is_told_so_too() -> None:
    [fault] = refused("{times_today: 3}")
    assert "times_today is asked about operations, and this is about customers" in spoken(fault)
    assert "times_today 是问操作的" in spoken(fault, "zh_Hans_CN")


def test_equal_names_stand_for_each_subjects_own_fact() -> None:
    for name in ("no_shows_30d", "used_30d", "takings_30d", "gift_worth_30d"):
        owners = [one for one in Subject if (found := fact_named(name, one)) and found.family.subject is one]
        assert owners == [one for one in Subject if fact_named(name, one) is not None]


def test_no_name_stands_twice_in_one_catalogue() -> None:
    for families in FAMILIES_OF.values():
        patterns = [family.pattern for family in families]
        assert len(patterns) == len(set(patterns))


@pytest.mark.parametrize("key", ["for: 1d", "keep_for: 1d", "existing_customers: all", "limits: {}"])
def test_what_only_customers_rules_have_does_not_belong_here(key: str) -> None:
    text = written(f"{key}, {SOUND}")
    word = key.partition(":")[0]
    only_at(faults_of("alerts", text), text, key, f"{word} does not belong here")


def test_nothing_but_an_alert_comes_of_it() -> None:
    text = changed("then: [", "then: [{tag: lost}, ")
    some(faults_of("alerts", text), "tag does not belong here")


@pytest.mark.parametrize("about", ["customer", "cards"])
def test_it_is_about_one_of_four(about: str) -> None:
    """The condition is not judged as long as it is not known of what it speaks."""
    text = changed("about: staff", f"about: {about}")
    [fault] = faults_of("alerts", text)
    assert "One of these is needed: staff, product, service, operation" in spoken(fault)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("to: manager", "to: boss", "There is no role called boss"),
        ("to: manager", "to: therapist", "therapist sees customers of their own only, and would not see this"),
        ("{name}: {no", "{nam}: {no", "There is no fact called nam; did you mean name?"),
        ("{name}: {no", "{tier}: {no", "tier is asked about customers, and this is about staff"),
    ],
)
def test_whom_it_tells_and_what_is_looked_at(old: str, new: str, words: str) -> None:
    text = changed(old, new)
    only_at(book_faults({"alerts": text}), text, "{to:", words)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("{operation: sel}", "There is no operation called sel; did you mean sell?"),
        ("{role: bos}", "There is no role called bos"),
    ],
)
def test_operations_and_roles_are_those_there_are(when: str, words: str) -> None:
    text = changed("about: staff, when: {no_shows_7d: {at_least: 3}}", f"about: operation, when: {when}")
    some(book_faults({"alerts": text.replace("{no_shows_7d}", "{role}")}), words)


def test_whoever_types_at_the_console_has_a_role_of_her_own() -> None:
    told("about: operation, when: {role: command}, then: [{alert: {to: owner, text: '{role}'}}]")


def test_its_short_name_is_nobody_elses() -> None:
    text = SHIPPED["alerts"].replace("id: odd-operations", "id: debt-overdue")
    some(book_faults({"alerts": text}), "There are two called debt-overdue")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("visits_90d: 3", "visits_90d is asked about customers, and this is about staff"),
        ("no_shows_7d: many", "many is not a number"),
    ],
)
def test_its_tests_know_the_same_facts(given: str, words: str) -> None:
    text = written(f"tests: [{{given: {{{given}}}, expect: matches}}], {SOUND}")
    some(book_faults({"alerts": text}), words)


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        (
            SOUND,
            "Of staff, when there are at least 3 bookings with them that were not kept in 7 days: "
            "alert manager: “[name]: [bookings with them that were not kept in 7 days]”.",
            "员工：当7 天内该员工的预约爽约至少 3 次时：",
        ),
        (
            "enabled: no, about: operation, when: {operation: sell, role: boss}, then: [{alert: {to: owner, text: x}}]",
            "Resting. Of operations, when what was done is Verkauf, and role of whoever did it is Chefin",
            "已停用。 操作：当做了什么为",
        ),
    ],
)
def test_it_is_said_in_a_sentence(rule: str, english: str, chinese: str) -> None:
    roles = SHIPPED["roles"].replace("  - id: owner\n", "  - {id: boss, name: B, sees: all}\n  - id: owner\n", 1)
    [found] = book({"alerts": written(rule), "roles": roles}).alerts.watch
    known = Words(roles={"boss": "Chefin"}, operations={"sell": "Verkauf"})
    with force_locale("en"):
        assert rule_said(found, known).startswith(english)
    with force_locale("zh_Hans_CN"):
        assert chinese in rule_said(found, known)


@pytest.mark.parametrize(
    ("rule", "sound"),
    [
        (SOUND, True),
        (SOUND.replace("no_shows_7d: {at", "visits_7d: {at"), False),
        (SOUND.replace("about: staff", "about: customer"), False),
        (SOUND.replace("about: staff", "about: product"), False),
        ("about: product, when: {not: {sold_7d: 0}}, then: [{alert: {to: owner, text: x}}]", True),
        ("about: operation, when: {any: [{operation: sell}]}, then: [{alert: {to: owner, text: x}}]", True),
        ("for: 1d, " + SOUND, False),
        (SOUND.replace("then: [", "then: [{tag: lost}, "), False),
    ],
)
def test_editors_know_what_fits(rule: str, sound: bool) -> None:
    assert (misfits("alerts", written(rule)) == []) is sound
