"""What an entity says about its generated screen, and who may write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flask_babel import lazy_gettext as _l

from models.field import Choice
from models.names import Name


class Section(Choice):
    """The side navigation, in its order."""

    CUSTOMERS = "customers", _l("Customers")
    BOOKINGS = "bookings", _l("Bookings")
    SALES = "sales", _l("Sales")
    VALUE = "value", _l("Cards and balances")
    CATALOGUE = "catalogue", _l("Menu and goods")
    ORGANISATION = "organisation", _l("Stores and staff")
    RULES = "rules", _l("Rules")
    SYSTEM = "system", _l("System")


@dataclass(frozen=True)
class Screen:
    """``columns`` are the list's columns, ``order`` the column it is sorted by (``-`` for descending)."""

    section: Section
    icon: str
    columns: tuple[str, ...]
    order: str = "-id"
    inline: tuple[str, ...] = ()  # columns that may be edited in the list


@dataclass(frozen=True)
class WrittenBy:
    """Who may write an entity: generated forms, the named operations, inserts only, or the house itself."""

    FORM: ClassVar[WrittenBy]
    DERIVED: ClassVar[WrittenBy]

    kind: str
    operations: frozenset[Name] = frozenset()
    also: frozenset[Name] = frozenset()

    @property
    def archives(self) -> bool:
        """Whether people put its rows away; elsewhere ``archived_at`` says that a row has ended."""
        return self.kind == "form" or Name.ARCHIVE_ENTITY in self.operations

    @classmethod
    def by(cls, *operations: Name, also: tuple[Name, ...] = ()) -> WrittenBy:
        """``also`` names operations that write it on the way, as a consequence of what they are for."""
        return cls("operations", frozenset(operations), frozenset(also))


WrittenBy.FORM = WrittenBy("form")
WrittenBy.DERIVED = WrittenBy("derived")
