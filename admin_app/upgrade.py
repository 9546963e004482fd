"""The one way a schema comes to be and changes.

A new database is made from the models and stamped. An older one is backed up; then, foreign keys off and triggers down,
its migrations run; then triggers and generated constraints are made again from the models, references are checked, and
the standing schema is compared with the models word for word. Anything amiss rolls the whole back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_babel import gettext as _
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError, OperationalError

import models.migrations
from admin_app import at_rest
from admin_app.backup import back_up
from admin_app.data_folder import backup_folder, database_file
from admin_app.mending import Mended, Mender
from admin_app.operations.house import UpgradeInput
from admin_app.operations.kernel import now, perform
from models import schema, triggers
from models.actor import SYSTEM, Actor
from models.connection import WRITES, why_of
from models.entity import db
from models.migrations import OutsideValue, RowsInTheWay, editions, mending
from models.names import Name

SCRIPTS = Path(models.migrations.__file__).parent


class SchemaError(Exception):
    """The database is not one this release can work on; one sentence."""


def newest(scripts: Path = SCRIPTS) -> str:
    head = ScriptDirectory(str(scripts)).get_current_head()
    assert head is not None
    return head


def standing() -> str | None:
    """The revision the database is at; None for an empty one.

    :raises SchemaError: it cannot be reached, or holds something else.
    """
    file = database_file()
    if file is not None and file.parent.is_dir() and not file.exists():
        return None  # to look would make an empty file
    try:
        with db.engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            if not tables:
                return None
            if "alembic_version" not in tables:
                raise SchemaError(_("The database holds tables of another program; name an empty one."))
            revision: str | None = MigrationContext.configure(connection).get_current_revision()
            return revision
    except OperationalError as error:
        raise SchemaError(_("The database cannot be reached: %(why)s", why=why_of(error))) from error


def make(scripts: Path = SCRIPTS) -> None:
    """Make the schema in an empty database."""
    with db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        _check_server(connection)
        schema.create(connection)
        MigrationContext.configure(connection).stamp(ScriptDirectory(str(scripts)), newest(scripts))


def _check_server(connection: Connection) -> None:
    if connection.dialect.name == "postgresql" and (connection.dialect.server_version_info or (0,)) < (15,):
        raise SchemaError(_("PostgreSQL 15 or later is needed."))


def check() -> bool:
    """Whether there is a database of this very release; False where there is none yet.

    :raises SchemaError: there is one of another release.
    """
    found = standing()
    if found is None:
        return False
    if found == newest():
        return True
    known = {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}
    if found in known:
        raise SchemaError(_("The database is of an older release (%(found)s); run: python run.py upgrade", found=found))
    raise SchemaError(
        _(
            "The database is of a newer release (%(found)s) than this program (%(newest)s); update the program.",
            found=found,
            newest=newest(),
        )
    )


class Upgrade(NamedTuple):
    """The revision before and after, the backup that was made, and the values that were mended."""

    before: str
    after: str
    backup: Path | None = None
    mended: tuple[Mended, ...] = ()


def upgrade(scripts: Path = SCRIPTS, mend: Actor | None = None) -> Upgrade:
    """Bring the database to the newest revision. Values that it does not take are set to the nearest allowed ones only
    where somebody, ``mend``, asks for it.

    :raises SchemaError: it could not be; the database is as it was.
    """
    before, after = standing(), newest(scripts)
    if before is None:
        raise SchemaError(_("The database is empty; start with: python run.py"))
    if before == after:
        return Upgrade(before, after)
    with at_rest.alone():
        return _upgraded(before, after, scripts, mend)


def _upgraded(before: str, after: str, scripts: Path, mend: Actor | None) -> Upgrade:
    mender = Mender()
    backup = backup_folder() / f"before-{after}-{now():%Y%m%d-%H%M%S}.backup"
    back_up(backup)
    db.session.rollback()
    with db.engine.connect().execution_options(**{WRITES: True}) as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            _foreign_keys(connection, on=False)
        try:
            with connection.begin():
                with mending(None if mend is None else mender):
                    _migrate(connection, scripts)
                _check_whole(connection)
                if mend is not None and mender.mended:
                    mender.write_log(connection, before, after, mend)
        except RowsInTheWay as error:
            raise SchemaError(
                _(
                    "Some rows hold values that this release does not take; nothing was changed: %(rows)s. Correct "
                    "them with the release they are of, then upgrade again; or have each set to the nearest value "
                    "allowed, after the backup and with an entry in the log: python run.py upgrade --mend-values",
                    rows="; ".join(map(_said, error.rows)),
                )
            ) from error
        except IntegrityError as error:
            raise SchemaError(
                _(
                    "A row does not fit this release (%(why)s); nothing was changed. "
                    "Correct it with the release that wrote it, then upgrade again.",
                    why=why_of(error),
                )
            ) from error
        finally:
            if sqlite:
                _foreign_keys(connection, on=True)
    if not mender.mended:  # else the entry stands beside what was mended
        perform(Name.UPGRADE, UpgradeInput(before=before, after=after), actor=SYSTEM)
    return Upgrade(before, after, backup, tuple(mender.mended))


def _said(value: OutsideValue) -> str:
    said: str = _(
        "%(table)s, row %(row)s, %(column)s: %(value)s (allowed: %(least)s to %(most)s)",
        table=value.table,
        row=value.row,
        column=value.column,
        value=json.loads(value.value),
        least=value.least.strip("'"),
        most=value.most.strip("'"),
    )
    return said


def _foreign_keys(connection: Connection, on: bool) -> None:
    """SQLite hears this outside a transaction only."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def _migrate(connection: Connection, scripts: Path) -> None:
    triggers.uninstall(connection)
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    context = MigrationContext.configure(connection)
    revision = context.get_current_revision() or ""
    known = editions.complete(connection, revision)
    if known != revision:
        context.stamp(ScriptDirectory(str(scripts)), known)
    command.upgrade(config, "head")
    triggers.install(connection)


def _check_whole(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise SchemaError(
                _("After the upgrade a row of %(what)s refers to nothing; nothing was changed.", what=broken[0])
            )
    amiss = schema.differences(schema.schema_of(connection), schema.expected_schema(db.engine))
    if amiss:
        raise SchemaError(
            _("After the upgrade the schema is not this release's (%(what)s); nothing was changed.", what=amiss[0])
        )
