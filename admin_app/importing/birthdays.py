"""Birthdays as salons write them: with or without a year, by the sun or by the moon."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _l

from admin_app.importing.tables import plain
from admin_app.values import Unreadable

EARLIEST = 1900
_FILLERS = {(1900, 1, 1), (1899, 12, 30), (1, 1, 1), (1970, 1, 1), (9999, 12, 31)}
"""Days that programs write where there is none."""

_TIME = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?"
_WHOLE = re.compile(rf"(\d{{4}})\s*[-/.年]\s*(\d{{1,2}})\s*[-/.月]\s*(\d{{1,2}})\s*[日号]?{_TIME}")
_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NO_YEAR = re.compile(r"(\d{1,2})\s*[-/月]\s*(\d{1,2})\s*[日号]?")
_LUNAR = re.compile(r"(?:(\d{4})年)?(正|[一二三四五六七八九十冬腊]{1,2})月(初?[一二三四五六七八九十廿卅]{1,3})[日号]?")
_MONTHS = {"正": 1, "冬": 11, "腊": 12, "十一": 11, "十二": 12}
_NUMERALS = {numeral: number for number, numeral in enumerate("一二三四五六七八九十", 1)}


@dataclass(frozen=True)
class Birthday:
    """Month and day; the year where it was written."""

    month: int
    day: int
    year: int | None = None
    lunar: bool = False

    def values(self) -> dict[str, str]:
        """By field, as written; nothing is said of the calendar where it is the usual one."""
        values = {"birth_month": str(self.month), "birth_day": str(self.day)}
        if self.year is not None:
            values["birth_year"] = str(self.year)
        return values | ({"birth_calendar": "lunar"} if self.lunar else {})


def read_birthday(cell: Any, today: date, lunar: bool = False) -> Birthday:
    """The birthday that a cell means.

    :raises Unreadable: it means none, or one that only a program would write.
    """
    text = unicodedata.normalize("NFKC", plain(cell))
    lunar = lunar or any(word in text for word in ("农历", "阴历"))
    bare = re.sub(r"农历|阴历|公历|阳历|新历|[()\s]*$", "", text).strip()
    found = _from_day(cell) or _from_text(bare, lunar)
    if found is None:
        raise Unreadable(_l("There is no such day: %(written)s.", written=plain(cell)))
    year, month, day = found
    if (year, month, day) in _FILLERS:
        raise Unreadable(_l("%(written)s looks like a filler; write the birthday, or nothing.", written=plain(cell)))
    if year is not None and not EARLIEST <= year <= today.year:
        raise Unreadable(_l("Nobody was born in %(year)s.", year=year))
    if not _exists(year, month, day, lunar):
        raise Unreadable(_l("There is no such day: %(written)s.", written=plain(cell)))
    if not lunar and year is not None and date(year, month, day) > today:
        raise Unreadable(_l("This day has not come yet: %(written)s.", written=plain(cell)))
    return Birthday(month, day, year, lunar)


Parts = tuple[int | None, int, int]


def _from_day(cell: Any) -> Parts | None:
    return (cell.year, cell.month, cell.day) if isinstance(cell, (date, datetime)) else None


def _from_text(text: str, lunar: bool) -> Parts | None:
    if match := _WHOLE.fullmatch(text) or _DIGITS.fullmatch(text):
        return int(match[1]), int(match[2]), int(match[3])
    if match := _NO_YEAR.fullmatch(text):
        return None, int(match[1]), int(match[2])
    if lunar and (match := _LUNAR.fullmatch(text)):
        month = _MONTHS.get(match[2]) or _NUMERALS.get(match[2], 0)
        return (int(match[1]) if match[1] else None), month, _lunar_day(match[3])
    return None


def _lunar_day(text: str) -> int:
    """初六 is 6, 十五 15, 廿三 23, 二十 20, 三十 30; 0 where it is none."""
    bare = text.removeprefix("初")
    if bare in {"二十", "三十"}:
        return 10 * _NUMERALS[bare[0]]
    tens = {"十": 10, "廿": 20, "卅": 30}.get(bare[0])
    if tens is None or len(bare) == 1:
        return {"廿": 20, "卅": 30}.get(bare) or _NUMERALS.get(bare, 0)
    return tens + _NUMERALS.get(bare[1:], 0) if tens == 10 or len(bare) == 2 else 0


def _exists(year: int | None, month: int, day: int, lunar: bool) -> bool:
    if lunar:
        return 1 <= month <= 12 and 1 <= day <= 30
    try:
        date(year or 2000, month, day)  # without a year, the 29th of February may be meant
    except ValueError:
        return False
    return True
