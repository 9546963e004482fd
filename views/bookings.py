"""The booking day of a store: a lane for each therapist from opening to closing, and who waits for a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from flask import Flask, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import case, or_, select

from admin_app.duty import away, employed, is_holiday, open_hours, shifts_of
from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Forbidden
from admin_app.titles import titles_by
from models.booking import Appointment, ClosedPeriod, Segment, Waitlist
from models.customers import Customer, current_id
from models.entity import db
from models.names import Name
from models.organisation import Leave, Staff, StaffTitle, Store
from rules.decisions.times import Span, overlap
from rules.documents.roles import Action
from views.booked import OFF, Act, acts_of
from views.helpers import status_tone
from views.person import access, actor, refuse
from views.spans import chosen_store, read_span

ROW = timedelta(minutes=5)
"""What one row of the grid stands for."""
SLOT = timedelta(minutes=30)
"""Free time is offered in such steps."""


@dataclass(frozen=True)
class Place:
    """Rows of the grid, from and to; ``late`` is in the last third of the day."""

    first: int
    last: int
    late: bool = False

    @property
    def name(self) -> str:
        return f"r{self.first}-{self.last}"


@dataclass(frozen=True)
class Block:
    """A booked service in its lane; without a booking it is somebody's whom she who looks does not know."""

    span: Span
    place: Place
    idle: Place | None
    tone: str
    booking: Appointment | None = None
    customer: str = ""
    service: str = ""
    bed: str = ""
    acts: Sequence[Act] = ()


@dataclass(frozen=True)
class Shut:
    """A time in which she takes no bookings, and why where that may be said."""

    span: Span
    place: Place
    why: str


@dataclass(frozen=True)
class Free:
    """A time that can be booked."""

    at: datetime
    place: Place
    address: str


@dataclass
class Lane:
    """One therapist's day."""

    staff_id: int
    name: str
    blocks: list[Block] = field(default_factory=list)
    shut: list[Shut] = field(default_factory=list)
    free: list[Free] = field(default_factory=list)


@dataclass(frozen=True)
class Day:
    """A store's day, from opening to closing."""

    store: Store
    day: date
    opens: datetime
    closes: datetime

    @property
    def span(self) -> Span:
        return self.opens, self.closes

    @property
    def rows(self) -> int:
        return self._row(self.closes) - 1

    @property
    def closed(self) -> bool:
        return is_holiday(self.store, self.day)

    @property
    def hours(self) -> list[tuple[datetime, Place]]:
        """The full hours."""
        first = self.opens.replace(minute=0) + timedelta(hours=1 if self.opens.minute else 0)
        full = [first + timedelta(hours=n) for n in range(25) if first + timedelta(hours=n) < self.closes]
        return [(at, self.place((at, at + timedelta(hours=1)))) for at in full]

    def _row(self, at: datetime) -> int:
        return int((min(max(at, self.opens), self.closes) - self.opens) / ROW) + 1

    def place(self, span: Span) -> Place:
        """Where a time stands in the grid; what lies outside the hours is drawn at their edge."""
        first = min(self._row(span[0]), max(self.rows, 1))
        return Place(first, max(self._row(span[1]), first + 1), first > self.rows * 2 / 3)

    def within(self, span: Span) -> bool:
        return overlap(span, self.span)


def register(app: Flask) -> None:
    app.add_url_rule("/bookings", "bookings", bookings_page)


def bookings_page() -> Any:
    """``?day=2026-11-22&store=1``; without them today, in the first of her stores."""
    if not access().opens("bookings"):
        raise refuse(Forbidden, "bookings")
    today = business_day(now())
    span = read_span(request.args, today)
    day = span.first
    stores, chosen = chosen_store("bookings")
    hers = (chosen, *sorted(actor().stores))
    store = next((one for number in hers for one in stores if one.id == number), next(iter(stores), None))
    if store is None:
        return render_template("bookings.html", board=None)
    board = Day(store, day, *open_hours(store, day))
    here = url_for("bookings", day=day.isoformat(), store=store.id)
    lanes = _lanes(board, here)
    return render_template(
        "bookings.html",
        board=board,
        stores=stores,
        day=day,
        today=today,
        weekday=format_date(day, "EEEE"),
        before=span.before().first,
        after=span.after().first,
        lanes=lanes,
        places=_places(board, lanes),
        now_at=board.place((now(), now())) if board.opens <= now() < board.closes else None,
        waiting=_waiting(board),
        off=_called_off(board),
        here=here,
    )


