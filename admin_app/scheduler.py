"""The clock. APScheduler is the heartbeat only; what is due lives in tables, and a claim makes one process run it.

A claim is leased: whoever holds it proves so with each write, and when its process dies another takes it over under the
next epoch. So ``kill -9`` loses no run and doubles none.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import statistics
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any, Self

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask, current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import OperationalError

from admin_app import housekeeping
from admin_app.anchors import AnchorError, send_anchors
from admin_app.applying import LEASE, Claim
from admin_app.clock_jump import evaluated_ahead
from admin_app.evaluation import evaluate, self_check
from admin_app.i18n import in_both_languages
from admin_app.operations.kernel import business_day, now, perform
from admin_app.operations.refusals import Refused
from admin_app.operations.todo import RaiseAlertInput
from admin_app.rule_files import watch_files
from admin_app.run_set import TooEarlyError
from admin_app.word_lists import SCHEDULE_WORDS
from models.actor import SYSTEM
from models.clock import ClaimState, Missed, Schedule, ScheduleClaim, ScheduleRun
from models.entity import db, insert_new, rows_changed, writing
from models.names import Name
from models.standing import Alert, Severeness
from rules.decisions.clock import last_time

log = logging.getLogger("peony.scheduler")

OWNER = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(3)}"
OVERDUE = timedelta(minutes=30)
SUNDAY = 7


@dataclass(frozen=True)
class Due:
    """One run that is due."""

    schedule: int
    name: str
    at: datetime


def start_clock(app: Flask) -> BackgroundScheduler:
    """Begin to look every minute at what is due, and every two seconds at the rule files."""
    clock = BackgroundScheduler(timezone=app.config["PEONY"].zone, daemon=True)
    options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": 300}
    clock.add_job(
        _within(app, tick), "interval", minutes=1, next_run_time=datetime.now(app.config["PEONY"].zone), **options
    )
    clock.add_job(_within(app, watch_files), "interval", seconds=2, **options)
    clock.start()
    return clock


def _within(app: Flask, work: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        with app.app_context():
            try:
                work()
            except OperationalError as error:
                log.warning("the database could not be reached: %s", error.orig)
            except Exception:
                log.exception("the clock stumbled")

    return run


def tick(at: datetime | None = None) -> list[Due]:
    """Run everything that is due and not claimed by another process; what was run."""
    ran: list[Due] = []
    _watch(at or now())
    for due in due_runs(at or now()):
        claim = take_claim(due, at or now())
        if claim is not None:
            _run(due, claim)
            ran.append(due)
    return ran


def run_now(name: str) -> bool:
    """Run a schedule at once, beside its hours; whether this process did."""
    schedule = db.session.scalar(select(Schedule).where(Schedule.name == name))
    if schedule is None:
        return False
    due = Due(schedule.id, schedule.name, now())
    claim = take_claim(due, due.at)
    if claim is not None:
        _run(due, claim)
    return claim is not None


def start_now(app: Flask, name: str) -> threading.Thread:
    """The same beside the page that asks for it."""
    thread = threading.Thread(target=_within(app, lambda: run_now(name)), daemon=True)
    thread.start()
    return thread


# ------------------------------------------------------------------------------------------- what is due


def due_runs(at: datetime) -> list[Due]:
    """The latest due time of each schedule that is not done: one run makes up for all that were missed."""
    found: list[Due] = []
    for schedule in db.session.scalars(select(Schedule).where(~Schedule.paused).order_by(Schedule.id)):
        last = last_due(schedule, at)
        if last is None:
            continue
        claim = db.session.get(ScheduleClaim, (schedule.id, last))
        if claim is not None and (claim.state is not ClaimState.CLAIMED or claim.lease_until > at):
            continue
        if claim is None and schedule.missed is Missed.SKIP and at - last > timedelta(minutes=5):
            continue
        found.append(Due(schedule.id, schedule.name, last))
    db.session.rollback()
    return found


def last_due(schedule: Schedule, at: datetime) -> datetime | None:
    """The last moment at or before ``at`` at which the schedule was due; None before its first."""
    if schedule.every_minutes is not None:
        step = timedelta(minutes=schedule.every_minutes)
        passed = (at - schedule.first_due_at) // step
        return None if passed < 0 else schedule.first_due_at + passed * step
    due = last_time(schedule.daily_at or "00:00", at, current_app.config["PEONY"].zone)
    return due if due >= schedule.first_due_at else None


def next_due(schedule: Schedule, at: datetime) -> datetime:
    """The first moment after ``at`` at which the schedule will be due."""
    if schedule.every_minutes is not None:
        return (last_due(schedule, at) or schedule.first_due_at) + timedelta(minutes=schedule.every_minutes)
    zone = current_app.config["PEONY"].zone
    hour, minute = map(int, (schedule.daily_at or "00:00").split(":"))
    day = business_day(at)
    today = datetime.combine(day, time(hour, minute), zone)
    return today if today > at else datetime.combine(day + timedelta(1), time(hour, minute), zone)


# --------------------------------------------------------------------------------------------- claims


def take_claim(due: Due, at: datetime) -> Claim | None:
    """Claim a due run, or take it over when its lease has run out; None when it is another's."""
    session = writing()
    values = {
        "schedule_id": due.schedule,
        "due_at": due.at,
        "state": ClaimState.CLAIMED,
        "owner": OWNER,
        "lease_until": at + LEASE,
    }
    epoch: int | None = 1
    if not insert_new(session, ScheduleClaim, [{**values, "epoch": epoch}]):
        run_out = and_(
            ScheduleClaim.schedule_id == due.schedule,
            ScheduleClaim.due_at == due.at,
            ScheduleClaim.state == ClaimState.CLAIMED,
            ScheduleClaim.lease_until <= at,
        )
        over = update(ScheduleClaim).where(run_out)
        over = over.values(epoch=ScheduleClaim.epoch + 1, owner=OWNER, lease_until=at + LEASE)
        epoch = session.execute(over.returning(ScheduleClaim.epoch)).scalar()
    session.commit()
    return None if epoch is None else Claim(due.schedule, due.at, epoch)


