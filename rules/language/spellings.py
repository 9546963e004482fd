"""Numbers, lengths of time, times of day and days as people write them (2万, 30天, 百分之十, 21点).

Only to tell how the same is written in a rule file: a fault that knows what was meant says what to write.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rules.language.faults import Reading

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
    **dict.fromkeys(("倍", "x"), "times"),
    "折": "tenths",
    "m": "m",  # of months or of minutes, as the place has it
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
    "mo": {"mo": Decimal(1), "m": Decimal(1), "y": Decimal(12), "": Decimal(1)},
    "min": {"min": Decimal(1), "m": Decimal(1), "h": Decimal(60), "": Decimal(1)},
    "y": {"y": Decimal(1), "": Decimal(1)},
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
    if meant is None or meant.unit not in ("", "yuan") or meant.value * 100 % 1:
        return None
    return _digits(meant.value)


_YUAN = _l("An amount in yuan is needed, such as 1000.")
_NO_SHARE = _l("A share of a price is no amount: write how many yuan it comes to, such as 1000.")


def amount_needed(written: str) -> LazyString:
    """What is needed where an amount stands: of 8折 and 10% nobody can tell it."""
    meant = quantity(written)
    return _NO_SHARE if meant is not None and meant.unit in ("%", "tenths", "times") else _YUAN


def percent_of(fen: int, written: str) -> str | None:
    """``200`` for 10% of 200,000 fen."""
    meant = quantity(written)
    return None if meant is None or meant.unit != "%" else _digits(meant.value * fen / 10_000)


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


def percent(written: str) -> tuple[Reading, ...]:
    """``150%`` for 150, 1.5倍 or 百分之一百五十; ``200%`` or ``2%`` for 2."""
    return tuple(_percents(written, price=False))


def price(written: str) -> tuple[Reading, ...]:
    """What is left of a price: ``85%`` for 85, 0.85 or 八五折; ``65%`` or ``6.5%`` for 6.5."""
    return tuple(_percents(written, price=True))


def _percents(written: str, *, price: bool) -> Iterator[Reading]:
    """Each way to read it; without a unit a small number is a share, a multiple, or tenths of a price."""
    meant = quantity(written)
    if meant is None or meant.value < 0:
        return
    number, bare = meant.value, meant.unit == ""
    ways: list[tuple[Decimal, LazyString]] = []
    if meant.unit == "tenths" or (bare and price and 1 <= number < 10):
        tenths = _l("%(number)s/10 of the price", number=_digits(number))
        ways.append((number if number >= 10 else number * 10, tenths))
    if meant.unit == "times" or (bare and (not price or number <= 1)):
        ways.append((number * 100, _l("%(number)s times", number=_digits(number))))
    if meant.unit == "%" or (bare and (not price or number >= 1)):
        ways.append((number, _l("%(number)s in a hundred", number=_digits(number))))
    for value, meaning in ways:
        if not value * 10 % 1:
            yield Reading(f"{_digits(value)}%", meaning)


def whole_percent(written: str) -> str | None:
    """``150%`` for 1.5, 1.5倍 or 百分之一百五十, where no part of a percent counts."""
    whole = [one.write for one in percent(written) if "." not in one.write]
    return whole[-1] if whole else None


def length(unit: str) -> Callable[[str], str | None]:
    """``2d`` for 2天, ``12mo`` for 1年, in the given unit."""

    def spelled(written: str) -> str | None:
        meant = quantity(written)
        if meant is None or meant.unit not in _LENGTHS[unit]:
            return None
        value = meant.value * _LENGTHS[unit][meant.unit]
        return None if value % 1 or value < 0 else f"{_digits(value)}{unit}"

    return spelled


def counted(unit: str) -> Callable[[str], str | None]:
    """``1`` for 1年 in years: the number of the given units, where the unit is not written."""
    spelled = length(unit)

    def number_of(written: str) -> str | None:
        found = spelled(written)
        return None if found is None else found.removesuffix(unit)

    return number_of


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
    r"(?:\d{4}[-./年])?(?P<month>\d{1,2}|[正冬腊一二三四五六七八九十]{1,2})[-./月]"
    r"(?P<day>\d{1,2}|初?[一二三四五六七八九十]{1,3})[日号]?"
)


def month_day(written: str) -> str | None:
    """``02-14`` for 2月14日, 2/14, 2026-02-14 or 二月十四."""
    match = _DAY.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", written)))
    if match is None:
        return None
    month = _MONTHS.get(match["month"]) or _counted(match["month"])
    day = _counted(match["day"].removeprefix("初"))
    return f"{month:02d}-{day:02d}" if month and day and 1 <= month <= 12 and 1 <= day <= 31 else None


def month(written: str) -> str | None:
    """``5`` for 5月 or 五月."""
    meant = quantity(written)
    return None if meant is None or meant.unit not in ("", "mo") or meant.value % 1 else _digits(meant.value)


_WEEKDAY = re.compile("(?:周|星期|礼拜)([一二三四五六日天])")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def weekday(written: str) -> str | None:
    """``7`` for 周日, 星期天 or Sunday: Monday is 1."""
    word = unicodedata.normalize("NFKC", written).strip().lower()
    if match := _WEEKDAY.fullmatch(word):
        return str("一二三四五六日".index(match[1].replace("天", "日")) + 1)
    named = re.fullmatch(f"({'|'.join(_WEEKDAYS)})(?:[a-z]*day)?", word)
    return str(_WEEKDAYS.index(named[1]) + 1) if named else None


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
JOINING = {
    "all": ("and", "all_of", "每个", "全部", "都", "且", "并且", "而且", "和", "同时"),
    "any": ("or", "any_of", "one_of", "任一", "任何", "任意", "或", "或者"),
    "not": ("no", "none", "非", "不", "不是", "除了"),
}
_JOINING = {spelling: key for key, spellings in JOINING.items() for spelling in spellings}


def joining(written: str) -> str | None:
    """``all`` for and or 并且."""
    return _JOINING.get(unicodedata.normalize("NFKC", written).strip().lower())


CHOICES = {
    "grey": ("gray", "black", "white", "silver", "灰", "灰色", "黑", "黑色", "白", "白色", "银色"),
    "green": ("绿", "绿色", "青", "青色", "cyan"),
    "blue": ("蓝", "蓝色", "purple", "紫", "紫色"),
    "amber": ("yellow", "orange", "gold", "琥珀色", "黄", "黄色", "橙", "橙色", "橘色", "金色", "棕色"),
    "rose": ("red", "pink", "玫瑰色", "玫红", "玫红色", "粉", "粉色", "粉红", "粉红色", "红", "红色"),
    "one_down": ("降一级", "降一档", "降低一级", "下降一级", "下降一档", "降1级"),
    "to_match": ("降到符合", "降到符合的等级", "降到符合的一级", "按条件", "按实际"),
    "never": ("不降", "不降级", "保级", "永不", "从不", "不可以"),
    "fall": ("下降", "降", "降级", "收回"),
    "keep": ("保留", "不收回"),
    "withdraw": ("收回", "撤回"),
    "same_day": ("当天", "同一天", "当日"),
    "always": ("总是", "一直", "可以"),
}
_BRACKETS = str.maketrans("", "", "“”‘’\"' ")


def choice(written: str, among: list[str]) -> str | None:
    """``one_down`` for 降一级 and ``green`` for 绿色, where they are among what may stand there."""
    word = unicodedata.normalize("NFKC", written).translate(_BRACKETS).lower()
    fitting = [value for value, spellings in CHOICES.items() if value in among and word in spellings]
    return fitting[0] if len(fitting) == 1 else None


_OPERATORS = {spelling: operator for operator, spellings in OPERATORS.items() for spelling in spellings}


def operator(written: str) -> str | None:
    """``at_least`` for >= or 至少."""
    word = re.sub(r"\s", "", unicodedata.normalize("NFKC", written)).lower()
    return _OPERATORS.get(word) or (word if word in OPERATORS else None)
