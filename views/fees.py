"""Staff performance: money in, value used and manual fees by person for a day or a month, each line with why."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template, request
from sqlalchemy import ColumnElement, and_, true

from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Forbidden, Missing
from admin_app.performance import by_staff, performance, reason, total
from admin_app.titles import titles_by
from models.entity import db
from models.sales import Sale, StaffShare
from rules.decisions.access import MASK
from views.person import access, refuse
from views.spans import chosen_store, read_span

MOST = 500


def register(app: Flask) -> None:
    app.add_url_rule("/fees", "fees", fees_page)
    app.add_url_rule("/fees/<int:staff>", "fees.of", fees_of)


def fees_page() -> Any:
    """Everybody, a line each."""
    _opened()
    span = read_span(request.args, business_day(now()))
    stores, chosen = chosen_store("fees")
    lines = performance(db.session(), _hers(chosen), span.first, span.last)
    people = by_staff(lines)
    names = titles_by({"staff": set(people)}, access())
    order = sorted(people, key=lambda one: (-people[one].used - people[one].money_in, one))
    return render_template(
        "fees.html",
        span=span,
        stores=stores,
        chosen=chosen,
        kept={} if chosen is None else {"store": chosen},
        people=[(one, names["staff", one], people[one]) for one in order],
        all=total(lines),
    )


def fees_of(staff: int) -> Any:
    """One person, line by line."""
    _opened()
    span = read_span(request.args, business_day(now()))
    _stores, chosen = chosen_store("fees")
    lines = performance(db.session(), and_(_hers(chosen), StaffShare.staff_id == staff), span.first, span.last)
    names = titles_by({"staff": {staff}, "store": {line.store_id for line in lines}}, access())
    if names["staff", staff] == MASK and not lines:
        raise refuse(Missing, "fees.of", "staff", staff)
    return render_template(
        "fees_of.html",
        name=names["staff", staff],
        stores_called=names,
        span=span,
        kept={"staff": staff} if chosen is None else {"staff": staff, "store": chosen},
        lines=[(line, reason(line)) for line in lines[:MOST]],
        more=max(len(lines) - MOST, 0),
        all=total(lines),
    )


def _opened() -> None:
    if not access().opens("fees"):
        raise refuse(Forbidden, "fees")


def _hers(store: int | None) -> ColumnElement[bool]:
    """The shares that she may see, in one store or in all of hers."""
    return and_(access().rows(StaffShare), true() if store is None else Sale.store_id == store)
