"""Phone numbers, days and amounts as people write them, into the one form that is kept."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from models.plain_text import plain_digits

_SEPARATORS = re.compile(r"[\s\-().·]+")
_MAINLAND = re.compile(r"(?P<code>(?:\+|00)?86)?(?:(?P<mobile>1[3-9][0-9]{9})|0(?P<landline>[1-9][0-9]{8,10}))")
_KEPT = re.compile(r"(?:\+|00)86(?P<landline>[2-9][0-9]{8,10}|10[0-9]{7,8})")
_LANDLINE = re.compile(r"(?:10|2[0-9]|[3-9][0-9]{2})[1-9][0-9]{6,7}")
_FOREIGN = re.compile(r"(?:\+|00)(?!86)([1-9][0-9]{7,14})")


def phone_number(written: str | float) -> str | None:
    """The number in E.164, or None where it cannot be one.

    Mainland mobiles (1[3-9] and nine digits), landlines with their area code (10, 2x, 3xx to 9xx, then seven or eight
    digits), and foreign numbers with ``+`` or ``00``. Digits of any script count as plain ones.
    Source: 电信网编号计划 (工信部, 2017).
    """
    if isinstance(written, float):
        if not written.is_integer():
            return None
        written = int(written)
    plain = _SEPARATORS.sub("", plain_digits(str(written)))
    if match := _MAINLAND.fullmatch(plain) or _KEPT.fullmatch(plain):
        found = match.groupdict()
        landline = found["landline"]
        if landline is not None and not _LANDLINE.fullmatch(landline):
            return None
        return f"+86{landline or found['mobile']}"
    foreign = _FOREIGN.fullmatch(plain)
    return f"+{foreign[1]}" if foreign else None


_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]00:00(?::00)?)?")
_TIME = re.compile(r"[ T]+(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?\Z")
_EIGHT = re.compile(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})")


def day_of(written: str | date) -> date | None:
    """The calendar day meant: ``1995.11.24``, ``1964/9/7``, ``1992年4月26日``, ``19900105``, ISO.

    None where there is no such day, and where the order of day and month would be a guess.
    """
    if isinstance(written, datetime):
        return written.date()
    if isinstance(written, date):
        return written
    plain = plain_digits(str(written))
    match = _DAY.fullmatch(plain) or _EIGHT.fullmatch(plain)
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


def day_of_moment(written: str | date) -> date | None:
    """The calendar day of a day or of a moment: programs write ``2027-06-30 23:59:59`` where only the day counts."""
    return day_of(_TIME.sub("", plain_digits(written))) if isinstance(written, str) else day_of(written)


_AMOUNT = re.compile(
    r"(-?)\s*[¥￥]?\s*(-?)\s*"
    r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+|[0-9]{1,13})(?:\.([0-9]+))?"
    r"\s*(万|[wW])?\s*(?:(?:元|圆|块)整?)?"
)
TEN_THOUSAND = 10_000
MOST_FEN = 10**15


def fen_of(written: str | float | Decimal) -> int | None:
    """An amount in fen: ``￥4,781``, ``800.5元整``, ``1.2万``, ``29.33``; None where it is not exact to the fen."""
    match = _AMOUNT.fullmatch(plain_digits(str(written)))
    if match is None or (match[1] and match[2]):
        return None
    digits = match[3].replace(",", "").replace(" ", "")
    decimals = (match[4] or "").rstrip("0")
    places = 6 if match[5] else 2
    if len(decimals) > places:
        return None
    fen = int(digits + decimals.ljust(places, "0"))
    if fen >= MOST_FEN:
        return None
    return -fen if match[1] or match[2] else fen


def count_of(written: str | float, *units: str) -> int | None:
    """A whole number: ``1,234``, ``３``, ``3.0`` from a spreadsheet, ``3次`` where that unit is meant; else None."""
    if isinstance(written, float):
        return int(written) if written.is_integer() and abs(written) < 2**53 else None
    plain = plain_digits(str(written))
    for unit in sorted(units, key=len, reverse=True):
        if unit and plain.lower().endswith(unit.lower()):
            plain = plain[: -len(unit)].rstrip()
            break
    plain = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?:,|$))", "", plain)
    return int(plain) if re.fullmatch(r"[+-]?[0-9]{1,16}", plain) else None


def yuan_of(fen: int) -> str:
    """``-1234.50``: the plain form, exact, for files and forms."""
    sign, whole, rest = "-" if fen < 0 else "", *divmod(abs(fen), 100)
    return f"{sign}{whole}.{rest:02d}"
