"""Clear the demo, open my salon: the menu, the rules and the rhythm of the house stay, everything else begins anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import Connection, Table, delete, exists, select, text
from sqlalchemy.orm import Session

from admin_app.backup import back_up
from admin_app.data_folder import anchors_file, backup_folder
from admin_app.operations.kernel import Operation, now, perform
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation
from admin_app.real_work import real_work
from admin_app.rulebook import refresh
from admin_app.security import passwords
from models import triggers
from models.accounts import User
from models.actor import Actor
from models.assessments import AssessmentParameter, AssessmentTemplate
from models.catalogue import (
    Brand,
    Gift,
    Package,
    PackageItem,
    Product,
    Service,
    ServiceCategory,
    ServiceSupply,
)
from models.clock import Schedule, SearchKey, Setting
from models.entity import Base, db, table_of
from models.log import Operation as LogOperation
from models.names import Name
from models.organisation import Course, Store
from models.row_log import log_inserted
from models.rulebook import RuleActivation, RuleVersion
from models.standing import Tag

DEMO = "demo"
"""Why the demo salon was loaded, as the log has it: by this it is known."""
KEPT = (
    ServiceCategory,
    Service,
    ServiceSupply,
    Brand,
    Product,
    Package,
    PackageItem,
    Gift,
    Course,
    AssessmentTemplate,
    AssessmentParameter,
    Schedule,
    Setting,
    RuleVersion,
    RuleActivation,
    Tag,
)
"""What stays; none of it refers to anything that goes."""
NOT_A_DEMO = _l("This is not a demo salon; it is not cleared.")
FOUND_BY_THE_PAGES = "peony_demo"


@dataclass(frozen=True)
class Opened:
    """How the owner signs in for the first time, shown once; and where the demo was saved."""

    login: str
    password: str
    backup: Path


class OpenSalonInput(Input):
    """The new salon's first store and its owner; the backup that was made of the demo. Or why whoever asks did not
    prove her password.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    login: Annotated[str, Field(min_length=2, max_length=40)]
    password_hash: str = ""
    backup: str = ""
    size: int = 0
    sha256: str = ""


def is_demo() -> bool:
    """Whether the log knows of a demo that was loaded."""
    return bool(db.session.scalar(_demo()))


def _demo() -> Any:
    return select(exists().where(LogOperation.name == Name.LOAD.value, LogOperation.reason == DEMO))


def check_may_be_cleared(session: Session) -> None:
    """:raises Refused: this is no demo, or real work stands in it."""
    if not session.scalar(_demo()):
        raise Refused(NOT_A_DEMO, None, "not_a_demo")
    if work := real_work(session):
        raise Refused(
            _l(
                "Real work stands here (%(what)s), so nothing is cleared. Archive those customers if they were a "
                "trial, or begin a salon in a folder of its own: python run.py --empty --data-dir FOLDER",
                what=work.said(),
            ),
            None,
            "real_work",
        )


def note_demo() -> None:
    """Let this process's pages know what kind of salon it is; each page would ask the database for it otherwise."""
    current_app.extensions[FOUND_BY_THE_PAGES] = is_demo()


def shows_demo() -> bool:
    """Whether the pages offer to clear the demo."""
    return bool(current_app.extensions.get(FOUND_BY_THE_PAGES))


def open_salon(name: str, login: str, actor: Actor) -> Opened:
    """Back the demo up, then begin anew: a store of this name, an owner with a password of hers, an empty log.

    :raises Refused: this is no demo, real work stands in it, or the actor may not. Nothing has changed.
    :raises BackupError: the backup could not be made. Nothing has changed.
    """
    check_may_be_cleared(db.session())
    db.session.rollback()
    backup = backup_folder() / f"before-opening-{now():%Y%m%d-%H%M%S-%f}.backup"
    size, digest = back_up(backup)
    password = passwords.invented()
    data = OpenSalonInput(
        name=name,
        login=login,
        password_hash=passwords.hashed(password),
        backup=backup.name,
        size=size,
        sha256=digest,
    )
    with _anchors_aside(backup):
        perform(Name.OPEN_SALON, data, actor=actor)
    refresh()
    note_demo()
    return Opened(login, password, backup)


@contextmanager
def _anchors_aside(backup: Path) -> Iterator[None]:
    """The heads of the old log belong to its backup; they come back when nothing was cleared."""
    anchors = anchors_file()
    aside = backup.with_suffix(".anchors.txt")
    there = anchors.exists()
    if there:
        anchors.replace(aside)
    try:
        yield
    except BaseException:
        if there:
            aside.replace(anchors)
        raise


@operation(Name.OPEN_SALON, label=_l("Clear the demo and open my salon"), form=False, danger=True, confirmed=True)
def begin_anew(op: Operation, data: OpenSalonInput) -> Answer:
    """Empty every table but those of the menu, the rules and the schedules; this entry is the first of a new log.

    :raises Refused: this is no demo, or real work stands in it.
    """
    check_may_be_cleared(op.session)
    connection = op.session.connection()
    op.session.expunge_all()
    triggers.uninstall(connection)
    _empty(connection)
    triggers.install(connection)
    store = Store(name=data.name)
    owner = User(login=data.login, name="老板", role="owner", password_hash=data.password_hash)
    op.session.add_all([store, owner])
    for schedule in op.session.scalars(select(Schedule)):
        schedule.first_due_at = op.at
    op.concerns(store)
    op.reason = str(_l("The demo was cleared; it is in %(backup)s.", backup=data.backup))
    kept = _log_what_stays(connection, op.number)
    op.detail = {"backup": data.backup, "size": data.size, "sha256": data.sha256, "kept": kept}
    return {"store": store.id}


def _log_what_stays(connection: Connection, operation: int) -> int:
    """Log each row that stays as it stands, as if it were new: the new log begins with it. How many they are."""
    count = 0
    for entity in KEPT:
        row = triggers.logged_row(entity, connection.dialect.name)
        rows = connection.execute(text(f'SELECT id, {row} FROM "{table_of(entity).name}" AS t ORDER BY id')).all()
        for number, values in rows:
            log_inserted(connection, operation, entity.named(), number, values)
        count += len(rows)
    return count


def _empty(connection: Connection) -> None:
    """Take the rows out, all but what is kept, and the words by which that is found."""
    kept = {table_of(entity).name for entity in KEPT}
    stays = {*kept, SearchKey.__tablename__}
    gone = [table for table in reversed(Base.metadata.sorted_tables) if table.name not in stays]
    _clear(connection, gone)
    connection.execute(delete(SearchKey).where(SearchKey.entity.not_in(kept)))


def _clear(connection: Connection, tables: list[Table]) -> None:
    """Empty tables, those that refer before those they refer to; their numbers begin at 1 again."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in tables)
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
        return
    connection.execute(text("PRAGMA defer_foreign_keys=ON"))  # some refer to each other
    for table in tables:
        connection.execute(delete(table))
