"""Column types: fixed once, because changing them later is dear."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Integer, LargeBinary, String, Time
from sqlalchemy import Text as SqlText
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from models.cipher import keyring

Big = BigInteger().with_variant(Integer, "sqlite")
"""Ids, counts, points: 64 bits on both engines (SQLite needs INTEGER for its row id)."""


class Money(TypeDecorator[int]):
    """An amount in fen (分, 1/100 yuan); never a float."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise TypeError(f"money is an int of fen, not {value!r}")
        return value


class Text(String):
    """One line of text."""


class LongText(SqlText):
    """Text of any length, on several lines."""


class Phone(String):
    """A phone number in E.164 (``+8613912345678``)."""


class Day(Date):
    """A calendar day in the store's own time zone."""


class TimeOfDay(Time):
    """A wall-clock time in the store's own time zone."""


class Flag(Boolean):
    """Yes or no."""


class Instant(TypeDecorator[datetime]):
    """A moment: aware in Python, UTC in the database, at fixed width on SQLite so that it sorts as text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("an Instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Items(TypeDecorator[list[str]]):
    """A short list of words, kept as a JSON array in text."""

    impl = SqlText
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(list(value), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[str] | None:
        return None if value is None else json.loads(value)


class Json(TypeDecorator[Any]):
    """A JSON document in text: read and written whole, never queried into."""

    impl = SqlText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Encrypted(TypeDecorator[str]):
    """Text held as AES-GCM ciphertext, bound to its table and column (``context``).

    Equality and search go through a blind-index column beside it (see ``Entity``).
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, plain: TypeEngine[Any] | None = None, context: str = "") -> None:
        super().__init__()
        self.plain = plain or LongText()
        self.context = context

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else keyring().encrypt(value, self.context)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else keyring().decrypt(bytes(value), self.context)


__all__ = [
    "Big",
    "Day",
    "Encrypted",
    "Flag",
    "Instant",
    "Items",
    "Json",
    "LongText",
    "Money",
    "Phone",
    "Text",
    "TimeOfDay",
    "date",
    "datetime",
    "time",
]
