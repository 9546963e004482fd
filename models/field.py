"""A column declared once, with everything the other floors need to know about it.

``field()`` makes the column; ``FieldInfo`` travels in ``column.info``; ``Field`` is what the other floors read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum, StrEnum
from typing import Any, Self

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import Column, ForeignKey
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.orm import MappedColumn, mapped_column
from sqlalchemy.types import TypeEngine

from models.numbers import yuan_of
from models.types import (
    Big,
    Day,
    Encrypted,
    Flag,
    Instant,
    Items,
    LongText,
    Money,
    Phone,
    Text,
    TimeOfDay,
)

INFO_KEY = "field"


class Privacy(StrEnum):
    """Who may see a value without being told so by name in ``rules/roles.yaml``."""

    OPEN = "open"  # everybody who may see the row
    BUSINESS = "business"  # cost, pay, margin
    PERSONAL = "personal"  # phone, address, WeChat
    SENSITIVE = "sensitive"  # health: 个人信息保护法 art. 28
    SECRET = "secret"  # noqa: S105 - a privacy class, not a password; never shown, never logged


class Search(StrEnum):
    """How the global and list search may find a row by this field."""

    NONE = "none"
    WORDS = "words"  # suffixes of the text, its pinyin and its initials
    WHOLE_OR_LAST4 = "whole_or_last4"  # blind indexes beside an encrypted number


class Kind(StrEnum):
    """What a value is, for forms, filters, import, export and display."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    ITEMS = "items"
    NUMBER = "number"
    MONEY = "money"
    DAY = "day"
    TIME = "time"
    INSTANT = "instant"
    FLAG = "flag"
    CHOICE = "choice"
    PHONE = "phone"
    REFERENCE = "reference"
    PASSWORD = "password"  # noqa: S105 - of an operation only: no column is one


class Choice(str, Enum):
    """A closed list of values with a label each: ``FEMALE = "female", _l("Female")``."""

    label: LazyString

    def __new__(cls, value: str, label: LazyString | None = None) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label or LazyString(str, value)
        return member

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class Range:
    """The least and the greatest value that may be stored, both included: numbers, fen, days or moments."""

    least: Any
    most: Any

    def includes(self, value: Any) -> bool:
        return bool(self.least <= value <= self.most)

    def condition(self, column: str) -> str:
        """The CHECK, in words that both engines read alike."""
        return f'"{column}" >= {_sql(self.least)} AND "{column}" <= {_sql(self.most)}'

    def message(self, kind: Kind) -> LazyString:
        """What a person is told who writes something outside of it."""
        least, most = (yuan_of(end) if kind is Kind.MONEY else _plain(end) for end in (self.least, self.most))
        return _l("From %(least)s to %(most)s is allowed here.", least=least, most=most)


def _plain(end: Any) -> str:
    return end.date().isoformat() if isinstance(end, datetime) else str(end)


def _sql(end: Any) -> str:
    if isinstance(end, datetime):
        return f"'{end:%Y-%m-%d %H:%M:%S}+00'"
    return f"'{end.isoformat()}'" if isinstance(end, date) else str(end)


MOST_MONEY = 10**15 - 1
"""Fen: as much as a written amount can be (``models/numbers.py``)."""
MOST_PRICE = 10**10
"""Fen: no price, fee or pay is above a hundred million yuan."""

