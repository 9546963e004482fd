"""Bookings that are not over move to the record that stays when two records of one person become one."""

from __future__ import annotations

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import aliased

from admin_app.i18n import join_clauses
from admin_app.operations.free_times import customer_resource
from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from models.booking import OPEN, Appointment, AppointmentStatus, BookingClaim, Segment
from models.organisation import Store

NOT_OVER = (*OPEN, AppointmentStatus.ARRIVED)
"""Bookings still to come, and those of whoever is here."""


def move_bookings(op: Operation, lost: int, kept: int) -> int:
    """Move bookings that are not over, with what they have taken of the customer's time; how many.

    :raises Refused: both records have a booking at the same time; the message lists them.
    """
    hers = (Appointment.customer_id == lost, Appointment.status.in_(NOT_OVER))
    bookings = op.session.scalars(select(Appointment).where(*hers).order_by(Appointment.id)).all()
    if not bookings:
        return 0
    giver, taker = customer_resource(op.session, lost), customer_resource(op.session, kept)
    _ensure_apart(op, giver, taker)
    live = (BookingClaim.resource_id == giver, BookingClaim.archived_at.is_(None))
    for claim in op.session.scalars(select(BookingClaim).where(*live).order_by(BookingClaim.id)).all():
        claim.resource_id = taker
    for booking in bookings:
        booking.customer_id = kept
    op.session.flush()
    return len(bookings)


def _ensure_apart(op: Operation, giver: int, taker: int) -> None:
    """:raises Refused: a live claim on one resource overlaps one on the other."""
    mine, other = aliased(BookingClaim), aliased(BookingClaim)
    of_mine, of_other = aliased(Segment), aliased(Segment)
    query = (
        select(of_mine.appointment_id, of_other.appointment_id)
        .join(mine, mine.segment_id == of_mine.id)
        .join(other, (other.starts_at < mine.ends_at) & (other.ends_at > mine.starts_at))
        .join(of_other, of_other.id == other.segment_id)
        .where(mine.resource_id == giver, mine.archived_at.is_(None))
        .where(other.resource_id == taker, other.archived_at.is_(None))
        .distinct()
    )
    pairs = op.session.execute(query).all()
    if not pairs:
        return
    both = select(Appointment, Store.name).join(Store, Store.id == Appointment.store_id)
    found = op.session.execute(both.where(Appointment.id.in_({one for pair in pairs for one in pair}))).all()
    zone = current_app.config["PEONY"].zone
    said = {
        row.id: f"{row.starts_at.astimezone(zone):%Y-%m-%d %H:%M}–{row.ends_at.astimezone(zone):%H:%M} {store}"
        for row, store in found
    }
    clashes = join_clauses(sorted(f"{said[first]} / {said[second]}" for first, second in pairs))
    raise Refused(
        _l("Both records have bookings at the same time; move or cancel one of each: %(clashes)s.", clashes=clashes),
        None,
        "booked",
    )
