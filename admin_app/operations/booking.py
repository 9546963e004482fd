"""Bookings: placed where therapist, bed, equipment and customer are free together, moved, called off, kept."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from flask import current_app
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from pydantic import Field
from sqlalchemy import select

from admin_app.i18n import join_words
from admin_app.operations.free_times import Plan, Request, day_known, plan_of, starts_of
from admin_app.operations.in_use import ensure_in_use
from admin_app.operations.kernel import Operation, business_day
from admin_app.operations.receipts import visit_of_the_day
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, Row, operation
from admin_app.operations.safety import ensure_safe
from admin_app.operations.till import InStore, OneCustomer, Override, store_of
from admin_app.rulebook import rulebook
from models.booking import (
    OPEN,
    Appointment,
    AppointmentEvent,
    AppointmentSource,
    AppointmentStatus,
    BookingClaim,
    Segment,
    Waitlist,
)
from models.catalogue import Service
from models.customers import Customer
from models.field import Kind
from models.names import Name
from models.organisation import Staff
from models.sales import Visit, VisitSource
from rules.decisions import times

Reason = Annotated[str, Ask(_l("Reason")), Field(max_length=200)]
OneBooking = Annotated[int, Ask(_l("Booking"), to=Appointment)]


class WantedRow(Row):
    """One service of a booking, and with whom; without a name whoever is free."""

    service: Annotated[int, Ask(_l("Service"), to=Service)]
    staff: Annotated[int | None, Ask(_l("With"), to=Staff, at_work=True, help=_l("Empty: whoever is free"))] = None


class BookInput(Input):
    """Who comes when, and for what."""

    customer: OneCustomer
    starts_at: Annotated[datetime, Ask(_l("When"))]
    services: Annotated[list[WantedRow], Ask(_l("Services")), Field(min_length=1, max_length=6)]
    store: InStore = None
    source: Annotated[AppointmentSource, Ask(_l("Source"))] = AppointmentSource.FRONT_DESK
    note: Annotated[str, Ask(_l("Note"), kind=Kind.LONG_TEXT, aside=True), Field(max_length=1000)] = ""
    override: Override = ""


@operation(Name.BOOK, label=_l("Book"), on=Customer, page=Appointment)
def book(op: Operation, data: BookInput) -> Answer:
    """Place a booking.

    :raises Refused: something is taken; the message says what, and which times are nearest.
    """
    customer: Customer = op.subject
    ensure_safe(op, customer.id, [row.service for row in data.services], data.override)
    store_id = store_of(op, data.store)
    wanted = tuple((row.service, row.staff) for row in data.services)
    plan, placed = _placed(op, Request(store_id, customer.id, wanted, data.starts_at))
    appointment = Appointment(
        customer_id=customer.id,
        store_id=store_id,
        starts_at=placed[0].starts_at,
        ends_at=placed[-1].ends_at,
        business_day=business_day(data.starts_at),
        source=data.source,
        booked_on=op.day,
        note=data.note or None,
    )
    op.session.add(appointment)
    op.session.flush()
    _claim(op, appointment, plan, placed, [row.staff is not None for row in data.services])
    _settle_waiting(op, customer.id, appointment)
    _happened(op, appointment, "")
    op.concerns(appointment)
    return {"id": appointment.id}


def _placed(op: Operation, request: Request, besides: int | None = None) -> tuple[Plan, list[times.Placed]]:
    """:raises Refused: it does not fit; the nearest times at which it would are told."""
    if abs(request.starts_at - op.at) > timedelta(days=rulebook(op.session).till.ahead + 1):
        raise Refused(_l("Bookings are not taken so far ahead."), "starts_at", "too_far")
    plan = plan_of(op.session, request, op.at)
    day = day_known(op.session, plan, besides)
    starts = starts_of(plan)
    if request.starts_at not in starts:
        raise _refused(plan, day, _l("The store takes no bookings at this time."))
    found = times.place(day, plan.customer, plan.needs, request.starts_at)
    if isinstance(found, times.Blocked):
        raise _refused(plan, day, plan.says(found))
    return plan, found


def _refused(plan: Plan, day: times.Day, why: object) -> Refused:
    near = times.nearest(day, plan.customer, plan.needs, plan.request.starts_at, starts_of(plan))
    zone = current_app.config["PEONY"].zone
    said = join_words(f"{at.astimezone(zone):%H:%M}" for at in near)
    if said:
        return Refused(_l("%(why)s Nearest free times: %(times)s.", why=why, times=said), "starts_at", "taken")
    return Refused(_l("%(why)s Nothing is free on this day.", why=why), "starts_at", "taken")


def _claim(
    op: Operation, appointment: Appointment, plan: Plan, placed: list[times.Placed], asked_for: list[bool]
) -> None:
    """Write the booked services with what each takes; the database refuses what is taken already."""
    of = plan.of
    for (service_id, _), place, by_name in zip(plan.request.services, placed, asked_for, strict=True):
        segment = Segment(
            appointment_id=appointment.id,
            service_id=service_id,
            staff_id=of[place.staff][1],
            bed_id=None if place.bed is None else of[place.bed][1],
            equipment_id=None if place.equipment is None else of[place.equipment][1],
            asked_for=by_name,
            starts_at=place.starts_at,
            busy_until=place.busy_until,
            ends_at=place.ends_at,
        )
        op.session.add(segment)
        op.session.flush()
        for resource, (starts_at, ends_at) in place.claims:
            op.session.add(
                BookingClaim(segment_id=segment.id, resource_id=resource, starts_at=starts_at, ends_at=ends_at)
            )
        op.session.flush()


def _happened(op: Operation, appointment: Appointment, reason: str) -> None:
    op.store_id = appointment.store_id
    op.session.add(
        AppointmentEvent(
            appointment_id=appointment.id,
            at=op.at,
            status=appointment.status,
            starts_at=appointment.starts_at,
            by=op.actor.name[:60],
            reason=reason or None,
        )
    )


def _still_open(appointment: Appointment) -> None:
    """:raises Refused: it is over or called off."""
    if appointment.status not in OPEN:
        message = _l("This booking is %(status)s already.", status=appointment.status.label)
        raise Refused(message, None, "not_open")


def _let_go(op: Operation, appointment: Appointment) -> None:
    mine = select(Segment.id).where(Segment.appointment_id == appointment.id)
    live = select(BookingClaim).where(BookingClaim.segment_id.in_(mine), BookingClaim.archived_at.is_(None))
    for claim in op.session.scalars(live):
        claim.archived_at = op.at


# ------------------------------------------------------------------------------------------- what becomes of it


class BookingInput(Input):
    """One booking."""

    booking: OneBooking


@operation(Name.CONFIRM_BOOKING, label=_l("Confirm"), on=Appointment)
def confirm_booking(op: Operation, data: BookingInput) -> Answer:
    """She has said that she will come."""
    _still_open(op.subject)
    op.subject.status = AppointmentStatus.CONFIRMED
    _happened(op, op.subject, "")
    return {"id": op.subject.id}


class MoveInput(Input):
    """A booking, its new time, and with whom if that changes too (for all its services)."""

    booking: OneBooking
    starts_at: Annotated[datetime, Ask(_l("When"))]
    staff: Annotated[int | None, Ask(_l("With"), to=Staff, at_work=True, help=_l("Empty: as before"))] = None
    reason: Reason = ""
    override: Override = ""


@operation(Name.MOVE_BOOKING, label=pgettext("booking", "Move"), on=Appointment)
def move_booking(op: Operation, data: MoveInput) -> Answer:
    """Move a booking; it keeps its old time when the new one does not fit.

    A therapist whom the salon chose, first or now, is not one that she asked for by name.

    :raises Refused: it is over, or something is taken.
    """
    appointment: Appointment = op.subject
    _still_open(appointment)
    ensure_in_use([op.session.get_one(Customer, appointment.customer_id)], None)
    live = (Segment.appointment_id == appointment.id, Segment.archived_at.is_(None))
    before = list(op.session.scalars(select(Segment).where(*live).order_by(Segment.id)))
    ensure_safe(op, appointment.customer_id, [one.service_id for one in before], data.override)
    wanted = tuple((one.service_id, data.staff or one.staff_id) for one in before)
    request = Request(appointment.store_id, appointment.customer_id, wanted, data.starts_at, staff_field="staff")
    plan, placed = _placed(op, request, besides=appointment.id)
    _let_go(op, appointment)
    for segment in before:
        segment.archived_at = op.at
    appointment.starts_at, appointment.ends_at = placed[0].starts_at, placed[-1].ends_at
    appointment.business_day = business_day(data.starts_at)
    appointment.status = AppointmentStatus.BOOKED
    same = [one.asked_for and data.staff in (None, one.staff_id) for one in before]
    _claim(op, appointment, plan, placed, same)
    _happened(op, appointment, data.reason)
    return {"id": appointment.id}


class CallOffInput(BookingInput):
    """A booking that will not be kept, and why."""

    reason: Reason = ""


@operation(Name.CANCEL_BOOKING, label=_l("Cancel the booking"), on=Appointment, danger=True)
def cancel_booking(op: Operation, data: CallOffInput) -> Answer:
    """Call a booking off: it stays, and its times are free again."""
    return _call_off(op, AppointmentStatus.CANCELLED, data.reason)


@operation(Name.NO_SHOW, label=_l("Did not come"), on=Appointment)
def no_show(op: Operation, data: CallOffInput) -> Answer:
    """She did not come: it stays, and what is left of its times is free again."""
    if op.subject.starts_at > op.at:
        raise Refused(_l("The time of this booking has not come yet."), None, "too_early")
    return _call_off(op, AppointmentStatus.NO_SHOW, data.reason)


def _call_off(op: Operation, status: AppointmentStatus, reason: str) -> Answer:
    appointment: Appointment = op.subject
    _still_open(appointment)
    appointment.status, appointment.ended_on = status, op.day
    _let_go(op, appointment)
    _happened(op, appointment, reason)
    op.reason = reason or None
    return {"id": appointment.id}


@operation(Name.ARRIVE, label=_l("Has arrived"), on=Appointment)
def arrive(op: Operation, data: BookingInput) -> Answer:
    """She is here: her visit begins.

    :raises Refused: it is over, called off, or of another day.
    """
    appointment: Appointment = op.subject
    _still_open(appointment)
    if appointment.business_day != op.day:
        raise Refused(_l("This booking is not for today; move it first."), None, "other_day")
    customer = op.session.get_one(Customer, appointment.customer_id)
    appointment.visit_id = visit_of_the_day(op, customer, appointment.store_id, VisitSource.BOOKED).id
    appointment.status = AppointmentStatus.ARRIVED
    _happened(op, appointment, "")
    return {"id": appointment.id, "visit": appointment.visit_id}


@operation(Name.FINISH_VISIT, label=_l("Finished"), on=Appointment)
def finish_visit(op: Operation, data: BookingInput) -> Answer:
    """She has gone; therapist and bed are free from now on."""
    appointment: Appointment = op.subject
    if appointment.status is not AppointmentStatus.ARRIVED:
        raise Refused(_l("The customer has not arrived, or has gone already."), None, "not_here")
    appointment.status = AppointmentStatus.FINISHED
    _let_go(op, appointment)
    visit = op.session.get_one(Visit, appointment.visit_id)
    visit.left_at = op.at
    _happened(op, appointment, "")
    return {"id": appointment.id}


# ------------------------------------------------------------------------------------------------- waiting list


class WaitInput(Input):
    """Who would come for what, if a time came free."""

    customer: OneCustomer
    service: Annotated[int, Ask(_l("Service"), to=Service)]
    wanted_on: Annotated[date, Ask(_l("Wanted on"))]
    staff: Annotated[int | None, Ask(_l("With"), to=Staff, at_work=True)] = None
    store: InStore = None
    note: Annotated[str, Ask(_l("Note")), Field(max_length=200)] = ""


@operation(Name.WAIT_FOR_TIME, label=_l("Put on the waiting list"), on=Customer)
def wait_for_time(op: Operation, data: WaitInput) -> Answer:
    """Remember that she would come."""
    waiting = Waitlist(
        customer_id=op.subject.id,
        store_id=store_of(op, data.store),
        service_id=data.service,
        staff_id=data.staff,
        wanted_on=data.wanted_on,
        note=data.note or None,
    )
    op.session.add(waiting)
    op.concerns(waiting)
    return {"id": waiting.id}


def _settle_waiting(op: Operation, customer_id: int, appointment: Appointment) -> None:
    waits = select(Waitlist).where(
        Waitlist.customer_id == customer_id,
        Waitlist.wanted_on == appointment.business_day,
        Waitlist.settled_at.is_(None),
    )
    for waiting in op.session.scalars(waits):
        waiting.settled_at = op.at