def _places(board: Day, lanes: Sequence[Lane]) -> list[Place]:
    """Every place in use, once: the page's style says where each stands."""
    used = [place for _at, place in board.hours]
    for lane in lanes:
        used += [*(one.place for one in lane.blocks), *(one.place for one in lane.shut)]
        used += [one.place for one in lane.free]
        used += [one.idle for one in lane.blocks if one.idle is not None]
    return sorted({one.name: one for one in used}.values(), key=lambda one: (one.first, one.last))


# ----------------------------------------------------------------------------------------------------- lanes


def _lanes(board: Day, here: str) -> list[Lane]:
    """A lane for everybody on shift, and for whoever has a booking all the same."""
    shifts = _shifts(board)
    rows = _segments(board)
    staff = set(shifts) | {segment.staff_id for segment, *_ in rows}
    names = titles_by({"staff": staff}, access())
    blocks = _blocks(board, rows, here)
    shut = defaultdict(list)
    for number, span, reason in away(db.session(), board.store.id, staff, board.span):
        shut[number].append((span, _why(reason)))
    lanes = []
    for number in sorted(staff, key=lambda one: (names["staff", one], one)):
        lane = Lane(number, names["staff", number], blocks[number])
        off_duty = [(span, "") for span in gaps(board.span, shifts.get(number, []))]
        lane.shut = [Shut(span, board.place(span), why) for span, why in [*off_duty, *shut[number]]]
        busy = [(segment.starts_at, segment.busy_until) for segment, *_ in rows if segment.staff_id == number]
        lane.free = _free(board, lane, busy, here)
        lanes.append(lane)
    return lanes


def _shifts(board: Day) -> dict[int, list[Span]]:
    """When each therapist works here."""
    planned = shifts_of(db.session(), board.store.id, board.span)
    somewhere = or_(Staff.store_id == board.store.id, Staff.id.in_(planned))
    gives = (Staff.position == StaffTitle.THERAPIST, *employed(board.day))
    therapists = db.session.scalars(select(Staff.id).where(somewhere, *gives))
    if not planned:
        return {one: [board.span] for one in therapists}
    return {one: planned[one] for one in therapists if one in planned}


def _segments(board: Day) -> list[tuple[Segment, Appointment, int, bool]]:
    """The booked services of the day, who their customer is by now, and whether their booking exists for the reader."""
    hers = case((access().rows(Appointment), True), else_=False)
    query = (
        select(Segment, Appointment, current_id(), hers)
        .join(Appointment, Appointment.id == Segment.appointment_id)
        .join(Customer, Customer.id == Appointment.customer_id)
        .where(Appointment.store_id == board.store.id, Appointment.business_day == board.day)
        .where(Appointment.status.not_in(OFF), Segment.archived_at.is_(None))
        .order_by(Segment.starts_at, Segment.id)
    )
    return [(segment, booking, who, bool(seen)) for segment, booking, who, seen in db.session.execute(query)]


