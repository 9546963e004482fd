"""Every session against the sign-in by which it was opened."""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.doctor.faults import FirstFaults
from admin_app.security.sessions import token_digest
from models.accounts import UserSession
from models.entity import db
from models.log import Operation
from models.names import Name


def check_sessions() -> tuple[int, list[str]]:
    """Find sessions that no sign-in opened, or that have another token or user; how many were looked at. A changed
    password gives its session another token.

    Sign-ins of releases before migration 0016 name no session: there the moment and the user have to fit.
    """
    opened: dict[int, tuple[int | None, str]] = {}
    earlier: set[tuple[object, int | None]] = set()
    faults = FirstFaults()
    with db.engine.connect() as connection:
        query = select(Operation.at, Operation.subject_id, Operation.detail).where(
            Operation.name.in_((str(Name.SIGN_IN), str(Name.CHANGE_PASSWORD))), Operation.result == "done"
        )
        for at, user, detail in connection.execute(query.order_by(Operation.id)):
            if detail and "session" in detail:
                opened[detail["session"]] = user, detail["token"]
            else:
                earlier.add((at, user))
        columns = (UserSession.id, UserSession.user_id, UserSession.token_hash, UserSession.started_at)
        sessions = connection.execute(select(*columns).order_by(UserSession.id)).all()
    for number, user, token, started_at in sessions:
        known = opened.get(number)
        if known is None and (started_at, user) in earlier:
            continue
        if known != (user, token_digest(token)):
            faults.tell(
                _("session %(session)s of user %(user)s: no sign-in in the log opened it", session=number, user=user)
            )
    return len(sessions), faults
