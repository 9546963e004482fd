"""Bookings: who comes when, for what, with whom, where; and the claims that keep two of them apart."""

from __future__ import annotations

from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.entity import Derived, Event, PublicId, Record
from models.field import Choice, choice, field, reference
from models.invariants import NoOverlap, holds
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Flag, Instant, LongText, Text

BOOKS = (Name.BOOK, Name.CONFIRM_BOOKING, Name.MOVE_BOOKING, Name.CANCEL_BOOKING, Name.NO_SHOW, Name.ARRIVE)
CLAIMS = (Name.BOOK, Name.MOVE_BOOKING, Name.CANCEL_BOOKING, Name.NO_SHOW, Name.FINISH_VISIT)


class Resource(Derived):
    """What can be taken by one booking at a time: one person, bed, piece of equipment or customer."""

    __table_args__ = (
        CheckConstraint(
            "(CASE WHEN staff_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN bed_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN equipment_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN customer_id IS NULL THEN 0 ELSE 1 END) = 1",
            name="one_thing",
        ),
    )

    id: Mapped[int] = mapped_column(Big, primary_key=True)
    staff_id: Mapped[int | None] = mapped_column(Big, ForeignKey("staff.id"), unique=True)
    bed_id: Mapped[int | None] = mapped_column(Big, ForeignKey("bed.id"), unique=True)
    equipment_id: Mapped[int | None] = mapped_column(Big, ForeignKey("equipment.id"), unique=True)
    customer_id: Mapped[int | None] = mapped_column(Big, ForeignKey("customer.id"), unique=True)


class AppointmentStatus(Choice):
    """How far a booking has come. None is ever deleted."""

    BOOKED = "booked", _l("Booked")
    CONFIRMED = "confirmed", _l("Confirmed")
    ARRIVED = "arrived", _l("Has come")
    FINISHED = "finished", _l("Finished")
    CANCELLED = "cancelled", _l("Cancelled")
    NO_SHOW = "no_show", _l("Did not come")


OPEN = (AppointmentStatus.BOOKED, AppointmentStatus.CONFIRMED)
"""Still to come: they may be confirmed, moved, cancelled."""


class AppointmentSource(Choice):
    """How a booking came in."""

    FRONT_DESK = "front_desk", _l("Front desk")
    PHONE = "phone", _l("Telephone")
    WECHAT = "wechat", _l("WeChat")
    THERAPIST = "therapist", _l("Therapist")


