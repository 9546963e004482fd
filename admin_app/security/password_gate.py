"""The one gate for passwords, PINs and codes: at the door, typed once more by whoever is signed in, by somebody who
allows what another asks for, by a customer at the counter.

Wrong tries are counted in the database on whose password it is, on who asks for it and on the address, together; each
beyond some that cost nothing doubles a wait of up to a quarter hour, and nothing is locked for good. A right password
takes back its own try alone; only signing in clears the count of an account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

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

FREE = {"account": 5, "code": 5, "member": 5, "device": 5, "asker": 5, "address": 20}
"""Wrong tries that cost nothing: one forgets; one address may be a whole salon's."""

LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)

WRONG_PAIR = _l("Sign-in name or password is wrong.")
NOT_YOURS = _l("This is not your password.")
MUST_CHANGE = _l("This password was handed out and has to be changed first: its owner signs in once and changes it.")
EXPIRED = _l("This password was handed out too long ago and no longer opens. Ask for a new one.")
WRONG_CODE = _l("This code is not right, or was used already. Type the one that is shown now.")
WRONG_PIN = _l("The name or the PIN is wrong.")


class Refusal(NamedTuple):
    """Why a right password opens nothing: the words, and the code of the refusal."""

    message: LazyString
    code: str


@dataclass(frozen=True)
class Credential:
    """A password, PIN or code as it was typed, and the account whose it has to be.

    Wrong tries are counted on ``subject`` (``account:LOGIN``, ``code:LOGIN``, ``member:NUMBER``); people call it
    ``called``. ``holds`` says whether what was typed is right. ``row`` is the entity and number of the account, None
    where there is none; ``field`` the field of the form, ``wrong`` the words of a refusal. With ``closed`` even what is
    right opens nothing, for that reason. ``at_door``: somebody signs in, so that the address and no user asks.
    ``device`` is the number of a device from which this account has signed in before: its tries are counted apart, so
    that strangers' tries keep nobody out who is known.
    """

    subject: str
    called: str
    holds: Callable[[], bool]
    row: tuple[str, int] | None = None
    field: str | None = None
    wrong: LazyString = NOT_YOURS
    closed: Refusal | None = None
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
    handed_out_until: datetime | None = None,
) -> Credential:
    """The credential of a user by sign-in name; of nobody where there is no such user, or they may not sign in.

    A password that was handed out opens only the door, and what changes it (``initial_opens``); one handed out before
    ``handed_out_until`` opens nothing.
    """
    closed = None
    if user is not None and user.must_change_password:
        expired = (
            handed_out_until is not None
            and user.password_set_at is not None
            and user.password_set_at < handed_out_until
        )
        if expired:
            closed = Refusal(EXPIRED, "expired")
        elif not (at_door or initial_opens):
            closed = Refusal(MUST_CHANGE, "must_change")
    return Credential(
        f"account:{login}"[:80],
        login if user is not None else "–",
        partial(passwords.matches, user.password_hash if user is not None and usable(user) else None, typed),
        row=None if user is None else ("user", user.id),
        field=field,
        wrong=wrong,
        closed=closed,
        at_door=at_door,
        device=device,
    )


def usable(user: User) -> bool:
    """Whether an account may sign in at all."""
    return user.active and user.archived_at is None


def credential_of_pin(user: User | None, login: str, typed: str, *, field: str) -> Credential:
    """The credential of somebody who allows what another asks for by a PIN; never right where none was set."""
    stored = user.pin_hash if user is not None and usable(user) else None
    holds = partial(passwords.matches, stored, typed)
    row = None if user is None else ("user", user.id)
    return Credential(f"account:{login}"[:80], login if user else "–", holds, row=row, field=field, wrong=WRONG_PIN)


def credential_of_code(user: User, holds: Callable[[], bool], field: str = "code", *, at_door: bool) -> Credential:
    """The credential of a user by a second factor. Its tries are counted apart from those of the password, whose
    success does not clear them.
    """
    row = ("user", user.id)
    subject = f"code:{user.login}"[:80]
    return Credential(subject, user.login, holds, row=row, field=field, wrong=WRONG_CODE, at_door=at_door)


def credential_of_member(customer: Customer, typed: str, field: str, wrong: LazyString) -> Credential:
    """The credential of a customer who redeems by a password of their own."""
    called, row = customer.member_no or customer.name, ("customer", customer.id)
    holds = partial(passwords.matches, customer.password_hash, typed)
    return Credential(f"member:{customer.id}", called, holds, row=row, field=field, wrong=wrong)


def check(credential: Credential, actor: Actor, at: datetime) -> None:
    """Check a password before what it stands for is done.

    :raises Refused: it is wrong (``wrong_password``), was handed out and not changed yet (``must_change``) or too long
        ago (``expired``), or is not looked at because there were too many tries (``waiting``).
    """
    subjects = credential.counted_on(actor)
    if not attempt(subjects, at):
        raise Refused(_l("Too many attempts. Wait a moment and try again."), credential.field, "waiting")
    if not credential.holds():
        raise Refused(credential.wrong, credential.field, "wrong_password")
    succeeded(subjects, signed_in=credential.at_door)
    if credential.closed is not None:
        raise Refused(credential.closed.message, credential.field, credential.closed.code)


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
        own = row.subject.startswith(("account:", "code:", "device:"))
        row.failures = 0 if signed_in and own else row.failures - 1
        row.blocked_until = None
        if row.failures <= 0:
            session.delete(row)
    session.commit()


def _locked(session: Session, subjects: list[str]) -> Sequence[SignInThrottle]:
    query = select(SignInThrottle).where(SignInThrottle.subject.in_(subjects)).order_by(SignInThrottle.subject)
    return session.scalars(query.with_for_update()).all()
