"""Accounts: who may sign in, signing in and out, passwords, sessions, language."""

from __future__ import annotations

from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import select

from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Missing, Refused
from admin_app.operations.registry import Answer, Ask, Input, anybody, operation, somebody
from admin_app.operations.second_factors import FactorUse, use_factor
from admin_app.rulebook import words_of
from admin_app.security import passwords, sessions
from admin_app.security.password_gate import WRONG_PAIR
from models.accounts import Language, User, UserSession
from models.log import EntryKind
from models.names import Name
from models.organisation import Staff


def _roles() -> list[tuple[str, str]]:
    return words_of("roles")


class CreateUserInput(Input):
    """Somebody new who may sign in. She gets a random password, shown once, and changes it at first sign-in."""

    login: Annotated[str, Ask(_l("Sign-in name")), Field(min_length=2, max_length=40, pattern=r"^[a-z0-9._-]+$")]
    name: Annotated[str, Ask(_l("Name")), Field(min_length=1, max_length=60)]
    role: Annotated[str, Ask(_l("Role"), choices=_roles)]
    staff: Annotated[int | None, Ask(_l("Staff member"), to=Staff)] = None


@operation(Name.CREATE_USER, label=_l("Create a user"), page=User, confirmed=True)
def create_user(op: Operation, data: CreateUserInput) -> Answer:
    """Make an account without a usable password; ``reset_password`` gives her one."""
    if data.role not in dict(words_of("roles", op.session)):
        raise Refused(_l("This is not one of the choices."), "role")
    user = User(
        login=data.login,
        name=data.name,
        role=data.role,
        staff_id=data.staff,
        password_hash=passwords.hashed(passwords.invented()),
        must_change_password=True,
        password_set_at=op.at,
    )
    op.session.add(user)
    op.concerns(user)
    return {"id": user.id}


class ResetPasswordInput(Input):
    """The user whose password shall be random again, and its hash: the password itself is shown, never kept."""

    user: Annotated[int, Ask(_l("User"), to=User)]
    password_hash: str = ""


@operation(Name.RESET_PASSWORD, label=_l("Reset the password"), on=User, confirmed=True)
def reset_password(op: Operation, data: ResetPasswordInput) -> Answer:
    """Set a new password that must be changed at the next sign-in, and end her sessions."""
    if not data.password_hash:
        raise Refused(_l("No password was made."), "user")
    user: User = op.subject
    user.password_hash, user.must_change_password = data.password_hash, True
    user.password_set_at, user.pin_hash = op.at, None
    sessions.end_sessions(op.session, op.at, "password reset", user_id=user.id)
    return {"id": user.id}


class SignInInput(Input):
    """An account that proved its password and, where it has one, a second factor; the hash of its session's token.

    What was typed is not here: a password is easily typed into the wrong field.
    """

    user: int
    token_hash: str
    rehash: str = ""
    use: FactorUse | None = None


@operation(Name.SIGN_IN, label=_l("Sign in"), kind=EntryKind.ACCESS, permitted=anybody, form=False)
def sign_in(op: Operation, data: SignInInput) -> Answer:
    """Open a session. Who may not sign in is refused with the same words as a wrong password."""
    user = op.session.get(User, data.user)
    if user is None or not user.active or user.archived_at is not None:
        raise Refused(WRONG_PAIR, None, "wrong_password")
    use_factor(op, user, data.use)
    if data.rehash:
        user.password_hash = data.rehash
    session = UserSession(
        token_hash=data.token_hash,
        user_id=user.id,
        address=op.actor.address[:64],
        agent=op.actor.agent[:200],
        started_at=op.at,
        last_seen_at=op.at,
        confirmed_at=op.at,
    )
    op.session.add(session)
    op.concerns(user)
    op.detail |= {"session": session.id, "token": sessions.token_digest(data.token_hash)}
    return {"session": session.id}


@operation(Name.SIGN_OUT, label=_l("Sign out"), kind=EntryKind.ACCESS, permitted=anybody, form=False)
def sign_out(op: Operation, data: Input) -> Answer:
    """End the session she came through."""
    return {"ended": sessions.end_sessions(op.session, op.at, "signed out", id=op.actor.session_id)}


class EndSessionInput(Input):
    """One session, one's own or (for who may) anybody's."""

    session: int


@operation(Name.END_SESSION, label=_l("End a session"), kind=EntryKind.ACCESS, permitted=anybody, form=False)
def end_session(op: Operation, data: EndSessionInput) -> Answer:
    """End a session: her own, or anybody's for whom the operation is permitted."""
    session = op.session.get(UserSession, data.session)
    if session is None or (session.user_id != op.actor.id and not op.access.does(Name.END_SESSION)):
        raise Missing(_l("There is no such session."))
    op.logged_subject = ("user", session.user_id)
    return {"ended": sessions.end_sessions(op.session, op.at, f"ended by {op.actor.name}"[:40], id=session.id)}


class ChangePasswordInput(Input):
    """The hash of the new password; the old one has been proved. ``token_hash`` is that of the session's new token."""

    password_hash: str
    token_hash: str = ""


@operation(Name.CHANGE_PASSWORD, label=_l("Change password"), permitted=somebody, form=False)
def change_password(op: Operation, data: ChangePasswordInput) -> Answer:
    """Set one's own password, end one's other sessions, and give this one a new token."""
    user = op.session.scalars(select(User).where(User.id == op.actor.id)).one()
    user.password_hash, user.must_change_password, user.password_set_at = data.password_hash, False, op.at
    for session in op.session.scalars(
        select(UserSession).where(UserSession.user_id == user.id, UserSession.ended_at.is_(None))
    ):
        if session.id != op.actor.session_id:
            session.ended_at, session.ended_why = op.at, "password changed"
        elif data.token_hash:
            session.token_hash = data.token_hash
            op.detail = {"session": session.id, "token": sessions.token_digest(data.token_hash)}
    op.concerns(user)
    return {"id": user.id}


class LanguageInput(Input):
    """The language one's pages speak."""

    language: Language


@operation(Name.CHANGE_LANGUAGE, label=_l("Change language"), permitted=somebody, form=False)
def change_language(op: Operation, data: LanguageInput) -> Answer:
    """Set one's own language."""
    user = op.session.scalars(select(User).where(User.id == op.actor.id)).one()
    user.language = data.language
    op.concerns(user)
    return {"id": user.id}
