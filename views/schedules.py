"""Schedules at work: when each ran last, when it will run next, how it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, render_template
from sqlalchemy import select

from admin_app.operations.house import LABELS
from admin_app.operations.kernel import now
from admin_app.operations.refusals import Forbidden
from admin_app.scheduler import next_due, overdue
from models.clock import Schedule, ScheduleRun
from models.entity import db
from views.person import access, refuse


@dataclass(frozen=True)
class Line:
    """One schedule as it stands."""

    schedule: Schedule
    label: str
    last: ScheduleRun | None
    next: datetime | None
    late: bool


def register(app: Flask) -> None:
    app.add_url_rule("/schedules", "schedules", schedules_page)


def schedules_page() -> Any:
    """Every schedule with its last run and its next."""
    if not access().opens("schedules"):
        raise refuse(Forbidden, "schedules")
    at = now()
    late = set(overdue(at))
    lines = []
    for schedule in db.session.scalars(select(Schedule).order_by(Schedule.name)):
        newest = (
            select(ScheduleRun).where(ScheduleRun.schedule_id == schedule.id).order_by(ScheduleRun.id.desc()).limit(1)
        )
        upcoming = None if schedule.paused else next_due(schedule, at)
        label = str(LABELS.get(schedule.name, schedule.name))
        lines.append(Line(schedule, label, db.session.scalar(newest), upcoming, schedule.name in late))
    return render_template("schedules.html", lines=lines)
