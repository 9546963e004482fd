"""Bookings that can no longer be kept as they stand: found when somebody goes on leave or something is put away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from admin_app.operations.kernel import Operation, begin_of_day
from admin_app.operations.registry import Answer
from models.booking import OPEN, Appointment, ClosedPeriod, Segment
from models.catalogue import Service
from models.customers import Customer, kin_of
from models.entity import Entity
from models.organisation import Bed, Equipment, Leave, Room, Staff, StaffSkill, StaffStore, Store

Condition = ColumnElement[bool]


def broken_by(op: Operation, row: Entity) -> Answer:
    """The numbers of the bookings to come that this row, as it stands now, does not allow; for an answer."""
    condition = _CONDITIONS.get(type(row), _none)(row)
    if condition is None:
        return {}
    op.session.flush()
    coming = (Appointment.status.in_(OPEN), Segment.archived_at.is_(None), Segment.ends_at > op.at)
    query = (
        select(Appointment.id)
        .join(Segment, Segment.appointment_id == Appointment.id)
        .where(*coming, condition)
        .group_by(Appointment.id, Appointment.starts_at)
        .order_by(Appointment.starts_at, Appointment.id)
    )
    ids = list(op.session.scalars(query))
    return {"broken_bookings": ids} if ids else {}


def _none(row: Entity) -> None:
    """Bookings do not depend on it."""


def _archived(condition: Callable[[Any], Condition]) -> Callable[[Any], Condition | None]:
    """The condition, where the row was put away."""
    return lambda row: condition(row) if row.archived_at is not None else None


def _at_the_same_time(row: Leave | ClosedPeriod) -> Condition:
    return and_(Segment.starts_at < row.ends_at, Segment.busy_until > row.starts_at)


def _leave(row: Leave) -> Condition:
    return and_(Segment.staff_id == row.staff_id, _at_the_same_time(row))


def _closed(row: ClosedPeriod) -> Condition | None:
    if row.archived_at is not None:
        return None
    whose = Segment.staff_id == row.staff_id if row.staff_id is not None else Appointment.store_id == row.store_id
    return and_(Appointment.store_id == row.store_id, whose, _at_the_same_time(row))


def _staff(row: Staff) -> Condition | None:
    if row.archived_at is not None:
        return Segment.staff_id == row.id
    if row.left_on is None:
        return None
    return and_(Segment.staff_id == row.id, Segment.starts_at >= begin_of_day(row.left_on + timedelta(1)))


def _store(row: Store) -> Condition | None:
    if row.archived_at is not None:
        return Appointment.store_id == row.id
    days = [date.fromisoformat(day) for day in row.holidays or [] if _is_day(day)]
    return and_(Appointment.store_id == row.id, Appointment.business_day.in_(days)) if days else None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _customer(row: Customer) -> Condition:
    return Appointment.customer_id.in_(kin_of(row.id))


def _further_store(row: StaffStore) -> Condition:
    at_home = select(Staff.id).where(Staff.id == row.staff_id, Staff.store_id == row.store_id)
    return and_(
        Segment.staff_id == row.staff_id, Appointment.store_id == row.store_id, Segment.staff_id.not_in(at_home)
    )


def _skill(row: StaffSkill) -> Condition:
    return and_(Segment.staff_id == row.staff_id, Segment.service_id == row.service_id)


def _room(row: Room) -> Condition:
    return Segment.bed_id.in_(select(Bed.id).where(Bed.room_id == row.id))


_CONDITIONS: dict[type[Entity], Callable[[Any], Condition | None]] = {
    Leave: _leave,
    ClosedPeriod: _closed,
    Staff: _staff,
    Store: _store,
    Customer: _archived(_customer),
    Service: _archived(lambda row: Segment.service_id == row.id),
    Bed: _archived(lambda row: Segment.bed_id == row.id),
    Room: _archived(_room),
    Equipment: _archived(lambda row: Segment.equipment_id == row.id),
    StaffSkill: _archived(_skill),
    StaffStore: _archived(_further_store),
}
"""By entity: which booked services a row does not allow; None where it allows them all."""
