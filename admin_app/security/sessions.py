"""Sessions live in the database: the cookie carries a random token, the table its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from flask_login import UserMixin
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from admin_app.operations.kernel import now
from admin_app.security.second_factor import has_factor
from models.accounts import User, UserSession
from models.actor import Actor, ActorKind
from models.entity import db, rows_changed, writing
from models.organisation import Staff, StaffStore

SEEN_EVERY = timedelta(minutes=1)


def fresh_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def token_digest(hashed: str) -> str:
    """What the log holds of a session's token: enough to tell whether it is still the same."""
    return hashlib.sha256(hashed.encode()).hexdigest()[:32]


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """A user with the session she came through, as Flask-Login hands it to the pages."""

    def __init__(
        self, user: User, session: UserSession, token: str, stores: frozenset[int], *, second_factor: bool
    ) -> None:
        self.id = user.id
        self.name = user.name
        self.login = user.login
        self.role = user.role
        self.staff_id = user.staff_id
        self.language = user.language.value if user.language else None
        self.must_change_password = user.must_change_password
        self.second_factor = second_factor
        self.session_id = session.id
        self.confirmed_at = session.confirmed_at or session.started_at
        self.token = token
        self.stores = stores

    def get_id(self) -> str:
        return self.token

    def actor(self, address: str, agent: str) -> Actor:
        """Her as an actor, through this session."""
        return Actor(
            ActorKind.USER,
            name=self.name,
            role=self.role,
            id=self.id,
            staff_id=self.staff_id,
            stores=self.stores,
            address=address,
            agent=agent,
            session_id=self.session_id,
            confirmed_at=self.confirmed_at,
        )


def actor_of(user: User, address: str, agent: str) -> Actor:
    """A user as an actor without a session of her own: she signs on somebody else's screen."""
    return Actor(
        ActorKind.USER,
        name=user.name,
        role=user.role,
        id=user.id,
        staff_id=user.staff_id,
        stores=stores_of(db.session(), user.staff_id),
        address=address,
        agent=agent,
    )


def signed_in(token: str) -> SignedIn | None:
    """Who holds this token, if her session is alive and she may still sign in."""
    query = (
        select(UserSession, User, has_factor(User.id))
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.token_hash == token_hash(token), UserSession.ended_at.is_(None))
    )
    found = db.session.execute(query).first()
    if found is None:
        return None
    session, user, second_factor = found
    at = now()
    if not alive(session, at) or not user.active or user.archived_at is not None:
        return None
    stores = stores_of(db.session(), user.staff_id)
    person = SignedIn(user, session, token, stores, second_factor=second_factor)
    if at - session.last_seen_at > SEEN_EVERY:
        _seen(session.id, at)
    return person


def alive(session: UserSession, at: datetime) -> bool:
    settings = current_app.config["PEONY"]
    idle = at - session.last_seen_at > timedelta(minutes=settings.idle_minutes)
    return session.ended_at is None and not idle and at - session.started_at < timedelta(hours=settings.session_hours)


def _seen(session_id: int, at: datetime) -> None:
    session = writing()
    session.execute(update(UserSession).where(UserSession.id == session_id).values(last_seen_at=at))
    session.commit()


def stores_of(session: Session, staff_id: int | None) -> frozenset[int]:
    """The stores somebody works in: her home store and those added to it."""
    if staff_id is None:
        return frozenset()
    home = session.scalars(select(Staff.store_id).where(Staff.id == staff_id))
    more = session.scalars(
        select(StaffStore.store_id).where(StaffStore.staff_id == staff_id, StaffStore.archived_at.is_(None))
    )
    return frozenset([*home, *more])


def end_sessions(session: Session, at: datetime, why: str, **which: Any) -> int:
    """End the live sessions that fit; how many there were."""
    query = update(UserSession).where(UserSession.ended_at.is_(None)).values(ended_at=at, ended_why=why)
    for name, value in which.items():
        query = query.where(getattr(UserSession, name) == value)
    return rows_changed(session, query)
