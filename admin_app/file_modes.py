"""Who may read the files of a salon: their owner alone. On Windows the folder's own list of users says so."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flask_babel import gettext as _

from admin_app import data_folder
from models.cipher import KEY_FILE

OTHERS = 0o077
"""What group and others might do."""

_NAMES = (KEY_FILE, "peony.db", data_folder.ANCHORS)
_FOLDERS = (data_folder.BACKUPS, "imports")


def keep_private() -> None:
    """Whatever this process and those it starts make from now on is readable by its owner alone."""
    os.umask(OTHERS)


def salon_files() -> Iterator[Path]:
    """The data folder, and in it what is the salon's: database, keys, anchors, backups, imports; links are left out."""
    folder, database = data_folder.folder(), data_folder.database_file()
    found = [folder, *(path for name in _NAMES for path in folder.glob(f"{name}*"))]
    if database is not None and database.parent.resolve() != folder.resolve():
        found += database.parent.glob(f"{database.name}*")
    for name in _FOLDERS:
        found += [folder / name, *(folder / name).rglob("*")]
    yield from (path for path in found if path.exists() and not path.is_symlink())


def open_to_others() -> list[Path]:
    """What of it others may read, write or enter."""
    return [path for path in salon_files() if os.name == "posix" and _mode(path) & OTHERS]


def close_to_others() -> list[tuple[Path, int]]:
    """Take from others what they may do with it; each with its mode of before.

    What is another user's, or a folder that everybody may use (as /tmp), stays: ``doctor`` names it.
    """
    closed = []
    for path in open_to_others():
        mode = _mode(path)
        if path.stat().st_uid == os.geteuid() and not mode & stat.S_ISVTX:
            path.chmod(mode & ~OTHERS)
            closed.append((path, mode))
    return closed


def check_modes() -> tuple[int, list[str]]:
    """For ``doctor``: how many files and folders were looked at, and which others may read, with how to mend it."""
    faults = [
        _("%(path)s is open to others on this machine (mode %(mode)s); close it: chmod go= '%(path)s'", **said(path))
        for path in open_to_others()
    ]
    return len(list(salon_files())), faults


def said(path: Path, mode: int | None = None) -> dict[str, str]:
    """Path and mode, as sentences take them."""
    return {"path": str(path), "mode": f"{_mode(path) if mode is None else mode:03o}"}


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
