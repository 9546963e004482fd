"""What the first page begins with: the work of whoever signed in, by what the role may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, select

from admin_app.calling import calls
from admin_app.i18n import join_clauses, join_words
from admin_app.operations.registry import spec_named
from admin_app.titles import titles_by
from models.booking import OPEN, Appointment, AppointmentStatus, Segment
from models.entity import db
from models.names import Name
from rules.documents.roles import Sees
from views.booked import Act, acts_of, services_of
from views.call_list import told
from views.customer_head import dangers_of
from views.day_report import Frame, left_open, report
from views.helpers import clock, status_tone
from views.odd_papers import DAYS, Asked, counts_of
from views.person import access, actor
from views.spans import Span

MOST = 8
AT_THE_DESK = (Name.SELL, Name.BOOK, Name.RECHARGE, Name.OPEN_CARD)
"""What is begun at the desk without anything before it."""
NEXT = (Name.ARRIVE, Name.SELL, Name.REDEEM_SESSION, Name.FINISH_VISIT, Name.RECORD_TREATMENT)
BUTTONS = 2
WAITS = (*OPEN, AppointmentStatus.ARRIVED)


@dataclass(frozen=True)
class Item:
    """One thing to do: when or how many, whom or what it is about, and the buttons for it."""

    lead: str
    title: str
    address: str
    note: str = ""
    chip: tuple[str, str] | None = None
    danger: bool = False
    acts: Sequence[Act] = ()


@dataclass(frozen=True)
class Work:
    """The first thing on the page: a heading with its count, what is begun here, and the list."""

    title: str
    icon: str
    count: str
    address: str
    items: list[Item]
    nothing: str
    begins: list[Act] = field(default_factory=list)


def work_of(today: date) -> Work | None:
    """The work of this role; None for who looks at the whole, and begins with the figures."""
    role = access().role
    if role is None or "*" in role.does:
        return None
    if access().does(Name.SELL) and access().opens("bookings"):
        return _desk(today)
    if actor().staff_id is not None and access().opens("my_day"):
        return _my_guests(today, actor().staff_id or 0)
    if access().opens("call_list"):
        return _calls(today)
    if access().opens("odd_papers"):
        return _papers(today)
    return _books(today) if access().opens("day_report") and role.sees is Sees.ALL else None


def _desk(today: date) -> Work:
    """Whoever comes today, the next first, and what is begun at the desk."""
    begins = [
        Act(spec_named(name), url_for("operation", name=name, next=url_for("dashboard.index")))
        for name in AT_THE_DESK
        if access().does(name)
    ]
    return _bookings(today, _("Coming today"), url_for("bookings"), [], NEXT, begins)


def _my_guests(today: date, staff: int) -> Work:
    hers = select(Segment.appointment_id).where(Segment.staff_id == staff, Segment.archived_at.is_(None))
    return _bookings(today, _("Who comes to me today"), url_for("my_day"), [Appointment.id.in_(hers)], NEXT, [])


def _bookings(
    today: date,
    title: str,
    address: str,
    among: list[ColumnElement[bool]],
    acts: Sequence[Name],
    begins: list[Act],
) -> Work:
    """Bookings of the day that are still to be kept or finished."""
    waits = (access().rows(Appointment), Appointment.business_day == today, Appointment.status.in_(WAITS), *among)
    total = db.session.scalar(select(func.count()).select_from(Appointment).where(*waits)) or 0
    order = (Appointment.starts_at, Appointment.id)
    rows = list(db.session.scalars(select(Appointment).where(*waits).order_by(*order).limit(MOST)))
    services = services_of([row.id for row in rows], access())
    customers = {row.customer_id for row in rows}
    names = titles_by({"customer": customers}, access())
    endangered, _shown = dangers_of(customers, access())
    back = url_for("dashboard.index")
    items = [
        Item(
            clock(row.starts_at),
            names["customer", row.customer_id],
            url_for("customer.details_view", id=row.customer_id),
            join_words(f"{one.service} {one.staff}" for one in services[row.id]),
            (status_tone(row.status), str(row.status.label)),
            row.customer_id in endangered,
            acts_of(row, services[row.id][0].segment if services[row.id] else None, back, acts)[:BUTTONS],
        )
        for row in rows
    ]
    return Work(title, "calendar", str(total), address, items, _("Nobody is expected any more today."), begins)


def _calls(today: date) -> Work:
    found = calls(db.session(), access(), today)
    first = found[:MOST]
    names = titles_by({"customer": {call.customer_id for call in first}}, access())
    items = []
    for call in first:
        reasons = [told(one) for one in call.reasons]
        address = url_for("customer.details_view", id=call.customer_id)
        words = join_clauses(f"{one.label} {one.words}" for one in reasons)
        items.append(Item("", names["customer", call.customer_id], address, words))
    nothing = _("Nobody needs a call today.")
    return Work(_("Whom to call today"), "phone", str(len(found)), url_for("call_list"), items, nothing)


def _papers(today: date) -> Work:
    asked = Asked(today - timedelta(DAYS - 1), today)
    span: dict[str, Any] = dict(asked.args)
    items = [
        Item(f"{count:,}", str(paper.label), url_for("odd_papers.kind", kind=paper.key, **span))
        for paper, count in counts_of(asked)
        if count
    ]
    title = _("Odd papers, last %(days)s days", days=DAYS)
    return Work(title, "flag", "", url_for("odd_papers", **span), items, _("No odd paper in these days."))


def _books(today: date) -> Work:
    """For who keeps the books: the days left open, then yesterday's headline."""
    yesterday = today - timedelta(1)
    month = Frame(Span(yesterday.replace(day=1), yesterday, True))
    items = [
        Item(
            day.isoformat(), store.name, url_for("day_report", day=day.isoformat(), store=store.id), _("not closed yet")
        )
        for store, day in left_open(month, today)
    ]
    tiles, _sheets = report(Frame(Span(yesterday, yesterday, False)))
    items += [
        Item(one.now, one.label, one.address or url_for("day_report", day=yesterday.isoformat())) for one in tiles
    ]
    title = _("Day report of %(day)s", day=yesterday.isoformat())
    return Work(title, "chart", "", url_for("day_report", day=yesterday.isoformat()), items, _("Nothing yet."))
