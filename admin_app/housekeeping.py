"""What is done overnight besides the rules: a backup a day, and old bookkeeping swept out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import current_app
from sqlalchemy import delete, exists, func, select

from admin_app.backup import back_up
from admin_app.data_folder import backup_folder
from admin_app.operations.house import BackUpInput
from admin_app.operations.kernel import now, perform
from models.accounts import SignInThrottle, UserSession
from models.actor import SYSTEM
from models.clock import EvaluationRun, ScheduleClaim
from models.connection import note_sizes
from models.entity import rows_changed, writing
from models.log import OperationKey
from models.names import Name
from models.rulebook import RunCustomer

KEEP_BACKUPS = 14
KEEP_KEYS = timedelta(days=7)
KEEP_SESSIONS = timedelta(days=180)


def daily_backup() -> dict[str, Any]:
    """A backup into the data folder, named by the day; the oldest beyond fourteen go."""
    folder = backup_folder()
    day = now().astimezone(current_app.config["PEONY"].zone)
    path = folder / f"peony-{day:%Y%m%d-%H%M%S}.backup"
    size, digest = back_up(path)
    perform(Name.BACK_UP, BackUpInput(path=path.name, size=size, sha256=digest), actor=SYSTEM)
    for old in sorted(folder.glob("peony-*.backup"))[:-KEEP_BACKUPS]:
        old.unlink()
    return {"path": path.name, "size": size}


def sweep() -> dict[str, Any]:
    """Forget answered keys after a week, ended sessions, claims and runs of the rules after half a year (the last run
    after which all stood as the rules say is known for ever), old failures after a day; let the database note how large
    its tables are.
    """
    at = now()
    last = select(func.max(EvaluationRun.id)).where(EvaluationRun.whole).scalar_subquery()
    staged = exists().where(RunCustomer.run_id == EvaluationRun.id)
    old_runs = (EvaluationRun.started_at < at - KEEP_SESSIONS, EvaluationRun.id < last, ~staged)
    session = writing()
    swept = {
        "keys": delete(OperationKey).where(OperationKey.claimed_at < at - KEEP_KEYS),
        "sessions": delete(UserSession).where(UserSession.last_seen_at < at - KEEP_SESSIONS),
        "claims": delete(ScheduleClaim).where(ScheduleClaim.due_at < at - KEEP_SESSIONS),
        "runs": delete(EvaluationRun).where(*old_runs),
        "failures": delete(SignInThrottle).where(SignInThrottle.last_failed_at < at - timedelta(days=1)),
    }
    counts = {name: rows_changed(session, statement) for name, statement in swept.items()}
    note_sizes(session.connection())
    session.commit()
    return counts
