"""Backups: SQLite through its online backup, PostgreSQL through pg_dump; never a copy of a live file."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from flask_babel import gettext as _
from sqlalchemy import inspect, text

from admin_app.operations.kernel import now
from models.connection import sqlite_driver
from models.entity import db


class BackupError(Exception):
    """A backup or a restore that could not be made; one sentence."""


def back_up(path: Path) -> tuple[int, str]:
    """Write a whole, consistent copy of the database to ``path``; its size in bytes and SHA-256.

    :raises BackupError: it could not be written.
    """
    if path.exists():
        raise BackupError(_("%(path)s: exists already.", path=path))
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if db.engine.dialect.name == "sqlite":
            _sqlite(partial)
        else:
            _dump(partial)
        partial.chmod(0o600)
        partial.replace(path)
    except (OSError, sqlite_driver.Error) as error:
        raise BackupError(_("%(path)s: %(why)s", path=path, why=error)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _sqlite(path: Path) -> None:
    target = sqlite_driver.connect(str(path))
    try:
        with db.engine.connect() as connection:
            source = connection.connection.dbapi_connection
            assert source is not None
            source.backup(target)
        problems = target.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        target.close()
    if problems != "ok":
        raise BackupError(_("the copy is not whole: %(why)s", why=problems))


def _dump(path: Path) -> None:
    if shutil.which("pg_dump") is None:
        raise BackupError(_("pg_dump is not installed; it comes with PostgreSQL's client"))
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = ["pg_dump", "--format=custom", "--no-owner", "--file", str(path), address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command, no shell
    if done.returncode:
        raise BackupError(_last_word(done))


def _last_word(done: subprocess.CompletedProcess[str]) -> str:
    """What a program said last, or how it ended when it said nothing."""
    return (done.stderr.strip().splitlines() or [f"{done.args[0]}: {done.returncode}"])[-1]


def check_there(path: Path) -> None:
    """:raises BackupError: there is nothing to restore from."""
    if not path.is_file():
        raise BackupError(_("%(path)s: there is no such file.", path=path))


def restore(path: Path) -> None:
    """Put a backup in the place of the database. A SQLite file that stood there is kept beside it.

    :raises BackupError: the file is no whole backup of this kind of database, which stays as it is.
    """
    check_there(path)
    if db.engine.dialect.name == "postgresql":
        _restore_dump(path)
        return
    _check_file(path)
    target = Path(db.engine.url.database or "")
    _check_alone(path, target)
    aside = f"{target.name}.before-restore-{now():%Y%m%d-%H%M%S}"
    partial = target.with_name(f"{target.name}.restoring")
    try:
        shutil.copyfile(path, partial)
        partial.chmod(0o600)
        _hang_up()
        for suffix in ("", "-wal", "-shm"):
            old = target.with_name(target.name + suffix)
            if old.exists():
                old.replace(old.with_name(aside + suffix))
        partial.replace(target)
    except OSError as error:
        raise BackupError(_("%(path)s: %(why)s", path=path, why=error)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _check_file(path: Path) -> None:
    try:
        copy = sqlite_driver.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            problems = copy.execute("PRAGMA integrity_check").fetchone()[0]
            copy.execute("SELECT 1 FROM operation LIMIT 1")
        finally:
            copy.close()
    except sqlite_driver.Error as error:
        raise BackupError(_("%(path)s: not a backup of a SQLite database", path=path)) from error
    if problems != "ok":
        raise BackupError(_("%(path)s: the backup is not whole: %(why)s", path=path, why=problems))


def _hang_up() -> None:
    """Give every connection of this process back."""
    db.session.remove()
    db.engine.dispose()


def _check_alone(path: Path, target: Path) -> None:
    """Nobody works in the database that is to go: leaving WAL needs it for oneself."""
    if path.resolve() == target.resolve():
        raise BackupError(_("%(path)s: this is the database itself", path=path))
    if not target.exists():
        return
    _hang_up()
    mine = sqlite_driver.connect(str(target), timeout=0, isolation_level=None)
    try:
        mine.execute("PRAGMA journal_mode=DELETE")
        mine.execute("BEGIN EXCLUSIVE")
        mine.execute("ROLLBACK")
    except sqlite_driver.OperationalError as error:
        if "locked" in str(error):
            raise BackupError(_("Somebody is at work in the database; end the program first.")) from error
    except sqlite_driver.DatabaseError:
        return  # a broken file is what a restore is for
    finally:
        mine.close()


def _restore_dump(path: Path) -> None:
    """Into a fresh schema; the old one stands aside until the new one is whole."""
    if shutil.which("pg_restore") is None:
        raise BackupError(_("pg_restore is not installed; it comes with PostgreSQL's client"))
    _stand_aside()
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = ["pg_restore", "--no-owner", "--exit-on-error", "--dbname", address, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command, no shell
    except BaseException:
        _schema(*_BACK)
        raise
    if done.returncode:
        _schema(*_BACK)
        raise BackupError(_last_word(done))
    _schema("DROP SCHEMA before_restore CASCADE")


_BACK = ("DROP SCHEMA public CASCADE", "ALTER SCHEMA before_restore RENAME TO public")


_OTHERS = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def _stand_aside() -> None:
    """Make room; what a restore that was killed left aside comes back first, unless it had been done with."""
    _hang_up()
    with db.engine.connect() as connection:
        if connection.scalar(text(_OTHERS)):
            raise BackupError(_("Somebody is at work in the database; end the program first."))
        left = inspect(connection).has_schema("before_restore")
        whole = inspect(connection).has_table("alembic_version")
    if left:
        _schema(*(["DROP SCHEMA before_restore CASCADE"] if whole else _BACK))
    _schema("ALTER SCHEMA public RENAME TO before_restore", "CREATE SCHEMA public")


def _schema(*statements: str) -> None:
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