def _blocks(board: Day, rows: Sequence[tuple[Segment, Appointment, int, bool]], here: str) -> dict[int, list[Block]]:
    """Booked services by whom they are with; of those not hers to see, only that the time is taken."""
    seen = [(segment, who) for segment, _, who, hers in rows if hers]
    wanted = {
        "customer": {who for _, who in seen},
        "service": {segment.service_id for segment, _ in seen},
        "bed": {segment.bed_id for segment, _ in seen if segment.bed_id is not None},
    }
    called = titles_by(wanted, access())
    found: dict[int, list[Block]] = defaultdict(list)
    for segment, booking, who, hers in rows:
        busy = (segment.starts_at, segment.busy_until)
        idle = board.place((segment.busy_until, segment.ends_at)) if segment.busy_until < segment.ends_at else None
        place = board.place(busy)
        if hers:
            block = Block(
                (segment.starts_at, segment.ends_at),
                place,
                idle,
                status_tone(booking.status),
                booking,
                called["customer", who],
                called["service", segment.service_id],
                called["bed", segment.bed_id] if segment.bed_id is not None else "",
                acts_of(booking, segment, here, customer=who),
            )
        else:
            block = Block(busy, place, None, "taken")
        found[segment.staff_id].append(block)
    return found


def gaps(whole: Span, parts: Sequence[Span]) -> list[Span]:
    """What of the whole no part covers."""
    found, at = [], whole[0]
    for begins, ends in sorted(parts):
        if begins > at:
            found.append((at, min(begins, whole[1])))
        at = max(at, ends)
    if at < whole[1]:
        found.append((at, whole[1]))
    return found


def _why(reason: Leave | ClosedPeriod) -> str:
    """Why she takes no bookings, where that may be said."""
    if isinstance(reason, Leave):
        return str(reason.kind.label) if access().may(Action.VIEW, Leave) else _("Away")
    return reason.reason if access().may(Action.VIEW, ClosedPeriod) else _("Closed")


def _free(board: Day, lane: Lane, busy: Sequence[Span], here: str) -> list[Free]:
    """Times to come in which nothing is taken or shut, for whoever may book."""
    if board.closed or not access().does(Name.BOOK):
        return []
    found, at, moment = [], board.opens, now()
    while at + SLOT <= board.closes:
        span = (at, at + SLOT)
        if at >= moment and not any(overlap(span, one) for one in (*busy, *(shut.span for shut in lane.shut))):
            found.append(Free(at, board.place(span), book_address(here, board.store.id, at, lane.staff_id)))
        at += SLOT
    return found


def book_address(here: str, store: int, at: datetime, staff: int) -> str:
    """The form of a booking, filled in as far as it is known."""
    told: dict[str, Any] = {"starts_at": f"{at:%Y-%m-%dT%H:%M}", "store": store, "services-0-staff": staff}
    return url_for("operation", name=Name.BOOK, next=here, **told)


# ------------------------------------------------------------------------------------------- beneath the lanes


def _waiting(board: Day) -> list[tuple[Waitlist, str, str, str]]:
    """Who would come on this day: the row, her name, the service, with whom."""
    if not access().may(Action.VIEW, Waitlist):
        return []
    query = select(Waitlist).where(
        Waitlist.store_id == board.store.id,
        Waitlist.wanted_on == board.day,
        Waitlist.settled_at.is_(None),
        Waitlist.archived_at.is_(None),
        access().rows(Waitlist),
    )
    rows = list(db.session.scalars(query.order_by(Waitlist.id).limit(50)))
    wanted = {
        "customer": {row.customer_id for row in rows},
        "service": {row.service_id for row in rows},
        "staff": {row.staff_id for row in rows if row.staff_id is not None},
    }
    called = titles_by(wanted, access())
    return [
        (
            row,
            called["customer", row.customer_id],
            called["service", row.service_id],
            called["staff", row.staff_id] if row.staff_id is not None else "",
        )
        for row in rows
    ]


def _called_off(board: Day) -> list[tuple[Appointment, str]]:
    """Bookings of the day that will not be kept, and whose."""
    query = (
        select(Appointment, current_id())
        .join(Customer, Customer.id == Appointment.customer_id)
        .where(Appointment.store_id == board.store.id, Appointment.business_day == board.day)
        .where(Appointment.status.in_(OFF), access().rows(Appointment))
    )
    rows = db.session.execute(query.order_by(Appointment.starts_at, Appointment.id).limit(50)).all()
    called = titles_by({"customer": {who for _, who in rows}}, access())
    return [(row, called["customer", who]) for row, who in rows]
