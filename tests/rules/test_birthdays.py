"""Birthdays in both calendars, against a calendar that is read the other way round: day by day, solar to lunar."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import pytest

from models.customers import Calendar
from rules.decisions.birthdays import YEAR_DAYS, calendar_ahead, comings, kept_until, lunar_in, solar_in
from rules.documents.festivals import Birthdays, FestivalsDocument, LeapDay, LeapMonth
from rules.language.reading import read_document
from tests.conftest import WIDE
from tests.rules.almanac import kept_on, lunar_of

AS_OF = (date(2025, 8, 20), date(2027, 2, 5), date(2028, 2, 29))
"""A leap month lies just behind; the lunar new year lies just ahead; a leap day."""


# ------------------------------------------------------------------------------------------------------- solar


@pytest.mark.parametrize(
    ("year", "kept"),
    [
        (2027, date(2027, 2, 28)),
        (2028, date(2028, 2, 29)),
        (2100, date(2100, 2, 28)),
        (2000, date(2000, 2, 29)),
    ],
)
def test_the_29th_of_february(year: int, kept: date) -> None:
    assert solar_in(year, 2, 29) == kept


def test_any_other_solar_birthday_is_its_own_day() -> None:
    assert solar_in(2027, 2, 28) == date(2027, 2, 28)
    assert solar_in(2027, 12, 31) == date(2027, 12, 31)


# ------------------------------------------------------------------------------------------------------- lunar


@pytest.mark.parametrize(
    ("year", "month", "day", "kept"),
    [
        (2027, 1, 1, date(2027, 2, 6)),  # 春节
        (2026, 1, 1, date(2026, 2, 17)),
        (2026, 8, 15, date(2026, 9, 25)),  # 中秋
        (2026, 5, 5, date(2026, 6, 19)),  # 端午
        (2026, 12, 29, date(2027, 2, 5)),  # 除夕, in the next solar year
        (2025, 7, 7, date(2025, 8, 29)),  # 七夕, after the leap sixth month
    ],
)
def test_days_everybody_knows(year: int, month: int, day: int, kept: date) -> None:
    assert lunar_in(year, month, day) == kept


def test_a_birthday_in_a_leap_month_follows_the_plain_month() -> None:
    """2025 has the sixth month twice: from 25 June and again from 25 July."""
    assert lunar_of(date(2025, 7, 25)) == (2025, -6, 1)
    assert lunar_in(2025, 6, 1) == date(2025, 6, 25)
    assert lunar_in(2025, 6, 15) == date(2025, 7, 9)


def test_the_30th_of_a_short_month_is_its_29th() -> None:
    """The twelfth month of 2026 has 29 days, that of 2023 has 30."""
    assert lunar_in(2026, 12, 30) == lunar_in(2026, 12, 29) == date(2027, 2, 5)
    assert lunar_in(2023, 12, 30) == date(2024, 2, 9)
    assert lunar_in(2023, 12, 29) == date(2024, 2, 8)


@pytest.mark.parametrize("year", [2025, 2027, 2033])
def test_a_lunar_birthday_is_that_day_of_the_almanac(year: int) -> None:
    for month in (1, 6, 11, 12):
        for day in (1, 15, 29, 30):
            kept = lunar_in(year, month, day)
            assert lunar_of(kept)[:2] == (year, month)
            assert lunar_of(kept)[2] in {day, day - 1 if day == 30 else day}


# ------------------------------------------------------------------------------------------ the days to come


@pytest.mark.parametrize("as_of", AS_OF)
def test_every_possible_birthday_comes_within_400_days_and_on_its_day(as_of: date) -> None:
    first: dict[tuple[str, int, int], int] = {}
    for days in range(YEAR_DAYS + 1):
        for birthday in kept_on(as_of + timedelta(days)):
            first.setdefault(birthday, days)
    rows = calendar_ahead(as_of)
    ahead = {(calendar, month, day): days for calendar, month, day, days in rows}
    assert len(ahead) == len(rows) == 366 + 12 * 30
    assert all(0 <= days <= YEAR_DAYS for days in ahead.values())
    assert ahead == first


# ------------------------------------------------------------------------------------- as the salon keeps them

POLICIES = [*product(LeapDay, LeapMonth)]
NINE_YEARS = (date(2025, 1, 29), date(2034, 2, 19))
"""From one lunar new year to another, with four leap months and two leap days between them."""


def kept(leap_day: str, leap_month: str) -> Birthdays:
    text = f"version: 1\nbirthdays: {{leap_day: {leap_day}, leap_month: {leap_month}}}\n"
    return read_document(FestivalsDocument, text, "festivals.yaml").birthdays


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(ahead) for ahead in range((last - first).days)]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_birthday_is_kept_on_the_days_that_a_walk_through_nine_years_finds(policy: tuple[str, str]) -> None:
    walked = {(day, *one) for day in days(*NINE_YEARS) for one in kept_on(day, *policy)}
    birthdays, found = {one[1:] for one in walked}, set()
    for year, (calendar, month, number) in product(range(2024, 2035), birthdays):
        for day in comings(Calendar(calendar), year, month, number, kept(*policy)):
            found.add((day, calendar, month, number))
    assert {one for one in found if NINE_YEARS[0] <= one[0] < NINE_YEARS[1]} == walked


@pytest.mark.parametrize("policy", POLICIES if WIDE else POLICIES[1::2])
def test_what_has_been_kept_of_a_year_is_what_was_walked_past(policy: tuple[str, str]) -> None:
    answer, past = kept(*policy), dict[tuple[str, int], int]()
    for day in days(date(2020, 1, 25), date(2025, 1, 29)):
        years = {"solar": day.year, "lunar": lunar_of(day)[0]}
        for calendar, month, number in kept_on(day, *policy):
            key = calendar, years[calendar]
            past[key] = max(past.get(key, 0), month * 100 + number)
        for calendar, year in years.items():
            assert kept_until(Calendar(calendar), day, answer) == (year, past[calendar, year]), day


@pytest.mark.parametrize("as_of", [*AS_OF, date(2025, 6, 20), date(2025, 7, 30), date(2027, 2, 28)])
@pytest.mark.parametrize("policy", POLICIES)
def test_the_days_to_come_follow_what_the_salon_says(policy: tuple[str, str], as_of: date) -> None:
    first: dict[tuple[str, int, int], int] = {}
    for ahead in range(800):
        for birthday in kept_on(as_of + timedelta(ahead), *policy):
            first.setdefault(birthday, ahead)
    rows = calendar_ahead(as_of, kept(*policy))
    assert {(calendar, month, day): ahead for calendar, month, day, ahead in rows} == first
