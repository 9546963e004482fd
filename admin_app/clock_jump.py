"""After a clock that was ahead: the rules were evaluated as of a day that has not come yet, and none before may follow.

The owner puts it right in one step: what the rules had dated later begins today, and everybody is evaluated anew. What
was an event stays as it was written: entries of the log and the ledger, changes of tier, what was given.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from admin_app.operations.kernel import Operation, business_day
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation
from models.accounts import SignInThrottle
from models.clock import EvaluationRun
from models.entity import EVERYBODY, rows_changed, table_of
from models.names import Name
from models.rulebook import ChangedCustomer, RuleMatch, RulePending, RuleSlot, RunCustomer, WatchMatch
from models.standing import CustomerTag, Membership

DATES = ((RuleMatch, "since", "until"), (Membership, "since", "ended_on"), (WatchMatch, "since", None))
"""What runs of the rules date by day: its beginning and its end."""


def evaluated_ahead(session: Session, at: datetime) -> date | None:
    """The day that has not come yet and of which the rules have been evaluated; None where all is well."""
    last = session.scalar(select(func.max(EvaluationRun.as_of)).where(EvaluationRun.ended_at.is_not(None)))
    return last if last is not None and last > business_day(at) else None


@operation(Name.CORRECT_CLOCK, label=_l("Put the rules back to today"), form=False)
def correct_clock(op: Operation, data: Input) -> Answer:
    """Let the rules go on as of today after the clock was ahead.

    :raises Refused: they were not evaluated as of a later day.
    """
    ahead = evaluated_ahead(op.session, op.at)
    if ahead is None:
        raise Refused(_l("The rules are not ahead of today."), None, "not_ahead")
    moved = sum(_clamp(op.session, table_of(entity), begin, end, op.day) for entity, begin, end in DATES)
    moved += _clamp(op.session, table_of(CustomerTag), "since", "until", op.at)
    _forget_later_runs(op)
    op.session.execute(insert(ChangedCustomer).values(customer_id=EVERYBODY))
    op.detail = {"evaluated_as_of": ahead.isoformat(), "dates": moved}
    return {"evaluated_as_of": ahead.isoformat(), "dates": moved}


def _clamp(session: Session, table: Any, begin: str, end: str | None, latest: date | datetime) -> int:
    """Let nothing begin or end later than ``latest``; how many rows that moved."""

    def later(column: ColumnElement[Any]) -> int:
        return rows_changed(session, update(table).where(column > latest).values({column: latest}))

    moved = later(table.c[begin])  # first: an end must not come before its beginning
    return moved + (later(table.c[end]) if end else 0)


def _forget_later_runs(op: Operation) -> None:
    later = select(EvaluationRun.id).where(EvaluationRun.as_of > op.day)
    op.session.execute(delete(RunCustomer).where(RunCustomer.run_id.in_(later)))
    op.session.execute(delete(EvaluationRun).where(EvaluationRun.as_of > op.day))
    op.session.execute(delete(RulePending).where(RulePending.since > op.day))
    op.session.execute(update(RuleSlot).where(RuleSlot.asked_at > op.at).values(asked_at=None))
    op.session.execute(delete(SignInThrottle).where(SignInThrottle.last_failed_at > op.at))
