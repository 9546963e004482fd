"""How far it is to a festival."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from rules.decisions.birthdays import lunar_in
from rules.documents.festivals import Festival, Weekday


def days_to(festival: Festival, as_of: date) -> int:
    """Days from ``as_of`` until it comes next, 0 on the day."""
    comings = (festival_in(festival, year) for year in (as_of.year - 1, as_of.year, as_of.year + 1))
    return min((day - as_of).days for day in comings if day >= as_of)


def festival_in(festival: Festival, year: int) -> date:
    """Its day in a solar year, or in the lunar year that begins in that; never in a leap month."""
    if festival.weekday is not None:
        return _weekday_in(festival.weekday, year)
    if festival.solar is not None:
        return date.fromisoformat(f"{year}-{festival.solar}")
    assert festival.lunar is not None
    month, _dash, day = festival.lunar.partition("-")
    return lunar_in(year, int(month), 30 if day == "last" else int(day))


def _weekday_in(weekday: Weekday, year: int) -> date:
    if weekday.week == "last":
        last = date(year, weekday.month, monthrange(year, weekday.month)[1])
        return last - timedelta((last.isoweekday() - weekday.day) % 7)
    first = date(year, weekday.month, 1)
    return first + timedelta((weekday.day - first.isoweekday()) % 7 + 7 * (int(weekday.week) - 1))
