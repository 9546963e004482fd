"""Festivals: how far it is to each, against a walk day by day; what the document and rules that name them may say."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from models.customers import Calendar
from rules.decisions.birthdays import kept_until
from rules.decisions.festivals import days_to
from rules.documents.festivals import Festival, FestivalsDocument, LeapDay, LeapMonth
from rules.language.reading import read_document
from tests.rules.almanac import lunar_of
from tests.rules.texts import SHIPPED, book, book_faults, faults_of, only, only_at, replaced, some

pytestmark = pytest.mark.usefixtures("bare")

MORE = """version: 1
festivals:
  - {id: leap_seventh, name: 七夕, lunar: 07-07}
  - {id: thirtieth, name: 三十, lunar: 09-30}
  - {id: last_of_june, name: 六月底, lunar: 06-last}
  - {id: thanks, name: 感恩节, weekday: {month: 11, week: 4, day: 4}}
  - {id: memorial, name: 悼念, weekday: {month: 5, week: last, day: 1}}
  - {id: end, name: 岁末, solar: "12-31"}
"""


def festivals(text: str) -> list[Festival]:
    return read_document(FestivalsDocument, text, "festivals.yaml").festivals


def is_on(festival: Festival, day: date) -> bool:
    """Whether a day is the festival, read off the day alone."""
    after = day + timedelta(1)
    if festival.solar is not None:
        return f"{day:%m-%d}" == festival.solar
    if festival.weekday is not None:
        rule = festival.weekday
        last = (day + timedelta(7)).month != day.month
        week = last if rule.week == "last" else (day.day + 6) // 7 == int(rule.week)
        return bool(week) and (day.month, day.isoweekday()) == (rule.month, rule.day)
    assert festival.lunar is not None
    _, month, number = lunar_of(day)
    asked_month, asked = festival.lunar.split("-")
    if month != int(asked_month):
        return False
    ends = lunar_of(after)[2] == 1
    return ends if asked in ("last", "30") else number == int(asked)


@pytest.mark.parametrize(
    "eve", [date(2024, 2, 9), date(2025, 1, 28), date(2026, 2, 16), date(2027, 2, 5), date(2028, 1, 25)]
)
def test_the_last_day_of_a_lunar_month_is_its_29th_or_30th(eve: date) -> None:
    """New Year's Eve as the calendars on the wall have it: the 30th in 2024 and 2028, the 29th in the years between."""
    [festival] = [one for one in festivals(SHIPPED["festivals"]) if one.id == "new_years_eve"]
    assert (days_to(festival, eve), days_to(festival, eve - timedelta(1))) == (0, 1)
    year = eve.year - 1
    assert kept_until(Calendar.LUNAR, eve) == (year, 1230), "and a birthday of the 30th is kept on it"
    assert kept_until(Calendar.LUNAR, eve - timedelta(1))[1] < 1230


@pytest.mark.parametrize("text", [SHIPPED["festivals"], MORE], ids=["shipped", "more"])
def test_days_to_a_festival_are_those_of_a_walk_through_twenty_years(text: str) -> None:
    first, last = date(2020, 1, 1), date(2041, 3, 1)
    for festival in festivals(text):
        ahead: int | None = None
        for back in range((last - first).days):
            day = last - timedelta(back)
            ahead = 0 if is_on(festival, day) else None if ahead is None else ahead + 1
            if ahead is not None:
                assert days_to(festival, day) == ahead, (festival.id, day)
        assert ahead is not None


@pytest.mark.parametrize(
    ("name", "as_of", "days"),
    [
        ("spring_festival", date(2027, 2, 6), 0),
        ("spring_festival", date(2027, 2, 7), 353),
        ("new_years_eve", date(2027, 2, 5), 0),
        ("mothers_day", date(2027, 5, 1), 8),
        ("qixi", date(2025, 8, 29), 0),  # after the leap sixth month
        ("valentine", date(2028, 2, 15), 365),  # over a leap day
    ],
)
def test_days_everybody_knows(name: str, as_of: date, days: int) -> None:
    assert days_to(book().festivals.festival(name), as_of) == days


# ------------------------------------------------------------------------------------------------ the document


