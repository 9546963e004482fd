"""When a birthday comes round: solar and lunar, with a stated answer for days that not every year has.

29 February falls on the 28th in other years. A lunar birthday in a leap month follows the plain month; the 30th of a
short lunar month falls on the 29th.
"""

from __future__ import annotations

from calendar import isleap
from datetime import date, timedelta
from functools import lru_cache

from lunar_python import Lunar, LunarMonth, Solar

from models.customers import Calendar

YEAR_DAYS = 400
"""How far ahead is looked: a lunar year may have 385 days."""


def solar_in(year: int, month: int, day: int) -> date:
    """The day on which a solar birthday is kept in a year."""
    return date(year, 2, 28) if (month, day) == (2, 29) and not isleap(year) else date(year, month, day)


def lunar_in(year: int, month: int, day: int) -> date:
    """The solar day on which a lunar birthday is kept in the lunar year that begins in ``year``."""
    first, days = _lunar_month(year, month)
    return first + timedelta(min(day, days) - 1)


@lru_cache(maxsize=256)
def _lunar_month(year: int, month: int) -> tuple[date, int]:
    """The solar day on which a plain lunar month begins, and how many days it has; the library takes its time."""
    solar = Lunar.fromYmd(year, month, 1).getSolar()
    return date(solar.getYear(), solar.getMonth(), solar.getDay()), int(LunarMonth.fromYm(year, month).getDayCount())


@lru_cache(maxsize=64)
def kept_until(calendar: Calendar, as_of: date) -> tuple[int, int]:
    """The calendar's year in which a day lies, and the last birthday (month × 100 + day) kept in it up to that day."""
    if calendar is Calendar.SOLAR:
        last_of_february = (as_of.month, as_of.day) == (2, 28) and not isleap(as_of.year)
        return as_of.year, 229 if last_of_february else as_of.month * 100 + as_of.day
    lunar = Solar.fromYmd(as_of.year, as_of.month, as_of.day).getLunar()
    month, day = lunar.getMonth(), lunar.getDay()  # the month is below zero in a leap month, after the plain one
    whole = month < 0 or day == LunarMonth.fromYm(lunar.getYear(), month).getDayCount()
    return lunar.getYear(), abs(month) * 100 + (30 if whole else day)


@lru_cache(maxsize=64)
def calendar_ahead(as_of: date) -> tuple[tuple[str, int, int, int], ...]:
    """Each possible birthday as (calendar, month, day, days from ``as_of`` to its next coming, 0 on the day)."""
    rows: list[tuple[str, int, int, int]] = []
    for calendar, year_in, longest in ((Calendar.SOLAR, solar_in, 31), (Calendar.LUNAR, lunar_in, 30)):
        for month in range(1, 13):
            for day in range(1, longest + 1):
                if calendar is Calendar.SOLAR and day > (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31):
                    continue
                comings = [year_in(year, month, day) for year in (as_of.year - 1, as_of.year, as_of.year + 1)]
                coming = min(kept for kept in comings if as_of <= kept <= as_of + timedelta(YEAR_DAYS))
                rows.append((calendar.value, month, day, (coming - as_of).days))
    return tuple(rows)
