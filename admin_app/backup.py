"""Making backups: SQLite through its online backup, PostgreSQL through pg_dump; never a copy of a live file."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from alembic.migration import MigrationContext
from flask_babel import gettext as _

from admin_app.backup_file import FORMAT, BackupError, Manifest, digest_of, write
from admin_app.operations.kernel import now
from admin_app.release import RELEASE
from models.cipher import keyring
from models.connection import sqlite_driver
from models.entity import db

__all__ = ["BackupError", "back_up", "last_line"]


def back_up(path: Path) -> tuple[int, str]:
    """Write a whole, consistent copy of the database to ``path``; its size in bytes and SHA-256.

    :raises BackupError: it could not be written.
    """
    if path.exists():
        raise BackupError(_("%(path)s: exists already.", path=path))
    content, partial = (path.with_name(path.name + ending) for ending in (".content", ".partial"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file in (content, partial):
            file.unlink(missing_ok=True)
            file.touch(0o600)
        engine = db.engine.dialect.name
        _sqlite(content) if engine == "sqlite" else _dump(content)
        write(partial, content, _manifest(content, engine))
        partial.replace(path)
    except (OSError, sqlite_driver.Error) as error:
        raise BackupError(_("%(path)s: %(why)s", path=path, why=error)) from error
    finally:
        for file in (content, partial):
            with suppress(OSError):
                file.unlink(missing_ok=True)
    return path.stat().st_size, digest_of(path)


def _manifest(content: Path, engine: str) -> Manifest:
    with db.engine.connect() as connection:
        schema = MigrationContext.configure(connection).get_current_revision()
    return Manifest(
        format=FORMAT,
        made_at=now().isoformat(timespec="seconds"),
        release=RELEASE,
        schema=schema or "",
        engine=engine,
        keys=keyring().fingerprint(),
        size=content.stat().st_size,
        sha256=digest_of(content),
    )


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
        raise BackupError(last_line(done))


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a program said last, or how it ended when it said nothing."""
    return (done.stderr.strip().splitlines() or [f"{done.args[0]}: {done.returncode}"])[-1]
