"""The organisation: stores, rooms, staff, rota, training and targets."""

from __future__ import annotations

from datetime import date, datetime, time

from flask_babel import lazy_gettext as _l
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from models.entity import Event, Record
from models.field import MOST_PRICE, Choice, Privacy, Search, choice, field, reference
from models.invariants import NoOverlap, holds, one_where
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Encrypted, Flag, Instant, Items, LongText, Money, Phone, Text, TimeOfDay


class Store(Record):
    """One place of business: the unit of row scope."""

    label = _l("Store")
    plural = _l("Stores")
    written_by = WrittenBy.FORM
    screen = Screen(Section.ORGANISATION, "store", ("name", "address", "phone", "opens_at", "closes_at"), "name")
    __table_args__ = (
        holds("opens_at < closes_at", "hours", "closes_at", _l("The end must come after the beginning.")),
    )

    name: Mapped[str] = field(Text(60), label=_l("Name"), unique=True, search=Search.WORDS, aliases=("门店", "店名"))
    address: Mapped[str | None] = field(Text(200), label=_l("Address"))
    phone: Mapped[str | None] = field(Text(30), label=_l("Telephone"))
    opens_at: Mapped[time] = field(TimeOfDay, label=_l("Opens at"), default=time(10))
    closes_at: Mapped[time] = field(TimeOfDay, label=_l("Closes at"), default=time(21))
    holidays: Mapped[list[str] | None] = field(Items, label=_l("Closed days"), help=_l("Dates such as 2027-02-06"))
    opened_on: Mapped[date | None] = field(Day, label=_l("Opened on"))


class RoomKind(Choice):
    """What a room is fitted for."""

    FACIAL = "facial", _l("Facial room")
    BODY = "body", _l("Body room")
    CONSULTATION = "consultation", _l("Consultation room")
    OTHER = "other", _l("Other room")


class Room(Record):
    """A room with its turnover time between two customers."""

    label = _l("Room")
    plural = _l("Rooms")
    written_by = WrittenBy.FORM
    screen = Screen(Section.ORGANISATION, "door", ("name", "store_id", "kind", "turnover_minutes"), "name")
    __table_args__ = (UniqueConstraint("store_id", "name"),)

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    name: Mapped[str] = field(Text(40), label=_l("Name"), index=True, search=Search.WORDS)
    kind: Mapped[RoomKind] = field(choice(RoomKind), label=_l("Kind"), default=RoomKind.FACIAL)
    turnover_minutes: Mapped[int] = field(Big, label=_l("Turnover"), unit=_l("minutes"), default=10, most=240)


class Bed(Record):
    """A bed in a room: where one customer lies."""

    label = _l("Bed")
    plural = _l("Beds")
    written_by = WrittenBy.FORM
    within = "room_id"
    screen = Screen(Section.ORGANISATION, "bed", ("name", "room_id"), "name")
    __table_args__ = (UniqueConstraint("room_id", "name"),)

    room_id: Mapped[int] = reference("room", label=_l("Room"))
    name: Mapped[str] = field(Text(40), label=_l("Name"), index=True, search=Search.WORDS)


class Equipment(Record):
    """A device that a service may need."""

    label = _l("Piece of equipment")
    plural = _l("Equipment")
    written_by = WrittenBy.FORM
    screen = Screen(Section.ORGANISATION, "device", ("name", "store_id", "model", "serial_number"), "name")

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    name: Mapped[str] = field(Text(60), label=_l("Name"), index=True, search=Search.WORDS)
    model: Mapped[str | None] = field(Text(60), label=_l("Model"))
    serial_number: Mapped[str | None] = field(Text(60), label=_l("Serial number"), unique=True)
    bought_on: Mapped[date | None] = field(Day, label=_l("Bought on"))


class StaffTitle(Choice):
    """What somebody is employed as."""

    MANAGER = "manager", _l("Store manager")
    RECEPTION = "reception", _l("Receptionist")
    CONSULTANT = "consultant", _l("Consultant")
    THERAPIST = "therapist", _l("Therapist")
    OFFICE = "office", _l("Office")


