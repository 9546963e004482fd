"""Phone numbers, days and amounts as people write them, into the one form that is kept."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

_SEPARATORS = re.compile(r"[\s\-()（）.·]+")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"0\d{2,3}[1-9]\d{6,7}")
_FOREIGN = re.compile(r"\+[1-9]\d{7,14}")


def phone_number(written: str | float) -> str | None:
    """The number in E.164, or None where it cannot be one.

    Mainland mobiles (1[3-9] and nine digits), landlines with their area code, and foreign numbers with ``+``.
    """
    text = str(int(written)) if isinstance(written, float) else str(written)
    plain = _SEPARATORS.sub("", text)
    national = re.sub(r"^(?:\+|00)?86(?=1[3-9]\d{9}$|0\d{9,11}$)", "", plain)
    if _MOBILE.fullmatch(national) or _LANDLINE.fullmatch(national):
        return "+86" + national.removeprefix("0") if national.startswith("0") else "+86" + national
    plain = re.sub(r"^00", "+", plain)
    return plain if _FOREIGN.fullmatch(plain) and not plain.startswith("+86") else None


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


def fen_of(written: str | float | Decimal) -> int | None:
    """An amount in fen: ``￥4,781``, ``268元``, ``¥1280.00``, ``29.33``; None where it is not exact to the fen."""
    plain = re.sub(r"[\s,，]|^[¥￥]|元$", "", str(written).strip())
    plain = re.sub(r"^-[¥￥]", "-", plain)
    try:
        fen = Decimal(plain) * 100
    except InvalidOperation:
        return None
    return int(fen) if fen.is_finite() and fen == fen.to_integral_value() and abs(fen) < 10**15 else None


def yuan_of(fen: int) -> str:
    """``-1234.50``: the plain form, exact, for files and forms."""
    sign, whole, rest = "-" if fen < 0 else "", *divmod(abs(fen), 100)
    return f"{sign}{whole}.{rest:02d}"
