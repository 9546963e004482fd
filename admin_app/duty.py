"""When a store takes bookings on a day, and who works in it then: hours, shifts, leave, closed times.

Bookings are placed by this, and the booking day is drawn by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime

from flask import current_app
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from models.booking import ClosedPeriod
from models.organisation import Leave, Shift, Staff, Store
from rules.decisions.times import Span


def open_hours(store: Store, day: date) -> Span:
    """From opening to closing."""
    zone = current_app.config["PEONY"].zone
    return datetime.combine(day, store.opens_at, zone), datetime.combine(day, store.closes_at, zone)


def is_holiday(store: Store, day: date) -> bool:
    """Whether the store takes no bookings on this day."""
    return day.isoformat() in (store.holidays or [])


def employed(day: date) -> tuple[ColumnElement[bool], ...]:
    """Who works for the salon on a day: whoever leaves works to her last day, and an archived record not at all."""
    return Staff.archived_at.is_(None), or_(Staff.left_on.is_(None), Staff.left_on >= day)


def shifts_of(session: Session, store_id: int, span: Span) -> dict[int, list[Span]]:
    """When each of the staff works in a store; nobody where no shift is planned: then everybody works its hours."""
    planned = select(Shift.staff_id, Shift.starts_at, Shift.ends_at).where(
        Shift.store_id == store_id, *_during(Shift, span)
    )
    found: dict[int, list[Span]] = defaultdict(list)
    for staff, starts_at, ends_at in session.execute(planned.order_by(Shift.starts_at)):
        found[staff].append((starts_at, ends_at))
    return found


def away(
    session: Session, store_id: int, staff: Collection[int], span: Span
) -> list[tuple[int, Span, Leave | ClosedPeriod]]:
    """When each of these takes no bookings though she works, and why."""
    on_leave = select(Leave).where(Leave.staff_id.in_(staff), *_during(Leave, span))
    found: list[tuple[int, Span, Leave | ClosedPeriod]] = [
        (leave.staff_id, (leave.starts_at, leave.ends_at), leave) for leave in session.scalars(on_leave)
    ]
    whose = or_(ClosedPeriod.staff_id.is_(None), ClosedPeriod.staff_id.in_(staff))
    shut = select(ClosedPeriod).where(ClosedPeriod.store_id == store_id, whose, *_during(ClosedPeriod, span))
    for closed in session.scalars(shut):
        everybody = staff if closed.staff_id is None else (closed.staff_id,)
        found += [(one, (closed.starts_at, closed.ends_at), closed) for one in everybody]
    return found


def _during(entity: type[Shift | Leave | ClosedPeriod], span: Span) -> tuple[ColumnElement[bool], ...]:
    return entity.archived_at.is_(None), entity.ends_at > span[0], entity.starts_at < span[1]
