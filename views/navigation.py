"""The side navigation: what she may open, by section."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin_app.new_salon import shows_demo
from models.entity import Entity, entities
from models.names import Name
from models.screen import Section
from rules.documents.roles import Action, Role
from views.approvals import waiting_for_me
from views.person import access


@dataclass(frozen=True)
class Entry:
    """One place to go; ``endpoint`` is its page, or of an entity any of its pages (``customer.``)."""

    label: str
    icon: str
    address: str
    endpoint: str

    @property
    def here(self) -> bool:
        """Whether the page that is shown belongs to it."""
        endpoint = request.endpoint or ""
        return endpoint == self.endpoint or (self.endpoint.endswith(".") and endpoint.startswith(self.endpoint))

    @property
    def count(self) -> int:
        """How much waits there."""
        return waiting_for_me() if self.endpoint == "approvals" else 0


@dataclass(frozen=True)
class Group:
    """A heading with its places; those one seldom goes to stand under «more»."""

    label: str
    entries: list[Entry]
    more: list[Entry]

    @property
    def in_more(self) -> bool:
        return any(entry.here for entry in self.more)


PRIMARY = (
    "customer",
    "contraindication",
    "interaction",
    "assessment",
    "treatment",
    "follow_up",
    "membership",
    "appointment",
    "waitlist",
    "closed_period",
    "visit",
    "sale",
    "payment",
    "day_close",
    "card",
    "ledger_entry",
    "service",
    "product",
    "package",
    "store",
    "staff",
    "room",
    "shift",
    "tag",
    "alert",
    "task",
    "rule_match",
    "user",
    "import_run",
)
"""Entities one goes to by name, in this order."""


def navigation() -> list[Group]:
    """Headings and places, in the order of the sections. They are worked out once for a role and a language."""
    kept: dict[tuple[object, ...], tuple[Role | None, list[Group]]]
    kept = current_app.extensions.setdefault("peony_navigation", {})
    role, actor_role = access().role, access().actor.role
    key = (actor_role, str(get_locale()), shows_demo(), request.script_root)
    if key not in kept or kept[key][0] is not role:
        kept[key] = (role, _groups())
    return kept[key][1]


def _groups() -> list[Group]:
    today = Entry(_("Today"), "home", url_for("dashboard.index"), "dashboard.index")
    groups = [Group("", [today, *_opened(OF_THE_DAY), *_approvals()], [])]
    shown = [one for one in entities() if one.screen and access().may(Action.VIEW, one)]
    for section in Section:
        seen = [one for one in shown if one.screen and one.screen.section is section]
        first = sorted((one for one in seen if one.named() in PRIMARY), key=lambda one: PRIMARY.index(one.named()))
        entries = [*_opened(OF_THE_RULES if section is Section.RULES else ()), *(_entry(one) for one in first)]
        entries += _house_pages() if section is Section.SYSTEM else []
        more = [_entry(one) for one in seen if one.named() not in PRIMARY]
        if len(more) == 1 or not entries:
            entries, more = entries + more, []
        if entries:
            groups.append(Group(str(section.label), entries, more))
    return groups


def _entry(entity: type[Entity]) -> Entry:
    assert entity.screen is not None
    address = url_for(f"{entity.named()}.index_view")
    return Entry(str(entity.plural), entity.screen.icon, address, f"{entity.named()}.")


def list_address(entity: str, filters: dict[str, Any]) -> str:
    """A list with filters in force: how a figure opens its rows."""
    address: str = url_for(f"{entity}.index_view", **filters)
    return address


_OURS = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def is_ours(address: str) -> bool:
    """Whether an address from outside leads to a page of this house, whatever a browser makes of odd characters."""
    return _OURS.fullmatch(address) is not None


OF_THE_DAY = (
    ("my_day", _l("My day"), "heart"),
    ("bookings", _l("Booking day"), "calendar"),
    ("call_list", _l("Call list"), "phone"),
    ("day_report", _l("Day report"), "chart"),
    ("fees", _l("Staff performance"), "coin"),
    ("odd_papers", _l("Odd papers"), "flag"),
)
OF_THE_RULES = (("rules", _l("Rule studio"), "flag"),)
OF_THE_HOUSE = (("log", _l("Operation log"), "book"), ("schedules", _l("Schedules at work"), "clock"))
OF_THE_DEMO = (("open_salon", _l("Clear the demo, open my salon"), "store"),)
"""Pages that are neither an entity's nor an operation's: the page is its own endpoint."""


def _approvals() -> list[Entry]:
    """Requests for approvals, with how many wait, for whoever may answer them."""
    if not access().does(Name.ALLOW):
        return []
    return [Entry(_("Approvals"), "check", url_for("approvals"), "approvals")]


def _house_pages() -> list[Entry]:
    return _opened((*OF_THE_HOUSE, *(OF_THE_DEMO if shows_demo() else ())))


def _opened(pages: Iterable[tuple[str, Any, str]]) -> list[Entry]:
    return [Entry(str(label), sign, url_for(page), page) for page, label, sign in pages if access().opens(page)]
