"""Bookings that can no longer be kept as they stand: found when somebody goes on leave or gets another shift, when a
store closes or changes its hours, and when something that they need is put away or changed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from admin_app.duty import is_holiday, open_hours, shifts_of
from admin_app.operations.kernel import Operation, begin_of_day
from admin_app.operations.registry import Answer
from models.booking import OPEN, Appointment, ClosedPeriod, Segment
from models.catalogue import Service
from models.customers import Customer, kin_of
from models.entity import Entity
from models.organisation import Bed, Equipment, Leave, Room, Shift, Staff, StaffSkill, StaffStore, Store
from rules.evaluation.dialect import among

Condition = ColumnElement[bool]
Finding = Callable[[Operation, Any], Condition | None]


def broken_by(op: Operation, *rows: Entity) -> Answer:
    """The numbers of the bookings to come that these rows, as they stand now, do not allow; for an answer."""
    op.session.flush()
    found = [_CONDITIONS.get(type(row), _none)(op, row) for row in rows]
    conditions = [one for one in found if one is not None]
    if not conditions:
        return {}
    query = (
        select(Appointment.id)
        .join(Segment, Segment.appointment_id == Appointment.id)
        .where(*_coming(op), or_(*conditions))
        .group_by(Appointment.id, Appointment.starts_at)
        .order_by(Appointment.starts_at, Appointment.id)
    )
    ids = list(op.session.scalars(query))
    return {"broken_bookings": ids} if ids else {}


def _coming(op: Operation) -> tuple[Condition, ...]:
    """Booked services of bookings to come."""
    return Appointment.status.in_(OPEN), Segment.archived_at.is_(None), Segment.ends_at > op.at


def _none(op: Operation, row: Entity) -> None:
    """Bookings do not depend on it."""


def _archived(condition: Callable[[Any], Condition]) -> Finding:
    """The condition, where the row was put away."""
    return lambda op, row: condition(row) if row.archived_at is not None else None


def _at_the_same_time(row: Leave | ClosedPeriod) -> Condition:
    return and_(Segment.starts_at < row.ends_at, Segment.busy_until > row.starts_at)


def _leave(op: Operation, row: Leave) -> Condition:
    return and_(Segment.staff_id == row.staff_id, _at_the_same_time(row))


def _closed(op: Operation, row: ClosedPeriod) -> Condition | None:
    if row.archived_at is not None:
        return None
    whose = Segment.staff_id == row.staff_id if row.staff_id is not None else Appointment.store_id == row.store_id
    return and_(Appointment.store_id == row.store_id, whose, _at_the_same_time(row))


def _staff(op: Operation, row: Staff) -> Condition | None:
    if row.archived_at is not None:
        return Segment.staff_id == row.id
    if row.left_on is None:
        return None
    return and_(Segment.staff_id == row.id, Segment.starts_at >= begin_of_day(row.left_on + timedelta(1)))


def _store(op: Operation, row: Store) -> Condition:
    """What lies on a closed day or outside the hours, and everything where the store was put away."""
    if row.archived_at is not None:
        return Appointment.store_id == row.id
    booked = (
        select(Segment.id, Segment.starts_at, Segment.ends_at, Appointment.business_day)
        .join(Appointment, Appointment.id == Segment.appointment_id)
        .where(*_coming(op), Appointment.store_id == row.id)
    )
    broken: list[int] = []
    for number, starts_at, ends_at, day in op.session.execute(booked):
        opens, closes = open_hours(row, day)
        if is_holiday(row, day) or starts_at < opens or ends_at > closes:
            broken.append(number)
    return among(broken)(Segment.id)


def _shift(op: Operation, row: Shift) -> Condition:
    """What no shift of the same person covers, on days on which any shift is planned in the store."""
    store = op.session.get_one(Store, row.store_id)
    booked = (
        select(Segment.id, Segment.starts_at, Segment.busy_until, Appointment.business_day)
        .join(Appointment, Appointment.id == Segment.appointment_id)
        .where(*_coming(op), Segment.staff_id == row.staff_id, Appointment.store_id == row.store_id)
    )
    planned = cache(lambda day: shifts_of(op.session, store.id, open_hours(store, day)))
    broken: list[int] = []
    for number, starts_at, busy_until, day in op.session.execute(booked).all():
        shifts = planned(day)
        covered = any(begins <= starts_at and busy_until <= ends for begins, ends in shifts.get(row.staff_id, []))
        if shifts and not covered:
            broken.append(number)
    return among(broken)(Segment.id)


def _customer(row: Customer) -> Condition:
    return Appointment.customer_id.in_(kin_of(row.id))


def _further_store(row: StaffStore) -> Condition:
    at_home = select(Staff.id).where(Staff.id == row.staff_id, Staff.store_id == row.store_id)
    return and_(
        Segment.staff_id == row.staff_id, Appointment.store_id == row.store_id, Segment.staff_id.not_in(at_home)
    )


def _skill(row: StaffSkill) -> Condition:
    return and_(Segment.staff_id == row.staff_id, Segment.service_id == row.service_id)


def _bed(op: Operation, row: Bed) -> Condition:
    """All that is booked on it where it was put away, else what its room does not allow."""
    mine = Segment.bed_id == row.id
    return mine if row.archived_at is not None else and_(mine, _no_place_for(op.session.get_one(Room, row.room_id)))


def _room(op: Operation, row: Room) -> Condition:
    mine = Segment.bed_id.in_(select(Bed.id).where(Bed.room_id == row.id))
    return and_(mine, _no_place_for(row))


def _no_place_for(room: Room) -> Condition:
    """Services that are not given in a room like this: it was put away, is in another store, or of another kind."""
    if room.archived_at is not None:
        return Segment.bed_id.is_not(None)
    fitting = select(Service.id).where(Service.room_kind == room.kind)
    return or_(Appointment.store_id != room.store_id, Segment.service_id.not_in(fitting))


def _equipment(op: Operation, row: Equipment) -> Condition:
    """All that is booked with it where it was put away, else what is in another store or needs something else."""
    mine = Segment.equipment_id == row.id
    if row.archived_at is not None:
        return mine
    needing = select(Service.id).where(Service.equipment_needed == row.name)
    return and_(mine, or_(Appointment.store_id != row.store_id, Segment.service_id.not_in(needing)))


_CONDITIONS: dict[type[Entity], Finding] = {
    Leave: _leave,
    Shift: _shift,
    ClosedPeriod: _closed,
    Staff: _staff,
    Store: _store,
    Customer: _archived(_customer),
    Service: _archived(lambda row: Segment.service_id == row.id),
    Bed: _bed,
    Room: _room,
    Equipment: _equipment,
    StaffSkill: _archived(_skill),
    StaffStore: _archived(_further_store),
}
"""By entity: which booked services a row does not allow; None where it allows them all."""