def _settle(claim: Claim, state: ClaimState, run: int, counts: dict[str, Any] | None, error: str | None) -> bool:
    """Close claim and run, if the claim is still this process's."""
    session = writing()
    held = rows_changed(session, update(ScheduleClaim).where(claim.own()).values(state=state)) == 1
    values = {"ended_at": now(), "state": state if held else ClaimState.FAILED, "counts": counts}
    session.execute(update(ScheduleRun).where(ScheduleRun.id == run).values(**values, error=error and error[:500]))
    session.commit()
    return held


class _Renewal:
    """Keeps the lease alive while a long run works."""

    def __init__(self, app: Flask, claim: Claim) -> None:
        self.app, self.claim, self.done = app, claim, threading.Event()
        self.thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def _renew(self) -> None:
        while not self.done.wait(LEASE.total_seconds() / 4):
            with self.app.app_context():
                session = writing()
                session.execute(update(ScheduleClaim).where(self.claim.own()).values(lease_until=now() + LEASE))
                session.commit()


# ----------------------------------------------------------------------------------------------- running


Work = Callable[[Claim], dict[str, Any]]


def _evaluate_day(claim: Claim) -> dict[str, Any]:
    """What the new day brings; on Sundays everybody is looked at, to prove that nobody was missed."""
    day = business_day(claim.due_at)
    if day.isoweekday() != SUNDAY:
        return evaluate(day, full=False, claim=claim, at=now()).counts()
    counts = self_check(day, claim=claim)
    if counts["drifted"]:
        _raise(
            f"rules-daily:drift:{day.isoformat()}",
            claim.schedule_id,
            lambda: _(
                "The weekly check found %(n)s customers who did not stand as the rules say, and mended it.",
                n=counts["drifted"],
            ),
        )
    return counts


def _evaluate_changed(claim: Claim) -> dict[str, Any]:
    at = now()
    return evaluate(business_day(at), full=False, claim=claim, at=at).counts()


def anchor_log() -> dict[str, Any]:
    """Anchor the log, then bring the second place up to date with all that it lacks.

    :raises Refused: it cannot be reached; the anchor stands, and goes along next time.
    """
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    try:
        return {"sent": send_anchors()}
    except AnchorError as error:
        raise Refused(_l("%(why)s", why=str(error)), None, "anchor_copy") from error


WORK: dict[str, Work] = {
    "rules-daily": _evaluate_day,
    "rules-changed": _evaluate_changed,
    "anchor-log": lambda claim: anchor_log(),
    "back-up": lambda claim: housekeeping.daily_backup(),
    "housekeeping": lambda claim: housekeeping.sweep(),
}
"""What each schedule does."""


def _run(due: Due, claim: Claim) -> None:
    run = _begin_run(due, claim)
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - how Flask hands itself to a thread
    try:
        with _Renewal(app, claim):
            counts = WORK[due.name](claim)
    except Refused as refusal:
        _settle(claim, ClaimState.FAILED, run, None, str(refusal))
        log.warning("%s of %s: %s", due.name, due.at, refusal)
        if isinstance(refusal, TooEarlyError):
            _tell_of_clock()
        elif refusal.code != "lost_claim":
            _tell(due, str(refusal))
    except Exception as error:
        _settle(claim, ClaimState.FAILED, run, None, f"{type(error).__name__}: {error}")
        log.exception("%s of %s failed", due.name, due.at)
        _tell(due, type(error).__name__)
    else:
        _settle(claim, ClaimState.DONE, run, counts, None)