class Staff(Record):
    """Somebody who works in the salon. Who may sign in is a user."""

    label = _l("Staff member")
    plural = _l("Staff")
    written_by = WrittenBy.FORM
    screen = Screen(
        Section.ORGANISATION, "people", ("name", "position", "level", "store_id", "hired_on", "left_on"), "name"
    )
    __table_args__ = (
        holds(
            "left_on IS NULL OR hired_on IS NULL OR left_on >= hired_on",
            "employment",
            "left_on",
            _l("Nobody leaves before they were hired."),
        ),
    )

    name: Mapped[str] = field(
        Text(60), label=_l("Full name"), index=True, search=Search.WORDS, aliases=("美容师", "员工")
    )
    position: Mapped[StaffTitle] = field(choice(StaffTitle), label=_l("Position"), default=StaffTitle.THERAPIST)
    level: Mapped[str | None] = field(Text(20), label=_l("Level"))
    store_id: Mapped[int] = reference("store", label=_l("Home store"))
    phone: Mapped[str | None] = field(
        Encrypted(Phone(20)), label=_l("Phone"), privacy=Privacy.PERSONAL, search=Search.WHOLE_OR_LAST4
    )
    hired_on: Mapped[date | None] = field(Day, label=_l("Hired on"))
    left_on: Mapped[date | None] = field(Day, label=_l("Left on"))
    monthly_pay: Mapped[int | None] = field(
        Money, label=_l("Base pay a month"), privacy=Privacy.BUSINESS, most=MOST_PRICE
    )
    notes: Mapped[str | None] = field(LongText, label=_l("Notes"))


class StaffStore(Record):
    """A store somebody works in beside her home store."""

    label = _l("Further store")
    plural = _l("Further stores")
    written_by = WrittenBy.FORM
    title = ("staff_id", "store_id")
    screen = Screen(Section.ORGANISATION, "link", ("staff_id", "store_id"))
    __table_args__ = (UniqueConstraint("staff_id", "store_id"),)

    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))


class StaffSkill(Record):
    """A service somebody is able to give."""

    label = _l("Skill")
    plural = _l("Skills")
    written_by = WrittenBy.FORM
    within = "staff_id"
    title = ("staff_id", "service_id")
    screen = Screen(Section.ORGANISATION, "star", ("staff_id", "service_id", "since"))
    __table_args__ = (UniqueConstraint("staff_id", "service_id"),)

    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    service_id: Mapped[int] = reference("service", label=_l("Service"))
    since: Mapped[date | None] = field(Day, label=_l("Since"))


class ShiftTemplate(Record):
    """A usual shift: early, late, middle."""

    label = _l("Shift template")
    plural = _l("Shift templates")
    written_by = WrittenBy.FORM
    screen = Screen(Section.ORGANISATION, "clock", ("name", "store_id", "starts_at", "ends_at"), "name")
    __table_args__ = (
        UniqueConstraint("store_id", "name"),
        holds("starts_at < ends_at", "hours", "ends_at", _l("The end must come after the beginning.")),
    )

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    name: Mapped[str] = field(Text(30), label=_l("Name"), index=True, search=Search.WORDS)
    starts_at: Mapped[time] = field(TimeOfDay, label=_l("Start"))
    ends_at: Mapped[time] = field(TimeOfDay, label=_l("End"))


class Shift(Record):
    """When somebody works where. Nobody works two shifts at once, in whatever stores."""

    label = _l("Shift")
    plural = _l("Shifts")
    written_by = WrittenBy.by(Name.PLAN_SHIFT, Name.EDIT_ENTITY, Name.ARCHIVE_ENTITY, Name.RESTORE_ENTITY)
    title = ("staff_id", "starts_at")
    screen = Screen(Section.ORGANISATION, "clock", ("staff_id", "store_id", "starts_at", "ends_at"), "-starts_at")
    no_overlap = (NoOverlap("staff_id", "starts_at", "ends_at"),)
    __table_args__ = (holds("starts_at < ends_at", "span", "ends_at", _l("The end must come after the beginning.")),)

    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"), fixed=True)
    store_id: Mapped[int] = reference("store", label=_l("Store"), fixed=True)
    starts_at: Mapped[datetime] = field(Instant, label=_l("Start"), index=True)
    ends_at: Mapped[datetime] = field(Instant, label=_l("End"))


class LeaveKind(Choice):
    """Why somebody is away."""

    HOLIDAY = "holiday", _l("Holiday")
    SICK = "sick", _l("Sick leave")
    PERSONAL = "personal", _l("Personal leave")
    TRAINING = "training", _l("Training")


