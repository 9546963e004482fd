"""What is done with staff: shifts, leave, attendance, training."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from flask import current_app
from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import select

from admin_app.operations.broken_bookings import broken_by
from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from models.names import Name
from models.organisation import (
    Attendance,
    AttendanceKind,
    Course,
    Leave,
    LeaveKind,
    Shift,
    ShiftTemplate,
    Staff,
    TrainingResult,
)

OneStaff = Annotated[int, Ask(_l("Staff member"), to=Staff)]


class ShiftInput(Input):
    """Who works on which days, by a shift template."""

    staff: Annotated[list[int], Ask(_l("Staff"), to=Staff), Field(min_length=1, max_length=200)]
    template: Annotated[int, Ask(_l("Shift template"), to=ShiftTemplate)]
    first_day: Annotated[date, Ask(_l("First day"))]
    last_day: Annotated[date, Ask(_l("Last day"))]


MOST_DAYS = 62


@operation(Name.PLAN_SHIFT, label=_l("Plan shifts"), on=Staff)
def plan_shift(op: Operation, data: ShiftInput) -> Answer:
    """Write a shift for each day and person; one that overlaps another is refused, and all with it.

    The answer lists the bookings of these people that no shift covers now.
    """
    days = (data.last_day - data.first_day).days + 1
    if not 1 <= days <= MOST_DAYS:
        raise Refused(_l("The last day comes after the first, at most 62 days on."), "last_day")
    template = op.find(ShiftTemplate, data.template)
    zone = current_app.config["PEONY"].zone
    planned: list[Shift] = []
    for person in op.subjects:
        for offset in range(days):
            day = data.first_day + timedelta(offset)
            starts = datetime.combine(day, template.starts_at, zone)
            ends = datetime.combine(day, template.ends_at, zone)
            planned.append(Shift(staff_id=person.id, store_id=template.store_id, starts_at=starts, ends_at=ends))
    op.session.add_all(planned)
    op.session.flush()
    one_of_each = {shift.staff_id: shift for shift in planned}.values()
    return {"shifts": len(planned), **broken_by(op, *one_of_each)}


class LeaveInput(Input):
    """Who is away, from when to when, why."""

    staff: OneStaff
    kind: Annotated[LeaveKind, Ask(_l("Kind"))]
    starts_at: Annotated[datetime, Ask(_l("Start"))]
    ends_at: Annotated[datetime, Ask(_l("End"))]
    reason: Annotated[str, Ask(_l("Reason")), Field(max_length=200)] = ""


@operation(Name.RECORD_LEAVE, label=_l("Record leave"), on=Staff)
def record_leave(op: Operation, data: LeaveInput) -> Answer:
    """Write down when somebody is away; the answer lists the bookings that this breaks."""
    values = data.model_dump(include={"kind", "starts_at", "ends_at"})
    row = Leave(staff_id=data.staff, reason=data.reason or None, **values)
    op.session.add(row)
    op.session.flush()
    return {"id": row.id, **broken_by(op, row)}


class AttendanceInput(Input):
    """Who came or went, now."""

    staff: OneStaff
    kind: Annotated[AttendanceKind, Ask(_l("Kind"))]


@operation(Name.RECORD_ATTENDANCE, label=_l("Record attendance"), on=Staff)
def record_attendance(op: Operation, data: AttendanceInput) -> Answer:
    """Write down that somebody came or went; the same twice in a row is refused."""
    last = op.session.scalars(
        select(Attendance).where(Attendance.staff_id == data.staff).order_by(Attendance.at.desc()).limit(1)
    ).first()
    if last is not None and last.kind == data.kind and last.business_day == op.day:
        raise Refused(_l("That was recorded already today."), "kind")
    row = Attendance(staff_id=data.staff, store_id=op.subject.store_id, kind=data.kind, at=op.at, business_day=op.day)
    op.session.add(row)
    op.session.flush()
    return {"id": row.id}


class TrainingInput(Input):
    """How somebody did in a course."""

    staff: OneStaff
    course: Annotated[int, Ask(_l("Course"), to=Course)]
    taken_on: Annotated[date, Ask(_l("Taken on"))]
    score: Annotated[int | None, Ask(_l("Score")), Field(ge=0, le=100)] = None
    passed: Annotated[bool, Ask(_l("Passed"))] = True


@operation(Name.RECORD_TRAINING, label=_l("Record training"), on=Staff)
def record_training(op: Operation, data: TrainingInput) -> Answer:
    """Write down the result of a course."""
    values = data.model_dump(include={"taken_on", "score", "passed"})
    row = TrainingResult(staff_id=data.staff, course_id=data.course, **values)
    op.session.add(row)
    op.session.flush()
    return {"id": row.id}
