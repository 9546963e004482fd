"""Is the database file whole? Asked at each start of a process that serves, before it writes anything."""

from __future__ import annotations

import time

from flask_babel import gettext as _

from admin_app import data_folder
from models.connection import sqlite_driver

SECONDS = 5.0
"""How long a start looks through the file; a large one is looked through whole with each night's backup."""

_STEPS = 50_000
"""After so many steps of SQLite's virtual machine the time is looked at."""


class DamagedFileError(Exception):
    """The database file is damaged; one sentence."""


def check_undamaged(seconds: float = SECONDS) -> bool:
    """Whether the whole file could be looked through in the time; True where there is no SQLite file.

    :raises DamagedFileError: it is damaged.
    """
    file = data_folder.database_file()
    if file is None or not file.is_file() or not data_folder.has_content(file):
        return True
    until = time.monotonic() + seconds
    connection = sqlite_driver.connect(str(file))
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite_driver.OperationalError:
        return False  # not done in time, or cannot be opened: the next step says why
    except sqlite_driver.DatabaseError as error:
        problem = str(error)
    finally:
        connection.close()
    if problem != "ok":
        raise DamagedFileError(_sentence(str(file), problem.splitlines()[0]))
    return True


def _sentence(file: str, why: str) -> str:
    backup = data_folder.newest_backup()
    if backup is None:
        return str(_("The database file %(file)s is damaged (%(why)s). There is no backup here.", file=file, why=why))
    return str(
        _(
            "The database file %(file)s is damaged (%(why)s). Restore the newest backup: "
            "python run.py restore %(backup)s",
            file=file,
            why=why,
            backup=backup,
        )
    )
