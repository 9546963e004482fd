"""Values as people write and read them: one reader and one writer for forms, inline edits, files and exports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import SequenceMatcher
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import LazyString, force_locale
from flask_babel import lazy_gettext as _l

from admin_app.i18n import LANGUAGES
from models.field import Choice, Field, Kind, Range
from models.numbers import count_of, day_of, day_of_moment, fen_of, phone_number, yuan_of
from models.plain_text import plain_digits, visible

LARGEST = 2**53
LONGEST_TEXT = 10_000


class Unreadable(Exception):
    """What was written cannot be what the field asks for."""

    def __init__(self, message: LazyString) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return str(self.message)


class NoChoice(Unreadable):
    """A word that is none of the choices; the nearest of them where only one is near.

    ``spellings`` are the words for each choice, by what it is called.
    """

    def __init__(self, word: str, message: LazyString, spellings: Mapping[str, Iterable[str]]) -> None:
        super().__init__(message)
        self.word, self.choices = word, tuple(spellings)
        self.nearest = _nearest(word, spellings)


NEAR = 0.5
"""The least share of letters that two words have in common, in order, for one to stand for the other; they also
begin or end alike: 白金 is not 金卡.
"""


def _nearest(word: str, spellings: Mapping[str, Iterable[str]]) -> str | None:
    matcher = SequenceMatcher(autojunk=False)
    word = word.lower()
    matcher.set_seq2(word)

    def likeness(spelling: str) -> float:
        spelling = spelling.lower()
        matcher.set_seq1(spelling)
        return matcher.ratio() if spelling[:1] == word[:1] or spelling[-1:] == word[-1:] else 0.0

    found = {choice: max(map(likeness, words), default=0.0) for choice, words in spellings.items()}
    best = max(found.values(), default=0.0)
    near = [choice for choice, share in found.items() if share == best]
    return near[0] if best >= NEAR and len(near) == 1 else None


@dataclass(frozen=True, slots=True)
class NoValue:
    """What stands in a cell from which no value can be taken, and why: it is never read as something else."""

    shown: str
    reason: LazyString

    def __str__(self) -> str:
        return self.shown


def read_value(field: Field, written: Any, zone: ZoneInfo) -> Any:
    """The value meant by what was written; empty text is no value.

    :raises Unreadable: it cannot be read, is too long, or is missing where it must not be.
    """
    if isinstance(written, NoValue):
        raise Unreadable(written.reason)
    value = None if is_empty(written) else read_kind(field.kind, written, zone, field)
    if value == "":  # it held nothing but characters that nobody sees
        value = None
    if value is None and field.required:
        raise Unreadable(_l("This must not be empty."))
    limit = field.max_length or (LONGEST_TEXT if field.kind is Kind.LONG_TEXT else None)
    if limit is not None and isinstance(value, str) and not isinstance(value, Choice) and len(value) > limit:
        raise Unreadable(_l("At most %(limit)s letters fit here.", limit=limit))
    if value is not None:
        check_range(field.kind, value, field.range)
        _check_each(value, field.info.each)
    return value


def check_range(kind: Kind, value: Any, bounds: Range | None) -> None:
    """:raises Unreadable: the value is smaller or greater than allowed."""
    if bounds is not None and not bounds.includes(value):
        raise Unreadable(bounds.message(kind))


def _check_each(items: Any, bounds: Range | None) -> None:
    """:raises Unreadable: an item of the list is no whole number of the range."""
    if bounds is None:
        return
    for item in items:
        if not (item.isascii() and item.isdigit() and len(item) < 10 and bounds.includes(int(item))):
            raise Unreadable(
                _l(
                    "Whole numbers from %(least)s to %(most)s are needed here, such as 1, 7, 30; not %(item)s.",
                    least=bounds.least,
                    most=bounds.most,
                    item=item[:20],
                )
            )


def is_empty(written: Any) -> bool:
    return written is None or written == [] or (isinstance(written, str) and not written.strip())


def read_kind(kind: Kind, written: Any, zone: ZoneInfo, field: Field | None = None) -> Any:
    """:raises Unreadable: see ``read_value``."""
    if kind is Kind.CHOICE:
        assert field is not None
        return _choice(field.choices, written)
    if kind is Kind.INSTANT:
        return _instant(written, zone)
    if kind is Kind.NUMBER:
        return _number(written, *(_unit_words(field) if field is not None else ()))
    return _READERS[kind](written)


def _text(written: Any) -> str:
    if isinstance(written, float) and written.is_integer():
        written = int(written)
    return " ".join(visible(str(written)).split())


def _long_text(written: Any) -> str:
    return visible(str(written).replace("\r\n", "\n")).strip()


def _items(written: Any) -> list[str]:
    words = written if isinstance(written, list) else re.split(r"[,，、;；\n]", str(written))
    return [_in_plain_digits(word) for word in (_text(word) for word in words) if word]


def _in_plain_digits(word: str) -> str:
    """A word that is a number, in the digits of ASCII."""
    digits = plain_digits(word)
    return digits if digits.isdecimal() else word


def _number(written: Any, *units: str) -> int:
    number = count_of(written, *units)
    if number is None or abs(number) > LARGEST:
        raise Unreadable(_l("A whole number is needed here."))
    return number


def _unit_words(field: Field) -> list[str]:
    """What may stand behind a number of this field: its unit in each language, also in the singular or short."""
    words = said_in_every_language(field.info.unit) if field.info.unit is not None else []
    return [*words, *(word.removesuffix("s") for word in words), *(word.removesuffix("钟") for word in words)]


LARGEST_ID = 10**17
"""The largest number that an address may name a row by."""


def whole_number(text: str | None) -> int | None:
    """A number as an address or a form names a row or a version; None where it is none that a database can hold."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < len(str(LARGEST_ID)) else None


