"""Nobody else at work in the database: what a restore, a move and an upgrade need.

On SQLite each serving process holds a shared lock on a file beside the database, which the operating system takes back
when the process ends, however it ends. Another program that has the database open is noticed by SQLite's own locks.
PostgreSQL knows its clients.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flask_babel import gettext as _
from sqlalchemy import text

from admin_app.data_folder import database_file
from models.connection import sqlite_driver
from models.entity import db

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows; there SQLite's own locks have to do
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
ATTEMPTS, PAUSE = 10, 0.1
"""Whoever has hung up stands among PostgreSQL's clients for a moment yet: looks, and seconds between them."""

OTHER_CLIENTS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


class AtWorkError(Exception):
    """Somebody is at work in the database, or keeps others out; one sentence."""


@contextmanager
def serving() -> Iterator[None]:
    """Let others know that this process serves the database.

    :raises AtWorkError: a restore, a move or an upgrade is going on.
    """
    with _lock_file() as file:
        if not _locked(file, exclusive=False):
            raise AtWorkError(_("A restore, a move or an upgrade is going on; start again when it has ended."))
        yield


@contextmanager
def alone() -> Iterator[None]:
    """Keep everybody else out of the database meanwhile.

    :raises AtWorkError: somebody is at work in it.
    """
    hang_up()
    with _lock_file() as file:
        if not _locked(file, exclusive=True) or _in_use():
            raise AtWorkError(_("Somebody is at work in the database; end the program first."))
        yield


def hang_up() -> None:
    """Give every connection of this process back."""
    db.session.remove()
    db.engine.dispose()


@contextmanager
def _lock_file() -> Iterator[IO[bytes] | None]:
    database = database_file()
    if database is None or fcntl is None or not database.parent.is_dir():
        yield None
        return
    with database.with_name(database.name + LOCK).open("ab") as file:
        yield file


def _locked(file: IO[bytes] | None, *, exclusive: bool) -> bool:
    if file is None:
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _in_use() -> bool:
    database = database_file()
    if database is not None:
        return database.exists() and _file_in_use(database)
    with db.engine.connect() as connection:
        for _attempt in range(ATTEMPTS):
            if not connection.scalar(OTHER_CLIENTS):
                return False
            connection.rollback()  # what a transaction has seen of others' activity stays as it was
            time.sleep(PAUSE)
    return True


def _file_in_use(database: Path) -> bool:
    """Leaving WAL takes the file for oneself; a damaged file counts as unused, for that is what a restore is for."""
    probe = sqlite_driver.connect(str(database), timeout=0, isolation_level=None)
    try:
        probe.execute("PRAGMA journal_mode=DELETE")
        probe.execute("BEGIN EXCLUSIVE")
        probe.execute("ROLLBACK")
    except sqlite_driver.OperationalError as error:
        return "locked" in str(error)
    except sqlite_driver.DatabaseError:
        return False
    finally:
        probe.close()
    return False
