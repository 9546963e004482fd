"""The filter panel of a list: a control per field that may be filtered, typed by what the field is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.rulebook import words_of
from admin_app.titles import called, titles_by
from admin_app.values import NO, YES, whole_number
from models.entity import db, entity_named
from models.field import Field, Kind
from views.computed import ComputedField
from views.forms import SHORT_LIST
from views.listing import OPERATORS, Listing, Unread, filterable, operators_of


@dataclass(frozen=True)
class Control:
    """One control: what it sends, what it is called, what it may be, what it is now."""

    param: str
    label: str
    hint: str
    type: str  # text, date, number, select, checkboxes, lookup
    value: str
    choices: list[tuple[str, str]]
    target: str = ""
    usual: bool = True
    fault: str = ""


def filter_controls(listing: Listing) -> list[Control]:
    """Controls for every field that she may filter by; usual are those of the columns, and those in force.

    What could not be read stays in its control as it was written, with the reason.
    """
    now = {applied.param: applied.said for applied in listing.applied}
    faults = {one.param: one for one in listing.faults}
    screen = listing.entity.screen
    usual = set(screen.columns) if screen is not None else set[str]()
    found: list[Control] = []
    for one in filterable(listing.entity, listing.access):
        for operator in operators_of(one):
            param = one.name if operator == "is" else f"{one.name}.{operator}"
            control = _control(listing, one, operator, param, now.get(param, ""))
            shown = one.name in usual or isinstance(one, ComputedField)
            control = replace(control, usual=bool(control.value) or shown)
            found.append(_with_fault(control, faults[param]) if param in faults else control)
    for applied in listing.applied:
        if applied.through or applied.operator == "empty":  # has no control but where it is in force
            control = _control(listing, applied.field, applied.operator, applied.param, applied.said)
            found.append(replace(control, label=applied.label))
    return found


def _with_fault(control: Control, fault: Unread) -> Control:
    """The control with what was written; as plain text where a browser would show no such day or time."""
    typed = "text" if control.type in {"date", "time", "number"} else control.type
    return replace(control, value=fault.said, type=typed, fault=str(fault.message), usual=True)


_TYPES = {Kind.DAY: "date", Kind.INSTANT: "date", Kind.TIME: "time", Kind.NUMBER: "number", Kind.MONEY: "number"}


def _control(listing: Listing, one: Field, operator: str, param: str, value: str) -> Control:
    label = str(one.label)
    hint = str(OPERATORS[operator][0]) if operator not in {"is", "empty"} else ""
    if operator == "empty" or one.kind is Kind.FLAG:
        hint = _("empty") if operator == "empty" else ""
        return Control(param, label, hint, "select", value, [("yes", str(YES)), ("no", str(NO))])
    if one.kind is Kind.CHOICE:
        choices = [(member.value, str(member.label)) for member in one.choices]
        return Control(param, label, hint, "checkboxes", value, choices)
    if one.kind is Kind.REFERENCE:
        return _reference(listing, one, param, label, value)
    if one.info.words:
        return Control(param, label, "", "checkboxes", value, words_of(one.info.words))
    return Control(param, label, hint, _TYPES.get(one.kind, "text"), value, [])


def _reference(listing: Listing, one: Field, param: str, label: str, value: str) -> Control:
    target = entity_named(one.target)
    rows: list[Any] = list(
        db.session.scalars(select(target).where(listing.access.rows(target)).order_by(target.id).limit(SHORT_LIST + 1))
    )
    if len(rows) <= SHORT_LIST:
        titles = called(rows, listing.access)
        choices = [(str(row.id), title) for row, title in zip(rows, titles, strict=True)]
        return Control(param, label, "", "select", value, choices)
    numbers = [number for part in value.split(",") if (number := whole_number(part)) is not None]
    names = titles_by({target.named(): set(numbers)}, listing.access) if numbers else {}
    chosen = [(str(number), names[target.named(), number]) for number in numbers]
    return Control(param, label, "", "lookup", value, chosen, target.named())