def _money(written: Any) -> int:
    fen = fen_of(written)
    if fen is None:
        raise Unreadable(_l("This is not an amount of money, such as 298 or 298.50."))
    return fen


def _day(written: Any) -> date:
    day = day_of_moment(written if isinstance(written, date) else str(written))
    if day is None:
        raise Unreadable(_l("There is no such day; write it as 2026-11-22."))
    return day


def _time(written: Any) -> time:
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)(?::00)?", plain_digits(str(written)))
    if match is None:
        raise Unreadable(_l("This is not a time of day, such as 09:30."))
    return time(int(match[1]), int(match[2]))


def _instant(written: Any, zone: ZoneInfo) -> datetime:
    if isinstance(written, datetime):
        return written if written.tzinfo else written.replace(tzinfo=zone)
    try:
        found = datetime.fromisoformat(plain_digits(str(written)).replace("T", " "))
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(_l("This is not a date with a time, such as 2026-11-22 09:30.")) from error


def span_of(written: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to before when, in UTC: the whole day where a day was written, else the minute, as it is shown.

    :raises Unreadable: it is neither.
    """
    try:
        if (day := day_of(written)) is not None:
            begins, until = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(1)))
            return begins.astimezone(UTC), until.astimezone(UTC)
        at = _instant(written, zone).replace(second=0, microsecond=0)
        return at, at + timedelta(minutes=1)
    except OverflowError as error:
        raise Unreadable(_l("There is no such day; write it as 2026-11-22.")) from error


_YES = {"yes", "y", "true", "1", "on", "是", "有", "对", "√"}
_NO = {"no", "n", "false", "0", "off", "否", "无", "没有", "×"}


def _flag(written: Any) -> bool:
    word = str(written).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise Unreadable(_l("yes or no is needed here."))


def _phone(written: Any) -> str:
    number = phone_number(written)
    if number is None:
        raise Unreadable(
            _l("This is not a phone number: a mobile has 11 digits, a landline its area code, a foreign number a +.")
        )
    return number


def _reference(written: Any) -> int:
    return _number(written)


def said_in_every_language(label: LazyString) -> list[str]:
    """A label in each language of the house: a file may come from a colleague who reads the other."""
    said: list[str] = []
    for language in LANGUAGES:
        with force_locale(language):
            said.append(str(label))
    return said


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.LONG_TEXT: _long_text,
    Kind.ITEMS: _items,
    Kind.NUMBER: _number,
    Kind.MONEY: _money,
    Kind.DAY: _day,
    Kind.TIME: _time,
    Kind.FLAG: _flag,
    Kind.PHONE: _phone,
    Kind.REFERENCE: _reference,
}

_OTHER_WORDS = {
    "female": ("f", "女", "女士", "女性"),
    "male": ("m", "男", "男士", "男性"),
    "dry": ("干性",),
    "oily": ("油性",),
    "neutral": ("中性",),
    "mixed": ("混合", "混合性"),
    "mixed_oily": ("混合偏油", "混合性偏油"),
    "sensitive": ("敏感", "敏感肌", "敏感性"),
    "friend": ("朋友介绍", "老客介绍", "转介绍"),
    "walk_in": ("路过",),
    "dianping": ("大众点评",),
    "meituan": ("美团",),
    "douyin": ("抖音",),
    "xiaohongshu": ("小红书",),
    "wechat": ("微信",),
}
"""Words that spreadsheets use for choices, beside their values and labels."""


def _choice(choices: type[Choice], written: Any) -> Choice:
    word = str(written).strip()
    if word in {member.value for member in choices}:
        return choices(word)
    for member in choices:
        if word in said_in_every_language(member.label):
            return member
    for member in choices:
        if word.lower() in _OTHER_WORDS.get(member.value, ()):
            return member
    spellings = {
        str(member.label): (
            member.value,
            *said_in_every_language(member.label),
            *_OTHER_WORDS.get(member.value, ()),
        )
        for member in choices
    }
    message = _l("%(word)s is not one of the choices: %(known)s.", word=word[:30], known="、".join(spellings))
    raise NoChoice(word[:30], message, spellings)


# ------------------------------------------------------------------------------------------------ writing


def write_value(kind: Kind, value: Any, zone: ZoneInfo) -> str:
    """The value as it stands in a form or a file: exact, and ``read_value`` reads it back."""
    if value is None:
        return ""
    match kind:
        case Kind.MONEY:
            return yuan_of(value)
        case Kind.ITEMS:
            return "、".join(value)
        case Kind.CHOICE:
            return str(value)
        case Kind.PHONE:
            return str(value).removeprefix("+86") if re.fullmatch(r"\+861\d{10}", str(value)) else str(value)
        case Kind.FLAG:
            return "yes" if value else "no"
        case Kind.TIME:
            return f"{value:%H:%M}"
        case Kind.INSTANT:
            return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
    return str(value)


def show_value(kind: Kind, value: Any, zone: ZoneInfo) -> str:
    """The value as a person reads it on a page."""
    if value is None:
        return ""
    match kind:
        case Kind.MONEY:
            return money(value)
        case Kind.CHOICE:
            return str(value.label) if isinstance(value, Choice) else str(value)
        case Kind.FLAG:
            return str(YES if value else NO)
        case Kind.DAY:
            return str(value.isoformat())  # reads the same in both languages and sorts by eye
        case Kind.PHONE:
            return spaced(str(value))
    return write_value(kind, value, zone)


def money(fen: int) -> str:
    """``¥1,234.50``; exact, without passing through a float."""
    sign, yuan, rest = "-" if fen < 0 else "", *divmod(abs(fen), 100)
    return f"{sign}¥{yuan:,}.{rest:02d}"


YES, NO = _l("Yes"), _l("No")


def spaced(number: str) -> str:
    """A mainland mobile in groups of 3, 4 and 4, anything else as it is."""
    match = re.fullmatch(r"\+86(1\d{2})(\d{4})(\d{4})", number)
    return " ".join(match.groups()) if match else number
