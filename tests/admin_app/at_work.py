"""What processes of the house do in the tests of contention and sudden death."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import event, insert
from sqlalchemy.exc import DBAPIError

from admin_app import evaluation
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from models.actor import SYSTEM
from models.booking import Appointment, AppointmentSource, BookingClaim, Segment
from models.entity import db, table_of
from models.names import Name
from tests.cast import raw_operation

HOUR = timedelta(hours=1)
OFFSETS = [timedelta(minutes=minutes) for minutes in (0, 15, 30, 45)]
"""Any two bookings of an hour that begin so much later overlap; groups of them lie two hours apart."""


DEADLOCK = "40P01"

# --------------------------------------------------------------------------------------- claims on one resource


def claim(
    pipe: Connection, start: Any, number: int, ids: dict[str, int], groups: Sequence[datetime], tries: int
) -> None:
    """Try each group of times so often, together with the others; say how often it was tried and what was won."""
    tried, won = 0, []
    for place, opens in enumerate(groups):
        start.wait()
        for turn in range(tries):
            begins = opens + OFFSETS[(number + turn) % len(OFFSETS)]
            tried += 1
            while (got := _claimed(ids, ids["stores"][number % 2], begins)) is None:
                continue
            won += [place] if got else []
    pipe.send((tried, won))


def _claimed(ids: Any, store: int, begins: datetime) -> bool | None:
    """Whether the database let a booking have the therapist, written as the operation writes it. None where two stood
    in each other's way, and it has to be tried again.
    """
    ends = begins + HOUR
    try:
        with raw_operation():
            appointment = {"customer_id": ids["customer"], "store_id": store, "starts_at": begins, "ends_at": ends}
            appointment |= {"business_day": begins.date(), "booked_on": begins.date()}
            made = _insert(Appointment, {**appointment, "source": AppointmentSource.PHONE})
            segment = {"appointment_id": made, "service_id": ids["service"], "staff_id": ids["staff"]}
            segment |= {"starts_at": begins, "busy_until": ends, "ends_at": ends}
            taken = {"segment_id": _insert(Segment, segment), "resource_id": ids["resource"]}
            _insert(BookingClaim, {**taken, "starts_at": begins, "ends_at": ends})
    except DBAPIError as error:
        db.session.rollback()
        if getattr(error.orig, "sqlstate", None) == DEADLOCK:
            return None
        assert "no_overlap_booking_claim" in str(error.orig), error
        return False
    return True


def _insert(entity: Any, values: dict[str, Any]) -> int:
    table = table_of(entity)
    made: int = db.session.execute(insert(table).values(**values).returning(table.c.id)).scalar_one()
    return made


# ----------------------------------------------------------------------------------------------- real bookings


def book(pipe: Connection, start: Any, asked: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Book what is asked, group by group together with the others; say what came of each."""
    last = -1
    for group, data in asked:
        if group != last:
            start.wait()
        last = group
        try:
            pipe.send((group, "booked", perform(Name.BOOK, data, actor=SYSTEM)["id"]))
        except Refused as refused:
            pipe.send((group, refused.code, str(refused)))


# ------------------------------------------------------------------------------------------------ sudden death


def trade(pipe: Connection, work: Sequence[tuple[str, dict[str, Any]]], word: str, dies_after: int) -> None:
    """Do these operations in turn for ever, each with a key of its own: announced before, its answer told after.

    After so many statements the process kills itself; with 0 somebody else does.
    """
    if dies_after:
        _die(dies_after)
    for turn in count():
        name, data = work[turn % len(work)]
        key = f"{word}-{turn}"
        pipe.send(("begun", key, name, data))
        pipe.send(("done", key, perform(name, data, actor=SYSTEM, key=key)))


def evaluate(pipe: Connection, as_of: date, full: bool, dies_after: int) -> None:
    """Run the rules, three customers at a time; say after how many of how many parts it has come, and when it is done.

    After so many statements the process kills itself; with 0 somebody else does, or nobody.
    """
    evaluation.CHUNK, evaluation.STRIDE = dict.fromkeys(evaluation.CHUNK, 3), 3
    if dies_after:
        _die(dies_after)
    evaluation.evaluate(as_of, full=full, progress=lambda done, of: pipe.send((done, of)))
    pipe.send("done")


def _die(after: int) -> None:
    left = count(after, -1)

    def note(*_: object) -> None:
        if next(left) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in ("before_cursor_execute", "commit"):
        event.listen(db.engine, moment, note)
