"""Schedules at work: when each ran last, when it will run next, how it went."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select

from admin_app.clock_jump import evaluated_ahead
from admin_app.operations.kernel import now
from admin_app.operations.refusals import Forbidden, Missing, Refused
from admin_app.scheduler import durations, next_due, overdue, start_now
from admin_app.word_lists import SCHEDULE_WORDS
from models.clock import ClaimState, EvaluationRun, Schedule, ScheduleRun
from models.customers import Customer
from models.entity import db
from models.names import Name
from rules.documents.roles import Action
from views.person import access, do, refuse


@dataclass(frozen=True)
class Line:
    """One schedule as it stands."""

    schedule: Schedule
    label: str
    last: ScheduleRun | None
    next: datetime | None
    late: bool
    took: list[float]
    progress: int | None  # per cent of the customers, while the rules are evaluated


def register(app: Flask) -> None:
    app.add_url_rule("/schedules", "schedules", schedules_page)
    app.add_url_rule("/schedules/clock", "schedules.correct_clock", correct_clock, methods=["POST"])
    app.add_url_rule("/schedules/<int:number>", "schedules.act", act, methods=["POST"])


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
        label = str(SCHEDULE_WORDS.get(schedule.name, schedule.name))
        last, took = db.session.scalar(newest), durations(schedule.id)
        lines.append(
            Line(schedule, label, last, upcoming, schedule.name in late, took[::-1], _progress(schedule, last))
        )
    return render_template(
        "schedules.html",
        lines=lines,
        ahead=evaluated_ahead(db.session(), at),
        may_correct=access().does(Name.CORRECT_CLOCK),
        may_run=access().does(Name.RUN_SCHEDULE),
        may_pause=access().may(Action.EDIT, Schedule),
        key=secrets.token_hex(8),
    )


def _progress(schedule: Schedule, last: ScheduleRun | None) -> int | None:
    """How far the run that is going on has come through the customers."""
    if last is None or last.state is not ClaimState.CLAIMED or not schedule.name.startswith("rules-"):
        return None
    run = db.session.scalar(select(EvaluationRun).order_by(EvaluationRun.id.desc()).limit(1))
    most = db.session.scalar(select(func.max(Customer.id))) or 0
    return None if run is None or run.ended_at is not None or not most else min(99, run.last_customer_id * 100 // most)


def correct_clock() -> Any:
    """Let the rules go on as of today after the clock was ahead, and run them at once."""
    if not access().opens("schedules"):
        raise refuse(Forbidden, "schedules")
    try:
        do(Name.CORRECT_CLOCK)
    except Refused as refusal:
        flash(str(refusal), "danger")
    else:
        start_now(current_app._get_current_object(), "rules-daily")  # type: ignore[attr-defined]  # noqa: SLF001 - see _run
        flash(_("The rules go on as of today; everybody is evaluated anew."), "success")
    return redirect(url_for("schedules"))


def act(number: int) -> Any:
    """Run a schedule at once, let it rest, or let it go on."""
    if not access().opens("schedules"):
        raise refuse(Forbidden, "schedules")
    schedule = db.session.get(Schedule, number)
    if schedule is None:
        raise refuse(Missing, "schedules", "schedule", number)
    name, version = schedule.name, schedule.version
    try:
        if request.form.get("action") == "run":
            do(Name.RUN_SCHEDULE, {"schedule": number})
            start_now(current_app._get_current_object(), name)  # type: ignore[attr-defined]  # noqa: SLF001 - see _run
            flash(_("%(name)s is running.", name=str(SCHEDULE_WORDS.get(name, name))), "success")
        else:
            paused = "yes" if request.form.get("action") == "pause" else "no"
            values = {"entity": "schedule", "id": number, "values": {"paused": paused}, "version": version}
            do(Name.EDIT_ENTITY, values)
    except Refused as refusal:
        flash(str(refusal), "danger")
    return redirect(url_for("schedules"))
