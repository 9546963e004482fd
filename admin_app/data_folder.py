"""What lies in the data folder beside the database: keys, backups, and what a restore leaves."""

from __future__ import annotations

from pathlib import Path

from flask import current_app

from models.cipher import KEY_FILE
from models.entity import db

ANCHORS = "anchors.txt"
BACKUPS = "backups"
RESTORING = ".restoring"
"""Ending of the file into which a restore unpacks a backup, beside the database file."""

BEFORE_RESTORE = ".before-restore-"
"""Between the name of the database file and the time at which a restore set it aside."""


def folder() -> Path:
    data_dir: Path = current_app.config["PEONY"].data_dir
    return data_dir


def key_file() -> Path:
    return folder() / KEY_FILE


def anchors_file() -> Path:
    return folder() / ANCHORS


def backup_folder() -> Path:
    return folder() / BACKUPS


def database_file() -> Path | None:
    """The SQLite file; None on PostgreSQL."""
    if db.engine.dialect.name != "sqlite" or not db.engine.url.database:
        return None
    return Path(db.engine.url.database)


def has_content(path: Path) -> bool:
    """Whether there is such a file with anything in it; SQLite makes an empty one for whoever only looks."""
    return path.exists() and path.stat().st_size > 0


def restoring_file(database: Path) -> Path:
    return database.with_name(database.name + RESTORING)


def files_before_restore(database: Path) -> list[Path]:
    """The database files that restores have set aside, oldest first."""
    pattern = f"{database.name}{BEFORE_RESTORE}*"
    return sorted(path for path in database.parent.glob(pattern) if not path.name.endswith(("-wal", "-shm")))


BACKUP_ENDINGS = (".backup", ".db", ".dump")
"""The first is what is written now; an import of an earlier release wrote the others."""


def newest_backup() -> Path | None:
    folder = backup_folder()
    files = folder.iterdir() if folder.is_dir() else ()
    backups = [path for path in files if path.is_file() and path.suffix in BACKUP_ENDINGS]
    return max(backups, key=lambda path: path.stat().st_mtime, default=None)


def remains() -> list[Path]:
    """What shows that a salon lived here: keys, the log's anchors, backups, files of a restore."""
    traces = [path for path in (key_file(), anchors_file()) if path.exists()]
    traces += [path for path in [newest_backup()] if path is not None]
    database = database_file()
    if database is not None:
        traces += [path for path in [restoring_file(database)] if path.exists()]
        traces += files_before_restore(database)[-1:]
    return traces
