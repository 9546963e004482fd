"""My day: who comes to her today, what must be known of each, what she has done and what it came to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Flask, render_template, request, url_for
from sqlalchemy import func, select

from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Forbidden
from admin_app.performance import Happened, performance, reason, total
from admin_app.titles import titles_by
from models.booking import Appointment, AppointmentStatus, Segment
from models.care import FollowUp, Treatment
from models.customers import Customer, current_id, records_of
from models.entity import db
from models.names import Name
from models.sales import StaffShare
from rules.documents.roles import Action
from views.addresses import takes_only
from views.booked import OFF, Act, Booked, acts_of, services_of
from views.customer_head import dangers_of
from views.figures import Figure, values
from views.person import access, actor, log_read, refuse

MOST = 40
"""Bookings, or follow-ups, of one day."""

HERS = (Name.ARRIVE, Name.RECORD_TREATMENT, Name.FINISH_VISIT)
"""What a therapist does with a booking."""


@dataclass(frozen=True)
class Guest:
    """One booking of hers today, with all that she must know before she begins."""

    booking: Appointment
    services: list[Booked]
    name: str
    dangers: list[str]
    last: Treatment | None
    acts: list[Act]


@dataclass(frozen=True)
class Asking:
    """A follow-up that is due: whom to ask after which service."""

    row: FollowUp
    name: str
    service: str
    late: int
    address: str


def register(app: Flask) -> None:
    app.add_url_rule("/my-day", "my_day", my_day_page)


def my_day_page() -> Any:
    """The day of whoever is signed in."""
    if not access().opens("my_day"):
        raise refuse(Forbidden, "my_day")
    takes_only(request.args)
    staff, today = actor().staff_id, business_day(now())
    if staff is None:
        return render_template("my_day.html", today=today, staff=None)
    guests, coming = _guests(staff, today), _coming(staff, today + timedelta(1))
    to_ask = _to_ask(staff, today)
    month = performance(db.session(), StaffShare.staff_id == staff, today.replace(day=1), today)
    done = [line for line in month if line.day == today]
    return render_template(
        "my_day.html",
        today=today,
        staff=staff,
        guests=guests,
        left=sum(one.booking.status is not AppointmentStatus.FINISHED for one in guests),
        coming=coming,
        to_ask=None if to_ask is None else (values([to_ask], access())[0], to_ask.address),
        off={line.sale_line_id for line in month if line.happened is not Happened.DONE},
        asking=_asking(staff, today),
        done=[(line, reason(line)) for line in done],
        names=_names({line.customer_id for line in done if line.customer_id is not None}),
        day_total=total(done),
        month_total=total(month),
    )


def _names(customers: Collection[int]) -> dict[int, str]:
    called = titles_by({"customer": set(customers)}, access())
    return {number: title for (_, number), title in called.items()}


def _guests(staff: int, today: date) -> list[Guest]:
    """Her bookings of the day in their order; those called off are left out."""
    dangers = _dangers([who for _, who in _bookings(staff, today)])
    rows = _bookings(staff, today)  # read anew: that dangers were shown has been written down in between
    services = services_of([row.id for row, _ in rows], access())
    customers = {who for _, who in rows}
    last, names = _last_treatments(customers), _names(customers)
    guests = []
    for row, who in rows:
        hers = [one for one in services[row.id] if one.segment.staff_id == staff]
        treatment = last.get(who)
        acts = _acts(row, who, hers, treatment)
        guests.append(Guest(row, hers, names[who], dangers.get(who, []), treatment, acts))
    return guests


def _coming(staff: int, day: date) -> list[Guest]:
    """Her bookings of another day, to prepare for: without buttons, and without what was done last."""
    rows = _bookings(staff, day)
    customers = {who for _, who in rows}
    services, names = services_of([row.id for row, _ in rows], access()), _names(customers)
    endangered, _shown = dangers_of(customers, access())
    return [
        Guest(
            row,
            [one for one in services[row.id] if one.segment.staff_id == staff],
            names[who],
            endangered.get(who, []),
            None,
            [],
        )
        for row, who in rows
    ]


def _to_ask(staff: int, today: date) -> Figure | None:
    """How many follow-ups are due, and the list of them."""
    figure = Figure(FollowUp, {"staff_id": staff, "done_at.empty": "yes", "due_on.to": today})
    return figure if figure.visible(access()) else None


def _acts(booking: Appointment, customer: int, services: list[Booked], last: Treatment | None) -> list[Act]:
    """What she may do next with it; a treatment recorded today is not asked for again."""
    recorded = last is not None and last.business_day == booking.business_day
    among = [name for name in HERS if not (recorded and name is Name.RECORD_TREATMENT)]
    return acts_of(booking, services[0].segment if services else None, url_for("my_day"), among, customer)


def _bookings(staff: int, today: date) -> list[tuple[Appointment, int]]:
    """Bookings of the day with a member of the staff, and who their customer is by now."""
    hers = select(Segment.appointment_id).where(Segment.staff_id == staff, Segment.archived_at.is_(None))
    query = (
        select(Appointment, current_id())
        .join(Customer, Customer.id == Appointment.customer_id)
        .where(Appointment.id.in_(hers), Appointment.business_day == today, access().rows(Appointment))
        .where(Appointment.status.not_in(OFF))
        .order_by(Appointment.starts_at, Appointment.id)
        .limit(MOST)
    )
    return [(booking, who) for booking, who in db.session.execute(query)]


def _dangers(customers: Collection[int]) -> dict[int, list[str]]:
    """What is dangerous for each; the log knows of substances shown before the page is made."""
    found, shown = dangers_of(customers, access())
    if shown:
        log_read("contraindication", shown, ["substance"])
    return found


def _last_treatments(customers: Collection[int]) -> dict[int, Treatment]:
    """The newest treatment of each."""
    if not access().may(Action.VIEW, Treatment):
        return {}
    newest = (
        select(func.max(Treatment.id))
        .join(Customer, Customer.id == Treatment.customer_id)
        .where(Treatment.customer_id.in_(records_of(customers)), access().rows(Treatment))
        .group_by(current_id())
    )
    query = select(current_id(), Treatment).join(Customer, Customer.id == Treatment.customer_id)
    rows = db.session.execute(query.where(Treatment.id.in_(newest))).all()
    return {customer: treatment for customer, treatment in rows}  # noqa: C416 - a row is not typed as a pair


def _asking(staff: int, today: date) -> list[Asking]:
    """Whom she has to ask today, the longest overdue first."""
    query = (
        select(FollowUp, Treatment.service_id)
        .join(Treatment, Treatment.id == FollowUp.treatment_id)
        .where(FollowUp.staff_id == staff, FollowUp.done_at.is_(None), FollowUp.due_on <= today)
        .where(access().rows(FollowUp))
        .order_by(FollowUp.due_on, FollowUp.id)
        .limit(MOST)
    )
    rows = db.session.execute(query).all()
    wanted = {"customer": {row.customer_id for row, _ in rows}, "service": {service for _, service in rows}}
    called = titles_by(wanted, access())
    may, back = access().does(Name.FINISH_FOLLOW_UP), url_for("my_day")
    return [
        Asking(
            row,
            called["customer", row.customer_id],
            called["service", service],
            (today - row.due_on).days,
            url_for("operation", name=Name.FINISH_FOLLOW_UP, on=row.id, version=row.version, next=back) if may else "",
        )
        for row, service in rows
    ]
