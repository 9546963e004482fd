"""Who may see and do what."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from models.field import Privacy
from rules.language.reading import Document, Free, Name, Part, Slug


class Action(StrEnum):
    """What may be done with rows of any entity."""

    VIEW = "view"
    CREATE = "create"
    EDIT = "edit"
    ARCHIVE = "archive"
    EXPORT = "export"
    IMPORT = "import"
    REVEAL = "reveal"
    HISTORY = "history"


class Sees(StrEnum):
    """Which rows."""

    ALL = "all"
    STORE = "store"
    ASSIGNED = "assigned"
    SERVED = "served"


class Page(StrEnum):
    """A page that is neither an entity's nor an operation's."""

    DASHBOARD = "dashboard"
    LOG = "log"
    SCHEDULES = "schedules"
    BOOKINGS = "bookings"
    MY_DAY = "my_day"
    CALL_LIST = "call_list"
    DAY_REPORT = "day_report"
    FEES = "fees"
    ODD_PAPERS = "odd_papers"
    OPEN_SALON = "open_salon"
    RULES = "rules"


class Role(Part):
    """One role.

    .. code-block:: yaml

        - id: reception
          name: 前台
          name_en: Reception
          sees: store                  # all, store, assigned, served (assigned, booked or served)
          may:
            customer: [view, create, edit]
            "*": [view]                # every entity not named
          does: [tag_customers]        # operations; "*" is every one
          pages: [dashboard]           # pages that are neither an entity nor an operation
          hears: [consultant]          # whose alerts and tasks she sees beside her own; "*" is everybody's
          clear: [personal]            # privacy classes seen in clear; else personal is masked, the rest hidden
          masked: [customer.wechat]
          hidden: [customer.notes]
          read_only: [customer.member_no]
    """

    id: Slug
    name: Name
    name_en: str = ""
    sees: Sees = Sees.STORE
    may: Annotated[dict[str, list[Action]], Free] = {}
    does: list[str] = []
    pages: list[Page] = []
    hears: list[str] = []
    clear: list[Privacy] = []
    masked: list[str] = []
    hidden: list[str] = []
    read_only: list[str] = []

    def actions(self, entity: str) -> frozenset[Action]:
        """What she may do with an entity: what is said of it by name, else what is said of every other."""
        return frozenset(self.may.get(entity, self.may.get("*", [])))


class RolesDocument(Document):
    """``rules/roles.yaml``."""

    roles: Annotated[list[Role], Field(min_length=1)]

    def role(self, name: str) -> Role | None:
        return next((role for role in self.roles if role.id == name), None)
