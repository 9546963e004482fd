"""The one gate for passwords: at the door, typed once more by whoever is signed in, by somebody who allows what another
asks for, by a customer at the counter.

Wrong tries are counted in the database on whose password it is, on who asks for it and on the address, together; each
beyond some that cost nothing doubles a wait of up to a quarter hour, and nothing is locked for good. A right password
takes back its own try alone; only signing in clears the count of an account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin_app.operations.refusals import Refused
from admin_app.security import passwords
from models.accounts import SignInThrottle, User
from models.actor import Actor
from models.customers import Customer
from models.entity import insert_new, writing

FREE = {"account": 5, "member": 5, "device": 5, "asker": 5, "address": 20}
"""Wrong tries that cost nothing: one forgets; one address may be a whole salon's."""

LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)

WRONG_PAIR = _l("Sign-in name or password is wrong.")
NOT_YOURS = _l("This is not your password.")
MUST_CHANGE = _l("This password was handed out and has to be changed first: its owner signs in once and changes it.")


@dataclass(frozen=True)
class Credential:
    """A password as it was typed, and the account whose it has to be.

    Wrong tries are counted on ``subject`` (``account:LOGIN``, ``member:NUMBER``); people call it ``called``. ``row`` is
    the entity and number of the account, None where there is none; ``field`` the field of the form, ``wrong`` the words
    of a refusal. With ``must_change`` even the right password opens nothing. ``at_door``: somebody signs in, so that
    the address and no user asks. ``device`` is the number of a device from which this account has signed in before: its
    tries are counted apart, so that strangers' tries keep nobody out who is known.
    """

    subject: str
    called: str
    stored: str | None
    typed: str
    row: tuple[str, int] | None = None
    field: str | None = None
    wrong: LazyString = NOT_YOURS
    must_change: bool = False
    at_door: bool = False
    device: str = ""

    def counted_on(self, actor: Actor) -> list[str]:
        """What a wrong try is counted on, in order."""
        if self.device:
            return [f"device:{hashlib.sha256(self.device.encode()).hexdigest()[:32]}"]
        subjects = {self.subject}
        if actor.address:
            subjects.add(f"address:{actor.address[:64]}")
        if not self.at_door:
            subjects.add(f"asker:{actor.id or actor.name[:60]}")
        return sorted(subjects)


def credential_of(
    user: User | None,
    login: str,
    typed: str,
    *,
    field: str | None = None,
    wrong: LazyString = NOT_YOURS,
    at_door: bool = False,
    device: str = "",
    initial_opens: bool = False,
) -> Credential:
    """The credential of a user by sign-in name; of nobody where there is no such user, or they may not sign in.

    A password that was handed out opens only the door, and what changes it (``initial_opens``).
    """
    usable = user is not None and user.active and user.archived_at is None
    return Credential(
        f"account:{login}"[:80],
        login if user is not None else "–",
        user.password_hash if user is not None and usable else None,
        typed,
        row=None if user is None else ("user", user.id),
        field=field,
        wrong=wrong,
        must_change=user is not None and user.must_change_password and not (at_door or initial_opens),
        at_door=at_door,
        device=device,
    )


def credential_of_member(customer: Customer, typed: str, field: str, wrong: LazyString) -> Credential:
    """The credential of a customer who redeems by a password of their own."""
    called, row = customer.member_no or customer.name, ("customer", customer.id)
    return Credential(f"member:{customer.id}", called, customer.password_hash, typed, row=row, field=field, wrong=wrong)


def check(credential: Credential, actor: Actor, at: datetime) -> None:
    """Check a password before what it stands for is done.

    :raises Refused: it is wrong (``wrong_password``), was handed out and not changed yet (``must_change``), or is not
        looked at because there were too many tries (``waiting``).
    """
    subjects = credential.counted_on(actor)
    if not attempt(subjects, at):
        raise Refused(_l("Too many attempts. Wait a moment and try again."), credential.field, "waiting")
    if not passwords.matches(credential.stored, credential.typed):
        raise Refused(credential.wrong, credential.field, "wrong_password")
    succeeded(subjects, signed_in=credential.at_door)
    if credential.must_change:
        raise Refused(MUST_CHANGE, credential.field, "must_change")


def attempt(subjects: list[str], at: datetime) -> bool:
    """Whether a password may be tried for all these subjects now; the try counts until it has succeeded.

    It counts before the password is looked at, so that many at once are no way around.
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


def succeeded(subjects: list[str], *, signed_in: bool) -> None:
    """Take this try back; ``signed_in`` also forgets all earlier ones of the account or the device."""
    session = writing()
    for row in _locked(session, subjects):
        own = row.subject.startswith(("account:", "device:"))
        row.failures = 0 if signed_in and own else row.failures - 1
        row.blocked_until = None
        if row.failures <= 0:
            session.delete(row)
    session.commit()


def _locked(session: Session, subjects: list[str]) -> Sequence[SignInThrottle]:
    query = select(SignInThrottle).where(SignInThrottle.subject.in_(subjects)).order_by(SignInThrottle.subject)
    return session.scalars(query.with_for_update()).all()
