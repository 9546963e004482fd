"""When a birthday comes round: solar and lunar, with the answers of ``festivals.yaml`` for days not every year has.

29 February falls on the 28th or on 1 March in other years. A lunar birthday follows the plain month, the leap month, or
both in a year that has its month twice; the 30th of a short lunar month falls on the 29th.
"""

from __future__ import annotations

from calendar import isleap
from datetime import date, timedelta
from functools import lru_cache

from lunar_python import Lunar, LunarMonth, LunarYear, Solar

from models.customers import Calendar
from rules.documents.festivals import USUAL, Birthdays, LeapDay, LeapMonth

YEAR_DAYS = 400
"""How far ahead is looked: a lunar year may have 385 days."""


def solar_in(year: int, month: int, day: int, kept: Birthdays = USUAL.birthdays) -> date:
    """The day on which a solar birthday is kept in a year."""
    if (month, day) != (2, 29) or isleap(year):
        return date(year, month, day)
    return date(year, 2, 28) if kept.leap_day is LeapDay.FEB_28 else date(year, 3, 1)


def lunar_in(year: int, month: int, day: int) -> date:
    """The solar day of a day of the lunar year that begins in ``year``; the month is below zero for the leap month."""
    first, days = _lunar_month(year, month)
    return first + timedelta(min(day, days) - 1)


@lru_cache(maxsize=256)
def _lunar_month(year: int, month: int) -> tuple[date, int]:
    """The solar day on which a lunar month begins, and how many days it has; the library takes its time."""
    solar = Lunar.fromYmd(year, month, 1).getSolar()
    return date(solar.getYear(), solar.getMonth(), solar.getDay()), int(LunarMonth.fromYm(year, month).getDayCount())


@lru_cache(maxsize=64)
def _leap_month(year: int) -> int:
    """The month that a lunar year has twice; 0 for none."""
    return int(LunarYear.fromYear(year).getLeapMonth())


def comings(calendar: Calendar, year: int, month: int, day: int, kept: Birthdays = USUAL.birthdays) -> list[date]:
    """The days on which a birthday is kept in a year of its calendar."""
    if calendar is Calendar.SOLAR:
        return [solar_in(year, month, day, kept)]
    plain = lunar_in(year, month, day)
    if month != _leap_month(year) or kept.leap_month is LeapMonth.REGULAR:
        return [plain]
    again = lunar_in(year, -month, day)
    return [again] if kept.leap_month is LeapMonth.LEAP else [plain, again]


@lru_cache(maxsize=64)
def kept_until(calendar: Calendar, as_of: date, kept: Birthdays = USUAL.birthdays) -> tuple[int, int]:
    """The calendar's year in which a day lies, and the last birthday (month × 100 + day) kept in it up to that day."""
    if calendar is Calendar.SOLAR:
        leap_day = as_of == solar_in(as_of.year, 2, 29, kept) and as_of.month == 2
        return as_of.year, 229 if leap_day else as_of.month * 100 + as_of.day
    lunar = Solar.fromYmd(as_of.year, as_of.month, as_of.day).getLunar()
    year, month, day = lunar.getYear(), lunar.getMonth(), lunar.getDay()  # the month is below zero in a leap month
    late = kept.leap_month is LeapMonth.LEAP
    if late and month == _leap_month(year):
        return year, (month - 1) * 100 + 30
    whole = day == _lunar_month(year, month)[1] or (month < 0 and not late)
    return year, abs(month) * 100 + (30 if whole else day)


@lru_cache(maxsize=64)
def calendar_ahead(as_of: date, kept: Birthdays = USUAL.birthdays) -> tuple[tuple[str, int, int, int], ...]:
    """Each possible birthday as (calendar, month, day, days from ``as_of`` to its next coming, 0 on the day)."""
    rows: list[tuple[str, int, int, int]] = []
    for calendar, longest in ((Calendar.SOLAR, 31), (Calendar.LUNAR, 30)):
        for month in range(1, 13):
            for day in range(1, longest + 1):
                if calendar is Calendar.SOLAR and day > (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31):
                    continue
                years = (as_of.year - 1, as_of.year, as_of.year + 1)
                days = [one for year in years for one in comings(calendar, year, month, day, kept)]
                rows.append((calendar.value, month, day, min((one - as_of).days for one in days if one >= as_of)))
    return tuple(rows)