RANGES: dict[Kind, Range] = {
    Kind.NUMBER: Range(0, 10**12),
    Kind.MONEY: Range(0, MOST_MONEY),
    Kind.DAY: Range(date(1900, 1, 1), date(2199, 12, 31)),
    Kind.INSTANT: Range(datetime(1900, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
}
"""What a value of a kind may be where its field says nothing narrower."""


@dataclass(frozen=True)
class FieldInfo:
    """What was said of a column when it was declared."""

    label: LazyString
    help: LazyString | None = None
    privacy: Privacy = Privacy.OPEN
    search: Search = Search.NONE
    aliases: tuple[str, ...] = ()  # other headings a spreadsheet may use
    unit: LazyString | None = None
    generated: bool = False  # kept by the house itself: never in a form
    words: str = ""  # a closed list that the rules or the house give: roles, tiers, rules, documents …
    fixed: bool = False  # said once, when the row is made: others name the row by it
    least: int | date | None = None  # narrower than the range of its kind
    most: int | date | None = None
    each: Range | None = None  # of a list: each of its items is a whole number of this range


def field(
    type_: TypeEngine[Any] | type[TypeEngine[Any]] | None = None,
    *constraints: Any,
    label: LazyString,
    help: LazyString | None = None,
    privacy: Privacy = Privacy.OPEN,
    search: Search = Search.NONE,
    aliases: tuple[str, ...] = (),
    unit: LazyString | None = None,
    generated: bool = False,
    words: str = "",
    fixed: bool = False,
    least: int | date | None = None,
    most: int | date | None = None,
    each: Range | None = None,
    **column: Any,
) -> MappedColumn[Any]:
    """A mapped column that knows its label, privacy, search keys, spreadsheet headings and range.

    ``least`` and ``most`` narrow the range of its kind (``RANGES``); database, forms and imports keep to it.
    """
    info = FieldInfo(label, help, privacy, search, aliases, unit, generated, words, fixed, least, most, each)
    first = () if type_ is None else (type_,)
    return mapped_column(*first, *constraints, info={INFO_KEY: info}, **column)


def choice(values: type[Choice]) -> SqlEnum:
    """The column type of a closed list: text; ``Base`` adds the CHECK, named by table and column."""
    return SqlEnum(
        values,
        native_enum=False,
        validate_strings=True,
        length=24,
        values_callable=lambda choices: [member.value for member in choices],
    )


def reference(target: str, *, label: LazyString, **options: Any) -> MappedColumn[Any]:
    """A foreign key to ``target`` ("store" or "store.id"), indexed, never cascading."""
    column = target if "." in target else f"{target}.id"
    options.setdefault("index", True)
    return field(Big, ForeignKey(column, ondelete="RESTRICT"), label=label, **options)


_KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (Money, Kind.MONEY),
    (Items, Kind.ITEMS),
    (Phone, Kind.PHONE),
    (LongText, Kind.LONG_TEXT),
    (Text, Kind.TEXT),
    (Instant, Kind.INSTANT),
    (Day, Kind.DAY),
    (TimeOfDay, Kind.TIME),
    (Flag, Kind.FLAG),
)


def kind_of(column: Column[Any]) -> Kind:
    """What a column's values are; an encrypted column is what its plain values are."""
    if column.foreign_keys:
        return Kind.REFERENCE
    plain = column.type.plain if isinstance(column.type, Encrypted) else column.type
    if isinstance(plain, SqlEnum):
        return Kind.CHOICE
    for type_, kind in _KINDS:
        if isinstance(plain, type_):
            return kind
    return Kind.NUMBER if plain.python_type is int else Kind.TEXT


def range_of(column: Column[Any]) -> Range | None:
    """The range of a declared column; None for what is neither number nor date, and for keys."""
    usual = RANGES.get(kind_of(column)) if not column.primary_key else None
    if usual is None or isinstance(column.type, Encrypted):
        return None
    info: FieldInfo = column.info[INFO_KEY]
    return Range(
        usual.least if info.least is None else info.least,
        usual.most if info.most is None else info.most,
    )


@dataclass(frozen=True)
class Field:
    """A declared column as the other floors see it."""

    entity: str
    name: str
    column: Column[Any]
    info: FieldInfo
    kind: Kind

    @property
    def label(self) -> LazyString:
        return self.info.label

    @property
    def key(self) -> str:
        """How ``rules/roles.yaml`` and the log name it: ``customer.phone``."""
        return f"{self.entity}.{self.name}"

    @property
    def required(self) -> bool:
        has_default = self.column.default is not None or self.column.server_default is not None
        return not self.column.nullable and not has_default

    @property
    def encrypted(self) -> bool:
        return isinstance(self.column.type, Encrypted)

    @property
    def choices(self) -> type[Choice]:
        assert isinstance(self.column.type, SqlEnum)
        found = self.column.type.enum_class
        assert found is not None
        assert issubclass(found, Choice)
        return found

    @property
    def target(self) -> str:
        """The table a reference points to."""
        return next(iter(self.column.foreign_keys)).column.table.name

    @property
    def sortable(self) -> bool:
        """Only indexed columns sort: a page must not take longer as the table grows."""
        if self.encrypted or self.info.privacy is Privacy.SECRET:
            return False
        leading = {next(iter(index.columns)).name for index in self.column.table.indexes}
        return bool(self.column.primary_key or self.column.unique) or self.column.name in leading

    @property
    def range(self) -> Range | None:
        """The least and the greatest value; None for what is neither number nor date."""
        return range_of(self.column)

    @property
    def max_length(self) -> int | None:
        plain = self.column.type.plain if isinstance(self.column.type, Encrypted) else self.column.type
        return getattr(plain, "length", None)


ARCHIVED = _l("Archived")
