"""What the house does for itself and writes down: starting, anchoring the log, backing up, upgrading, bulk loading."""

from __future__ import annotations

from typing import Annotated, Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app import anchors
from admin_app.operations import chain
from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation, the_machine
from models.cipher import keyring
from models.clock import Missed, Schedule, Setting
from models.log import EntryKind
from models.names import Name

SCHEDULES: dict[str, dict[str, Any]] = {
    "rules-daily": {"daily_at": "03:30"},
    "rules-changed": {"every_minutes": 5},
    "anchor-log": {"daily_at": "23:50"},
    "back-up": {"daily_at": "04:30"},
    "housekeeping": {"daily_at": "05:00"},
}
"""What every house does by itself; the owner may change when, and pause it."""


KEYS = "keys"
"""The setting that holds the fingerprint of the keys this database was written with."""


class StartInput(Input):
    """That a process begins to serve."""

    version: int | None = None
    release: str


@operation(Name.START, label=_l("Start"), kind=EntryKind.RUN, permitted=the_machine, form=False)
def start(op: Operation, data: StartInput) -> Answer:
    """Log a start, make the schedules that are missing, and keep the fingerprint of the keys."""
    known = set(op.session.scalars(select(Schedule.name)))
    for name, rhythm in SCHEDULES.items():
        if name not in known:
            op.session.add(Schedule(name=name, missed=Missed.RUN_ONCE, first_due_at=op.at, **rhythm))
    if op.session.scalar(select(Setting.id).where(Setting.key == KEYS)) is None:
        op.session.add(Setting(key=KEYS, value=keyring().fingerprint()))
    op.detail = {"release": data.release}
    return {}


class RunInput(Input):
    """The schedule that shall be run at once."""

    schedule: Annotated[int, Ask(_l("Schedule"), to=Schedule)]


@operation(Name.RUN_SCHEDULE, label=_l("Run now"), on=Schedule, form=False)
def run_schedule(op: Operation, data: RunInput) -> Answer:
    """Write down who has a schedule run beside its hours; the run itself follows."""
    schedule: Schedule = op.subject
    op.detail = {"schedule": schedule.name}
    return {"id": schedule.id}


@operation(Name.ANCHOR_LOG, label=_l("Anchor the log"), kind=EntryKind.RUN, permitted=the_machine, form=False)
def anchor_log(op: Operation, data: Input) -> Answer:
    """Write count and head of the log down outside the database: a tail cut off later no longer fits it."""
    seq, digest = chain.head(op.session.connection())
    try:
        key = anchors.write_anchor(op.at.isoformat(), seq, digest)
    except anchors.AnchorError as error:
        raise Refused(_l("%(why)s", why=str(error)), None, "anchor_key") from error
    op.detail = {"seq": seq, "head": digest, "key": key}
    return {"seq": seq, "head": digest}


class BackUpInput(Input):
    """A backup that was made."""

    path: str
    size: int
    sha256: str


@operation(Name.BACK_UP, label=_l("Back up"), kind=EntryKind.RUN, permitted=the_machine, form=False)
def back_up(op: Operation, data: BackUpInput) -> Answer:
    """Log a backup."""
    op.detail = data.model_dump(exclude={"version"})
    return {}


class RestoreInput(Input):
    """A backup that was put in the place of the database; None for a time that it does not say."""

    path: str
    made_at: str | None
    sha256: str


@operation(Name.RESTORE_BACKUP, label=_l("Restore a backup"), kind=EntryKind.RUN, permitted=the_machine, form=False)
def restore_backup(op: Operation, data: RestoreInput) -> Answer:
    """Log a restore: what comes after it follows on the backup, not on what stood there before."""
    op.detail = data.model_dump(exclude={"version"})
    return {}


class UpgradeInput(Input):
    """A change of the schema that was made."""

    before: str
    after: str


@operation(Name.UPGRADE, label=_l("Upgrade"), kind=EntryKind.RUN, permitted=the_machine, form=False)
def upgrade(op: Operation, data: UpgradeInput) -> Answer:
    """Log an upgrade."""
    op.detail = {"before": data.before, "after": data.after}
    return {}


def set_setting(op: Operation, key: str, value: str | None) -> None:
    """Keep a value of the house's own; only operations named in ``Setting.written_by`` may."""
    row = op.session.scalars(select(Setting).where(Setting.key == key)).first()
    if row is None:
        row = Setting(key=key)
        op.session.add(row)
    row.value = value