class Appointment(PublicId, Record):
    """A booking: one customer, one store, one or more services one after another."""

    label = _l("Booking")
    plural = _l("Bookings")
    written_by = WrittenBy.by(*BOOKS, Name.FINISH_VISIT, also=(Name.MERGE_CUSTOMERS,))
    imports = False
    title = ("starts_at", "customer_id")
    screen = Screen(
        Section.BOOKINGS, "clock", ("starts_at", "customer_id", "store_id", "status", "source", "note"), "-starts_at"
    )
    __table_args__ = (
        holds("starts_at < ends_at", "span", "ends_at", _l("The end must come after the beginning.")),
        holds(
            "(status <> 'cancelled' AND status <> 'no_show') OR ended_on IS NOT NULL",
            "ended",
            "ended_on",
            _l("When it was called off must be known."),
        ),
        Index("ix_appointment_store_id_starts_at", "store_id", "starts_at"),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    store_id: Mapped[int] = reference("store", label=_l("Store"), index=False)
    starts_at: Mapped[datetime] = field(Instant, label=_l("Start"), index=True)
    ends_at: Mapped[datetime] = field(Instant, label=_l("End"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    source: Mapped[AppointmentSource] = field(choice(AppointmentSource), label=_l("Source"))
    status: Mapped[AppointmentStatus] = field(
        choice(AppointmentStatus), label=_l("Status"), default=AppointmentStatus.BOOKED
    )
    booked_on: Mapped[date] = field(Day, label=_l("Booked on"))
    ended_on: Mapped[date | None] = field(Day, label=_l("Called off on"))
    visit_id: Mapped[int | None] = reference("visit", label=_l("Visit"))
    note: Mapped[str | None] = field(LongText, label=_l("Note"))


class Segment(Record):
    """One service of a booking: with whom, where, and when she is busy; then it may rest while a mask sets."""

    label = _l("Booked service")
    plural = _l("Booked services")
    written_by = WrittenBy.by(Name.BOOK, Name.MOVE_BOOKING)
    imports = False
    within = "appointment_id"
    title = ("service_id", "starts_at")
    screen = Screen(
        Section.BOOKINGS, "clock", ("starts_at", "appointment_id", "service_id", "staff_id", "bed_id", "equipment_id")
    )
    __table_args__ = (
        holds(
            "starts_at < busy_until AND busy_until <= ends_at",
            "span",
            "ends_at",
            _l("The end must come after the beginning."),
        ),
    )

    appointment_id: Mapped[int] = reference("appointment", label=_l("Booking"))
    service_id: Mapped[int] = reference("service", label=_l("Service"))
    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    bed_id: Mapped[int | None] = reference("bed", label=_l("Bed"))
    equipment_id: Mapped[int | None] = reference("equipment", label=_l("Piece of equipment"))
    asked_for: Mapped[bool] = field(Flag, label=_l("Asked for by name"), default=False)
    starts_at: Mapped[datetime] = field(Instant, label=_l("Start"), index=True)
    busy_until: Mapped[datetime] = field(Instant, label=_l("Therapist busy until"))
    ends_at: Mapped[datetime] = field(Instant, label=_l("End"))


class BookingClaim(Record):
    """That a booking has taken a resource for a time, turnover included. No two live claims on one resource overlap,
    in whatever stores. A claim let go is archived.
    """

    label = _l("Claim of a booking")
    plural = _l("Claims of bookings")
    written_by = WrittenBy.by(*CLAIMS, also=(Name.MERGE_CUSTOMERS,))
    imports = False
    within = "segment_id"
    title = ("starts_at",)
    no_overlap = (NoOverlap("resource_id", "starts_at", "ends_at"),)
    __table_args__ = (
        holds("starts_at < ends_at", "span", "ends_at", _l("The end must come after the beginning.")),
        Index("ix_booking_claim_resource_id_ends_at", "resource_id", "ends_at"),
    )

    segment_id: Mapped[int] = reference("segment", label=_l("Booked service"))
    resource_id: Mapped[int] = reference("resource", label=_l("Taken"), index=False)
    starts_at: Mapped[datetime] = field(Instant, label=_l("Start"))
    ends_at: Mapped[datetime] = field(Instant, label=_l("End"))


class AppointmentEvent(Event):
    """What befell a booking, and why."""

    label = _l("Booking event")
    plural = _l("Booking events")
    written_by = WrittenBy.by(*BOOKS, Name.FINISH_VISIT)
    within = "appointment_id"
    title = ("status",)
    screen = Screen(Section.BOOKINGS, "clock", ("at", "appointment_id", "status", "by", "reason"), "-id")

    appointment_id: Mapped[int] = reference("appointment", label=_l("Booking"))
    at: Mapped[datetime] = field(Instant, label=_l("At"))
    status: Mapped[AppointmentStatus] = field(choice(AppointmentStatus), label=_l("Status"))
    starts_at: Mapped[datetime] = field(Instant, label=_l("Start"))
    by: Mapped[str] = field(Text(60), label=pgettext("booking", "By"))
    reason: Mapped[str | None] = field(Text(200), label=_l("Reason"))


class Waitlist(Record):
    """Somebody would come if a time came free."""

    label = _l("Waiting for a time")
    plural = _l("Waiting list")
    written_by = WrittenBy.by(Name.WAIT_FOR_TIME, Name.BOOK, also=(Name.MERGE_CUSTOMERS,))
    imports = False
    title = ("customer_id", "wanted_on")
    screen = Screen(
        Section.BOOKINGS,
        "list",
        ("wanted_on", "customer_id", "service_id", "staff_id", "store_id", "note", "settled_at"),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    service_id: Mapped[int] = reference("service", label=_l("Service"))
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    wanted_on: Mapped[date] = field(Day, label=_l("Wanted on"), index=True)
    note: Mapped[str | None] = field(Text(200), label=_l("Note"))
    settled_at: Mapped[datetime | None] = field(Instant, label=_l("Settled at"))


class ClosedPeriod(Record):
    """A time in which a store, or one person, takes no bookings."""

    label = _l("Closed period")
    plural = _l("Closed periods")
    written_by = WrittenBy.FORM
    title = ("starts_at", "reason")
    screen = Screen(Section.BOOKINGS, "clock", ("starts_at", "ends_at", "store_id", "staff_id", "reason"), "-starts_at")
    __table_args__ = (holds("starts_at < ends_at", "span", "ends_at", _l("The end must come after the beginning.")),)

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    starts_at: Mapped[datetime] = field(Instant, label=_l("Start"), index=True)
    ends_at: Mapped[datetime] = field(Instant, label=_l("End"))
    reason: Mapped[str] = field(Text(100), label=_l("Reason"))
