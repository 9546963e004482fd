"""Numbers, lengths of time, times of day and days as people write them (2万, 30天, 百分之十, 21点).

Only to tell how the same is written in a rule file: a fault that knows what was meant says what to write.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

Spelling = Callable[[str], str | None]
"""How a word is written in a rule file; None where nobody can tell what was meant."""

_DIGITS = dict(zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_TENS = {"十": 10, "百": 100, "千": 1_000}
_SCALES = {"万": 10_000, "w": 10_000, "亿": 10**8, "千": 1_000, "k": 1_000, "百": 100}
_UNITS = {
    **dict.fromkeys(("天", "日", "d", "day", "days"), "d"),
    **dict.fromkeys(("小时", "个小时", "钟头", "h", "hour", "hours"), "h"),
    **dict.fromkeys(("个月", "月", "mo", "month", "months"), "mo"),
    **dict.fromkeys(("年", "y", "year", "years"), "y"),
    **dict.fromkeys(("周", "星期", "个星期", "week", "weeks"), "week"),
    **dict.fromkeys(("分钟", "分", "min", "minute", "minutes"), "min"),
    **dict.fromkeys(("元", "块", "块钱", "圆", "rmb", "yuan"), "yuan"),
    **dict.fromkeys(("次", "回", "个", "人", "位", "张", "件", "项", "岁", "积分", "times"), "count"),
    **dict.fromkeys(("%", "percent"), "%"),
    "折": "tenths",
}
_NUMBER = r"(?P<number>\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,6})?|[零〇一二两三四五六七八九十百千万]{1,12})"
_QUANTITY = re.compile(
    rf"(?P<sign>[+-]?)(?P<yuan>[¥]|rmb)?(?P<percent>百分之)?{_NUMBER}"
    rf"(?P<scale>[万亿千百wk])?(?P<unit>{'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})?整?"
)
_IN_DAYS = {"d": 1, "week": 7, "mo": 30, "y": 365, "": 1}
_LENGTHS: dict[str, dict[str, Decimal]] = {
    "d": {unit: Decimal(days) for unit, days in _IN_DAYS.items()},
    "h": {"h": Decimal(1), "d": Decimal(24), "": Decimal(1)},
    "mo": {"mo": Decimal(1), "y": Decimal(12), "": Decimal(1)},
    "min": {"min": Decimal(1), "h": Decimal(60), "": Decimal(1)},
}


@dataclass(frozen=True)
class Quantity:
    """A number with what stood behind (or before) it."""

    value: Decimal
    unit: str = ""


def quantity(written: str) -> Quantity | None:
    """The number that was meant, in digits of any width, Chinese numerals, with 万 or separators, and its unit."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", written)).lower().replace("_", ",")
    match = _QUANTITY.fullmatch(text[:40])
    if match is None:
        return None
    number = match["number"]
    numeral = None if number[0].isdecimal() else _chinese(number)
    if numeral is None and not number[0].isdecimal():
        return None
    value = Decimal(number.replace(",", "")) if numeral is None else Decimal(numeral)
    value *= _SCALES.get(match["scale"] or "", 1) * (-1 if match["sign"] == "-" else 1)
    unit = "yuan" if match["yuan"] else "%" if match["percent"] else _UNITS.get(match["unit"] or "", "")
    if unit == "tenths":  # 9折 and 八五折 are what she pays
        value, unit = (value if value >= 10 else value * 10), "%"
    return Quantity(value, unit)


def _chinese(numeral: str) -> int | None:
    """三十五 is 35, 两万 is 20,000, 三千五 is 3,500, 八五 is 85."""
    if all(sign in _DIGITS for sign in numeral):
        return int("".join(str(_DIGITS[sign]) for sign in numeral))
    if numeral[-1] in _DIGITS and numeral[-2] in "百千万":
        numeral += {"百": "十", "千": "百", "万": "千"}[numeral[-2]]
    above, _, below = numeral.rpartition("万")
    total = 0
    for part, scale in ((above, 10_000), (below, 1)):
        digit, value = 0, 0
        for sign in part:
            if sign in _DIGITS:
                digit = _DIGITS[sign]
            elif sign in _TENS:
                value += (digit or 1) * _TENS[sign]
                digit = 0
            else:
                return None
        total += (value + digit) * scale
    return total


def _digits(value: Decimal) -> str:
    return f"{value.normalize():f}"


def money(written: str) -> str | None:
    """``20000`` for 2万, 20,000 or ２００００元."""
    meant = quantity(written)
    if meant is None or meant.unit not in ("", "yuan", "%") or meant.value * 100 % 1:
        return None
    return _digits(meant.value)


def number(written: str) -> str | None:
    """``6`` for 6次, 六 or 6%."""
    meant = quantity(written)
    if meant is None or meant.unit not in ("", "count", "%", "yuan") or meant.value % 1:
        return None
    return _digits(meant.value)


def days(written: str) -> str | None:
    """``30`` for 30天, 30% or 一个月."""
    meant = quantity(written)
    value = None if meant is None else meant.value * _IN_DAYS.get(meant.unit, 1 if meant.unit in ("%", "yuan") else 0)
    return None if value is None or value % 1 or (value == 0 and meant is not None and meant.value) else _digits(value)


