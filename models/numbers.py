"""Phone numbers, days and amounts as people write them, into the one form that is kept."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal

_SEPARATORS = re.compile(r"[\s\-().·]+")
_MAINLAND = re.compile(r"(?P<code>(?:\+|00)?86)?(?:(?P<mobile>1[3-9][0-9]{9})|0(?P<landline>[1-9][0-9]{8,10}))")
_KEPT = re.compile(r"(?:\+|00)86(?P<landline>[2-9][0-9]{8,10}|10[0-9]{7,8})")
_LANDLINE = re.compile(r"(?:10|2[0-9]|[3-9][0-9]{2})[1-9][0-9]{6,7}")
_FOREIGN = re.compile(r"(?:\+|00)(?!86)([1-9][0-9]{7,14})")


def phone_number(written: str | float) -> str | None:
    """The number in E.164, or None where it cannot be one.

    Mainland mobiles (1[3-9] and nine digits), landlines with their area code (10, 2x, 3xx to 9xx, then seven or eight
    digits), and foreign numbers with ``+`` or ``00``. Full-width digits count as plain ones.
    Source: 电信网编号计划 (工信部, 2017).
    """
    if isinstance(written, float):
        if not written.is_integer():
            return None
        written = int(written)
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", str(written)))
    if match := _MAINLAND.fullmatch(plain) or _KEPT.fullmatch(plain):
        found = match.groupdict()
        landline = found["landline"]
        if landline is not None and not _LANDLINE.fullmatch(landline):
            return None
        return f"+86{landline or found['mobile']}"
    foreign = _FOREIGN.fullmatch(plain)
    return f"+{foreign[1]}" if foreign else None


_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]00:00(?::00)?)?")


def day_of(written: str | date) -> date | None:
    """The calendar day meant: ``1995.11.24``, ``1964/9/7``, ``1992年4月26日``, ISO; None where there is no such day."""
    if isinstance(written, datetime):
        return written.date()
    if isinstance(written, date):
        return written
    match = _DAY.fullmatch(str(written).strip())
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


_AMOUNT = re.compile(r"(-?)[¥￥]?(-?)([0-9]{1,13})(?:\.([0-9]{1,2})0*)?元?")


def fen_of(written: str | float | Decimal) -> int | None:
    """An amount in fen: ``￥4,781``, ``268元``, ``¥1280.00``, ``29.33``; None where it is not exact to the fen."""
    match = _AMOUNT.fullmatch(re.sub(r"\s|(?<=\d)[,，](?=\d{3}(?!\d))", "", str(written)))
    if match is None or (match[1] and match[2]):
        return None
    fen = int(match[3]) * 100 + int((match[4] or "").ljust(2, "0"))
    return -fen if match[1] or match[2] else fen


def yuan_of(fen: int) -> str:
    """``-1234.50``: the plain form, exact, for files and forms."""
    sign, whole, rest = "-" if fen < 0 else "", *divmod(abs(fen), 100)
    return f"{sign}{whole}.{rest:02d}"
