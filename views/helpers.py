"""Small words for templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from admin_app.i18n import join_clauses, join_words, text_of
from admin_app.operations.refusals import result_said
from admin_app.rulebook import words_of
from admin_app.titles import resolve, title_of
from admin_app.values import money, whole_number
from admin_app.word_lists import ACTOR_WORDS
from models.booking import AppointmentStatus
from models.entity import Entity, entity_named
from models.field import Field, Kind
from views.listing import OPERATORS, Applied
from views.person import access
from views.tiers import tier_tone


def local_time(at: datetime, seconds: bool = False) -> str:
    """A moment on the salon's own clock."""
    local = at.astimezone(current_app.config["PEONY"].zone)
    return f"{local:%Y-%m-%d %H:%M:%S}" if seconds else f"{local:%Y-%m-%d %H:%M}"


def role_label(role: str) -> str:
    return dict(words_of("roles")).get(role) or said_by(role)


def said_by(name: str) -> str:
    """Who did something: a person by her name, the house by a word."""
    return str(ACTOR_WORDS.get(name, name))


def row_title(row: Entity) -> str:
    return title_of(row, access())


def filter_word(operator: str) -> str:
    return str(OPERATORS[operator][0]) if operator in OPERATORS else _("empty")


def filter_said(applied: Applied) -> str:
    """A filter's value in words."""
    one = applied.field
    if applied.operator == "empty" or one.kind is Kind.FLAG:
        return _("Yes") if applied.said in {"yes", "1", "true"} else _("No")
    if one.kind is Kind.CHOICE:
        labels = {member.value: str(member.label) for member in one.choices}
        return join_words(labels.get(value, value) for value in applied.said.split(","))
    if one.info.words:
        return join_words(dict(words_of(one.info.words)).get(value, value) for value in applied.said.split(","))
    if one.kind is Kind.REFERENCE and (number := whole_number(applied.said)) is not None:
        return resolve(entity_named(one.target), number, access())
    return applied.said


def inline_choices(one: Field) -> str:
    """The choices of an inline editor."""
    blank = [("", "")] if one.column.nullable else []
    return json.dumps([*blank, *((member.value, str(member.label)) for member in one.choices)], ensure_ascii=False)


STATUS_TONES = {
    "booked": "info",
    "confirmed": "good",
    "arrived": "here",
    "finished": "muted",
    "cancelled": "off",
    "no_show": "off",
}


def status_tone(status: AppointmentStatus) -> str:
    """The colour of a booking by how far it has come."""
    return STATUS_TONES[status.value]


def clock(at: datetime) -> str:
    """The time of day of a moment on the salon's own clock."""
    return f"{at.astimezone(current_app.config['PEONY'].zone):%H:%M}"


def in_days(days: int) -> str:
    """How far ahead a day is, in words."""
    near = {0: _("today"), 1: _("tomorrow")}
    return near.get(days) or _("in %(days)s days", days=days)


HELPERS: dict[str, Callable[..., Any]] = {
    "entity_class": entity_named,
    "local_time": local_time,
    "role_label": role_label,
    "said_by": said_by,
    "money": money,
    "row_title": row_title,
    "filter_word": filter_word,
    "filter_said": filter_said,
    "inline_choices": inline_choices,
    "result_said": result_said,
    "status_tone": status_tone,
    "clock": clock,
    "in_days": in_days,
    "tier_tone": tier_tone,
    "text_of": text_of,
    "join_words": join_words,
    "join_clauses": join_clauses,
}