class Leave(Record):
    """When somebody is away."""

    label = _l("Leave")
    plural = _l("Leave")
    written_by = WrittenBy.by(Name.RECORD_LEAVE)
    within = "staff_id"
    title = ("staff_id", "starts_at")
    screen = Screen(Section.ORGANISATION, "leaf", ("staff_id", "kind", "starts_at", "ends_at"), "-starts_at")
    no_overlap = (NoOverlap("staff_id", "starts_at", "ends_at"),)
    __table_args__ = (holds("starts_at < ends_at", "span", "ends_at", _l("The end must come after the beginning.")),)

    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    kind: Mapped[LeaveKind] = field(choice(LeaveKind), label=_l("Kind"))
    starts_at: Mapped[datetime] = field(Instant, label=_l("Start"), index=True)
    ends_at: Mapped[datetime] = field(Instant, label=_l("End"))
    reason: Mapped[str | None] = field(Text(200), label=_l("Reason"))


class AttendanceKind(Choice):
    """The two ends of a working day."""

    ARRIVED = "arrived", _l("Arrived")
    LEFT = "left", _l("Went home")


class Attendance(Event):
    """Somebody came or went."""

    label = _l("Attendance")
    plural = _l("Attendance")
    written_by = WrittenBy.by(Name.RECORD_ATTENDANCE)
    title = ("staff_id", "at")
    screen = Screen(Section.ORGANISATION, "check", ("staff_id", "store_id", "kind", "at", "business_day"), "-at")
    __table_args__ = (UniqueConstraint("staff_id", "at"),)

    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    kind: Mapped[AttendanceKind] = field(choice(AttendanceKind), label=_l("Kind"))
    at: Mapped[datetime] = field(Instant, label=_l("At"), index=True)
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)


class Course(Record):
    """A training course that staff take."""

    label = _l("Course")
    plural = _l("Courses")
    written_by = WrittenBy.FORM
    shared = True
    screen = Screen(Section.ORGANISATION, "book", ("name", "hours", "valid_months"), "name")
    name: Mapped[str] = field(Text(80), label=_l("Name"), unique=True, search=Search.WORDS)
    hours: Mapped[int] = field(Big, label=_l("Length"), unit=_l("hours"), default=0, most=10_000)
    valid_months: Mapped[int | None] = field(Big, label=_l("Certificate valid"), unit=_l("months"), least=1, most=1_200)
    about: Mapped[str | None] = field(LongText, label=_l("About"))


class TrainingResult(Record):
    """How somebody did in a course."""

    label = _l("Training result")
    plural = _l("Training results")
    written_by = WrittenBy.by(Name.RECORD_TRAINING)
    within = "staff_id"
    title = ("staff_id", "course_id")
    screen = Screen(Section.ORGANISATION, "book", ("staff_id", "course_id", "taken_on", "score", "passed"))
    __table_args__ = (UniqueConstraint("staff_id", "course_id", "taken_on"),)

    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    course_id: Mapped[int] = reference("course", label=_l("Course"))
    taken_on: Mapped[date] = field(Day, label=_l("Taken on"))
    score: Mapped[int | None] = field(Big, label=_l("Score"), most=100)
    passed: Mapped[bool] = field(Flag, label=_l("Passed"), default=True)


class KpiMetric(Choice):
    """What a target counts."""

    PAID = "paid", _l("Paid")
    USED = "used", _l("Used")
    VISITS = "visits", _l("Visits")
    NEW_CUSTOMERS = "new_customers", _l("New customers")


class KpiTarget(Record):
    """What a store, or one of its staff, wants to reach in a month."""

    label = _l("Target")
    plural = _l("Targets")
    written_by = WrittenBy.FORM
    title = ("metric", "month")
    screen = Screen(Section.ORGANISATION, "flag", ("store_id", "staff_id", "metric", "month", "amount"), "-month")
    __table_args__ = (
        one_where("uq_kpi_target_staff", "store_id", "staff_id", "metric", "month", condition="staff_id IS NOT NULL"),
        one_where("uq_kpi_target_store", "store_id", "metric", "month", condition="staff_id IS NULL"),
    )

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    metric: Mapped[KpiMetric] = field(choice(KpiMetric), label=_l("Measure"))
    month: Mapped[date] = field(Day, label=_l("Month"), index=True, help=_l("The first day of the month"))
    amount: Mapped[int] = field(Big, label=_l("Target"), help=_l("Yuan for money, else a number"), least=1, most=10**11)
