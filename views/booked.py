"""Bookings as pages show them: their services with whom and where, and what can be done next with each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import select

from admin_app.operations.kernel import business_day, now
from admin_app.operations.registry import Spec, spec_named
from admin_app.titles import titles_by
from models.booking import Appointment, AppointmentStatus, Segment
from models.customers import Customer
from models.entity import db
from models.names import Name
from rules.decisions.access import Access
from views.person import access

OFF = (AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW)
"""Bookings that will not be kept."""

NEXT: dict[AppointmentStatus, tuple[Name, ...]] = {
    AppointmentStatus.BOOKED: (Name.CONFIRM_BOOKING, Name.ARRIVE, Name.MOVE_BOOKING, Name.NO_SHOW, Name.CANCEL_BOOKING),
    AppointmentStatus.CONFIRMED: (Name.ARRIVE, Name.MOVE_BOOKING, Name.NO_SHOW, Name.CANCEL_BOOKING),
    AppointmentStatus.ARRIVED: (Name.SELL, Name.REDEEM_SESSION, Name.RECORD_TREATMENT, Name.FINISH_VISIT),
    AppointmentStatus.FINISHED: (Name.SELL, Name.REDEEM_SESSION, Name.RECORD_TREATMENT),
}
"""What is done next with a booking, by how far it has come."""


@dataclass(frozen=True)
class Booked:
    """One booked service, with what it and the person, the bed are called."""

    segment: Segment
    service: str
    staff: str
    bed: str


def services_of(bookings: Sequence[int], access: Access) -> dict[int, list[Booked]]:
    """The services of bookings in their order, by booking."""
    if not bookings:
        return defaultdict(list)
    live = (Segment.appointment_id.in_(bookings), Segment.archived_at.is_(None))
    segments = list(db.session.scalars(select(Segment).where(*live).order_by(Segment.starts_at, Segment.id)))
    wanted = {
        "service": {one.service_id for one in segments},
        "staff": {one.staff_id for one in segments},
        "bed": {one.bed_id for one in segments if one.bed_id is not None},
    }
    called = titles_by(wanted, access)
    found: dict[int, list[Booked]] = defaultdict(list)
    for one in segments:
        bed = called["bed", one.bed_id] if one.bed_id is not None else ""
        booked = Booked(one, called["service", one.service_id], called["staff", one.staff_id], bed)
        found[one.appointment_id].append(booked)
    return found


@dataclass(frozen=True)
class Act:
    """A button: an operation, and the address of its form."""

    spec: Spec
    address: str


def acts_of(
    booking: Appointment, segment: Segment | None, back: str, among: Collection[Name] = (), customer: int | None = None
) -> list[Act]:
    """The buttons of a booking, of those she may press today (``among`` some only); each leads back where it was.

    The form of what is done with the customer is filled in with what was booked. ``customer``: who it is by now, where
    the record of the booking was merged.
    """
    today, at = business_day(now()), now()
    told: dict[str, Any] = {"store": booking.store_id}
    if segment is not None:
        told |= {"service": segment.service_id, "staff": segment.staff_id, "bed": segment.bed_id}
    found: list[Act] = []
    for name in NEXT.get(booking.status, ()):
        too_early = name is Name.NO_SHOW and booking.starts_at > at
        another_day = name is Name.ARRIVE and booking.business_day != today
        if too_early or another_day or (among and name not in among) or not access().does(name):
            continue
        spec = spec_named(name)
        hers = spec.on is Customer
        on, more = (customer or booking.customer_id, told) if hers else (booking.id, {"version": booking.version})
        found.append(Act(spec, url_for("operation", **{"name": name, "on": on, "next": back, **more})))
    return found