def percent(written: str) -> str | None:
    """``150%`` for 1.5, 150 or 百分之一百五十; ``90%`` for 9折."""
    meant = quantity(written)
    if meant is None or meant.unit not in ("", "%"):
        return None
    value = meant.value if meant.unit == "%" or not meant.value % 1 else meant.value * 100
    return f"{_digits(value)}%" if not value * 10 % 1 and value >= 0 else None


def whole_percent(written: str) -> str | None:
    """The same, where no part of a percent counts."""
    meant = percent(written)
    return meant if meant is not None and "." not in meant else None


def length(unit: str) -> Spelling:
    """``2d`` for 2天, ``12mo`` for 1年, in the given unit."""

    def spelled(written: str) -> str | None:
        meant = quantity(written)
        if meant is None or meant.unit not in _LENGTHS[unit]:
            return None
        value = meant.value * _LENGTHS[unit][meant.unit]
        return None if value % 1 or value < 0 else f"{_digits(value)}{unit}"

    return spelled


_CLOCK = re.compile(
    r"(?P<part>凌晨|早上|上午|中午|下午|傍晚|晚上|晚)?(?P<hour>\d{1,2})(?:[:.点时](?P<minute>\d{2}|半)?)(?:分)?(?P<pm>am|pm)?"
)


def clock(written: str) -> str | None:
    """``21:00`` for 21：00, 晚上9点 or 9:00pm."""
    match = _CLOCK.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", written)).lower())
    if match is None:
        return None
    hour, minute = int(match["hour"]), 30 if match["minute"] == "半" else int(match["minute"] or 0)
    late = match["part"] in ("下午", "傍晚", "晚上", "晚") or match["pm"] == "pm"
    hour += 12 if late and hour < 12 else 0
    return f"{hour:02d}:{minute:02d}" if hour < 24 and minute < 60 else None


def hours(written: str) -> str | None:
    """``21:00-09:00`` for 21：00 至 9：00."""
    parts = re.split(r"[-~–—―]+|至|到", unicodedata.normalize("NFKC", written))
    times = [clock(part) for part in parts]
    return "-".join(map(str, times)) if len(times) == 2 and None not in times and times[0] != times[1] else None


_MONTHS = {"正": 1, "冬": 11, "腊": 12}
_DAY = re.compile(
    r"(?P<month>\d{1,2}|[正冬腊一二三四五六七八九十]{1,2})[-./月]"
    r"(?P<day>\d{1,2}|初?[一二三四五六七八九十]{1,3})[日号]?"
)


def month_day(written: str) -> str | None:
    """``02-14`` for 2月14日, 2/14 or 二月十四."""
    match = _DAY.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", written)))
    if match is None:
        return None
    month = _MONTHS.get(match["month"]) or _counted(match["month"])
    day = _counted(match["day"].removeprefix("初"))
    return f"{month:02d}-{day:02d}" if month and day and 1 <= month <= 12 and 1 <= day <= 31 else None


def _counted(written: str) -> int | None:
    return int(written) if written.isdecimal() else _chinese(written)


def rate(written: str) -> str | None:
    """``2 / 30d`` for 2次/30天."""
    most, _, span = unicodedata.normalize("NFKC", written).partition("/")
    spelled, over = number(most), length("d")(span)
    return f"{spelled} / {over}" if spelled and over else None


_YES = {"y", "on", "yes", "true", "1", "是的", "对", "开", "开启", "启用", "有", "真"}
_NO = {"n", "off", "no", "false", "0", "不是", "不", "关", "关闭", "停用", "没有", "无", "假"}


def flag(written: str) -> str | None:
    """``yes`` for on or 对, ``no`` for off or 不是."""
    word = unicodedata.normalize("NFKC", written).strip().lower()
    return "yes" if word in _YES else "no" if word in _NO else None


def short_name(written: str) -> str | None:
    """``slipping`` for Slipping or “slipping”."""
    word = re.sub(r"[\s_]+", "-", unicodedata.normalize("NFKC", written).strip("“”‘’\"' \u3000").lower())
    return word if re.fullmatch(r"[a-z][a-z0-9-]{0,39}", word) else None


OPERATORS = {
    "at_least": (">=", "≥", "=>", "gte", "ge", "min", "至少", "不少于", "不低于", "不小于", "大于等于", "以上"),
    "at_most": ("<=", "≤", "=<", "lte", "le", "max", "至多", "最多", "不超过", "不大于", "不高于", "小于等于", "以内"),
    "more_than": (">", "gt", "大于", "超过", "多于", "高于"),
    "less_than": ("<", "lt", "小于", "少于", "低于", "不足", "不到"),
    "between": ("介于", "之间", "范围", "range"),
    "is": ("=", "==", "eq", "equals", "等于", "是", "为"),
    "is_not": ("!=", "<>", "≠", "ne", "not", "不等于", "不是"),
    "in": ("属于", "包含", "其中", "one_of", "any_of"),
    "not_in": ("不属于", "不包含", "none_of"),
}  # fmt: skip
_OPERATORS = {spelling: operator for operator, spellings in OPERATORS.items() for spelling in spellings}


def operator(written: str) -> str | None:
    """``at_least`` for >= or 至少."""
    word = re.sub(r"\s", "", unicodedata.normalize("NFKC", written)).lower()
    return _OPERATORS.get(word) or (word if word in OPERATORS else None)
