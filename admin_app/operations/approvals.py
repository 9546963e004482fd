"""Approval on the spot: somebody with the right to do so signs for what another asks for, with a PIN or password."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from flask_babel import lazy_gettext as _l
from pydantic import Field, SecretStr
from sqlalchemy import exists, select

from admin_app.operations.kernel import Operation, perform, prove
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, Spec, operation
from admin_app.security import passwords
from admin_app.security.password_gate import WRONG_PAIR, credential_of, credential_of_pin
from admin_app.security.sessions import actor_of
from models.accounts import User
from models.actor import Actor
from models.cards import GiftIssue
from models.entity import db
from models.field import Kind
from models.names import Name
from models.organisation import Store
from models.sales import Sale
from models.till import Approval

SIGNS = ("approver", "approver_password", "approval")


class Approvable(Input):
    """An input that may need an approval: who allows it, or the number of the approval she gave."""

    approver: Annotated[
        str, Ask(_l("Allowed by"), help=_l("Their sign-in name, if an approval is needed"), aside=True)
    ] = ""
    approver_password: Annotated[SecretStr, Ask(_l("Their PIN or password"), kind=Kind.PASSWORD, aside=True)] = (
        SecretStr("")
    )
    approval: int | None = None


class AllowInput(Input):
    """What is allowed: the operation and a digest of what is to be done; for whom; why."""

    operation: str
    content: Annotated[str, Field(max_length=64)] = ""
    asked_by: int
    store: int = 0
    why: str = ""


@operation(Name.ALLOW, label=_l("Allow"), form=False)
def allow(op: Operation, data: AllowInput) -> Answer:
    """Write the approval down; it is good for one operation of this very content."""
    why = data.why or str(_l("allowed on the spot"))
    approval = add_approval(op, data.store, data.operation, data.asked_by, data.content, why)
    op.concerns(approval)
    return {"id": approval.id}


def add_approval(op: Operation, store_id: int, name: str, asked_by: int, content: str, why: str) -> Approval:
    """Write down that the actor allows an operation of this content to whoever asked for it.

    :raises Missing: there is no such store, or it is not the actor's to see.
    """
    assert op.actor.id is not None
    approval = Approval(
        store_id=op.find(Store, store_id).id,
        business_day=op.day,
        at=op.at,
        operation=name,
        asked_by=asked_by,
        allowed_by=op.actor.id,
        content=content,
        reason=why,
    )
    op.store_id = store_id
    op.session.add(approval)
    op.session.flush()
    return approval


def store_of_form(values: dict[str, Any], actor: Actor) -> int:
    """The store that a form names, else the actor's first."""
    return values.get("store") or min(actor.stores, default=0)


def reasons_in(values: dict[str, Any]) -> str:
    """The reasons that a form gives, of the whole and of its lines."""
    return "；".join(filter(None, [values.get("why"), *(row.get("why") for row in values.get("lines", ()))]))[:200]


def content_of(name: str, data: Approvable) -> str:
    """A digest of what shall be done, without who signs for it."""
    plain = data.model_dump(mode="json", exclude={*SIGNS, "version", "shown_total"})
    return hashlib.sha256(json.dumps([name, plain], sort_keys=True).encode()).hexdigest()


def signed(spec: Spec, values: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """The values of a form with the approval that the named person gives by PIN or password; without one as they are.

    :raises Refused: the password is wrong, tried too often, or not of somebody who may allow this.
    """
    login, secret = values.get("approver", ""), values.get("approver_password", "")
    if not login or not secret or actor.id is None:
        return values
    data = spec.input.model_validate(values)
    assert isinstance(data, Approvable)
    user = _signer(login.strip().lower(), str(secret), actor)
    given = AllowInput(
        operation=spec.name,
        content=content_of(spec.name, data),
        asked_by=actor.id,
        store=store_of_form(values, actor),
        why=reasons_in(values),
    )
    made = perform(Name.ALLOW, given, actor=actor_of(user, actor.address, actor.agent))
    plain = {name: value for name, value in values.items() if name not in SIGNS}
    return {**plain, "approval": made["id"]}


def _signer(login: str, secret: str, actor: Actor) -> User:
    """Who signs, proved by their PIN or password: passwords are longer than any PIN.

    :raises Refused: it is wrong, or the signer is the one who asks.
    """
    user = db.session.scalar(select(User).where(User.login == login))
    if secret.isdigit() and len(secret) <= passwords.LONGEST_PIN:
        credential = credential_of_pin(user, login, secret, field="approver_password")
    else:
        credential = credential_of(user, login, secret, field="approver_password", wrong=WRONG_PAIR)
    prove(Name.ALLOW, credential, actor=actor)
    assert user is not None
    if user.id == actor.id:
        raise Refused(_l("Nobody allows what they asked for themselves."), "approver", "forbidden")
    return user


def approval_for(op: Operation, data: Approvable) -> int | None:
    """The approval that stands behind what is done now; None for somebody who may allow it herself.

    :raises Refused: there is none, or it was given for something else, or used before.
    """
    if op.access.does(Name.ALLOW):
        return None
    if data.approval is None:
        message = _l("This needs an approval: somebody who may allow it signs with their name and PIN.")
        raise Refused(message, "approver", "needs_approval")
    found = op.session.get(Approval, data.approval)
    used = exists().where(Sale.approval_id == data.approval) | exists().where(GiftIssue.approval_id == data.approval)
    mine = found is not None and (found.asked_by, found.content) == (op.actor.id, content_of(op.spec.name, data))
    if found is None or not mine or _stale(op, found):
        raise Refused(_l("The approval was given for something else."), "approver", "needs_approval")
    if op.session.scalar(select(used)):
        raise Refused(_l("The approval was used already."), "approver", "needs_approval")
    return found.id


def _stale(op: Operation, approval: Approval) -> bool:
    """An approval is good for the day it was given, and as long as who gave it may still sign in."""
    signer = op.session.get_one(User, approval.allowed_by)
    return approval.business_day != op.day or not signer.active or signer.archived_at is not None