def _begin_run(due: Due, claim: Claim) -> int:
    session = writing()
    run = ScheduleRun(
        schedule_id=due.schedule,
        due_at=due.at,
        started_at=now(),
        state=ClaimState.CLAIMED,
        epoch=claim.epoch,
        owner=OWNER,
    )
    session.add(run)
    session.commit()
    return run.id


def _tell(due: Due, problem: str) -> None:
    _raise(
        f"{due.name}:{due.at.isoformat()}",
        due.schedule,
        lambda: _("The schedule %(name)s failed: %(problem)s", name=_label(due.name), problem=problem),
    )


def _tell_of_clock() -> None:
    """Once a day, not at each of the runs that are refused until it is put right."""
    at = now()
    ahead = evaluated_ahead(db.session(), at)
    if ahead is None:
        return
    _raise(
        f"clock:{business_day(at).isoformat()}",
        None,
        lambda: _(
            "The clock of this computer was ahead: the rules were evaluated as of %(day)s and do not run until then. "
            "The owner puts it right on the page of the schedules.",
            day=ahead.isoformat(),
        ),
    )


SLOW = 30.0
"""Seconds below which no run is called slow, however quick it used to be."""


def _watch(at: datetime) -> None:
    """Raise an alert for each schedule that is overdue, or took far longer than it used to; once a due time."""
    for name in overdue(at):
        _raise_about(name, "overdue", at, lambda name: _("The schedule %(name)s is overdue.", name=name))
    for schedule in db.session.scalars(select(Schedule)).all():
        took = durations(schedule.id)
        usual = statistics.median(took[1:]) if len(took) > 3 else None
        if usual is not None and took[0] > SLOW and took[0] > 3 * usual:
            _raise_about(schedule.name, "slow", at, partial(_slow_said, took[0], usual))


def _slow_said(took: float, usual: float, name: str) -> str:
    text = _("The schedule %(name)s took %(now)s s; it used to take %(usual)s s.")
    return str(text % {"name": name, "now": f"{took:.0f}", "usual": f"{usual:.0f}"})


def _label(schedule: str) -> str:
    """What a schedule is called by people."""
    return str(SCHEDULE_WORDS.get(schedule, schedule))


def _raise_about(name: str, what: str, at: datetime, say: Callable[[str], str]) -> None:
    """Raise an alert about a schedule, once a day."""
    schedule = db.session.scalar(select(Schedule.id).where(Schedule.name == name))
    _raise(f"{name}:{what}:{business_day(at).isoformat()}", schedule, lambda: say(_label(name)))


def durations(schedule_id: int, most: int = 10) -> list[float]:
    """How long the last runs took, in seconds, the newest first."""
    done = (ScheduleRun.schedule_id == schedule_id, ScheduleRun.ended_at.is_not(None))
    query = select(ScheduleRun.started_at, ScheduleRun.ended_at).where(*done).order_by(ScheduleRun.id.desc())
    rows = db.session.execute(query.limit(most))
    return [(ended - started).total_seconds() for started, ended in rows if ended is not None]


def _raise(occasion: str, schedule: int | None, say: Callable[[], str]) -> None:
    known = select(Alert.id).where(Alert.source == "scheduler", Alert.occasion == occasion)
    if db.session.scalar(known) is None:
        values = {"about": "schedule", "about_id": schedule, **in_both_languages(say)}
        alert = RaiseAlertInput(source="scheduler", occasion=occasion, severity=Severeness.URGENT, **values)
        perform(Name.RAISE_ALERT, alert, actor=SYSTEM)


def overdue(at: datetime) -> list[str]:
    """Schedules whose last due run has not been done in time: for the watchdog and the schedules page."""
    late: list[str] = []
    for schedule in db.session.scalars(select(Schedule).where(~Schedule.paused)):
        last = last_due(schedule, at)
        if last is None or at - last < OVERDUE:
            continue
        done = select(ScheduleClaim.due_at).where(
            ScheduleClaim.schedule_id == schedule.id,
            ScheduleClaim.due_at == last,
            or_(ScheduleClaim.state != ClaimState.CLAIMED, ScheduleClaim.lease_until > at),
        )
        if db.session.scalar(done) is None:
            late.append(schedule.name)
    return late
