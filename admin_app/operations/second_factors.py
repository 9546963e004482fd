"""Second factors, recovery codes, PINs for approvals, and confirming who one is."""

from __future__ import annotations

from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import delete, select

from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Missing, Refused
from admin_app.operations.registry import Answer, Ask, Input, operation, somebody
from admin_app.security import sessions
from admin_app.security.password_gate import WRONG_CODE
from admin_app.security.second_factor import Use, factors_of, take
from models.accounts import FactorKind, RecoveryCode, SecondFactor, User, UserSession
from models.log import EntryKind
from models.names import Name


class FactorUse(Input):
    """A second factor that was shown to be at hand (``Use``), as an operation takes it."""

    factor: int | None = None
    counter: int = 0
    recovery: int | None = None

    @classmethod
    def of(cls, use: Use) -> FactorUse:
        return cls(factor=use.factor, counter=use.counter, recovery=use.recovery)


def use_factor(op: Operation, user: User, given: FactorUse | None) -> None:
    """Take the second factor that a user has to show.

    :raises Refused: the user has one and none was shown, or it was used meanwhile.
    """
    if given is None:
        if factors_of(op.session, user.id):
            raise Refused(WRONG_CODE, "code", "wrong_password")
        return
    if not take(op.session, user.id, Use(given.factor, given.counter, given.recovery), op.at):
        raise Refused(WRONG_CODE, "code", "wrong_password")
    op.detail["second_factor"] = "recovery_code" if given.recovery is not None else given.factor


class AddSecondFactorInput(Input):
    """A second factor that its owner has shown to work: its secret and the counter it stands at."""

    kind: FactorKind
    name: Annotated[str, Field(min_length=1, max_length=60)]
    secret: str
    counter: int = 0
    digests: list[str] = []


@operation(
    Name.ADD_SECOND_FACTOR,
    label=_l("Add a second factor"),
    permitted=somebody,
    form=False,
    confirmed=True,
)
def add_second_factor(op: Operation, data: AddSecondFactorInput) -> Answer:
    """Add an app or a passkey to one's own account; with the first of them come recovery codes (``digests``)."""
    user = _oneself(op)
    factor = SecondFactor(user_id=user.id, kind=data.kind, name=data.name, secret=data.secret, counter=data.counter)
    op.session.add(factor)
    if data.digests:
        _renew_codes(op, user.id, data.digests)
    op.concerns(factor)
    return {"id": factor.id}


class RemoveSecondFactorInput(Input):
    """One of one's own second factors."""

    factor: int


@operation(
    Name.REMOVE_SECOND_FACTOR,
    label=_l("Remove a second factor"),
    permitted=somebody,
    form=False,
    confirmed=True,
)
def remove_second_factor(op: Operation, data: RemoveSecondFactorInput) -> Answer:
    """Remove an app or a passkey; with the last one go the recovery codes."""
    user = _oneself(op)
    mine = factors_of(op.session, user.id)
    factor = next((one for one in mine if one.id == data.factor), None)
    if factor is None:
        raise Missing(_l("There is no such second factor."))
    factor.archived_at = op.at
    if len(mine) == 1:
        op.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    op.concerns(factor)
    return {"id": factor.id}


class RenewCodesInput(Input):
    """The digests of fresh recovery codes."""

    digests: Annotated[list[str], Field(min_length=1)]


@operation(
    Name.RENEW_RECOVERY_CODES,
    label=_l("Make new recovery codes"),
    permitted=somebody,
    form=False,
    confirmed=True,
)
def renew_recovery_codes(op: Operation, data: RenewCodesInput) -> Answer:
    """Replace one's recovery codes; the earlier ones open nothing any more."""
    user = _oneself(op)
    if not factors_of(op.session, user.id):
        raise Refused(_l("Recovery codes stand in for a second factor: add one first."))
    _renew_codes(op, user.id, data.digests)
    op.concerns(user)
    return {"id": user.id}


def _renew_codes(op: Operation, user_id: int, digests: list[str]) -> None:
    op.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    op.session.add_all(RecoveryCode(user_id=user_id, digest=digest) for digest in digests)


def _oneself(op: Operation) -> User:
    return op.session.scalars(select(User).where(User.id == op.actor.id).with_for_update()).one()


class ResetSecondFactorsInput(Input):
    """Who has lost phone and recovery codes."""

    user: Annotated[int, Ask(_l("User"), to=User)]


@operation(Name.RESET_SECOND_FACTORS, label=_l("Reset the second factors"), on=User, danger=True, confirmed=True)
def reset_second_factors(op: Operation, data: ResetSecondFactorsInput) -> Answer:
    """Remove all second factors of somebody who has lost them, and end that person's sessions."""
    user: User = op.subject
    if user.id == op.actor.id:
        raise Refused(_l("Your own second factors are removed on the page of your account."), "user")
    found = factors_of(op.session, user.id)
    if not found:
        raise Refused(_l("This user has no second factor."), "user")
    for factor in found:
        factor.archived_at = op.at
    op.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    sessions.end_sessions(op.session, op.at, "second factors reset", user_id=user.id)
    return {"id": user.id, "removed": len(found)}


class ConfirmInput(Input):
    """The second factor that was shown; none where the password was."""

    use: FactorUse | None = None


@operation(Name.CONFIRM_IDENTITY, label=_l("Confirm who one is"), kind=EntryKind.ACCESS, permitted=somebody, form=False)
def confirm_identity(op: Operation, data: ConfirmInput) -> Answer:
    """Note in the session that its user has just proved who they are."""
    user = _oneself(op)
    use_factor(op, user, data.use)
    session = op.session.get(UserSession, op.actor.session_id)
    if session is None or session.ended_at is not None:
        raise Missing(_l("There is no such session."))
    session.confirmed_at = op.at
    op.concerns(user)
    return {"session": session.id}


class SetPinInput(Input):
    """The hash of a PIN for approvals; empty takes it away."""

    pin_hash: str = ""


@operation(Name.SET_PIN, label=_l("Set the PIN for approvals"), permitted=somebody, form=False, confirmed=True)
def set_pin(op: Operation, data: SetPinInput) -> Answer:
    """Set or remove one's own PIN, for whoever may allow what others ask for."""
    if not op.access.does(Name.ALLOW):
        raise Refused(_l("Your role allows nothing that others ask for."))
    user = _oneself(op)
    user.pin_hash = data.pin_hash or None
    op.concerns(user)
    return {"id": user.id}
