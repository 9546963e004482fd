"""What the house calls its own short names: documents of rules, schedules, and the parts of it that raise alerts."""

from __future__ import annotations

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

DOCUMENT_WORDS: dict[str, LazyString] = {
    "tags": _l("Tags and layers"),
    "alerts": _l("Alerts and tasks"),
    "calls": _l("Call list"),
    "campaigns": _l("Campaigns"),
    "tiers": _l("Tiers"),
    "points": _l("Points"),
    "recharge": _l("Recharge"),
    "till": _l("Till and bookings"),
    "commissions": _l("Commissions"),
    "festivals": _l("Festivals and birthdays"),
    "roles": _l("Roles"),
    "security": _l("Signing in and passwords"),
}

SCHEDULE_WORDS: dict[str, LazyString] = {
    "rules-daily": _l("All rules, every night"),
    "rules-changed": _l("Rules for who changed"),
    "anchor-log": _l("Anchor of the log"),
    "back-up": _l("Backup"),
    "housekeeping": _l("Housekeeping"),
}

SOURCE_WORDS: dict[str, LazyString] = {
    "adverse_reaction": _l("Adverse reaction"),
    "password_tries": _l("Wrong passwords"),
    "rules": _l("Rule files"),
    "scheduler": _l("Schedules at work"),
    "tiers": _l("Tiers"),
}
"""Beside the rules themselves."""

ACTOR_WORDS: dict[str, LazyString] = {"system": _l("System"), "command": _l("Console"), "nobody": _l("Nobody")}
"""Where somebody's name would stand, and no person did it."""
