"""Acts before which somebody confirms who they are: a screen that was left open pays nothing out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from admin_app.operations.registry import Spec, specs
from admin_app.rulebook import rulebook
from models.actor import Actor
from models.entity import entities
from rules.decisions.access import Access
from rules.documents.roles import Action

if TYPE_CHECKING:
    from admin_app.operations.kernel import Operation


class Unconfirmed(Exception):
    """Not done: whoever asks first confirms who they are."""


def is_guarded(spec: Spec, data: Any) -> bool:
    """Whether this operation with this input asks for a confirmation."""
    return spec.confirmed(data) if callable(spec.confirmed) else spec.confirmed


def is_confirmed(actor: Actor, at: datetime, session: Session | None = None) -> bool:
    """Whether the actor proved who they are a short while ago. Only sessions of people grow old."""
    if actor.session_id is None or actor.unrestricted:
        return True
    limit = timedelta(minutes=rulebook(session).security.confirm_again)
    return actor.confirmed_at is not None and at - actor.confirmed_at <= limit


def ensure_confirmed(op: Operation, data: Any) -> None:
    """:raises Unconfirmed: the operation is guarded, and the last proof is too long ago."""
    if not op.quoting and is_guarded(op.spec, data) and not is_confirmed(op.actor, op.at, op.session):
        raise Unconfirmed(op.spec.name)


def is_powerful(access: Access) -> bool:
    """Whether a role may do what is guarded: pay out, export, change roles, reset passwords, wipe."""
    if access.role is None:
        return False
    if any(spec.confirmed and access.does(spec.name) for spec in specs()):
        return True
    return any(access.may(Action.EXPORT, entity) for entity in entities())
