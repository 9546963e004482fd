"""The side navigation: what she may open, by section."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for
from flask_babel import gettext as _

from models.entity import entities
from models.screen import Section
from rules.documents.roles import Action
from views.person import access


@dataclass(frozen=True)
class Entry:
    """One place to go."""

    label: str
    icon: str
    address: str
    here: bool


@dataclass(frozen=True)
class Group:
    """A heading with its places."""

    label: str
    entries: list[Entry]


PRIMARY = {
    "customer",
    "contraindication",
    "interaction",
    "membership",
    "assessment",
    "visit",
    "sale",
    "payment",
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
    "rule_version",
    "user",
    "import_run",
    "schedule",
}
"""Entities one looks for by name; the others stand one step further, under «more»."""


def navigation() -> list[Group]:
    """Headings and places, in the order of the sections."""
    groups = [Group("", [Entry(_("Today"), "home", url_for("dashboard.index"), request.endpoint == "dashboard.index")])]
    for section in Section:
        entries = [
            Entry(str(entity.plural), entity.screen.icon, url_for(f"{entity.named()}.index_view"), _here(entity.named()))
            for entity in sorted(entities(), key=lambda entity: entity.named() not in PRIMARY)
            if entity.screen is not None and entity.screen.section is section and access().may(Action.VIEW, entity)
        ]
        if section is Section.SYSTEM:
            entries += _pages()
        if entries:
            groups.append(Group(str(section.label), entries))
    return groups


def _here(endpoint: str) -> bool:
    return (request.endpoint or "").partition(".")[0] == endpoint


def _pages() -> list[Entry]:
    pages = (("log", "log", _("Operation log"), "book"), ("schedules", "schedules", _("Schedules at work"), "clock"))
    return [
        Entry(label, sign, url_for(endpoint), request.endpoint == endpoint)
        for page, endpoint, label, sign in pages
        if access().opens(page)
    ]
