"""What an entry of the log holds beside its fields, in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin_app.i18n import join_words
from admin_app.rulebook import words_of
from admin_app.values import money
from admin_app.word_lists import DOCUMENT_WORDS
from models.entity import entities

LABELS: dict[str, LazyString] = {
    "as_of": _l("As of"),
    "first": _l("Customers from number"),
    "last": _l("Customers to number"),
    "customers": _l("Customers"),
    "gained": _l("Gained"),
    "lost": _l("Lost"),
    "moved": _l("Tiers moved"),
    "asked": _l("Tasks and alerts made"),
    "given": _l("Points, coupons, gifts and messages given"),
    "raised": _l("Alerts raised"),
    "rules": _l("Rules"),
    "withdrawn": _l("Withdrawn"),
    "closed": _l("Closed"),
    "tiers_fallen": _l("Tiers fallen"),
    "put_back": _l("Put back"),
    "total": _l("Total"),
    "number": _l("Number"),
    "difference": _l("Difference"),
    "paid": _l("Paid"),
    "used": _l("Used"),
    "back": _l("Paid back"),
    "sessions_used": _l("Sessions used"),
    "lines": _l("Lines"),
    "bookings": _l("Bookings"),
    "versions": _l("Versions"),
    "field": _l("Field"),
    "fields": _l("Fields"),
    "rows": _l("Rows"),
    "entity": _l("Entity"),
    "found": _l("Found"),
    "whole": _l("Whole number"),
    "format": _l("Format"),
    "columns": _l("Columns"),
    "filter": _l("Filter"),
    "release": _l("Release"),
    "schedule": _l("Schedule"),
    "path": _l("File"),
    "size": _l("Size"),
    "made_at": _l("Made at"),
    "before": _l("Before"),
    "after": _l("After"),
    "overrides": _l("Passed over"),
    "delivered": _l("Delivered"),
    "sales": _l("Sales"),
    "staff": _l("Staff"),
    "corrected": _l("Corrected"),
    "session": _l("Session"),
    "token": _l("Digest of its token"),
    "kept": _l("Rows that stayed"),
}
"""Labels of what operations write down; what has none is shown raw."""

MONEY = frozenset({"total", "difference", "paid", "used", "back"})

VIEWS: dict[str, LazyString] = {
    "index_view": _l("List"),
    "details_view": _l("Details"),
    "create_view": _l("New"),
    "edit_view": _l("Edit"),
    "history_view": _l("History"),
    "export": _l("Export"),
}

PAGES: dict[str, LazyString] = {
    "dashboard": _l("Today"),
    "odd_papers": _l("Odd papers"),
    "day_report": _l("Day report"),
    "bookings": _l("Booking day"),
    "call_list": _l("Call list"),
    "my_day": _l("My day"),
    "fees": _l("Staff performance"),
    "rules": _l("Rule studio"),
    "log": _l("Operation log"),
    "schedules": _l("Schedules at work"),
}


def details_of(detail: Mapping[str, Any] | None) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """What can be said, as labels and values; and the rest as it stands."""
    detail = dict(detail or {})
    said = [(str(LABELS[key]), _said(key, value, detail)) for key, value in detail.items() if key in LABELS]
    return said, {key: value for key, value in detail.items() if key not in LABELS}


def _said(key: str, value: Any, detail: Mapping[str, Any]) -> str:
    if value is None or value in ([], {}, ""):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if key in MONEY and isinstance(value, int):
        return money(value)
    if isinstance(value, Mapping):
        return join_words(f"{_word(key, name, detail)} {_said('', one, detail)}" for name, one in value.items())
    if isinstance(value, list):
        return join_words(_said(key, one, detail) for one in value)
    return f"{value:,}" if isinstance(value, int) else _word(key, str(value), detail)


def _word(key: str, name: str, detail: Mapping[str, Any]) -> str:
    """What a short name under a key is called."""
    if key in ("gained", "lost", "rules"):
        known = dict(words_of("rules"))
        return known.get(name) or known.get(name.partition(":")[2]) or name
    if key == "moved":
        return dict(words_of("tiers")).get(name, name)
    if key == "versions":
        return str(DOCUMENT_WORDS.get(name, name))
    if key in ("entity", "field", "fields", "columns", "filter"):
        return _of_entity(name, str(detail.get("entity", "")))
    return name


def _of_entity(name: str, entity: str) -> str:
    """A kind of row, a field of it, or a page."""
    known = {one.named(): one for one in entities()}
    if name in known:
        return str(known[name].label)
    if entity in known and (field := known[entity].fields().get(name.partition(".")[0])) is not None:
        return str(field.label)
    kind, _dot, view = name.partition(".")
    if kind in known and view in VIEWS:
        return f"{known[kind].label} · {VIEWS[view]}"
    return str(PAGES.get(kind, name))