def test_nothing_said_of_birthdays_is_what_it_always_was() -> None:
    said = read_document(FestivalsDocument, "version: 1\n", "festivals.yaml").birthdays
    assert (said.leap_day, said.leap_month) == (LeapDay.FEB_28, LeapMonth.REGULAR)
    assert book().festivals.birthdays.says_the_same(said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('solar: "02-29"', "every year has"),
        ('solar: "2-14"', "every year has"),
        ("solar: [1]", "A single text"),
        ("lunar: 13-01", "lunar year"),
        ("lunar: 01-31", "lunar year"),
        ("lunar: 12-end", "lunar year"),
        ("weekday: {month: 5, week: 5, day: 7}", "Which week"),
        ("weekday: {month: 13, week: 2, day: 7}", "At most 12 fits here"),
        ("weekday: {month: 5, week: 2, day: 0}", "At least 1 is needed here"),
    ],
)
def test_a_day_that_is_none_is_told_at_its_place(said: str, words: str) -> None:
    text = f"version: 1\nfestivals:\n  - {{id: a, name: A, {said}}}\n"
    [fault] = faults_of("festivals", text)
    assert fault.place.line == 3
    assert fault.place.column > 20
    some([fault], words)


@pytest.mark.parametrize("said", ["name_en: A", 'solar: "02-14", lunar: 01-01'])
def test_a_festival_has_one_day(said: str) -> None:
    text = f"version: 1\nfestivals:\n  - {{id: a, name: A, {said}}}\n"
    only(faults_of("festivals", text), 3, 5, "one of: solar, lunar, weekday")


def test_its_short_name_is_part_of_a_fact() -> None:
    text = 'version: 1\nfestivals:\n  - {id: mid-autumn, name: A, solar: "02-14"}\n'
    only(faults_of("festivals", text), 3, 10, "becomes part of a fact")


@pytest.mark.parametrize("said", ["leap_day: feb_29", "leap_month: none"])
def test_a_policy_that_there_is_not(said: str) -> None:
    [fault] = faults_of("festivals", f"version: 1\nbirthdays: {{{said}}}\n")
    assert fault.place.line == 2
    some([fault], "One of these is needed")


def test_a_festival_twice() -> None:
    text = replaced("festivals", "id: lantern_festival", "id: spring_festival")
    some(book_faults({"festivals": text}), "There are two called spring_festival")


# ----------------------------------------------------------------------------------------- rules that name them

RULE = """version: 1
rules:
  - id: before-it
    name: 节前
    when: {days_to_%s: {at_most: 14}}
    then: [{task: {to: manager, text: "还有 {days_to_%s} 天"}}]
    tests:
      - {given: {days_to_%s: 14}, expect: matches}
"""


def test_a_rule_may_ask_for_a_festival_that_is_declared() -> None:
    assert book_faults({"campaigns": RULE % (("qixi",) * 3)}) == []


@pytest.mark.parametrize(
    ("names", "line", "column"),
    [
        (("qxi", "qixi", "qixi"), 5, 35),
        (("qixi", "qxi", "qixi"), 6, 12),
        (("qixi", "qixi", "qxi"), 8, 9),
    ],
)
def test_one_that_is_not_is_told_where_it_is_asked_for(names: tuple[str, ...], line: int, column: int) -> None:
    text = RULE % names
    only(book_faults({"campaigns": text}), line, column, "no festival called qxi; did you mean qixi?")


def test_a_tier_and_a_layer_name_declared_festivals_only() -> None:
    text = replaced("tiers", "enter: {paid_365d: {at_least: 50000}}", "enter: {days_to_qxi: {at_least: 5}}")
    some(book_faults({"tiers": text}), "rules/tiers.yaml", "no festival called qxi; did you mean qixi?")


def test_a_festival_that_a_rule_needs_does_not_go() -> None:
    text = replaced("festivals", '  - {id: qixi, name: 七夕, name_en: Qixi, lunar: "07-07"}\n', "")
    rules = RULE % (("qixi",) * 3)
    some(book_faults({"campaigns": rules, "festivals": text}), "rules/campaigns.yaml", "no festival called qixi")


def test_a_misspelt_fact_is_answered_with_the_nearest() -> None:
    text = (RULE % (("qixi",) * 3)).replace("when: {days_to_", "when: {day_to_")
    only_at(book_faults({"campaigns": text}), text, "day_to_qixi: {at", "did you mean days_to_qixi?")
