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


def kept_on(day: date) -> set[tuple[str, int, int]]:
    """Every birthday that is kept on a day, by the stated answers."""
    kept = {("solar", day.month, day.day)}
    if (day.month, day.day) == (2, 28) and (day + timedelta(1)).day == 1:
        kept.add(("solar", 2, 29))
    _, month, number = lunar_of(day)
    if month > 0:
        kept.add(("lunar", month, number))
        if number == 29 and lunar_of(day + timedelta(1))[2] == 1:
            kept.add(("lunar", month, 30))
    return kept
