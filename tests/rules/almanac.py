"""A calendar read the other way round than the product reads it: day by day, solar to lunar."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

from lunar_python import Solar


@cache
def lunar_of(day: date) -> tuple[int, int, int]:
    """Lunar year, month (below zero in a leap month) and day, as the almanac has it."""
    found = Solar.fromYmd(day.year, day.month, day.day).getLunar()
    return found.getYear(), found.getMonth(), found.getDay()


def kept_on(day: date, leap_day: str = "feb_28", leap_month: str = "regular") -> set[tuple[str, int, int]]:
    """Every birthday that is kept on a day, by the stated answers."""
    kept = {("solar", day.month, day.day)}
    if leap_day == "feb_28" and (day.month, day.day) == (2, 28) and (day + timedelta(1)).day == 1:
        kept.add(("solar", 2, 29))
    if leap_day == "mar_1" and (day.month, day.day) == (3, 1) and (day - timedelta(1)).day == 28:
        kept.add(("solar", 2, 29))
    year, month, number = lunar_of(day)
    in_leap_month = month < 0
    has_leap_month = in_leap_month or _comes_again(day, year, month)
    if leap_month == "both" or not has_leap_month or in_leap_month == (leap_month == "leap"):
        kept.add(("lunar", abs(month), number))
        if number == 29 and lunar_of(day + timedelta(1))[2] == 1:
            kept.add(("lunar", abs(month), 30))
    return kept


def _comes_again(day: date, year: int, month: int) -> bool:
    """Whether the lunar month is followed by a leap month of the same number."""
    return (year, -month) in {lunar_of(day + timedelta(ahead))[:2] for ahead in (29, 30)}
