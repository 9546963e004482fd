"""Who may be offered where a form asks for staff: who works for the salon, where, and which services each can give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from admin_app.duty import employed
from models.organisation import Staff, StaffSkill, StaffStore


def at_work(day: date, stores: Collection[int] = ()) -> ColumnElement[bool]:
    """That somebody works for the salon on a day, in one of these stores where any are named."""
    works = and_(*employed(day))
    if not stores:
        return works
    further = select(StaffStore.staff_id).where(StaffStore.store_id.in_(stores), StaffStore.archived_at.is_(None))
    return works & or_(Staff.store_id.in_(stores), Staff.id.in_(further))


def skills_of(session: Session, staff: Collection[int]) -> dict[int, list[int]]:
    """The services that each of the staff can give."""
    query = select(StaffSkill.staff_id, StaffSkill.service_id).where(
        StaffSkill.staff_id.in_(staff), StaffSkill.archived_at.is_(None)
    )
    found: dict[int, list[int]] = defaultdict(list)
    for person, service in session.execute(query.order_by(StaffSkill.service_id)):
        found[person].append(service)
    return found


def stores_of(session: Session, staff: Collection[int]) -> dict[int, set[int]]:
    """The stores that each of the staff works in: the home store, and further ones."""
    found: dict[int, set[int]] = defaultdict(set)
    for person, store in session.execute(select(Staff.id, Staff.store_id).where(Staff.id.in_(staff))):
        found[person].add(store)
    further = select(StaffStore.staff_id, StaffStore.store_id).where(StaffStore.staff_id.in_(staff))
    for person, store in session.execute(further.where(StaffStore.archived_at.is_(None))):
        found[person].add(store)
    return found
