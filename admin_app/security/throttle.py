"""Guessing is slowed down per account and per address, in the database, and never locked for good."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin_app.security import passwords
from models.accounts import SignInThrottle, User
from models.entity import insert_new, writing

FREE = {"account": 5, "address": 20}
"""Failures that cost nothing: one forgets; one address may be a whole salon's."""

LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)

Failed = Literal["", "wrong_password", "waiting"]
"""Why a password did not open: it was wrong, or was not looked at because there were too many attempts."""


def failed(subjects: list[str], user: User | None, password: str, at: datetime) -> Failed:
    """Try a user's password for these subjects; empty when it is right, and then ``succeeded`` is to be told."""
    if not attempt(subjects, at):
        return "waiting"
    stored = user.password_hash if user is not None else None
    return "" if passwords.matches(stored, password) else "wrong_password"


def attempt(subjects: list[str], at: datetime) -> bool:
    """Whether these subjects (``account:…``, ``address:…``) may try now; an attempt counts until it has succeeded.

    From the sixth failure (an address: the twenty-first) each doubles the wait, up to a quarter hour. It counts before
    the password is looked at, so that many at once are no way around.
    """
    session = writing()
    fresh = [{"subject": subject, "failures": 0, "last_failed_at": at} for subject in sorted(subjects)]
    insert_new(session, SignInThrottle, fresh)
    rows = _locked(session, subjects)
    if any(row.blocked_until is not None and row.blocked_until > at for row in rows):
        session.rollback()
        return False
    for row in rows:
        row.failures = row.failures + 1 if at - row.last_failed_at <= FORGOTTEN_AFTER else 1
        row.last_failed_at = at
        over = row.failures - FREE[row.subject.partition(":")[0]]
        row.blocked_until = at + min(timedelta(seconds=2.0 ** min(over, 12)), LONGEST_WAIT) if over > 0 else None
    session.commit()
    return True


def succeeded(subjects: list[str]) -> None:
    """Forget the failures of an account, and of its address this one attempt."""
    session = writing()
    for row in _locked(session, subjects):
        row.failures = 0 if row.subject.startswith("account:") else row.failures - 1
        row.blocked_until = None
        if row.failures <= 0:
            session.delete(row)
    session.commit()


def _locked(session: Session, subjects: list[str]) -> Sequence[SignInThrottle]:
    query = select(SignInThrottle).where(SignInThrottle.subject.in_(subjects)).order_by(SignInThrottle.subject)
    return session.scalars(query.with_for_update()).all()
