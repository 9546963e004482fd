"""Guessing is slowed down per account and per address, in the database, and never locked for good."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from models.accounts import SignInThrottle
from models.connection import WRITES
from models.entity import db

FREE = {"account": 5, "address": 20}
"""Failures that cost nothing: one forgets; one address may be a whole salon's."""

LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)


def waiting(subjects: list[str], at: datetime) -> timedelta | None:
    """How long the first of these subjects (``account:…``, ``address:…``) still has to wait."""
    rows = db.session.scalars(select(SignInThrottle).where(SignInThrottle.subject.in_(subjects)))
    until = max((row.blocked_until for row in rows if row.blocked_until and row.blocked_until > at), default=None)
    return None if until is None else until - at


def failed(subjects: list[str], at: datetime) -> None:
    """Count a failure; from the sixth (an address: the twenty-first) each doubles the wait, up to a quarter hour."""
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    for subject in sorted(subjects):
        row = session.get(SignInThrottle, subject, with_for_update=True)
        if row is None:
            row = SignInThrottle(subject=subject, failures=0, last_failed_at=at)
            session.add(row)
        elif at - row.last_failed_at > FORGOTTEN_AFTER:
            row.failures = 0
        row.failures += 1
        row.last_failed_at = at
        over = row.failures - FREE[subject.partition(":")[0]]
        row.blocked_until = at + min(timedelta(seconds=2.0 ** min(over, 12)), LONGEST_WAIT) if over > 0 else None
    session.commit()


def succeeded(subject: str) -> None:
    """Forget the failures of an account."""
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    row = session.get(SignInThrottle, subject)
    if row is not None:
        session.delete(row)
    session.commit()
